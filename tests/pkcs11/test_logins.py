# SPDX-License-Identifier: MIT
"""C_Login and C_Logout: a PIN that comes from the program."""

from pathlib import Path

import pytest

from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardBusyError
from native_host.card.mock_source import MockCardSource
from tests.operations.readers import SeveralReaders
from tests.operations.user import until
from tests.pkcs11.client import Client, u32, u64
from tests.pkcs11.conftest import CopyCard, Server, open_server
from tests.pkcs11.names import CKA, CKF, CKM, CKO, CKR, CKS, CKU
from tests.pkcs11.signing import key_of, refusal, refused
from tests.pkcs11.tls_logins import change_pin, tries


async def test_after_a_login_no_window_is_shown_until_the_logout(
    server: Server, client: Client
) -> None:
    session, key = await key_of(client)
    await refused(client, CKR.USER_NOT_LOGGED_IN, "Logout", u64(session))
    await client.log_in(session)
    assert await client.session_state(session) == CKS.RO_USER_FUNCTIONS
    other = await client.open_session(flags=CKF.RW_SESSION | CKF.SERIAL_SESSION)
    assert await client.session_state(other) == CKS.RW_USER_FUNCTIONS
    with refusal(CKR.USER_ALREADY_LOGGED_IN):
        await client.log_in(other)
    for _ in range(2):
        assert len(await client.sign(session, key, CKM.ECDSA, bytes(48))) == 96
    assert server.windows == []
    await client.call("Logout", u64(session))
    assert await client.session_state(session) == CKS.RO_PUBLIC_SESSION
    await client.sign_init(session, key, CKM.ECDSA)
    signing = client.sign_begun(session, bytes(48))
    await until(lambda: server.windows and server.windows[0].questions)
    server.windows[0].cancel()
    with refusal(CKR.FUNCTION_CANCELED):
        await signing


@pytest.mark.parametrize(
    "how", ["CloseSession", "CloseAllSessions", "Finalize", "card"]
)
async def test_a_login_ends_with_what_it_was_for(
    server: Server, client: Client, source: MockCardSource, how: str
) -> None:
    session, _ = await key_of(client)
    await client.log_in(session)
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
    assert await client.session_state(session) == CKS.RO_PUBLIC_SESSION
    await client.sign_init(session, key, CKM.ECDSA)
    signing = client.sign_begun(session, bytes(48))
    await until(lambda: server.windows and server.windows[0].questions)
    server.windows[0].cancel()
    with refusal(CKR.FUNCTION_CANCELED):
        await signing


async def test_what_is_no_pin_costs_no_try(client: Client, folder: Path) -> None:
    session, _ = await key_of(client)
    for user, pin, value in (
        (CKU.USER, b"", CKR.PIN_LEN_RANGE),
        (CKU.USER, b"123", CKR.PIN_LEN_RANGE),
        (CKU.USER, b"1" * 13, CKR.PIN_LEN_RANGE),
        (CKU.USER, b"1" * 100_000, CKR.PIN_LEN_RANGE),
        (CKU.USER, None, CKR.ARGUMENTS_BAD),
        (CKU.USER, b"12a4", CKR.PIN_INVALID),
        (CKU.USER, b"\xff\xff\xff\xff", CKR.PIN_INVALID),
        (CKU.SO, b"12345678", CKR.SESSION_READ_ONLY_EXISTS),
        (CKU.CONTEXT_SPECIFIC, b"1234", CKR.USER_TYPE_INVALID),
        (99, b"1234", CKR.USER_TYPE_INVALID),
    ):
        with refusal(value):
            await client.log_in(session, pin, user)
    assert tries(folder) == 5


async def test_wrong_pins_are_counted_but_the_last_try_is_not_spent(
    client: Client, folder: Path
) -> None:
    session, _ = await key_of(client)
    for number in range(4):
        pin = b"%d" % (5000 + number)
        with refusal(CKR.PIN_INCORRECT):
            await client.log_in(session, pin)
        assert tries(folder) == 4 - number
        # The program's refused PIN is not sent to the card again.
        if number < 3:
            with refusal(CKR.PIN_INCORRECT):
                await client.log_in(session, pin)
            assert tries(folder) == 4 - number
    with refusal(CKR.FUNCTION_REJECTED):
        await client.log_in(session)
    assert tries(folder) == 1
    with MockCardState.open(folder).update() as data:
        data.pin1.tries = 0
    with refusal(CKR.PIN_LOCKED):
        await client.log_in(session)


async def test_a_card_that_another_program_holds_is_a_device_error(
    client: Client, source: MockCardSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = await key_of(client)

    async def held(_reader: object) -> None:
        raise CardBusyError("held")

    monkeypatch.setattr(source, "connect", held)
    with refusal(CKR.DEVICE_ERROR):
        await client.log_in(session)


async def test_a_login_ends_where_its_pin_is_not_the_right_one_any_more(
    server: Server, client: Client, folder: Path
) -> None:
    session, key = await key_of(client)
    await client.log_in(session)
    change_pin(folder, "4321")
    with refusal(CKR.PIN_INCORRECT):
        await client.sign(session, key, CKM.ECDSA, bytes(48))
    assert await client.session_state(session) == CKS.RO_PUBLIC_SESSION
    await client.log_in(session, b"4321")
    assert len(await client.sign(session, key, CKM.ECDSA, bytes(48))) == 96
    assert server.windows == []


async def test_each_token_has_a_login_of_its_own(copy_card: CopyCard) -> None:
    async with (
        MockCardSource(copy_card("v4.2")) as first,
        MockCardSource(copy_card("v5")) as second,
        open_server(two := SeveralReaders({"A": first, "B": second})) as server,
    ):
        client = await server.client()
        await client.call("GetSlotList", b"\1", u32(9))
        one, other = await client.open_session(1), await client.open_session(2)
        # Another program's use of a card in another reader does not matter.
        two.busy.add("A")
        await client.log_in(other)
        two.busy.clear()
        assert await client.session_state(one) == CKS.RO_PUBLIC_SESSION
        await client.log_in(one)
        first.remove()
        while await client.call("GetSlotList", b"\1", u32(9)) != [[2]]:
            await client.call("WaitForSlotEvent", u64(0))
        assert await client.session_state(other) == CKS.RO_USER_FUNCTIONS
        [key] = await client.find(other, {CKA.CLASS: CKO.PRIVATE_KEY})
        assert len(await client.sign(other, key, CKM.ECDSA, bytes(48))) == 96
        await client.call("Logout", u64(other))
        assert server.windows == []
