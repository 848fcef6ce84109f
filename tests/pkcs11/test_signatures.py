# SPDX-License-Identifier: MIT
"""Signatures over the wire: mechanisms, what is refused, windows and their ends."""

import asyncio
import hashlib
import shutil
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    encode_dss_signature,
)

from kortilla.mock_card.faults import CommandName, Fault, FaultName
from kortilla.mock_card.state import MockCardState
from native_host.card.mock_source import MockCardConnection, MockCardSource
from native_host.pkcs11.constants import CKA, CKF, CKK, CKM, CKO, CKR
from tests.operations.user import until
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
    u64,
)
from tests.pkcs11.conftest import CopyCard, Server

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


async def test_a_card_that_takes_no_short_digest_signs_with_one_verify(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Suomi.fi asks for SHA-256 of a key of P-384, whose digest has two forms."""
    sent: list[bytes] = []
    send = MockCardConnection.send_and_receive

    def strict(self: MockCardConnection, apdu: bytes) -> tuple[bytes, int]:
        sent.append(apdu[:4])
        if apdu[:8] == bytes.fromhex("002241B606800144"):
            return b"", 0x6A80
        return send(self, apdu)

    session, key = await client.key()
    await client.log_in(session)
    public = await client.public_key(session)
    monkeypatch.setattr(MockCardConnection, "send_and_receive", strict)
    digest = hashlib.sha256(b"handshake").digest()
    signature = await client.sign(session, key, CKM.ECDSA, digest)
    verify_ecdsa(public, signature, digest, "SHA256")
    commands = "00200011 002241B6 002241B6 002A90A0 002A9E9A"
    assert sent[-5:] == [bytes.fromhex(each) for each in commands.split()]
    assert sent.count(bytes.fromhex("00200011")) == 1


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


async def sees_card(client: Client) -> bool:
    """Whether slot 1 has a token, as the client is told."""
    flags = (await client.call("GetSlotInfo", 1))[2]
    return bool(flags & CKF.TOKEN_PRESENT)


async def no_event(client: Client) -> None:
    await client.refused(CKR.NO_EVENT, "WaitForSlotEvent", CKF.DONT_BLOCK)


# -- While a user types -------------------------------------------------------------


async def test_all_else_is_answered_while_a_person_types(
    server: Server, client: Client
) -> None:
    session, signing = await server.ask(client)
    assert await sees_card(client)
    other, key = await client.key()
    assert await client.values(other, key, CKA.KEY_TYPE) == {CKA.KEY_TYPE: CKK.EC}
    with refusal(CKR.OPERATION_ACTIVE):
        await client.sign_init(session, key)
    # A second signature shows no second window.
    await client.sign_init(other, key)
    second = client.sign_begun(other, bytes(range(48)))
    await client.call("GetInfo")
    [window] = server.windows.users
    assert window.conversation is not None
    assert window.conversation.program == "Firefox"
    assert not signing.done()
    await server.cancel(signing, second)
    # A new try works after the person has cancelled.
    server.windows.type("1234")
    assert len(await client.sign(session, key)) == 96
    assert len(server.windows.users) == 2


@pytest.mark.parametrize("how", ["CloseSession", "CloseAllSessions", "Finalize"])
async def test_the_window_closes_with_the_session(
    server: Server, client: Client, how: str
) -> None:
    session, signing = await server.ask(client)
    arguments = {"CloseSession": u64(session), "CloseAllSessions": u64(1)}
    await client.call(how, arguments.get(how, b""))
    with refusal(CKR.SESSION_CLOSED):
        await signing
    await server.windows.all_closed()


async def test_the_window_closes_when_the_client_vanishes(
    server: Server, client: Client, source: MockCardSource
) -> None:
    _, signing = await server.ask(client)
    await client.close()
    async with asyncio.timeout(60):
        await server.served[0]
    assert server.windows.closed == server.windows.users
    [reader] = await source.readers()  # the card is free
    connection = await source.connect(reader)
    await source.run(connection.close)
    signing.cancel()
    await asyncio.gather(signing, return_exceptions=True)


async def test_a_card_that_is_pulled_ends_signature_and_session(
    server: Server, client: Client, source: MockCardSource
) -> None:
    session, signing = await server.ask(client)
    source.remove()
    await until(lambda: "CARD_REMOVED" in server.windows.users[0].problems())
    await client.has_lost(session)
    assert not await sees_card(client)
    await server.cancel(signing)


@pytest.mark.parametrize("how", ["SessionCancel", "SignInit"])
async def test_a_signature_that_is_called_off_takes_its_window_along(
    server: Server, client: Client, how: str
) -> None:
    session, signing = await server.ask(client)
    rest = {"SessionCancel": u64(CKF.SIGN), "SignInit": NULL + u64(0)}
    await client.call(how, session, rest[how])
    with refusal(CKR.FUNCTION_CANCELED):
        await signing
    await server.windows.all_closed()
    # A signature that starts right then opens another window.
    _, again = await server.ask(client)
    await server.windows.asked(1)
    await server.cancel(again)


# -- Browsers -------------------------------------------------------------------------


async def test_firefox_is_given_a_signature_that_is_none_instead_of_an_error(
    server: Server,
) -> None:
    client = await server.client(gecko=True)
    session, key = await client.key()
    # It hears all other errors.
    with refusal(CKR.OPERATION_NOT_INITIALIZED):
        await client.sign_begun(session)
    await client.sign_init(session, key)
    answer = await client.call("Sign", session, octets(bytes(48)), u32(1))
    assert answer == [TooSmall(96)]
    session, signing = await server.ask(client)
    server.windows.users[0].cancel()
    made = await signing
    with pytest.raises(InvalidSignature):
        verify_ecdsa(await client.public_key(session), made, bytes(48), "SHA384")
    # The bytes are new each time, also for other errors.
    found = {await client.sign(session, key, data=bytes(47)) for _ in range(2)}
    assert len(found | {made}) == 3


async def test_firefox_does_not_hear_either_that_the_card_has_gone_before(
    server: Server, source: MockCardSource
) -> None:
    firefox, other = await server.client(gecko=True), await server.client()
    await firefox.event()
    found = [(client, *await client.key()) for client in (firefox, other)]
    gone = firefox.begin("WaitForSlotEvent", 0)
    source.remove()
    await gone
    for client, session, key in found:
        await client.has_lost(session)
        if client is firefox:
            assert len(await client.sign(session, key)) == 96
            await client.call("CloseAllSessions", 1)
        with refusal(CKR.SESSION_HANDLE_INVALID):
            await client.sign_init(session, key)
    assert server.windows.users == []


async def test_a_browser_sees_a_card_that_has_gone_while_it_may_try_again_by_itself(
    server: Server, source: MockCardSource
) -> None:
    source.remove()  # both are there before the card is read
    browser = await server.client(gecko=True, lingering=3600)
    other = await server.client()
    source.insert()
    for client in (browser, other):
        await client.event()
    old = await browser.open_session()
    source.remove()
    await other.event()
    assert await other.slots() == []
    assert await browser.slots() == [1]
    assert await sees_card(browser)
    session, key = await browser.key()
    made = {await browser.sign(session, key) for _ in range(2)}
    assert {len(each) for each in made} == {96}
    assert len(made) == 2
    assert server.windows.users == []
    with refusal(CKR.DEVICE_REMOVED):
        await browser.log_in(session)
    # The card is put back, and all goes on.
    source.insert()
    await other.event()
    for each in (old, session):
        server.windows.type("1234")
        await browser.call("GetSessionInfo", each)
        assert len(await browser.sign(each, key)) == 96
    assert len(server.windows.users) == 2
    await no_event(browser)


async def test_another_card_ends_that_a_browser_sees_the_one_before(
    server: Server, source: MockCardSource, folder: Path, copy_card: CopyCard
) -> None:
    browser = await server.client(gecko=True, lingering=3600)
    await browser.event()
    session = await browser.open_session()
    source.remove()
    for file in copy_card("v4.2").iterdir():
        if file.suffix in {".json", ".der"} and file.name != "presence.json":
            shutil.copy(file, folder)
    source.insert()
    await browser.event()
    await browser.has_lost(session)


async def test_a_browser_sees_a_card_that_has_gone_as_long_as_a_signature_is_awaited(
    server: Server, source: MockCardSource
) -> None:
    browser = await server.client(gecko=True, lingering=0.001)
    await browser.event()
    session, signing = await server.ask(browser)
    source.remove()
    await until(lambda: "CARD_REMOVED" in server.windows.users[0].problems())
    await browser.call("GetSessionInfo", session)
    await no_event(browser)
    server.windows.users[0].cancel()
    assert len(await signing) == 96
    await browser.event()
    await browser.has_lost(session)


async def test_a_card_that_is_put_back_while_the_pin_is_typed_signs_for_a_browser(
    server: Server, source: MockCardSource
) -> None:
    browser = await server.client(lingering=3600)
    await browser.event()
    session, signing = await server.ask(browser)
    [window] = server.windows.users
    source.remove()
    await until(lambda: "CARD_REMOVED" in window.problems())
    window.pins.append("1234")
    source.insert()
    assert len(await signing) == 96
    await browser.call("GetSessionInfo", session)


async def test_sessions_of_cards_that_have_gone_do_not_pile_up(
    client: Client, source: MockCardSource
) -> None:
    await client.event()
    for _ in range(3):
        for _ in range(500):
            await client.open_session()
        source.remove()
        await client.event()
        source.insert()
        await client.event()
    assert await client.open_session() == 1501


async def test_a_card_that_fails_while_signing_is_a_device_error(
    client: Client, folder: Path
) -> None:
    session, key = await client.key()
    await client.log_in(session)
    MockCardState.open(folder).set_faults(Fault(FaultName.GARBLED, CommandName.SIGN))
    with refusal(CKR.DEVICE_ERROR):
        await client.sign(session, key)
    assert len(await client.sign(session, key)) == 96
