# SPDX-License-Identifier: MIT
"""Signatures over the wire: every mechanism, every error, and what a person sees."""

import hashlib
from collections.abc import AsyncIterator

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    encode_dss_signature,
)

from native_host.mock_card.source import MockCardSource
from tests.pkcs11.client import Client, TooSmall, mechanism, octets, u32, u64
from tests.pkcs11.conftest import CopyCard, House, open_house
from tests.pkcs11.signing import (
    ECDSA,
    ECDSA_SHA384,
    RSA_PKCS,
    RSA_PSS,
    key_of,
    public_key_of,
    refused,
)

HASHES = {
    "sha224": (0x255, 5, 0x46, 0x47, hashes.SHA224()),
    "sha256": (0x250, 2, 0x40, 0x43, hashes.SHA256()),
    "sha384": (0x260, 3, 0x41, 0x44, hashes.SHA384()),
    "sha512": (0x270, 4, 0x42, 0x45, hashes.SHA512()),
}
DIGEST_INFO = {
    "sha224": "302D300D06096086480165030402040500041C",
    "sha256": "3031300D060960864801650304020105000420",
    "sha384": "3041300D060960864801650304020205000430",
    "sha512": "3051300D060960864801650304020305000440",
}


@pytest.fixture
async def rsa_house(copy_card: CopyCard) -> AsyncIterator[House]:
    """A server with a card of the older generation."""
    async with MockCardSource(copy_card("v4.2")) as source, open_house(source) as house:
        yield house


# -- Mechanisms ------------------------------------------------------------------------


@pytest.mark.parametrize("name", HASHES)
async def test_ecdsa_with_every_length_of_digest(house: House, name: str) -> None:
    house.pins = [["1234"]]
    client = await house.client()
    session, key = await key_of(client)
    digest = hashlib.new(name, b"handshake").digest()
    signature = await client.sign(session, key, ECDSA, digest)
    public = await public_key_of(client, session)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert len(signature) == 96
    r, s = int.from_bytes(signature[:48]), int.from_bytes(signature[48:])
    algorithm = ec.ECDSA(Prehashed(HASHES[name][4]))
    public.verify(encode_dss_signature(r, s), digest, algorithm)


@pytest.mark.parametrize("version", [1, 2])
async def test_rsa_with_every_padding_and_hash(rsa_house: House, version: int) -> None:
    client = await rsa_house.client(version=version)
    session, key = await key_of(client)
    await client.call("Login", u64(session), u64(1), octets(b"1234"))
    public = await public_key_of(client, session)
    assert isinstance(public, RSAPublicKey)
    data = b"handshake"
    for name, (number, mgf, pkcs1_hashing, pss_hashing, algorithm) in HASHES.items():
        digest = hashlib.new(name, data).digest()
        parameters = number, mgf, len(digest)
        pss = padding.PSS(padding.MGF1(algorithm), len(digest))
        for kind, content, given, scheme in (
            (RSA_PKCS, bytes.fromhex(DIGEST_INFO[name]) + digest, None, "pkcs1"),
            (pkcs1_hashing, data, None, "pkcs1"),
            (RSA_PSS, digest, parameters, "pss"),
            (pss_hashing, data, parameters, "pss"),
        ):
            signature = await client.sign(session, key, kind, content, given)
            padded = pss if scheme == "pss" else padding.PKCS1v15()
            public.verify(signature, data, padded, algorithm)
    assert rsa_house.windows == []


async def test_data_may_come_in_parts(rsa_house: House) -> None:
    client = await rsa_house.client()
    session, key = await key_of(client)
    await client.call("Login", u64(session), u64(1), octets(b"1234"))
    await client.sign_init(session, key, 0x40)
    for part in (b"hand", b"", b"shake"):
        await client.call("SignUpdate", u64(session), octets(part))
    await refused(client, 0x90, "Sign", u64(session), octets(b"x"), u32(256))
    assert await client.call("SignFinal", u64(session), u32(0)) == [TooSmall(256)]
    [signature] = await client.call("SignFinal", u64(session), u32(256))
    public = await public_key_of(client, session)
    assert isinstance(public, RSAPublicKey)
    public.verify(signature, b"handshake", padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(InvalidSignature):
        public.verify(signature, b"other", padding.PKCS1v15(), hashes.SHA256())


async def test_what_the_card_can_not_sign_is_refused_before_a_window(
    rsa_house: House,
) -> None:
    client = await rsa_house.client()
    session, key = await key_of(client)
    for kind, pss, value in (
        (ECDSA, None, 0x70),
        (RSA_PSS, (0x250, 2, 20), 0x71),  # another salt than the hash is long
        (RSA_PSS, (0x250, 3, 32), 0x71),  # another hash in the mask
        (RSA_PSS, (0x220, 1, 20), 0x71),  # SHA-1
        (RSA_PSS, (2**64 - 1, 2**64 - 1, 2**64 - 1), 0x71),
        (0x43, (0x260, 3, 48), 0x71),  # another hash than the mechanism's
        (0x3, None, 0x70),  # RSA without padding
    ):
        message = mechanism(kind, 1, pss)
        await refused(client, value, "SignInit", u64(session), message, u64(key))
    digest_info = bytes.fromhex(DIGEST_INFO["sha256"])
    for kind, pss, data, value in (
        (RSA_PKCS, None, bytes(32), 0x20),
        (RSA_PKCS, None, digest_info + bytes(31), 0x20),
        (RSA_PKCS, None, digest_info[:10] + digest_info[12:] + bytes(32), 0x20),
        (RSA_PKCS, None, bytes(36), 0x20),  # TLS 1.1
        (RSA_PKCS, None, bytes(1000), 0x21),
        (RSA_PSS, (0x250, 2, 32), bytes(31), 0x21),
        (RSA_PSS, (0x250, 2, 32), b"", 0x21),
    ):
        await client.sign_init(session, key, kind, pss)
        arguments = u64(session), octets(data), u32(512)
        await refused(client, value, "Sign", *arguments)
        await refused(client, 0x91, "Sign", *arguments)
    assert rsa_house.windows == []


async def test_ecdsa_of_no_digest_is_refused(client: Client) -> None:
    session, key = await key_of(client)
    for size in (0, 1, 20, 31, 36, 47, 49, 65, 100_000):
        await client.sign_init(session, key, ECDSA)
        arguments = u64(session), octets(bytes(size)), u32(96)
        await refused(client, 0x21, "Sign", *arguments)


# -- Beginning a signature -------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 1, 2])
async def test_nss_tries_another_mechanism_first_and_falls_back(
    house: House, version: int
) -> None:
    house.pins = [["1234"]]
    client = await house.client(version=version)
    session, key = await key_of(client)
    first = mechanism(ECDSA_SHA384, version)
    await refused(client, 0x70, "SignInit", u64(session), first, u64(key))
    assert len(await client.sign(session, key, ECDSA, bytes(32))) == 96


async def test_only_the_private_key_signs(client: Client) -> None:
    session, key = await key_of(client)
    [public] = await client.find(session, {0x0: 2})
    [certificate, *_] = await client.find(session, {0x0: 1})
    for handle, value in ((public, 0x68), (certificate, 0x60), (0, 0x60), (99, 0x60)):
        arguments = u64(session), mechanism(ECDSA, 1), u64(handle)
        await refused(client, value, "SignInit", *arguments)
    await client.sign_init(session, key, ECDSA)
    arguments = u64(session), mechanism(ECDSA, 1), u64(key)
    await refused(client, 0x90, "SignInit", *arguments)


@pytest.mark.parametrize("how", ["no mechanism", "cancel"])
async def test_a_signature_that_was_begun_is_called_off(
    client: Client, how: str
) -> None:
    session, key = await key_of(client)
    await refused(client, 0x91, "Sign", u64(session), octets(bytes(48)), u32(96))
    await client.sign_init(session, key, ECDSA)
    if how == "cancel":
        await client.call("SessionCancel", u64(session), u64(0x800))
    else:
        await client.call("SignInit", u64(session), b"\xff" * 4, u64(0))
    await refused(client, 0x91, "Sign", u64(session), octets(bytes(48)), u32(96))
    await client.sign_init(session, key, ECDSA)


async def test_too_little_room_leaves_the_signature_begun(house: House) -> None:
    house.pins = [["1234"]]
    client = await house.client()
    session, key = await key_of(client)
    await client.sign_init(session, key, ECDSA)
    for room in (u32(0), u32(1), u32(95), b"\xff" * 4):
        answer = await client.call("Sign", u64(session), octets(bytes(48)), room)
        assert answer == [TooSmall(96)]
    assert house.windows == []
    assert len(await client.sign_begun(session, bytes(48))) == 96
    await refused(client, 0x91, "Sign", u64(session), octets(bytes(48)), u32(96))
