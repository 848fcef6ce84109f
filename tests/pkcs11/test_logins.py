# SPDX-License-Identifier: MIT
"""C_Login and C_Logout: a PIN that comes from the program."""

from pathlib import Path

import pytest

from kortilla.mock_card.faults import CommandName, Fault
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardBusyError
from native_host.card.mock_source import MockCardConnection, MockCardSource
from native_host.pkcs11.constants import CKF, CKM, CKR, CKS, CKU
from tests.operations.readers import SeveralReaders
from tests.operations.user import until
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


PIN_FLAGS = CKF.USER_PIN_COUNT_LOW | CKF.USER_PIN_FINAL_TRY | CKF.USER_PIN_LOCKED
#: The flags of a token by PIN1's tries left (PKCS#11 3.0 §3.2, CK_TOKEN_INFO).
BY_TRIES = {
    5: 0,
    4: CKF.USER_PIN_COUNT_LOW,
    2: CKF.USER_PIN_COUNT_LOW,
    1: CKF.USER_PIN_COUNT_LOW | CKF.USER_PIN_FINAL_TRY,
    0: CKF.USER_PIN_COUNT_LOW | CKF.USER_PIN_LOCKED,
}


async def pin_flags(client: Client) -> int:
    """Return what the token says of its PIN."""
    flags = (await client.call("GetTokenInfo", 1))[4]
    return int(flags) & PIN_FLAGS


@pytest.mark.parametrize("tries_left", BY_TRIES)
async def test_a_token_says_how_its_pin_is_when_its_card_comes(
    folder: Path, tries_left: int
) -> None:
    with MockCardState.open(folder).update() as card:
        card.pin1.tries = tries_left
    async with MockCardSource(folder) as source, open_server(source) as server:
        client = await server.client()
        assert await pin_flags(client) == BY_TRIES[tries_left]
        # A card that hides its tries is a token, of which nothing is said.
        source.remove()
        await client.event()
        faults = [Fault("6F00", on=CommandName.PIN_INFO, times=None)]
        MockCardState.open(folder).set_faults(*faults)
        source.insert()
        await client.event()
        assert await pin_flags(client) == 0


async def test_a_token_says_how_its_pin_is_after_each_login_and_asks_no_card(
    server: Server, client: Client, source: MockCardSource, folder: Path
) -> None:
    session, key = await client.key()
    other = await server.client()  # of another program, in the same process
    sent: list[bytes] = []

    async def check(tries_left: int) -> None:
        assert tries(folder) == tries_left
        del sent[:]
        for each in (client, other):
            assert await pin_flags(each) == BY_TRIES[tries_left]
        assert sent == []

    def count(self: MockCardConnection, apdu: bytes) -> tuple[bytes, int]:
        sent.append(apdu)
        return send(self, apdu)

    send = MockCardConnection.send_and_receive
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MockCardConnection, "send_and_receive", count)
        with refusal(CKR.PIN_INCORRECT):
            await client.log_in(session, b"9999")
        await check(4)
        await client.log_in(session)
        await check(5)
        await client.call("Logout", session)
        # In the window: a wrong PIN and the right one.
        server.windows.type("8888", "1234")
        await client.sign(session, key, CKM.ECDSA, bytes(32))
        await check(5)
        # Another program has used tries up. A login hears of it, and spends none.
        for left, answer in ((1, CKR.FUNCTION_REJECTED), (0, CKR.PIN_LOCKED)):
            with source._state.update() as card:
                card.pin1.tries = left
            with refusal(answer):
                await client.log_in(session)
            await check(left)
        # The person's last try in the window.
        with source._state.update() as card:
            card.pin1.tries = 1
        server.windows.type("7777")
        await client.sign_init(session, key)
        signing = client.sign_begun(session)
        await until(lambda: tries(folder) == 0)
        await until(lambda: server.windows.users[-1].unlock_offers)
        await check(0)
        await server.cancel(signing)


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
