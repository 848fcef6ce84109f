# SPDX-License-Identifier: MIT
"""The calls of the mandatory test cases of OASIS's PKCS #11 Profiles 3.2.

``BL-M-1`` is for every provider, ``EXT-M-1`` for an extended one, ``CERT-M-1`` for a
token with publicly readable certificates, and ``AUTH-M-1`` for one that authenticates a
person. They assume a token with an RSA key and the public key's C_Verify, which our
token leaves to the program. The texts in their responses are placeholders.
"""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from native_host.card.mock_source import MockCardSource
from tests.pkcs11.client import Client, octets, u32, u64
from tests.pkcs11.conftest import open_house
from tests.pkcs11.names import CKA, CKF, CKM, CKO
from tests.pkcs11.signing import public_key_of
from tests.support import cards

#: The bytes before a SHA-256 digest in its DigestInfo (RFC 8017 §9.2, note 1).
DIGEST_INFO = bytes.fromhex("3031300D060960864801650304020105000420")


@pytest.mark.parametrize("profile", ["v5", "v5-2026", "v4.2"])
async def test_the_mandatory_test_cases(tmp_path: Path, profile: str) -> None:
    folder = tmp_path / "card"
    cards.new_card(folder, profile)
    async with MockCardSource(folder) as source, open_house(source) as house:
        client = await house.client()
        slot = await baseline(client)
        await extended(client, slot)
        await certificates(client, slot)
        await authentication(client, slot)
        await client.call("Finalize")


async def baseline(client: Client) -> int:
    """Run BL-M-1 after C_Initialize. Return the slot."""
    cryptoki, manufacturer, flags, _, _ = await client.call("GetInfo")
    assert cryptoki == (2, 40) and flags == 0 and len(manufacturer) == 32
    [count] = await client.call("GetSlotList", b"\1", u32(0))
    [slots] = await client.call("GetSlotList", b"\1", u32(count.size))
    [slot] = slots
    description, *_, slot_flags, _, _ = await client.call("GetSlotInfo", u64(slot))
    assert len(description) == 64 and slot_flags & CKF.TOKEN_PRESENT
    label, *_, token_flags = (await client.call("GetTokenInfo", u64(slot)))[:5]
    assert label.rstrip() == "Kortilla"
    assert token_flags & CKF.TOKEN_INITIALIZED
    return int(slot)


async def extended(client: Client, slot: int) -> None:
    """Run the addition of EXT-M-1: the mechanisms."""
    [count] = await client.call("GetMechanismList", u64(slot), u32(0))
    [found] = await client.call("GetMechanismList", u64(slot), u32(count.size))
    assert len(found) == count.size
    for mechanism in found:
        least, most, flags = await client.call(
            "GetMechanismInfo", u64(slot), u64(mechanism)
        )
        assert least <= most and flags & CKF.SIGN


async def certificates(client: Client, slot: int) -> None:
    """Run the addition of CERT-M-1: all objects are readable without C_Login."""
    session = await client.open_session(slot)
    found = await client.find(session, {CKA.TOKEN: True})
    assert len(found) >= 4
    classes = [
        (await client.values(session, each, CKA.CLASS))[CKA.CLASS] for each in found
    ]
    assert {CKO.CERTIFICATE, CKO.PUBLIC_KEY, CKO.PRIVATE_KEY} == set(classes)
    for each, kind in zip(found, classes, strict=True):
        assert (await client.values(session, each, CKA.LABEL))[CKA.LABEL]
        if kind == CKO.CERTIFICATE:
            der = (await client.values(session, each, CKA.VALUE))[CKA.VALUE]
            assert der[:1] == b"\x30"
    await client.call("CloseSession", u64(session))


async def authentication(client: Client, slot: int) -> None:
    """Run the addition of AUTH-M-1: log in, find both keys of a pair, and sign."""
    session = await client.open_session(slot, flags=CKF.RW_SESSION | CKF.SERIAL_SESSION)
    await client.log_in(session)
    [public] = await client.find(session, {CKA.TOKEN: True, CKA.CLASS: CKO.PUBLIC_KEY})
    named = (await client.values(session, public, CKA.LABEL))[CKA.LABEL]
    [private] = await client.find(
        session, {CKA.TOKEN: True, CKA.CLASS: CKO.PRIVATE_KEY, CKA.LABEL: named}
    )
    key = await public_key_of(client, session)
    digest = bytes(range(32))
    if isinstance(key, rsa.RSAPublicKey):
        await client.sign_init(session, private, CKM.RSA_PKCS)
        [made] = await client.call(
            "Sign", u64(session), octets(DIGEST_INFO + digest), u32(512)
        )
        key.verify(made, digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))
    else:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        made = await client.sign(session, private, CKM.ECDSA, digest)
        half = len(made) // 2
        numbers = (int.from_bytes(part) for part in (made[:half], made[half:]))
        key.verify(
            utils.encode_dss_signature(*numbers),
            digest,
            ec.ECDSA(utils.Prehashed(hashes.SHA256())),
        )
    await client.call("Logout", u64(session))
    await client.call("CloseSession", u64(session))
