# SPDX-License-Identifier: MIT
"""C_Login and C_Logout: a PIN that comes from the program."""

from pathlib import Path

import pytest

from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardBusyError
from native_host.card.mock_source import MockCardSource
from native_host.pkcs11.constants import CKF, CKR, CKS, CKU
from tests.operations.readers import SeveralReaders
from tests.pkcs11.client import Client, refusal
from tests.pkcs11.conftest import Server, change_pin, open_server, tries

CONTEXT_SPECIFIC = 2  # CKU_CONTEXT_SPECIFIC


async def test_after_a_login_no_window_is_shown_until_its_pin_is_wrong(
    server: Server, client: Client, folder: Path
) -> None:
    session, key = await client.key()
    await client.refused(CKR.USER_NOT_LOGGED_IN, "Logout", session)
    await client.log_in(session)
    assert await client.session_state(session) == CKS.RO_USER_FUNCTIONS
    other = await client.open_session(flags=CKF.RW_SESSION | CKF.SERIAL_SESSION)
    assert await client.session_state(other) == CKS.RW_USER_FUNCTIONS
    with refusal(CKR.USER_ALREADY_LOGGED_IN):
        await client.log_in(other)
    for _ in range(2):
        assert len(await client.sign(session, key)) == 96
    change_pin(folder, "4321")
    with refusal(CKR.PIN_INCORRECT):
        await client.sign(session, key)
    assert await client.session_state(session) == CKS.RO_PUBLIC_SESSION
    await client.log_in(session, b"4321")
    assert len(await client.sign(session, key)) == 96
    assert server.windows.users == []


@pytest.mark.parametrize(
    "how", ["Logout", "CloseSession", "CloseAllSessions", "Finalize", "card"]
)
async def test_a_login_ends_with_what_it_was_for(
    server: Server, client: Client, source: MockCardSource, how: str
) -> None:
    session = await client.open_session()
    await client.log_in(session)
    if how == "card":
        await client.event()
        gone = client.begin("WaitForSlotEvent", 0)
        source.remove()
        await gone
        back = client.begin("WaitForSlotEvent", 0)
        source.insert()
        await back
    else:
        argument = {"CloseAllSessions": [1], "Finalize": []}.get(how, [session])
        await client.call(how, *argument)
    if how == "Finalize":
        await client.initialize()
    session, signing = await server.ask(client)
    assert await client.session_state(session) == CKS.RO_PUBLIC_SESSION
    await server.cancel(signing)


@pytest.mark.parametrize(
    ("left", "puk", "value"),
    [
        (5, 5, None),  # it may be set, so it is tried
        (0, 5, CKR.USER_PIN_NOT_INITIALIZED),
        (0, 0, CKR.PIN_LOCKED),
    ],
)
async def test_a_pin_of_which_the_card_says_that_it_was_never_set(
    client: Client, folder: Path, left: int, puk: int, value: CKR | None
) -> None:
    with MockCardState.open(folder).update() as card:
        card.pin1.changed, card.pin1.tries, card.puk.tries = False, left, puk
    session = await client.open_session()
    if value is None:
        await client.log_in(session)
    else:
        with refusal(value):
            await client.log_in(session)


async def test_what_is_no_pin_costs_no_try(client: Client, folder: Path) -> None:
    session = await client.open_session()
    for user, pin, value in (
        (CKU.USER, b"", CKR.PIN_LEN_RANGE),
        (CKU.USER, b"123", CKR.PIN_LEN_RANGE),
        (CKU.USER, b"1" * 13, CKR.PIN_LEN_RANGE),
        (CKU.USER, b"1" * 100_000, CKR.PIN_LEN_RANGE),
        (CKU.USER, None, CKR.ARGUMENTS_BAD),
        (CKU.USER, b"12a4", CKR.PIN_INVALID),
        (CKU.USER, b"\xff\xff\xff\xff", CKR.PIN_INVALID),
        (CKU.SO, b"12345678", CKR.SESSION_READ_ONLY_EXISTS),
        (CONTEXT_SPECIFIC, b"1234", CKR.USER_TYPE_INVALID),
        (99, b"1234", CKR.USER_TYPE_INVALID),
    ):
        with refusal(value):
            await client.log_in(session, pin, user)
    assert tries(folder) == 5


async def test_wrong_pins_are_counted_but_the_last_try_is_not_spent(
    client: Client, folder: Path
) -> None:
    session = await client.open_session()
    for number in range(4):
        pin = b"%d" % (5000 + number)
        # The program's refused PIN is not sent to the card again.
        for _ in range(2 if number < 3 else 1):
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
    session = await client.open_session()

    async def held(_reader: object) -> None:
        raise CardBusyError("held")

    monkeypatch.setattr(source, "connect", held)
    with refusal(CKR.DEVICE_ERROR):
        await client.log_in(session)


async def test_each_token_has_a_login_of_its_own(two: SeveralReaders) -> None:
    async with open_server(two) as server:
        client = await server.client()
        await client.slots()
        (one, key), other = await client.key(1), await client.open_session(2)
        # Another program's use of a card in another reader does not matter.
        two.busy.add("B")
        await client.log_in(one)
        two.busy.clear()
        assert await client.session_state(other) == CKS.RO_PUBLIC_SESSION
        await client.log_in(other)
        two.sources["B"].remove()
        while await client.slots() != [1]:
            await client.event()
        assert await client.session_state(one) == CKS.RO_USER_FUNCTIONS
        assert len(await client.sign(one, key)) == 96
        await client.call("Logout", one)
        assert server.windows.users == []
