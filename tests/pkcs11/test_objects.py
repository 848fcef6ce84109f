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

from kortilla.mock_card.state import MockCardState
from native_host.card.certificate import CardCertificate
from native_host.card.mock_source import MockCardSource
from native_host.pkcs11.objects import make_objects
from tests.pkcs11.client import Client, u64, wanted
from tests.pkcs11.conftest import CopyCard, Server, open_server
from tests.pkcs11.names import (
    CK_CERTIFICATE_CATEGORY_AUTHORITY,
    CK_CERTIFICATE_CATEGORY_TOKEN_USER,
    CKA,
    CKK,
    CKO,
    CKR,
)

PROFILES = ("v5", "v5-2026", "v4.2")


@pytest.fixture(params=PROFILES)
def card_folder(request: pytest.FixtureRequest, copy_card: CopyCard) -> Path:
    return copy_card(request.param)


@pytest.fixture
async def any_server(card_folder: Path) -> AsyncIterator[Server]:
    async with MockCardSource(card_folder) as source, open_server(source) as server:
        yield server


async def look(
    server: Server, template: dict[CKA, Any], *kinds: int
) -> list[dict[int, Any]]:
    """Return attributes of all objects that match a template."""
    client = await server.client()
    session = await client.open_session()
    found = await client.find(session, template)
    return [await client.values(session, handle, *kinds) for handle in found]


async def test_the_certificate_and_both_keys_belong_together(
    any_server: Server,
) -> None:
    template = {CKA.CLASS: CKO.CERTIFICATE, CKA.ID: b"\x45"}
    asked = [CKA.VALUE, CKA.SUBJECT, CKA.ISSUER, CKA.SERIAL_NUMBER]
    [leaf] = await look(any_server, template, *asked)
    certificate = x509.Certificate.load(leaf[CKA.VALUE])
    assert leaf[CKA.SUBJECT] == certificate.subject.dump()
    assert leaf[CKA.ISSUER] == certificate.issuer.dump()
    serial_number = core.Integer.load(leaf[CKA.SERIAL_NUMBER]).native
    assert serial_number == certificate.serial_number
    key = load_der_public_key(certificate.public_key.dump())
    for kind in (CKO.PUBLIC_KEY, CKO.PRIVATE_KEY):
        template = {CKA.CLASS: kind}
        if isinstance(key, rsa.RSAPublicKey):
            asked = [CKA.MODULUS, CKA.PUBLIC_EXPONENT, CKA.MODULUS_BITS]
            [found] = await look(any_server, template, CKA.ID, CKA.KEY_TYPE, *asked)
            assert int.from_bytes(found[CKA.MODULUS]) == key.public_numbers().n
            assert int.from_bytes(found[CKA.PUBLIC_EXPONENT]) == key.public_numbers().e
            assert found[CKA.MODULUS_BITS] == key.key_size
            assert found[CKA.KEY_TYPE] == CKK.RSA
        else:
            assert isinstance(key, ec.EllipticCurvePublicKey)
            asked = [CKA.EC_PARAMS, CKA.EC_POINT]
            [found] = await look(any_server, template, CKA.ID, CKA.KEY_TYPE, *asked)
            point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            assert core.OctetString.load(found[CKA.EC_POINT]).native == point
            curve = core.ObjectIdentifier.load(found[CKA.EC_PARAMS]).native
            assert curve == "1.3.132.0.34"
            assert found[CKA.KEY_TYPE] == CKK.EC
        assert found[CKA.ID] == b"\x45"


async def test_the_signature_key_is_never_there(
    any_server: Server, card_folder: Path
) -> None:
    template = {
        CKA.CLASS: CKO.CERTIFICATE,
        CKA.CERTIFICATE_CATEGORY: CK_CERTIFICATE_CATEGORY_TOKEN_USER,
    }
    [own] = await look(any_server, template, CKA.VALUE)
    assert CardCertificate.from_der(own[CKA.VALUE]).for_authentication
    assert len(await look(any_server, {CKA.CLASS: CKO.PRIVATE_KEY}, CKA.ID)) == 1
    assert len(await look(any_server, {CKA.CLASS: CKO.PUBLIC_KEY}, CKA.ID)) == 1
    data = MockCardState.open(card_folder).read()
    signing = {
        each.certificate
        for each in data.keys
        if CardCertificate.from_der(each.certificate).for_signing
    }
    found = await look(any_server, {CKA.CLASS: CKO.CERTIFICATE}, CKA.VALUE)
    assert signing
    assert not signing & {each[CKA.VALUE] for each in found}


async def test_the_cas_on_the_card_are_there(
    any_server: Server, card_folder: Path
) -> None:
    template = {
        CKA.CLASS: CKO.CERTIFICATE,
        CKA.CERTIFICATE_CATEGORY: CK_CERTIFICATE_CATEGORY_AUTHORITY,
    }
    asked = CKA.VALUE, CKA.LABEL, CKA.ID, CKA.TRUSTED
    found = await look(any_server, template, *asked)
    names = ["issuing.der", "root.der"]
    if "2026" in card_folder.name:
        names.remove("issuing.der")
    expected = [(card_folder / name).read_bytes() for name in names]
    assert [each[CKA.VALUE] for each in found] == expected
    assert all(each[CKA.LABEL].startswith(b"SPECIMEN") for each in found)
    assert all(each[CKA.TRUSTED] is False for each in found)  # we trust nobody
    assert len({each[CKA.ID] for each in found} | {b"\x45"}) == len(names) + 1


async def test_the_private_key_signs_and_never_leaves(client: Client) -> None:
    session = await client.open_session()
    [key] = await client.find(session, {CKA.CLASS: CKO.PRIVATE_KEY})
    yes = {
        CKA.TOKEN,
        CKA.SENSITIVE,
        CKA.SIGN,
        CKA.LOCAL,
        CKA.NEVER_EXTRACTABLE,
        CKA.ALWAYS_SENSITIVE,
    }
    no = {
        CKA.PRIVATE,
        CKA.DECRYPT,
        CKA.UNWRAP,
        CKA.DERIVE,
        CKA.EXTRACTABLE,
        CKA.MODIFIABLE,
        CKA.ALWAYS_AUTHENTICATE,
    }
    values = await client.values(session, key, *yes, *no)
    assert values == dict.fromkeys(yes, True) | dict.fromkeys(no, False)
    secret = {
        CKA.VALUE,
        CKA.PRIVATE_EXPONENT,
        CKA.PRIME_1,
        CKA.PRIME_2,
        CKA.EXPONENT_1,
        CKA.EXPONENT_2,
        CKA.COEFFICIENT,
    }
    for kind in secret:
        for room in (0, 1000):
            assert await client.call(
                "GetAttributeValue",
                u64(session),
                u64(key),
                wanted({kind: room, CKA.CLASS: 8}),
            ) == [{kind: None, CKA.CLASS: CKO.PRIVATE_KEY}, CKR.ATTRIBUTE_SENSITIVE]


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
    assert authority.attributes[CKA.ID] == hashlib.sha256(key).digest()[:20]
