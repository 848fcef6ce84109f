# SPDX-License-Identifier: MIT
"""Decryption for programs over the wire: what is answered, and whom the window lets."""

import asyncio
from pathlib import Path
from typing import Any, Literal

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kortilla.mock_card.faults import CommandName, Fault, FaultName
from kortilla.mock_card.state import MockCardState
from native_host.card.mock_source import MockCardSource
from native_host.pin_prompt.model import Progress, Step
from native_host.pkcs11 import pin_cache, tls_login
from native_host.pkcs11.constants import CKA, CKF, CKK, CKM, CKO, CKR
from tests.operations.user import User, until
from tests.pkcs11.client import (
    CKM_AES_GCM,
    NULL,
    Client,
    TooSmall,
    attributes,
    ecdh,
    mechanism,
    oaep,
    octets,
    refusal,
    u32,
)
from tests.pkcs11.conftest import Server, tries

SECRET = bytes(range(32))
WANTED = attributes({CKA.CLASS: CKO.SECRET_KEY, CKA.KEY_TYPE: CKK.GENERIC_SECRET})


@pytest.fixture
async def mail(server: Server) -> Client:
    """A mail program, with a card of the current profile: P-384."""
    return await server.client(decrypts=True)


@pytest.fixture
async def rsa_mail(rsa_server: Server) -> Client:
    """A mail program, with a card of RSA."""
    return await rsa_server.client(decrypts=True)


async def to(client: Client, session: int, scheme: padding.AsymmetricPadding) -> bytes:
    """Return the secret, encrypted to the card's key of RSA."""
    key = await client.public_key(session)
    assert isinstance(key, rsa.RSAPublicKey)
    return key.encrypt(SECRET, scheme)


def mgf(name: hashes.HashAlgorithm) -> padding.OAEP:
    return padding.OAEP(padding.MGF1(name), name, None)


OAEP_OF_SHA384 = mgf(hashes.SHA384())


async def agreed(client: Client, session: int) -> tuple[bytes, bytes]:
    """Return a new key's point, and the secret shared with the card's key."""
    key = await client.public_key(session)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    own = ec.generate_private_key(key.curve)
    point = own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return point, own.exchange(ec.ECDH(), key)


async def decrypt(
    client: Client, session: int, key: int, how: bytes, data: bytes
) -> Any:
    await client.call("DecryptInit", session, how, key)
    return (await client.call("Decrypt", session, octets(data), u32(1024)))[0]


async def derive(client: Client, session: int, key: int, point: bytes) -> int:
    how = ecdh(point, client.version)
    [made] = await client.call("DeriveKey", session, how, key, WANTED)
    return int(made)


# -- What is answered ------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
async def test_rsa_decrypts_and_unwraps(rsa_server: Server, version: int) -> None:
    client = await rsa_server.client(decrypts=True, version=version)
    session, key = await client.key()
    for how, scheme in (
        (mechanism(CKM.RSA_PKCS, version), padding.PKCS1v15()),
        (oaep(CKM.SHA256, version), mgf(hashes.SHA256())),
        (oaep(CKM.SHA_1, version, mgf=1), mgf(hashes.SHA1())),  # noqa: S303 - what old messages use
    ):
        data = await to(client, session, scheme)
        rsa_server.windows.type("1234")
        assert await decrypt(client, session, key, how, data) == SECRET
        rsa_server.windows.type("1234")
        arguments = (session, how, key, octets(data), WANTED)
        [made] = await client.call("UnwrapKey", *arguments)
        values = await client.values(session, made, CKA.VALUE, CKA.VALUE_LEN)
        assert values == {CKA.VALUE: SECRET, CKA.VALUE_LEN: len(SECRET)}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("form", ["plain", "template"])
async def test_ec_agrees_on_a_secret_that_ends_with_its_session(
    server: Server, folder: Path, form: Literal["plain", "template"], version: int
) -> None:
    with MockCardState.open(folder).update() as card:
        card.key_agreement = form
    client = await server.client(decrypts=True, version=version)
    (session, key), other = await client.key(), await client.open_session()
    point, shared = await agreed(client, session)
    server.windows.type("1234")
    made = await derive(client, session, key, point)
    # NSS reads it in another session.
    values = await client.values(other, made, CKA.VALUE, CKA.EXTRACTABLE, CKA.TOKEN)
    assert values == {CKA.VALUE: shared, CKA.EXTRACTABLE: True, CKA.TOKEN: False}
    assert await client.find(other, {CKA.CLASS: CKO.SECRET_KEY}) == [made]
    await client.call("CloseSession", session)
    assert await client.find(other, {CKA.CLASS: CKO.SECRET_KEY}) == []
    await client.refused(CKR.OBJECT_HANDLE_INVALID, "DestroyObject", other, made)


async def test_a_secret_is_destroyed_and_nothing_of_the_card_is(
    server: Server, mail: Client
) -> None:
    session, key = await mail.key()
    server.windows.type("1234")
    made = await derive(mail, session, key, (await agreed(mail, session))[0])
    await mail.refused(CKR.OBJECT_HANDLE_INVALID, "DestroyObject", session, key)
    await mail.call("DestroyObject", session, made)
    await mail.refused(CKR.OBJECT_HANDLE_INVALID, "DestroyObject", session, made)
    assert await mail.find(session, {CKA.CLASS: CKO.PRIVATE_KEY}) == [key]


async def test_only_a_mail_program_is_told_what_may_decrypt(
    server: Server, rsa_server: Server
) -> None:
    everything = (CKA.DECRYPT, CKA.UNWRAP, CKA.DERIVE)
    for where, mechanisms, flags, may in (
        (server, [CKM.ECDH1_DERIVE], CKF.DERIVE, {CKA.DERIVE}),
        (
            rsa_server,
            [CKM.RSA_PKCS, CKM.RSA_PKCS_OAEP],
            CKF.DECRYPT | CKF.UNWRAP,
            {CKA.DECRYPT, CKA.UNWRAP},
        ),
    ):
        for decrypts in (True, False):
            client = await where.client(decrypts=decrypts)
            await client.slots()
            [offered] = await client.call("GetMechanismList", 1, u32(99))
            for each in mechanisms:
                assert (each in offered) is (decrypts or each == CKM.RSA_PKCS)
            for each in offered:
                _, _, found = await client.call("GetMechanismInfo", 1, each)
                named = decrypts and each in mechanisms
                assert found & flags == (flags if named else 0)
            session, key = await client.key()
            found = await client.values(session, key, *everything)
            assert {each for each in everything if found[each]} == (
                may if decrypts else set()
            )
            [public] = await client.find(session, {CKA.CLASS: CKO.PUBLIC_KEY})
            assert not (await client.values(session, public, CKA.DERIVE))[CKA.DERIVE]


async def test_a_browser_has_none_of_these_calls(rsa_server: Server) -> None:
    await rsa_server.client(decrypts=True)
    browser = await rsa_server.client()
    session, key = await browser.key()
    for name, arguments in (
        ("DecryptInit", (session, mechanism(CKM.RSA_PKCS), key)),
        ("Decrypt", (session, octets(bytes(256)), u32(256))),
        (
            "UnwrapKey",
            (session, mechanism(CKM.RSA_PKCS), key, octets(bytes(256)), WANTED),
        ),
        ("DeriveKey", (session, ecdh(bytes(97)), key, WANTED)),
        ("DestroyObject", (session, 1)),
    ):
        await browser.refused(CKR.FUNCTION_NOT_SUPPORTED, name, *arguments)
        # A PIN that the browser was given does not change that.
        await browser.log_in(session)
        await browser.refused(CKR.FUNCTION_NOT_SUPPORTED, name, *arguments)
        await browser.call("Logout", session)
    assert rsa_server.windows.users == []


async def test_what_is_not_there_is_refused_before_anybody_is_asked(
    server: Server, mail: Client, rsa_mail: Client
) -> None:
    session, key = await mail.key()
    point, _ = await agreed(mail, session)
    [certificate] = await mail.find(session, {CKA.ID: b"\x45", CKA.CLASS: 1})
    [public] = await mail.find(session, {CKA.CLASS: CKO.PUBLIC_KEY})
    stored = attributes({CKA.TOKEN: True})
    certificate_wanted = attributes({CKA.CLASS: CKO.CERTIFICATE})
    for value, how, with_key, template in (
        (CKR.MECHANISM_PARAM_INVALID, ecdh(point, kdf=7), key, WANTED),
        (CKR.MECHANISM_INVALID, mechanism(CKM.RSA_PKCS), key, WANTED),
        (CKR.MECHANISM_INVALID, NULL, key, WANTED),
        (CKR.KEY_HANDLE_INVALID, ecdh(point), certificate, WANTED),
        (CKR.KEY_HANDLE_INVALID, ecdh(point), 99, WANTED),
        (CKR.KEY_FUNCTION_NOT_PERMITTED, ecdh(point), public, WANTED),
        (CKR.TEMPLATE_INCONSISTENT, ecdh(point), key, stored),
        (CKR.TEMPLATE_INCONSISTENT, ecdh(point), key, certificate_wanted),
    ):
        await mail.refused(value, "DeriveKey", session, how, with_key, template)
    await mail.refused(
        CKR.MECHANISM_INVALID, "DecryptInit", session, mechanism(CKM.RSA_PKCS), key
    )
    await mail.refused(
        CKR.OPERATION_NOT_INITIALIZED, "Decrypt", session, octets(b""), u32(9)
    )
    session, key = await rsa_mail.key()
    for value, how in (
        (CKR.MECHANISM_PARAM_INVALID, oaep(CKM.SHA256, mgf=1)),
        (CKR.MECHANISM_PARAM_INVALID, oaep(CKM.SHA256, label=b"label")),
        (CKR.MECHANISM_PARAM_INVALID, oaep(CKM.RSA_PKCS)),
        (CKR.MECHANISM_INVALID, mechanism(CKM.ECDSA)),
        (CKR.MECHANISM_INVALID, u32(CKM_AES_GCM)),
    ):
        await rsa_mail.refused(value, "DecryptInit", session, how, key)
    assert server.windows.users == []


async def test_a_point_off_the_curve_never_reaches_the_card(
    server: Server, mail: Client, folder: Path
) -> None:
    session, key = await mail.key()
    good, _ = await agreed(mail, session)
    off = good[:-1] + bytes([good[-1] ^ 1])
    encoded = b"\x04\x61" + good  # what NSS tries next
    for point in (
        off,
        encoded,
        b"",
        b"\x04" + bytes(96),
        good[:49],
        b"\x02" + good[1:],
    ):
        server.windows.type("1234")
        with refusal(CKR.MECHANISM_PARAM_INVALID):
            await derive(mail, session, key, point)
    assert tries(folder) == 5


async def test_everything_that_the_card_refuses_is_one_error(
    rsa_server: Server, rsa_mail: Client
) -> None:
    session, key = await rsa_mail.key()
    good = await to(rsa_mail, session, padding.PKCS1v15())
    public = await rsa_mail.public_key(session)
    assert isinstance(public, rsa.RSAPublicKey)
    for_pkcs1 = good[:-1], good + b"\0", b"", bytes([255]) * len(good)
    # The mock card's OpenSSL answers other padding with random bytes, not an error.
    for how, wrong in (
        (mechanism(CKM.RSA_PKCS), for_pkcs1),
        (oaep(CKM.SHA256), (*for_pkcs1, good, public.encrypt(SECRET, OAEP_OF_SHA384))),
    ):
        for data in wrong:
            rsa_server.windows.type("1234")
            with refusal(CKR.DEVICE_ERROR):
                await decrypt(rsa_mail, session, key, how, data)
            rsa_server.windows.type("1234")
            await rsa_mail.refused(
                CKR.DEVICE_ERROR, "UnwrapKey", session, how, key, octets(data), WANTED
            )


async def test_a_secret_of_another_length_is_the_same_error(
    rsa_server: Server, rsa_mail: Client
) -> None:
    """Otherwise the error would say that the padding was good."""
    session, key = await rsa_mail.key()
    data = octets(await to(rsa_mail, session, padding.PKCS1v15()))
    wanted = attributes({CKA.CLASS: CKO.SECRET_KEY, CKA.VALUE_LEN: 16})
    rsa_server.windows.type("1234")
    how = mechanism(CKM.RSA_PKCS)
    with refusal(CKR.DEVICE_ERROR):
        await rsa_mail.call("UnwrapKey", session, how, key, data, wanted)


async def test_a_result_that_does_not_fit_is_kept_until_it_does(
    rsa_server: Server, rsa_mail: Client
) -> None:
    session, key = await rsa_mail.key()
    data = octets(await to(rsa_mail, session, padding.PKCS1v15()))
    await rsa_mail.call("DecryptInit", session, mechanism(CKM.RSA_PKCS), key)
    assert await rsa_mail.call("Decrypt", session, data, u32(0)) == [TooSmall(256)]
    rsa_server.windows.type("1234")
    found = await rsa_mail.call("Decrypt", session, data, u32(8))
    assert found == [TooSmall(len(SECRET))]
    assert await rsa_mail.call("Decrypt", session, data, u32(32)) == [SECRET]
    assert len(rsa_server.windows.users) == 1
    # Cancelled, with a NULL mechanism or by C_SessionCancel.
    for name, arguments in (
        ("DecryptInit", (NULL, key)),
        ("SessionCancel", (CKF.DECRYPT,)),
    ):
        await rsa_mail.call("DecryptInit", session, mechanism(CKM.RSA_PKCS), key)
        with refusal(CKR.OPERATION_ACTIVE):
            await rsa_mail.call("DecryptInit", session, mechanism(CKM.RSA_PKCS), key)
        await rsa_mail.call(name, session, *arguments)
        with refusal(CKR.OPERATION_NOT_INITIALIZED):
            await rsa_mail.call("Decrypt", session, data, u32(32))


# -- The window ------------------------------------------------------------------------


async def allow(server: Server, client: Client) -> tuple[int, int, User]:
    """Have the user allow decryptions for a while; return session, key and window."""
    session, key = await client.key()
    server.windows.allows = True
    server.windows.type("1234")
    await derive(client, session, key, (await agreed(client, session))[0])
    user = server.windows.users[-1]
    await until(lambda: user.shown[-1][0] is Step.READY)
    return session, key, user


async def test_a_pin_is_asked_for_each_time_unless_the_person_allows_more(
    server: Server, mail: Client
) -> None:
    session, key = await mail.key()
    for number in range(2):
        server.windows.type("1234")
        point, _ = await agreed(mail, session)
        await derive(mail, session, key, point)
        assert len(server.windows.users) == number + 1
    conversation = server.windows.users[0].conversation
    assert conversation is not None
    assert (conversation.operation, conversation.program) == ("decrypt-mail", "Firefox")
    session, key, user = await allow(server, mail)
    for count in (2, 3):
        point, shared = await agreed(mail, session)
        made = await derive(mail, session, key, point)
        assert (await mail.values(session, made, CKA.VALUE))[CKA.VALUE] == shared
        assert user.bars[-1] == Progress(count, count)
    assert len(server.windows.users) == 3
    # Decryptions are allowed, and no signature.
    await mail.sign_init(session, key)
    signing = mail.sign_begun(session)
    conversation = (await server.windows.asked(3)).conversation
    assert conversation is not None
    # What it signs is not known: a message, or a login to a mail server.
    assert (conversation.operation, conversation.caller) == ("mail-login", "")
    await server.cancel(signing)
    assert user not in server.windows.closed
    user.cancel()
    await until(lambda: user in server.windows.closed)


async def test_what_was_allowed_holds_while_others_are_being_decrypted(
    server: Server, mail: Client
) -> None:
    session, key = await mail.key()
    sessions = [session, await mail.open_session(), await mail.open_session()]
    point, _ = await agreed(mail, session)
    server.windows.allows = True
    server.windows.type("1234")
    running = [
        asyncio.create_task(derive(mail, each, key, point)) for each in sessions[:2]
    ]
    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    await derive(mail, sessions[2], key, point)
    await asyncio.gather(*running)
    assert len(server.windows.users) == 1


def end_by_button(user: User, _source: MockCardSource, _folder: Path) -> None:
    user.cancel()


def end_by_pulling(_user: User, source: MockCardSource, _folder: Path) -> None:
    source.remove()


def end_by_fault(_user: User, _source: MockCardSource, folder: Path) -> None:
    state = MockCardState.open(folder)
    state.set_faults(Fault(FaultName.NO_DIAGNOSIS, on=CommandName.DECIPHER))


@pytest.mark.parametrize("end", [end_by_button, end_by_pulling, end_by_fault])
async def test_what_was_allowed_ends(
    server: Server, mail: Client, source: MockCardSource, folder: Path, end: Any
) -> None:
    session, key, user = await allow(server, mail)
    point, _ = await agreed(mail, session)
    end(user, source, folder)
    if end is end_by_fault:
        with refusal(CKR.DEVICE_ERROR):
            await derive(mail, session, key, point)
    await server.windows.all_closed()
    if end is not end_by_pulling:
        server.windows.type("1234")
        await derive(mail, session, key, point)
        assert len(server.windows.users) == 2


async def test_time_and_number_of_what_was_allowed_have_an_end(
    server: Server, mail: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pin_cache, "_MOST_DECRYPTIONS", 2)
    session, key, _ = await allow(server, mail)
    for _ in range(2):
        await derive(mail, session, key, (await agreed(mail, session))[0])
    await server.windows.all_closed()
    monkeypatch.setattr(tls_login, "_ALLOWED_FOR", 0.0)
    server.windows.allows = True
    server.windows.type("1234")
    await derive(mail, session, key, (await agreed(mail, session))[0])
    await server.windows.all_closed()


async def test_the_time_goes_on_while_the_computer_sleeps(
    server: Server, mail: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, key, _ = await allow(server, mail)
    woken = pin_cache._now() + 600
    monkeypatch.setattr(pin_cache, "_now", lambda: woken)
    server.windows.type("1234")
    await derive(mail, session, key, (await agreed(mail, session))[0])
    assert len(server.windows.users) == 2
    await server.windows.all_closed()


async def test_a_cancelled_decryption_is_not_asked_for_again_at_once(
    server: Server, mail: Client
) -> None:
    """NSS tries two more calls after an error."""
    session, key = await mail.key()
    point, _ = await agreed(mail, session)
    deriving = asyncio.create_task(derive(mail, session, key, point))
    (await server.windows.asked()).cancel()
    with refusal(CKR.FUNCTION_CANCELED):
        await deriving
    with refusal(CKR.FUNCTION_CANCELED):
        await derive(mail, session, key, point)
    assert len(server.windows.users) == 1


async def test_a_person_who_cancels_again_and_again_is_asked_less_often(
    server: Server, mail: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, before = asyncio.get_running_loop(), asyncio.get_running_loop().time
    slept = 0.0
    monkeypatch.setattr(loop, "time", lambda: before() + slept)
    session, key = await mail.key()
    point, _ = await agreed(mail, session)

    async def cancel() -> None:
        deriving = asyncio.create_task(derive(mail, session, key, point))
        (await server.windows.asked(len(server.windows.users))).cancel()
        with refusal(CKR.FUNCTION_CANCELED):
            await deriving

    for seconds in (2, 4, 8, 16, 30, 30):
        await cancel()
        slept += seconds - 1.5
        with refusal(CKR.FUNCTION_CANCELED):
            await derive(mail, session, key, point)
        slept += 2
    server.windows.type("1234")
    await derive(mail, session, key, point)
    # The message that is cancelled next counts as the first.
    await cancel()
    slept += 2.5
    await cancel()


async def test_a_wrong_pin_is_asked_for_again_and_a_client_that_goes_ends_it(
    server: Server, mail: Client, folder: Path
) -> None:
    session, key = await mail.key()
    point, _ = await agreed(mail, session)
    server.windows.type("9999", "1234")
    await derive(mail, session, key, point)
    assert [each.wrong for each in server.windows.users[0].questions] == [False, True]
    assert tries(folder) == 5
    server.windows.allows = True
    server.windows.type("9999", "1234")
    await derive(mail, session, key, point)
    user = server.windows.users[1]
    assert [each.ticked for each in user.questions] == [False, True]
    await until(lambda: user.shown[-1][0] is Step.READY)
    await mail.close()
    await server.windows.all_closed()


async def test_a_program_that_has_logged_in_is_not_asked(
    server: Server, mail: Client
) -> None:
    session, key = await mail.key()
    await mail.log_in(session)
    point, shared = await agreed(mail, session)
    made = await derive(mail, session, key, point)
    assert (await mail.values(session, made, CKA.VALUE))[CKA.VALUE] == shared
    assert server.windows.users == []


async def test_secrets_of_a_session_have_an_end(server: Server, mail: Client) -> None:
    session, key = await mail.key()
    await mail.log_in(session)
    point, _ = await agreed(mail, session)
    for _ in range(64):
        await derive(mail, session, key, point)
    with refusal(CKR.DEVICE_MEMORY):
        await derive(mail, session, key, point)
    await mail.call("DestroyObject", session, await derived(mail, session))
    await derive(mail, session, key, point)


async def derived(client: Client, session: int) -> int:
    return (await client.find(session, {CKA.CLASS: CKO.SECRET_KEY}))[0]
