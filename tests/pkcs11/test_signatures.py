# SPDX-License-Identifier: MIT
"""Signatures over the wire: every mechanism, every error, and the windows."""

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

from native_host.card.mock_source import MockCardSource
from tests.pkcs11.client import Client, TooSmall, mechanism, octets, u32, u64
from tests.pkcs11.conftest import CopyCard, Server, open_server
from tests.pkcs11.names import CKA, CKF, CKG, CKM, CKO, CKR
from tests.pkcs11.signing import key_of, public_key_of, refusal, refused

HASHES = {
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
DIGEST_INFO = {
    "sha224": "302D300D06096086480165030402040500041C",
    "sha256": "3031300D060960864801650304020105000420",
    "sha384": "3041300D060960864801650304020205000430",
    "sha512": "3051300D060960864801650304020305000440",
}


@pytest.fixture
async def rsa_server(copy_card: CopyCard) -> AsyncIterator[Server]:
    """A server with a card of the older generation."""
    async with (
        MockCardSource(copy_card("v4.2")) as source,
        open_server(source) as server,
    ):
        yield server


# -- Mechanisms -----------------------------------------------------------------------


@pytest.mark.parametrize("name", HASHES)
async def test_ecdsa_with_every_length_of_digest(server: Server, name: str) -> None:
    server.pins = [["1234"]]
    client = await server.client()
    session, key = await key_of(client)
    digest = hashlib.new(name, b"handshake").digest()
    signature = await client.sign(session, key, CKM.ECDSA, digest)
    public = await public_key_of(client, session)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert len(signature) == 96
    r, s = int.from_bytes(signature[:48]), int.from_bytes(signature[48:])
    algorithm = ec.ECDSA(Prehashed(HASHES[name]))
    public.verify(encode_dss_signature(r, s), digest, algorithm)


@pytest.mark.parametrize("version", [1, 2])
async def test_rsa_with_every_padding_and_hash(
    rsa_server: Server, version: int
) -> None:
    client = await rsa_server.client(version=version)
    session, key = await key_of(client)
    await client.log_in(session)
    public = await public_key_of(client, session)
    assert isinstance(public, RSAPublicKey)
    data = b"handshake"
    for name, algorithm in HASHES.items():
        hash_name = name.upper()
        digest = hashlib.new(name, data).digest()
        parameters = CKM[hash_name], CKG[f"MGF1_{hash_name}"], len(digest)
        pss = padding.PSS(padding.MGF1(algorithm), len(digest))
        for kind, content, given, scheme in (
            (CKM.RSA_PKCS, bytes.fromhex(DIGEST_INFO[name]) + digest, None, "pkcs1"),
            (CKM[f"{hash_name}_RSA_PKCS"], data, None, "pkcs1"),
            (CKM.RSA_PKCS_PSS, digest, parameters, "pss"),
            (CKM[f"{hash_name}_RSA_PKCS_PSS"], data, parameters, "pss"),
        ):
            signature = await client.sign(session, key, kind, content, given)
            padded = pss if scheme == "pss" else padding.PKCS1v15()
            public.verify(signature, data, padded, algorithm)
    assert rsa_server.windows == []


async def test_data_may_come_in_parts(rsa_server: Server) -> None:
    client = await rsa_server.client()
    session, key = await key_of(client)
    await client.log_in(session)
    await client.sign_init(session, key, CKM.SHA256_RSA_PKCS)
    for part in (b"hand", b"", b"shake"):
        await client.call("SignUpdate", u64(session), octets(part))
    await refused(
        client, CKR.OPERATION_ACTIVE, "Sign", u64(session), octets(b"x"), u32(256)
    )
    assert await client.call("SignFinal", u64(session), u32(0)) == [TooSmall(256)]
    [signature] = await client.call("SignFinal", u64(session), u32(256))
    public = await public_key_of(client, session)
    assert isinstance(public, RSAPublicKey)
    public.verify(signature, b"handshake", padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(InvalidSignature):
        public.verify(signature, b"other", padding.PKCS1v15(), hashes.SHA256())


async def test_what_the_card_can_not_sign_is_refused_before_a_window(
    rsa_server: Server,
) -> None:
    client = await rsa_server.client()
    session, key = await key_of(client)
    for kind in (CKM.ECDSA, CKM.RSA_X_509):
        message = mechanism(kind, 1)
        await refused(
            client, CKR.MECHANISM_INVALID, "SignInit", u64(session), message, u64(key)
        )
    for kind, parameters in (
        # The salt is not as long as the hash.
        (CKM.RSA_PKCS_PSS, (CKM.SHA256, CKG.MGF1_SHA256, 20)),
        # MGF1 uses another hash.
        (CKM.RSA_PKCS_PSS, (CKM.SHA256, CKG.MGF1_SHA384, 32)),
        (CKM.RSA_PKCS_PSS, (CKM.SHA_1, CKG.MGF1_SHA1, 20)),
        (CKM.RSA_PKCS_PSS, (2**64 - 1, 2**64 - 1, 2**64 - 1)),
        # The hash is not the mechanism's.
        (CKM.SHA256_RSA_PKCS_PSS, (CKM.SHA384, CKG.MGF1_SHA384, 48)),
    ):
        message = mechanism(kind, 1, parameters)
        with refusal(CKR.MECHANISM_PARAM_INVALID):
            await client.call("SignInit", u64(session), message, u64(key))
    digest_info = bytes.fromhex(DIGEST_INFO["sha256"])
    pkcs1 = CKM.RSA_PKCS, None
    pss = CKM.RSA_PKCS_PSS, (CKM.SHA256, CKG.MGF1_SHA256, 32)
    for (kind, given), data, value in (
        (pkcs1, bytes(32), CKR.DATA_INVALID),
        (pkcs1, digest_info + bytes(31), CKR.DATA_INVALID),
        (pkcs1, digest_info[:10] + digest_info[12:] + bytes(32), CKR.DATA_INVALID),
        (pkcs1, bytes(36), CKR.DATA_INVALID),  # TLS 1.1
        (pkcs1, bytes(1000), CKR.DATA_LEN_RANGE),
        (pss, bytes(31), CKR.DATA_LEN_RANGE),
        (pss, b"", CKR.DATA_LEN_RANGE),
    ):
        await client.sign_init(session, key, kind, given)
        arguments = u64(session), octets(data), u32(512)
        await refused(client, value, "Sign", *arguments)
        await refused(client, CKR.OPERATION_NOT_INITIALIZED, "Sign", *arguments)
    assert rsa_server.windows == []


async def test_ecdsa_of_no_digest_is_refused(client: Client) -> None:
    session, key = await key_of(client)
    for size in (0, 1, 20, 31, 36, 47, 49, 65, 100_000):
        await client.sign_init(session, key, CKM.ECDSA)
        arguments = u64(session), octets(bytes(size)), u32(96)
        await refused(client, CKR.DATA_LEN_RANGE, "Sign", *arguments)


# -- Starting a signature -------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 1, 2])
async def test_nss_tries_another_mechanism_first_and_falls_back(
    server: Server, version: int
) -> None:
    server.pins = [["1234"]]
    client = await server.client(version=version)
    session, key = await key_of(client)
    first = mechanism(CKM.ECDSA_SHA384, version)
    await refused(
        client, CKR.MECHANISM_INVALID, "SignInit", u64(session), first, u64(key)
    )
    assert len(await client.sign(session, key, CKM.ECDSA, bytes(32))) == 96


async def test_only_the_private_key_signs(client: Client) -> None:
    session, key = await key_of(client)
    [public] = await client.find(session, {CKA.CLASS: CKO.PUBLIC_KEY})
    [certificate, *_] = await client.find(session, {CKA.CLASS: CKO.CERTIFICATE})
    for handle, value in (
        (public, CKR.KEY_FUNCTION_NOT_PERMITTED),
        (certificate, CKR.KEY_HANDLE_INVALID),
        (0, CKR.KEY_HANDLE_INVALID),
        (99, CKR.KEY_HANDLE_INVALID),
    ):
        arguments = u64(session), mechanism(CKM.ECDSA, 1), u64(handle)
        await refused(client, value, "SignInit", *arguments)
    await client.sign_init(session, key, CKM.ECDSA)
    arguments = u64(session), mechanism(CKM.ECDSA, 1), u64(key)
    await refused(client, CKR.OPERATION_ACTIVE, "SignInit", *arguments)


@pytest.mark.parametrize("how", ["no mechanism", "cancel"])
async def test_a_signature_that_was_begun_is_called_off(
    client: Client, how: str
) -> None:
    session, key = await key_of(client)
    with refusal(CKR.OPERATION_NOT_INITIALIZED):
        await client.sign_begun(session, bytes(48))
    await client.sign_init(session, key, CKM.ECDSA)
    if how == "cancel":
        await client.call("SessionCancel", u64(session), u64(CKF.SIGN))
    else:
        await client.call("SignInit", u64(session), b"\xff" * 4, u64(0))
    with refusal(CKR.OPERATION_NOT_INITIALIZED):
        await client.sign_begun(session, bytes(48))
    await client.sign_init(session, key, CKM.ECDSA)


async def test_too_little_room_leaves_the_signature_begun(server: Server) -> None:
    server.pins = [["1234"]]
    client = await server.client()
    session, key = await key_of(client)
    await client.sign_init(session, key, CKM.ECDSA)
    for room in (u32(0), u32(1), u32(95), b"\xff" * 4):
        answer = await client.call("Sign", u64(session), octets(bytes(48)), room)
        assert answer == [TooSmall(96)]
    assert server.windows == []
    assert len(await client.sign_begun(session, bytes(48))) == 96
    with refusal(CKR.OPERATION_NOT_INITIALIZED):
        await client.sign_begun(session, bytes(48))
