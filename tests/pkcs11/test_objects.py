# SPDX-License-Identifier: MIT
"""The objects on the token of each kind of card."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import core, x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from kortilla.testing.state import MockCardState
from native_host.card.certificate import CardCertificate
from native_host.mock_card.source import MockCardSource
from native_host.pkcs11.objects import make_objects
from tests.pkcs11.client import Client, u64, wanted
from tests.pkcs11.conftest import CopyCard, House, open_house

PROFILES = ("v5", "v5-2026", "v4.2")
VALUE, SUBJECT, ISSUER, SERIAL, ID, LABEL = 0x11, 0x101, 0x81, 0x82, 0x102, 0x3


@pytest.fixture(params=PROFILES)
def card_folder(request: pytest.FixtureRequest, copy_card: CopyCard) -> Path:
    return copy_card(request.param)


@pytest.fixture
async def any_house(card_folder: Path) -> AsyncIterator[House]:
    async with MockCardSource(card_folder) as source, open_house(source) as house:
        yield house


async def look(
    house: House, template: dict[int, Any], *kinds: int
) -> list[dict[int, Any]]:
    """Return attributes of all objects that a template finds."""
    client = await house.client()
    session = await client.open_session()
    found = await client.find(session, template)
    return [await client.values(session, handle, *kinds) for handle in found]


async def test_the_certificate_and_both_keys_belong_together(any_house: House) -> None:
    [leaf] = await look(
        any_house, {0x0: 1, ID: b"\x45"}, VALUE, SUBJECT, ISSUER, SERIAL
    )
    certificate = x509.Certificate.load(leaf[VALUE])
    assert leaf[SUBJECT] == certificate.subject.dump()
    assert leaf[ISSUER] == certificate.issuer.dump()
    assert core.Integer.load(leaf[SERIAL]).native == certificate.serial_number
    key = load_der_public_key(certificate.public_key.dump())
    for kind in (2, 3):
        if isinstance(key, rsa.RSAPublicKey):
            [found] = await look(any_house, {0x0: kind}, ID, 0x100, 0x120, 0x122, 0x121)
            assert int.from_bytes(found[0x120]) == key.public_numbers().n
            assert int.from_bytes(found[0x122]) == key.public_numbers().e
            assert (found[0x100], found[0x121]) == (0, key.key_size)
        else:
            assert isinstance(key, ec.EllipticCurvePublicKey)
            [found] = await look(any_house, {0x0: kind}, ID, 0x100, 0x180, 0x181)
            point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            assert core.OctetString.load(found[0x181]).native == point
            assert core.ObjectIdentifier.load(found[0x180]).native == "1.3.132.0.34"
            assert found[0x100] == 3
        assert found[ID] == b"\x45"


async def test_the_signature_key_is_never_there(
    any_house: House, card_folder: Path
) -> None:
    [der] = [each[VALUE] for each in await look(any_house, {0x0: 1, 0x87: 1}, VALUE)]
    assert CardCertificate.from_der(der).for_authentication
    assert len(await look(any_house, {0x0: 3}, ID)) == 1
    assert len(await look(any_house, {0x0: 2}, ID)) == 1
    data = MockCardState.open(card_folder).read()
    signing = {
        each.certificate
        for each in data.keys
        if CardCertificate.from_der(each.certificate).for_signing
    }
    values = {each[VALUE] for each in await look(any_house, {0x0: 1}, VALUE)}
    assert signing
    assert not signing & values


async def test_the_cas_on_the_card_are_there(
    any_house: House, card_folder: Path
) -> None:
    found = await look(any_house, {0x0: 1, 0x87: 2}, VALUE, LABEL, ID, 0x86)
    names = ["issuing.der", "root.der"]
    if "2026" in card_folder.name:
        names.remove("issuing.der")
    expected = [(card_folder / name).read_bytes() for name in names]
    assert [each[VALUE] for each in found] == expected
    assert all(each[LABEL].startswith(b"SPECIMEN") for each in found)
    assert all(each[0x86] is False for each in found)  # trusted by nobody for us
    assert len({each[ID] for each in found} | {b"\x45"}) == len(names) + 1


async def test_the_private_key_signs_and_never_leaves(client: Client) -> None:
    session = await client.open_session()
    [key] = await client.find(session, {0x0: 3})
    yes = {0x1, 0x103, 0x108, 0x163, 0x164, 0x165}  # sensitive, sign, never extractable
    no = {0x2, 0x105, 0x107, 0x10C, 0x162, 0x170, 0x202}  # decrypt, extractable, …
    values = await client.values(session, key, *yes, *no)
    assert values == dict.fromkeys(yes, True) | dict.fromkeys(no, False)
    secret = {0x11, *range(0x123, 0x129)}
    for kind in secret:
        for room in (0, 1000):
            assert await client.call(
                "GetAttributeValue",
                u64(session),
                u64(key),
                wanted({kind: room, 0x0: 8}),
            ) == [{kind: None, 0x0: 3}, 0x11]


def test_an_authority_that_is_no_certificate_is_left_out(folder: Path) -> None:
    state = MockCardState.open(folder)
    leaf = CardCertificate.from_der(state.read().keys[0].certificate)
    root = (folder / "root.der").read_bytes()
    for odd in (b"", b"\x30\x00", root[:-1], root + b"\0", bytes(500), root[:40]):
        assert [each.handle for each in make_objects(leaf, [odd, root])] == [1, 2, 3, 4]


def test_ids_are_stable(folder: Path) -> None:
    """A browser that has seen the card before finds the same objects."""
    state = MockCardState.open(folder)
    leaf = CardCertificate.from_der(state.read().keys[0].certificate)
    root = (folder / "root.der").read_bytes()
    key = x509.Certificate.load(root).public_key.dump()
    authority = make_objects(leaf, [root])[3]
    assert authority.attributes[ID] == hashlib.sha256(key).digest()[:20]
