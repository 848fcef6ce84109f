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
from native_host.pkcs11.constants import CKA, CKK, CKO, CKR
from native_host.pkcs11.objects import make_objects
from tests.pkcs11.client import Client, Template, wanted
from tests.pkcs11.conftest import CopyCard, Server, open_server

TOKEN_USER, AUTHORITY = 1, 2  # CK_CERTIFICATE_CATEGORY_…


@pytest.fixture(params=["v5", "v5-2026", "v4.2"])
def card_folder(request: pytest.FixtureRequest, copy_card: CopyCard) -> Path:
    return copy_card(request.param)


@pytest.fixture
async def any_server(card_folder: Path) -> AsyncIterator[Server]:
    async with MockCardSource(card_folder) as source, open_server(source) as server:
        yield server


async def look(
    server: Server, kind: CKO, *kinds: int, **template: Any
) -> list[dict[int, Any]]:
    """Return attributes of all objects that match a template."""
    client = await server.client()
    session = await client.open_session()
    wished: Template = {CKA[name]: value for name, value in template.items()}
    found = await client.find(session, {CKA.CLASS: kind} | wished)
    return [await client.values(session, handle, *kinds) for handle in found]


async def test_the_certificate_and_both_keys_belong_together(
    any_server: Server,
) -> None:
    asked = [CKA.VALUE, CKA.SUBJECT, CKA.ISSUER, CKA.SERIAL_NUMBER]
    [leaf] = await look(any_server, CKO.CERTIFICATE, *asked, ID=b"\x45")
    certificate = x509.Certificate.load(leaf[CKA.VALUE])
    assert leaf[CKA.SUBJECT] == certificate.subject.dump()
    assert leaf[CKA.ISSUER] == certificate.issuer.dump()
    serial_number = core.Integer.load(leaf[CKA.SERIAL_NUMBER]).native
    assert serial_number == certificate.serial_number
    key = load_der_public_key(certificate.public_key.dump())
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        expected: dict[int, Any] = {
            CKA.KEY_TYPE: CKK.RSA,
            CKA.MODULUS: numbers.n.to_bytes(key.key_size // 8),
            CKA.PUBLIC_EXPONENT: numbers.e.to_bytes(3),
            CKA.MODULUS_BITS: key.key_size,
        }
    else:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        expected = {
            CKA.KEY_TYPE: CKK.EC,
            CKA.EC_PARAMS: core.ObjectIdentifier("1.3.132.0.34").dump(),
            CKA.EC_POINT: core.OctetString(point).dump(),
        }
    expected |= {CKA.ID: b"\x45"}
    for kind in (CKO.PUBLIC_KEY, CKO.PRIVATE_KEY):
        assert await look(any_server, kind, *expected) == [expected]


async def test_the_signature_key_is_never_there(
    any_server: Server, card_folder: Path
) -> None:
    [own] = await look(
        any_server, CKO.CERTIFICATE, CKA.VALUE, CERTIFICATE_CATEGORY=TOKEN_USER
    )
    assert CardCertificate.from_der(own[CKA.VALUE]).for_authentication
    for kind in (CKO.PRIVATE_KEY, CKO.PUBLIC_KEY):
        assert len(await look(any_server, kind, CKA.ID)) == 1
    signing = {
        each.certificate
        for each in MockCardState.open(card_folder).read().keys
        if CardCertificate.from_der(each.certificate).for_signing
    }
    found = await look(any_server, CKO.CERTIFICATE, CKA.VALUE)
    assert signing
    assert not signing & {each[CKA.VALUE] for each in found}


async def test_the_cas_on_the_card_are_there(
    any_server: Server, card_folder: Path
) -> None:
    asked = CKA.VALUE, CKA.LABEL, CKA.ID, CKA.TRUSTED
    found = await look(
        any_server, CKO.CERTIFICATE, *asked, CERTIFICATE_CATEGORY=AUTHORITY
    )
    names = ["issuing.der", "root.der"]
    if "2026" in card_folder.name:
        names.remove("issuing.der")
    expected = [(card_folder / name).read_bytes() for name in names]
    assert [each[CKA.VALUE] for each in found] == expected
    for each in found:
        assert each[CKA.LABEL].startswith(b"SPECIMEN")
        assert each[CKA.TRUSTED] is False  # we trust nobody
        # A browser that has seen the card before finds the same objects.
        key = x509.Certificate.load(each[CKA.VALUE]).public_key.dump()
        assert each[CKA.ID] == hashlib.sha256(key).digest()[:20]


async def test_the_private_key_signs_and_never_leaves(client: Client) -> None:
    session, key = await client.key()
    yes = {
        *(CKA.TOKEN, CKA.SENSITIVE, CKA.SIGN, CKA.LOCAL, CKA.NEVER_EXTRACTABLE),
        CKA.ALWAYS_SENSITIVE,
    }
    no = {
        *(CKA.PRIVATE, CKA.DECRYPT, CKA.UNWRAP, CKA.DERIVE, CKA.EXTRACTABLE),
        *(CKA.MODIFIABLE, CKA.ALWAYS_AUTHENTICATE),
    }
    values = await client.values(session, key, *yes, *no)
    assert values == dict.fromkeys(yes, True) | dict.fromkeys(no, False)
    for kind in (
        *(CKA.VALUE, CKA.PRIVATE_EXPONENT, CKA.PRIME_1, CKA.PRIME_2),
        *(CKA.EXPONENT_1, CKA.EXPONENT_2, CKA.COEFFICIENT),
    ):
        for room in (0, 1000):
            rooms = wanted({kind: room, CKA.CLASS: 8})
            answer = await client.call("GetAttributeValue", session, key, rooms)
            hidden = {kind: None, CKA.CLASS: CKO.PRIVATE_KEY}
            assert answer == [hidden, CKR.ATTRIBUTE_SENSITIVE]


def test_an_authority_that_is_no_certificate_is_left_out(folder: Path) -> None:
    leaf = MockCardState.open(folder).read().keys[0].certificate
    root = (folder / "root.der").read_bytes()
    for odd in (b"", b"\x30\x00", root[:-1], root + b"\0", bytes(500), root[:40]):
        made = make_objects(CardCertificate.from_der(leaf), [odd, root])
        assert [each.handle for each in made] == [1, 2, 3, 4]
