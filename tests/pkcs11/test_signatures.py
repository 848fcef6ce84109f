# SPDX-License-Identifier: MIT
"""Signatures over the wire: every mechanism, every error, and what a person sees."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
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
from cryptography.hazmat.primitives.serialization import load_der_public_key

from native_host.card.errors import CardBusy
from native_host.mock_card.faults import CommandName, Fault, FaultName
from native_host.mock_card.source import MockCardSource
from native_host.mock_card.state import MockCardState
from tests.operations.person import until

from .client import Ckr, Client, TooSmall, mechanism, octets, u32, u64
from .conftest import CopyCard, House, open_house

ECDSA, ECDSA_SHA384, RSA_PKCS, RSA_PSS = 0x1041, 0x1045, 0x1, 0xD
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


async def key_of(client: Client) -> tuple[int, int]:
    """Return a session, and the private key in it."""
    session = await client.open_session()
    [key] = await client.find(session, {0x0: 3})
    return session, key


async def public_key_of(client: Client, session: int) -> object:
    [certificate] = await client.find(session, {0x0: 1, 0x102: b"\x45"})
    values = await client.values(session, certificate, 0x129)
    return load_der_public_key(values[0x129])


async def refused(client: Client, value: int, name: str, *arguments: bytes) -> None:
    with pytest.raises(Ckr) as caught:
        await client.call(name, *arguments)
    assert hex(caught.value.value) == hex(value), name


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


# -- While a person types --------------------------------------------------------------


async def begin(house: House, client: Client) -> tuple[int, asyncio.Task[bytes]]:
    """Begin a signature for which a person is asked, and return when they are."""
    session, key = await key_of(client)
    await client.sign_init(session, key, ECDSA)
    signing = client.sign_begun(session, bytes(48))
    await until(lambda: house.windows and house.windows[-1].questions)
    return session, signing


async def test_all_else_is_answered_while_a_person_types(
    house: House, client: Client
) -> None:
    session, signing = await begin(house, client)
    await client.call("GetInfo")
    assert (await client.call("GetSlotInfo", u64(1)))[2] == 7
    other, key = await key_of(client)
    assert (await client.values(other, key, 0x100)) == {0x100: 3}
    await refused(client, 0x90, "SignInit", u64(session), mechanism(ECDSA, 1), u64(key))
    assert not signing.done()
    house.windows[0].cancel()
    with pytest.raises(Ckr, match="0x50"):
        await signing


async def test_two_signatures_at_a_time_show_one_window(house: House) -> None:
    client = await house.client()
    _, first = await begin(house, client)
    session, key = await key_of(client)
    await client.sign_init(session, key, ECDSA)
    second = client.sign_begun(session, bytes(range(48)))
    await client.call("GetInfo")
    [window] = house.windows
    assert window.conversation is not None
    assert window.conversation.program == "Firefox"
    window.cancel()
    for signing in (first, second):
        with pytest.raises(Ckr, match="0x50"):
            await signing
    assert len(house.windows) == 1


@pytest.mark.parametrize("how", ["CloseSession", "CloseAllSessions", "Finalize"])
async def test_the_window_closes_with_the_session(
    house: House, client: Client, how: str
) -> None:
    session, signing = await begin(house, client)
    arguments = {"CloseSession": u64(session), "CloseAllSessions": u64(1)}
    await client.call(how, arguments.get(how, b""))
    with pytest.raises(Ckr, match="0xb0"):
        await signing
    await until(lambda: house.closed == house.windows)


async def test_the_window_closes_when_the_client_vanishes(
    house: House, source: MockCardSource
) -> None:
    client = await house.client()
    _, signing = await begin(house, client)
    await client.close()
    async with asyncio.timeout(20):
        await house.served[0]
    assert house.closed == house.windows
    [reader] = await source.readers()  # the card is free
    connection = await source.connect(reader)
    await source.run(connection.close)
    signing.cancel()
    await asyncio.gather(signing, return_exceptions=True)


async def test_half_a_message_is_not_waited_for_when_the_client_vanishes(
    house: House,
) -> None:
    client = await house.client()
    client.writer.write(u32(16) + u32(0) + u32(100) + b"\0\0")
    await client.writer.drain()
    await client.close()
    async with asyncio.timeout(20):
        await house.served[0]


async def test_a_card_that_is_pulled_ends_signature_and_session(
    house: House, client: Client, source: MockCardSource
) -> None:
    session, signing = await begin(house, client)
    source.remove()
    await until(lambda: "CARD_REMOVED" in house.windows[0].problems())
    await refused(client, 0xB3, "GetSessionInfo", u64(session))
    assert (await client.call("GetSlotInfo", u64(1)))[2] == 6
    house.windows[0].cancel()
    with pytest.raises(Ckr, match="0x50"):
        await signing


# -- Errors ----------------------------------------------------------------------------


async def test_a_new_try_works_after_the_person_cancelled(
    house: House, client: Client
) -> None:
    _, signing = await begin(house, client)
    house.windows[0].cancel()
    with pytest.raises(Ckr, match="0x50"):
        await signing
    house.pins = [["1234"]]
    session, key = await key_of(client)
    assert len(await client.sign(session, key, ECDSA, bytes(48))) == 96


async def test_firefox_is_given_a_signature_that_is_none_instead_of_an_error(
    house: House,
) -> None:
    client = await house.client(gecko=True)
    session, signing = await begin(house, client)
    house.windows[0].cancel()
    made = await signing
    assert len(made) == 96
    public = await public_key_of(client, session)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    r, s = int.from_bytes(made[:48]), int.from_bytes(made[48:])
    with pytest.raises(InvalidSignature):
        public.verify(
            encode_dss_signature(r, s), bytes(48), ec.ECDSA(Prehashed(hashes.SHA384()))
        )
    # Each time another one, and whatever was wrong.
    _, key = await key_of(client)
    found = {await client.sign(session, key, ECDSA, bytes(47)) for _ in range(2)}
    assert len(found | {made}) == 3


async def test_firefox_hears_all_other_errors(house: House) -> None:
    client = await house.client(gecko=True)
    session, key = await key_of(client)
    await refused(client, 0x91, "Sign", u64(session), octets(bytes(48)), u32(96))
    await client.sign_init(session, key, ECDSA)
    answer = await client.call("Sign", u64(session), octets(bytes(48)), u32(1))
    assert answer == [TooSmall(96)]


async def test_firefox_does_not_hear_either_that_the_card_has_gone_before(
    house: House, source: MockCardSource
) -> None:
    firefox, other = await house.client(gecko=True), await house.client()
    await firefox.call("WaitForSlotEvent", u64(0))
    found = [(client, *await key_of(client)) for client in (firefox, other)]
    gone = firefox.begin("WaitForSlotEvent", u64(0))
    source.remove()
    await gone
    for client, session, key in found:
        await refused(client, 0xB3, "GetSessionInfo", u64(session))
        if client is firefox:
            assert len(await client.sign(session, key, ECDSA, bytes(48))) == 96
        else:
            arguments = u64(session), mechanism(ECDSA, 1), u64(key)
            await refused(client, 0xB3, "SignInit", *arguments)
    assert house.windows == []
    await firefox.call("CloseAllSessions", u64(1))
    arguments = u64(found[0][1]), mechanism(ECDSA, 1), u64(found[0][2])
    await refused(firefox, 0xB3, "SignInit", *arguments)


async def test_sessions_of_cards_that_have_gone_do_not_pile_up(
    client: Client, source: MockCardSource
) -> None:
    await client.call("WaitForSlotEvent", u64(0))
    for _ in range(3):
        for _ in range(500):
            await client.open_session()
        source.remove()
        await client.call("WaitForSlotEvent", u64(0))
        source.insert()
        await client.call("WaitForSlotEvent", u64(0))
    assert await client.open_session() == 1501


async def test_the_window_of_a_card_that_has_gone_closes_with_the_session(
    house: House, client: Client, source: MockCardSource
) -> None:
    _, signing = await begin(house, client)
    source.remove()
    await until(lambda: "CARD_REMOVED" in house.windows[0].problems())
    await client.call("Finalize")
    with pytest.raises(Ckr, match="0xb0"):
        await signing
    await until(lambda: house.closed == house.windows)


async def test_a_card_that_fails_while_signing_is_a_device_error(
    client: Client, folder: Path
) -> None:
    session, key = await key_of(client)
    await client.call("Login", u64(session), u64(1), octets(b"1234"))
    MockCardState.open(folder).set_faults(Fault(FaultName.GARBLED, CommandName.SIGN))
    with pytest.raises(Ckr, match="0x30"):
        await client.sign(session, key, ECDSA, bytes(48))
    assert len(await client.sign(session, key, ECDSA, bytes(48))) == 96


# -- Logging in ------------------------------------------------------------------------


async def test_after_a_login_no_window_is_shown_until_the_logout(
    house: House, client: Client
) -> None:
    session, key = await key_of(client)
    await refused(client, 0x101, "Logout", u64(session))
    await client.call("Login", u64(session), u64(1), octets(b"1234"))
    assert await client.call("GetSessionInfo", u64(session)) == [1, 1, 4, 0]
    other = await client.open_session(flags=6)
    assert await client.call("GetSessionInfo", u64(other)) == [1, 3, 6, 0]
    await refused(client, 0x100, "Login", u64(other), u64(1), octets(b"1234"))
    for _ in range(2):
        assert len(await client.sign(session, key, ECDSA, bytes(48))) == 96
    assert house.windows == []
    await client.call("Logout", u64(session))
    assert await client.call("GetSessionInfo", u64(session)) == [1, 0, 4, 0]
    await client.sign_init(session, key, ECDSA)
    signing = client.sign_begun(session, bytes(48))
    await until(lambda: house.windows and house.windows[0].questions)
    house.windows[0].cancel()
    with pytest.raises(Ckr, match="0x50"):
        await signing


@pytest.mark.parametrize(
    "how", ["CloseSession", "CloseAllSessions", "Finalize", "card"]
)
async def test_a_login_ends_with_what_it_was_for(
    house: House, client: Client, source: MockCardSource, how: str
) -> None:
    session, _ = await key_of(client)
    await client.call("Login", u64(session), u64(1), octets(b"1234"))
    if how == "card":
        await client.call("WaitForSlotEvent", u64(0))
        gone = client.begin("WaitForSlotEvent", u64(0))
        source.remove()
        await gone
        source.insert()
    else:
        arguments = {"CloseSession": u64(session), "CloseAllSessions": u64(1)}
        await client.call(how, arguments.get(how, b""))
    if how == "Finalize":
        await client.initialize()
    session, key = await key_of(client)
    assert await client.call("GetSessionInfo", u64(session)) == [1, 0, 4, 0]
    await client.sign_init(session, key, ECDSA)
    signing = client.sign_begun(session, bytes(48))
    await until(lambda: house.windows and house.windows[0].questions)
    house.windows[0].cancel()
    with pytest.raises(Ckr, match="0x50"):
        await signing


async def test_what_is_no_pin_costs_no_try(client: Client, folder: Path) -> None:
    session, _ = await key_of(client)
    for user, pin, value in (
        (1, b"", 0xA2),
        (1, b"123", 0xA2),
        (1, b"1" * 13, 0xA2),
        (1, b"1" * 100_000, 0xA2),
        (1, None, 0x7),
        (1, b"12a4", 0xA1),
        (1, b"\xff\xff\xff\xff", 0xA1),
        (0, b"12345678", 0xB7),
        (2, b"1234", 0x103),
        (99, b"1234", 0x103),
    ):
        await refused(client, value, "Login", u64(session), u64(user), octets(pin))
    assert tries(folder) == 5


async def test_wrong_pins_are_counted_but_the_last_try_is_not_spent(
    client: Client, folder: Path
) -> None:
    session, _ = await key_of(client)
    for number in range(4):
        pin = b"%d" % (5000 + number)
        await refused(client, 0xA0, "Login", u64(session), u64(1), octets(pin))
        assert tries(folder) == 4 - number
        # What the card has refused is not sent again.
        if number < 3:
            await refused(client, 0xA0, "Login", u64(session), u64(1), octets(pin))
            assert tries(folder) == 4 - number
    await refused(client, 0x200, "Login", u64(session), u64(1), octets(b"1234"))
    assert tries(folder) == 1
    with MockCardState.open(folder).update() as data:
        data.pin1.tries = 0
    await refused(client, 0xA4, "Login", u64(session), u64(1), octets(b"1234"))


def tries(folder: Path) -> int:
    return MockCardState.open(folder).read().pin1.tries


async def test_a_card_that_another_program_holds_is_a_device_error(
    client: Client, source: MockCardSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = await key_of(client)

    async def held(_reader: object) -> None:
        raise CardBusy("held")

    monkeypatch.setattr(source, "connect", held)
    await refused(client, 0x30, "Login", u64(session), u64(1), octets(b"1234"))
