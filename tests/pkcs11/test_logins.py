# SPDX-License-Identifier: MIT
"""C_Login and C_Logout: a PIN that comes from the program."""

from pathlib import Path

import pytest

from kortilla.testing.state import MockCardState
from native_host.card.errors import CardBusyError
from native_host.mock_card.source import MockCardSource
from tests.operations.person import until
from tests.operations.readers import SeveralReaders
from tests.operations.tls_logins import change_pin
from tests.pkcs11.client import CkrError, Client, octets, u32, u64
from tests.pkcs11.conftest import CopyCard, House, open_house
from tests.pkcs11.signing import ECDSA, key_of, refused, tries


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
    with pytest.raises(CkrError, match="0x50"):
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
    with pytest.raises(CkrError, match="0x50"):
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


async def test_a_card_that_another_program_holds_is_a_device_error(
    client: Client, source: MockCardSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = await key_of(client)

    async def held(_reader: object) -> None:
        raise CardBusyError("held")

    monkeypatch.setattr(source, "connect", held)
    await refused(client, 0x30, "Login", u64(session), u64(1), octets(b"1234"))


async def test_a_login_ends_where_its_pin_is_not_the_right_one_any_more(
    house: House, client: Client, folder: Path
) -> None:
    session, key = await key_of(client)
    await client.call("Login", u64(session), u64(1), octets(b"1234"))
    change_pin(folder, "4321")
    with pytest.raises(CkrError, match="0xa0"):
        await client.sign(session, key, ECDSA, bytes(48))
    assert await client.call("GetSessionInfo", u64(session)) == [1, 0, 4, 0]
    await client.call("Login", u64(session), u64(1), octets(b"4321"))
    assert len(await client.sign(session, key, ECDSA, bytes(48))) == 96
    assert house.windows == []


async def test_each_token_has_a_login_of_its_own(copy_card: CopyCard) -> None:
    async with (
        MockCardSource(copy_card("v4.2")) as first,
        MockCardSource(copy_card("v5")) as second,
        open_house(two := SeveralReaders({"A": first, "B": second})) as house,
    ):
        client = await house.client()
        await client.call("GetSlotList", b"\1", u32(9))
        one, other = await client.open_session(1), await client.open_session(2)
        # What another program does with a card in another reader is no obstacle.
        two.busy.add("A")
        await client.call("Login", u64(other), u64(1), octets(b"1234"))
        two.busy.clear()
        assert (await client.call("GetSessionInfo", u64(one)))[1] == 0
        await client.call("Login", u64(one), u64(1), octets(b"1234"))
        first.remove()
        while await client.call("GetSlotList", b"\1", u32(9)) != [[2]]:
            await client.call("WaitForSlotEvent", u64(0))
        assert (await client.call("GetSessionInfo", u64(other)))[1] == 1
        [key] = await client.find(other, {0x0: 3})
        assert len(await client.sign(other, key, ECDSA, bytes(48))) == 96
        await client.call("Logout", u64(other))
        assert house.windows == []
