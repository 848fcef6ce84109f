# SPDX-License-Identifier: MIT
"""Signatures over the wire: every mechanism, and what is refused."""

import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    encode_dss_signature,
)

from native_host.pkcs11.constants import CKA, CKF, CKM, CKO, CKR
from tests.pkcs11.client import (
    CKM_ECDSA_SHA384,
    CKM_RSA_X_509,
    CKM_SHA_1,
    NULL,
    Client,
    TooSmall,
    octets,
    refusal,
    u32,
)
from tests.pkcs11.conftest import Server

HASHES = {
    "SHA224": hashes.SHA224(),
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}
# The mask generation functions CKG_MGF1_….
MGF1_SHA1, MGF1_SHA256, MGF1_SHA384 = 1, 2, 3
MGF1 = {"SHA224": 5, "SHA256": MGF1_SHA256, "SHA384": MGF1_SHA384, "SHA512": 4}
DIGEST_INFO = {
    "SHA224": "302D300D06096086480165030402040500041C",
    "SHA256": "3031300D060960864801650304020105000420",
    "SHA384": "3041300D060960864801650304020205000430",
    "SHA512": "3051300D060960864801650304020305000440",
}


def verify_ecdsa(key: object, signature: bytes, digest: bytes, name: str) -> None:
    """Verify a signature with a key of P-384. Raises ``InvalidSignature``."""
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert len(signature) == 96
    r, s = int.from_bytes(signature[:48]), int.from_bytes(signature[48:])
    algorithm = ec.ECDSA(Prehashed(HASHES[name]))
    key.verify(encode_dss_signature(r, s), digest, algorithm)


# -- Mechanisms -----------------------------------------------------------------------


async def test_ecdsa_with_every_length_of_digest(client: Client) -> None:
    session, key = await client.key()
    await client.log_in(session)
    public = await client.public_key(session)
    for name in HASHES:
        digest = hashlib.new(name, b"handshake").digest()
        signature = await client.sign(session, key, CKM.ECDSA, digest)
        verify_ecdsa(public, signature, digest, name)
    for size in (0, 1, 20, 31, 36, 47, 49, 65, 100_000):
        await client.sign_init(session, key)
        arguments = session, octets(bytes(size)), u32(96)
        await client.refused(CKR.DATA_LEN_RANGE, "Sign", *arguments)


@pytest.mark.parametrize("version", [1, 2])
async def test_rsa_with_every_padding_and_hash(
    rsa_server: Server, version: int
) -> None:
    client = await rsa_server.client(version=version)
    session, key = await client.key()
    await client.log_in(session)
    public = await client.public_key(session)
    assert isinstance(public, RSAPublicKey)
    data = b"handshake"
    for name, algorithm in HASHES.items():
        digest = hashlib.new(name, data).digest()
        parameters = CKM[name], MGF1[name], len(digest)
        pss = padding.PSS(padding.MGF1(algorithm), len(digest))
        pkcs1 = padding.PKCS1v15()
        for kind, content, given, scheme in (
            (CKM.RSA_PKCS, bytes.fromhex(DIGEST_INFO[name]) + digest, None, pkcs1),
            (CKM[f"{name}_RSA_PKCS"], data, None, pkcs1),
            (CKM.RSA_PKCS_PSS, digest, parameters, pss),
            (CKM[f"{name}_RSA_PKCS_PSS"], data, parameters, pss),
        ):
            signature = await client.sign(session, key, kind, content, given)
            public.verify(signature, data, scheme, algorithm)
    assert rsa_server.windows.users == []


async def test_data_may_come_in_parts(rsa_server: Server) -> None:
    client = await rsa_server.client()
    session, key = await client.key()
    await client.log_in(session)
    await client.sign_init(session, key, CKM.SHA256_RSA_PKCS)
    for part in (b"hand", b"", b"shake"):
        await client.call("SignUpdate", session, octets(part))
    arguments = session, octets(b"x"), u32(256)
    await client.refused(CKR.OPERATION_ACTIVE, "Sign", *arguments)
    assert await client.call("SignFinal", session, u32(0)) == [TooSmall(256)]
    [signature] = await client.call("SignFinal", session, u32(256))
    public = await client.public_key(session)
    assert isinstance(public, RSAPublicKey)
    public.verify(signature, b"handshake", padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(InvalidSignature):
        public.verify(signature, b"other", padding.PKCS1v15(), hashes.SHA256())


async def test_what_the_card_can_not_sign_is_refused_before_a_window(
    rsa_server: Server,
) -> None:
    client = await rsa_server.client()
    session, key = await client.key()
    for kind, parameters, value in (
        (CKM.ECDSA, None, CKR.MECHANISM_INVALID),
        (CKM_RSA_X_509, None, CKR.MECHANISM_INVALID),
        # The salt is not as long as the hash.
        (CKM.RSA_PKCS_PSS, (CKM.SHA256, MGF1_SHA256, 20), CKR.MECHANISM_PARAM_INVALID),
        # MGF1 uses another hash.
        (CKM.RSA_PKCS_PSS, (CKM.SHA256, MGF1_SHA384, 32), CKR.MECHANISM_PARAM_INVALID),
        (CKM.RSA_PKCS_PSS, (CKM_SHA_1, MGF1_SHA1, 20), CKR.MECHANISM_PARAM_INVALID),
        (CKM.RSA_PKCS_PSS, (2**64 - 1,) * 3, CKR.MECHANISM_PARAM_INVALID),
        # The hash is not the mechanism's.
        (
            CKM.SHA256_RSA_PKCS_PSS,
            (CKM.SHA384, MGF1_SHA384, 48),
            CKR.MECHANISM_PARAM_INVALID,
        ),
    ):
        with refusal(value):
            await client.sign_init(session, key, kind, parameters)
    digest_info = bytes.fromhex(DIGEST_INFO["SHA256"])
    pkcs1 = CKM.RSA_PKCS, None
    pss = CKM.RSA_PKCS_PSS, (CKM.SHA256, MGF1_SHA256, 32)
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
        arguments = session, octets(data), u32(512)
        await client.refused(value, "Sign", *arguments)
        await client.refused(CKR.OPERATION_NOT_INITIALIZED, "Sign", *arguments)
    assert rsa_server.windows.users == []


# -- Starting a signature -------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 1, 2, 255])
async def test_nss_tries_another_mechanism_first_and_falls_back(
    server: Server, version: int
) -> None:
    server.windows.type("1234")
    client = await server.client(version=version)
    session, key = await client.key()
    with refusal(CKR.MECHANISM_INVALID):
        await client.sign_init(session, key, CKM_ECDSA_SHA384)
    assert len(await client.sign(session, key, CKM.ECDSA, bytes(32))) == 96


async def test_only_the_private_key_signs(client: Client) -> None:
    session, key = await client.key()
    [public] = await client.find(session, {CKA.CLASS: CKO.PUBLIC_KEY})
    [certificate, *_] = await client.find(session, {CKA.CLASS: CKO.CERTIFICATE})
    for handle, value in (
        (public, CKR.KEY_FUNCTION_NOT_PERMITTED),
        (certificate, CKR.KEY_HANDLE_INVALID),
        (0, CKR.KEY_HANDLE_INVALID),
        (99, CKR.KEY_HANDLE_INVALID),
    ):
        with refusal(value):
            await client.sign_init(session, handle)
    await client.sign_init(session, key)
    with refusal(CKR.OPERATION_ACTIVE):
        await client.sign_init(session, key)


@pytest.mark.parametrize("how", ["no mechanism", "cancel"])
async def test_a_signature_that_was_begun_is_called_off(
    client: Client, how: str
) -> None:
    session, key = await client.key()
    with refusal(CKR.OPERATION_NOT_INITIALIZED):
        await client.sign_begun(session)
    await client.sign_init(session, key)
    if how == "cancel":
        await client.call("SessionCancel", session, CKF.SIGN)
    else:
        await client.call("SignInit", session, NULL, 0)
    with refusal(CKR.OPERATION_NOT_INITIALIZED):
        await client.sign_begun(session)
    await client.sign_init(session, key)


async def test_too_little_room_leaves_the_signature_begun(server: Server) -> None:
    server.windows.type("1234")
    client = await server.client()
    session, key = await client.key()
    await client.sign_init(session, key)
    for room in (u32(0), u32(1), u32(95), NULL):
        answer = await client.call("Sign", session, octets(bytes(48)), room)
        assert answer == [TooSmall(96)]
    assert server.windows.users == []
    assert len(await client.sign_begun(session)) == 96
    with refusal(CKR.OPERATION_NOT_INITIALIZED):
        await client.sign_begun(session)
