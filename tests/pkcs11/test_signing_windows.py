# SPDX-License-Identifier: MIT
"""The windows of a signature over the wire, and the events that end it."""

import asyncio
import shutil
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    encode_dss_signature,
)

from kortilla.mock_card.faults import CommandName, Fault, FaultName
from kortilla.mock_card.state import MockCardState
from native_host.card.mock_source import MockCardSource
from tests.operations.user import until
from tests.pkcs11.client import Client, TooSmall, mechanism, octets, u32, u64
from tests.pkcs11.conftest import CopyCard, Server
from tests.pkcs11.names import CKA, CKF, CKK, CKM, CKR
from tests.pkcs11.signing import begin, key_of, public_key_of, refusal, refused

# -- While a user types -------------------------------------------------------------


async def test_all_else_is_answered_while_a_person_types(
    server: Server, client: Client
) -> None:
    session, signing = await begin(server, client)
    await client.call("GetInfo")
    assert (await client.call("GetSlotInfo", u64(1)))[2] & CKF.TOKEN_PRESENT
    other, key = await key_of(client)
    assert await client.values(other, key, CKA.KEY_TYPE) == {CKA.KEY_TYPE: CKK.EC}
    await refused(
        client,
        CKR.OPERATION_ACTIVE,
        "SignInit",
        u64(session),
        mechanism(CKM.ECDSA, 1),
        u64(key),
    )
    assert not signing.done()
    server.windows[0].cancel()
    with refusal(CKR.FUNCTION_CANCELED):
        await signing


async def test_two_signatures_at_a_time_show_one_window(server: Server) -> None:
    client = await server.client()
    _, first = await begin(server, client)
    session, key = await key_of(client)
    await client.sign_init(session, key, CKM.ECDSA)
    second = client.sign_begun(session, bytes(range(48)))
    await client.call("GetInfo")
    [window] = server.windows
    assert window.conversation is not None
    assert window.conversation.program == "Firefox"
    window.cancel()
    for signing in (first, second):
        with refusal(CKR.FUNCTION_CANCELED):
            await signing
    assert len(server.windows) == 1


@pytest.mark.parametrize("how", ["CloseSession", "CloseAllSessions", "Finalize"])
async def test_the_window_closes_with_the_session(
    server: Server, client: Client, how: str
) -> None:
    session, signing = await begin(server, client)
    arguments = {"CloseSession": u64(session), "CloseAllSessions": u64(1)}
    await client.call(how, arguments.get(how, b""))
    with refusal(CKR.SESSION_CLOSED):
        await signing
    await until(lambda: server.closed == server.windows)


async def test_the_window_closes_when_the_client_vanishes(
    server: Server, source: MockCardSource
) -> None:
    client = await server.client()
    _, signing = await begin(server, client)
    await client.close()
    async with asyncio.timeout(60):
        await server.served[0]
    assert server.closed == server.windows
    [reader] = await source.readers()  # the card is free
    connection = await source.connect(reader)
    await source.run(connection.close)
    signing.cancel()
    await asyncio.gather(signing, return_exceptions=True)


async def test_a_card_that_is_pulled_ends_signature_and_session(
    server: Server, client: Client, source: MockCardSource
) -> None:
    session, signing = await begin(server, client)
    source.remove()
    await until(lambda: "CARD_REMOVED" in server.windows[0].problems())
    await refused(client, CKR.SESSION_HANDLE_INVALID, "GetSessionInfo", u64(session))
    assert not (await client.call("GetSlotInfo", u64(1)))[2] & CKF.TOKEN_PRESENT
    server.windows[0].cancel()
    with refusal(CKR.FUNCTION_CANCELED):
        await signing


# -- Errors ---------------------------------------------------------------------------


async def test_a_new_try_works_after_the_person_cancelled(
    server: Server, client: Client
) -> None:
    _, signing = await begin(server, client)
    server.windows[0].cancel()
    with refusal(CKR.FUNCTION_CANCELED):
        await signing
    server.pins = [["1234"]]
    session, key = await key_of(client)
    assert len(await client.sign(session, key, CKM.ECDSA, bytes(48))) == 96


async def test_firefox_is_given_a_signature_that_is_none_instead_of_an_error(
    server: Server,
) -> None:
    client = await server.client(gecko=True)
    session, signing = await begin(server, client)
    server.windows[0].cancel()
    made = await signing
    assert len(made) == 96
    public = await public_key_of(client, session)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    r, s = int.from_bytes(made[:48]), int.from_bytes(made[48:])
    with pytest.raises(InvalidSignature):
        public.verify(
            encode_dss_signature(r, s), bytes(48), ec.ECDSA(Prehashed(hashes.SHA384()))
        )
    # The bytes are new each time, also for other errors.
    _, key = await key_of(client)
    found = {await client.sign(session, key, CKM.ECDSA, bytes(47)) for _ in range(2)}
    assert len(found | {made}) == 3


async def test_firefox_hears_all_other_errors(server: Server) -> None:
    client = await server.client(gecko=True)
    session, key = await key_of(client)
    with refusal(CKR.OPERATION_NOT_INITIALIZED):
        await client.sign_begun(session, bytes(48))
    await client.sign_init(session, key, CKM.ECDSA)
    answer = await client.call("Sign", u64(session), octets(bytes(48)), u32(1))
    assert answer == [TooSmall(96)]


async def test_firefox_does_not_hear_either_that_the_card_has_gone_before(
    server: Server, source: MockCardSource
) -> None:
    firefox, other = await server.client(gecko=True), await server.client()
    await firefox.call("WaitForSlotEvent", u64(0))
    found = [(client, *await key_of(client)) for client in (firefox, other)]
    gone = firefox.begin("WaitForSlotEvent", u64(0))
    source.remove()
    await gone
    for client, session, key in found:
        await refused(
            client, CKR.SESSION_HANDLE_INVALID, "GetSessionInfo", u64(session)
        )
        if client is firefox:
            assert len(await client.sign(session, key, CKM.ECDSA, bytes(48))) == 96
        else:
            arguments = u64(session), mechanism(CKM.ECDSA, 1), u64(key)
            await refused(client, CKR.SESSION_HANDLE_INVALID, "SignInit", *arguments)
    assert server.windows == []
    await firefox.call("CloseAllSessions", u64(1))
    arguments = u64(found[0][1]), mechanism(CKM.ECDSA, 1), u64(found[0][2])
    await refused(firefox, CKR.SESSION_HANDLE_INVALID, "SignInit", *arguments)


async def test_a_browser_sees_a_card_that_has_gone_while_it_may_try_again_by_itself(
    server: Server, source: MockCardSource
) -> None:
    browser = await server.client(gecko=True, lingering=3600)
    other = await server.client()
    for client in (browser, other):
        await client.call("WaitForSlotEvent", u64(0))
    old, _ = await key_of(browser)
    source.remove()
    await other.call("WaitForSlotEvent", u64(0))
    assert await other.call("GetSlotList", b"\1", u32(9)) == [[]]
    assert await browser.call("GetSlotList", b"\1", u32(9)) == [[1]]
    assert (await browser.call("GetSlotInfo", u64(1)))[2] & CKF.TOKEN_PRESENT
    session, key = await key_of(browser)
    made = await browser.sign(session, key, CKM.ECDSA, bytes(48))
    assert len(made) == 96
    assert made != await browser.sign(session, key, CKM.ECDSA, bytes(48))
    assert server.windows == []
    with refusal(CKR.DEVICE_REMOVED):
        await browser.log_in(session)
    # The card is put back, and all goes on.
    source.insert()
    await other.call("WaitForSlotEvent", u64(0))
    for each in (old, session):
        server.pins.append(["1234"])
        await browser.call("GetSessionInfo", u64(each))
        assert len(await browser.sign(each, key, CKM.ECDSA, bytes(48))) == 96
    assert len(server.windows) == 2
    await refused(browser, CKR.NO_EVENT, "WaitForSlotEvent", u64(CKF.DONT_BLOCK))


async def test_another_card_ends_that_a_browser_sees_the_one_before(
    server: Server, source: MockCardSource, folder: Path, copy_card: CopyCard
) -> None:
    browser = await server.client(gecko=True, lingering=3600)
    await browser.call("WaitForSlotEvent", u64(0))
    session = await browser.open_session()
    source.remove()
    for file in copy_card("v4.2").iterdir():
        if file.suffix in {".json", ".der"} and file.name != "presence.json":
            shutil.copy(file, folder)
    source.insert()
    await browser.call("WaitForSlotEvent", u64(0))
    await refused(browser, CKR.SESSION_HANDLE_INVALID, "GetSessionInfo", u64(session))


async def test_a_browser_sees_a_card_that_has_gone_as_long_as_a_signature_is_awaited(
    server: Server, source: MockCardSource
) -> None:
    browser = await server.client(gecko=True, lingering=0.001)
    await browser.call("WaitForSlotEvent", u64(0))
    session, signing = await begin(server, browser)
    source.remove()
    await until(lambda: "CARD_REMOVED" in server.windows[0].problems())
    await browser.call("GetSessionInfo", u64(session))
    await refused(browser, CKR.NO_EVENT, "WaitForSlotEvent", u64(CKF.DONT_BLOCK))
    server.windows[0].cancel()
    assert len(await signing) == 96
    await browser.call("WaitForSlotEvent", u64(0))
    await refused(browser, CKR.SESSION_HANDLE_INVALID, "GetSessionInfo", u64(session))


async def test_a_card_that_is_put_back_while_the_pin_is_typed_signs_for_a_browser(
    server: Server, source: MockCardSource
) -> None:
    browser = await server.client(lingering=3600)
    await browser.call("WaitForSlotEvent", u64(0))
    session, signing = await begin(server, browser)
    [window] = server.windows
    source.remove()
    await until(lambda: "CARD_REMOVED" in window.problems())
    window.pins.append("1234")
    source.insert()
    assert len(await signing) == 96
    assert (await browser.call("GetSessionInfo", u64(session)))[0] == 1


@pytest.mark.parametrize("how", ["SessionCancel", "SignInit"])
async def test_a_signature_that_is_called_off_takes_its_window_along(
    server: Server, client: Client, how: str
) -> None:
    session, signing = await begin(server, client)
    nothing = b"\xff\xff\xff\xff" + u64(0)  # no mechanism
    rest = {"SessionCancel": u64(CKF.SIGN), "SignInit": nothing}
    await client.call(how, u64(session), rest[how])
    with refusal(CKR.FUNCTION_CANCELED):
        await signing
    await until(lambda: server.closed == server.windows)
    # A signature that starts right then opens another window.
    _, again = await begin(server, client)
    await until(lambda: len(server.windows) == 2 and server.windows[1].questions)
    server.windows[1].cancel()
    with refusal(CKR.FUNCTION_CANCELED):
        await again


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


async def test_a_card_that_fails_while_signing_is_a_device_error(
    client: Client, folder: Path
) -> None:
    session, key = await key_of(client)
    await client.log_in(session)
    MockCardState.open(folder).set_faults(Fault(FaultName.GARBLED, CommandName.SIGN))
    with refusal(CKR.DEVICE_ERROR):
        await client.sign(session, key, CKM.ECDSA, bytes(48))
    assert len(await client.sign(session, key, CKM.ECDSA, bytes(48))) == 96
