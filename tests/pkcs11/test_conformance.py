# SPDX-License-Identifier: MIT
"""The calls of the mandatory test cases of OASIS's PKCS #11 Profiles 3.2.

``BL-M-1`` is for every provider, ``EXT-M-1`` for an extended one, ``CERT-M-1`` for a
token whose certificates anybody may read and ``AUTH-M-1`` for one that authenticates a
person. They are about a token with an RSA key and its public key's C_Verify, which ours
leaves to the program; the texts in their answers are stand-ins.
"""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from kortilla.testing.state import MockCardState
from native_host.mock_card.source import MockCardSource
from tests.pkcs11.client import Client, octets, u32, u64
from tests.pkcs11.conftest import open_house
from tests.pkcs11.signing import ECDSA, RSA_PKCS, public_key_of

#: What is before a SHA-256 digest in its DigestInfo (RFC 8017 §9.2, note 1).
DIGEST_INFO = bytes.fromhex("3031300D060960864801650304020105000420")


@pytest.mark.parametrize("profile", ["v5", "v5-2026", "v4.2"])
async def test_the_mandatory_test_cases(tmp_path: Path, profile: str) -> None:
    folder = tmp_path / "card"
    MockCardState.create(folder, profile=profile)
    async with MockCardSource(folder) as source, open_house(source) as house:
        client = await house.client()
        slot = await baseline(client)
        await extended(client, slot)
        await certificates(client, slot)
        await authentication(client, slot)
        await client.call("Finalize")


async def baseline(client: Client) -> int:
    """BL-M-1, after C_Initialize. Return the slot."""
    cryptoki, manufacturer, flags, _, _ = await client.call("GetInfo")
    assert cryptoki == (2, 40) and flags == 0 and len(manufacturer) == 32
    [count] = await client.call("GetSlotList", b"\1", u32(0))
    [slots] = await client.call("GetSlotList", b"\1", u32(count.size))
    [slot] = slots
    description, *_, slot_flags, _, _ = await client.call("GetSlotInfo", u64(slot))
    assert len(description) == 64 and slot_flags & 1  # CKF_TOKEN_PRESENT
    label, *_, token_flags = (await client.call("GetTokenInfo", u64(slot)))[:5]
    assert label.rstrip() == "Kortilla"
    assert token_flags & 0x400  # CKF_TOKEN_INITIALIZED
    return int(slot)


async def extended(client: Client, slot: int) -> None:
    """What EXT-M-1 has more: the mechanisms."""
    [count] = await client.call("GetMechanismList", u64(slot), u32(0))
    [found] = await client.call("GetMechanismList", u64(slot), u32(count.size))
    assert len(found) == count.size
    for mechanism in found:
        least, most, flags = await client.call(
            "GetMechanismInfo", u64(slot), u64(mechanism)
        )
        assert least <= most and flags & 0x800  # CKF_SIGN


async def certificates(client: Client, slot: int) -> None:
    """What CERT-M-1 has more: everything is found and read without C_Login."""
    session = await client.open_session(slot)
    found = await client.find(session, {0x1: True})
    assert len(found) >= 4
    classes = [(await client.values(session, each, 0x0))[0x0] for each in found]
    assert {1, 2, 3} == set(classes)
    for each, kind in zip(found, classes, strict=True):
        assert (await client.values(session, each, 0x3))[0x3]  # CKA_LABEL
        if kind == 1:
            der = (await client.values(session, each, 0x11))[0x11]
            assert der[:1] == b"\x30"
    await client.call("CloseSession", u64(session))


async def authentication(client: Client, slot: int) -> None:
    """What AUTH-M-1 has more: log in, find both keys of a pair, and sign."""
    session = await client.open_session(slot, flags=6)  # CKF_RW_SESSION too
    await client.call("Login", u64(session), u64(1), octets(b"1234"))
    [public] = await client.find(session, {0x1: True, 0x0: 2})
    named = (await client.values(session, public, 0x3))[0x3]
    [private] = await client.find(session, {0x1: True, 0x0: 3, 0x3: named})
    key = await public_key_of(client, session)
    digest = bytes(range(32))
    if isinstance(key, rsa.RSAPublicKey):
        await client.sign_init(session, private, RSA_PKCS)
        [made] = await client.call(
            "Sign", u64(session), octets(DIGEST_INFO + digest), u32(512)
        )
        key.verify(made, digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))
    else:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        made = await client.sign(session, private, ECDSA, digest)
        half = len(made) // 2
        numbers = (int.from_bytes(part) for part in (made[:half], made[half:]))
        key.verify(
            utils.encode_dss_signature(*numbers),
            digest,
            ec.ECDSA(utils.Prehashed(hashes.SHA256())),
        )
    await client.call("Logout", u64(session))
    await client.call("CloseSession", u64(session))
