# SPDX-License-Identifier: MIT
"""The CAN in the desktop's secret service: GNOME's keyring, on a bus of its own."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NoReturn

import pytest
import secretstorage
from jeepney import DBusAddress, HeaderFields, new_error, new_method_call
from jeepney.wrappers import DBusErrorResponse
from secretstorage import Collection, Item, dbus_init
from secretstorage.exceptions import SecretServiceNotAvailableException

from kortilla.mock_card.card_data import CAN
from native_host.card.mock_source import MockCardSource
from native_host.operations.card_status import card_status
from native_host.pin_prompt.model import CanQuestion
from native_host.platform.hardening import wipe
from native_host.state import remembered_can
from tests.operations.faulty_session import log_in
from tests.operations.user import User
from tests.support.patience import patience
from tests.support.session_bus import open_keyring as open_keyring_of_gnome
from tests.support.session_bus import open_session_bus

WRONG = "111111"

OpenKeyring = Callable[[], None]


@pytest.fixture
def open_keyring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OpenKeyring]:
    """A function that starts the keyring, unlocked, on a session bus that is there."""
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    for name in ("HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(run))
    with open_session_bus() as address, ExitStack() as started:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        yield lambda: started.enter_context(open_keyring_of_gnome())


async def ready() -> None:
    async with asyncio.timeout(patience()):
        while not await remembered_can.can_remember():
            """The keyring is starting."""


def a_source(folder: Path) -> MockCardSource:
    return MockCardSource(folder, contactless=True)


async def test_it_is_remembered_only_if_the_user_wants_that(
    folder: Path, open_keyring: OpenKeyring
) -> None:
    open_keyring()
    await ready()
    async with a_source(folder) as source:
        for allows in (False, True):
            user = User(["1234"], cans=[CAN], allows=allows)
            await log_in(source, user)
            assert user.can_questions == [CanQuestion(can_remember=True)]
        user = User(["1234"])
        await log_in(source, user)
        assert user.can_questions == []


async def test_a_wrong_one_is_not_remembered_and_an_old_one_forgotten(
    folder: Path, open_keyring: OpenKeyring
) -> None:
    open_keyring()
    await ready()
    async with a_source(folder) as source:
        user = User(["1234"], cans=[WRONG, CAN], allows=True)
        await log_in(source, user)
        assert await remembered_can.recall() == bytearray(CAN, "ascii")
        await remembered_can.remember(bytearray(WRONG, "ascii"))
        user = User(["1234"], cans=[CAN])
        await log_in(source, user)
        assert user.can_questions == [CanQuestion(True, True, True)]
        assert source._state.read().wrong_cans == 0
        assert await remembered_can.recall() is None


@pytest.mark.parametrize("bus", [True, False])
async def test_without_a_store_the_box_is_not_shown(
    bus: bool, folder: Path, request: pytest.FixtureRequest
) -> None:
    if bus:
        request.getfixturevalue("open_keyring")  # which is not started
    async with a_source(folder) as source:
        user = User(["1234"], cans=[CAN], allows=True)
        await log_in(source, user)
        assert user.can_questions == [CanQuestion()]
    assert await remembered_can.recall() is None


async def test_a_store_that_hangs_holds_up_nobody_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = asyncio.Event()

    async def never(_function: object) -> None:
        await over.wait()

    monkeypatch.setattr(remembered_can, "in_thread", never)
    monkeypatch.setattr(remembered_can, "_WITHIN", 0.01)
    assert await remembered_can.can_remember() is False
    assert await remembered_can.recall() is None


async def test_a_store_that_hangs_is_asked_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A browser looks for cards again and again."""
    over = threading.Event()
    asked: list[bool] = []

    def hang() -> NoReturn:
        asked.append(True)
        over.wait(patience())
        raise SecretServiceNotAvailableException

    monkeypatch.setattr(secretstorage, "dbus_init", hang)
    monkeypatch.setattr(remembered_can, "_WITHIN", 0.02)
    for _ in range(3):
        assert await remembered_can.recall() is None
    assert asked == [True]
    over.set()


async def test_a_store_that_answers_with_an_error_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that the bus can't start."""
    call = new_method_call(DBusAddress("/", "a.b", "a.b"), "Get")
    call.header.fields[HeaderFields.sender] = ":1.1"
    error = new_error(call, "org.freedesktop.DBus.Error.Spawn.ChildExited")

    def fail() -> NoReturn:
        raise DBusErrorResponse(error)

    monkeypatch.setattr(secretstorage, "dbus_init", fail)
    async with a_source(folder) as source:
        user = User(["1234"], cans=[CAN], allows=True)
        await log_in(source, user)
        assert user.can_questions == [CanQuestion()]


async def test_what_is_no_can_is_not_recalled(
    folder: Path, open_keyring: OpenKeyring
) -> None:
    """The user may have changed it, in the desktop's program for passwords."""
    open_keyring()
    await ready()
    async with a_source(folder) as source:
        for wrong in ("", "12345", "1234567", "12 456"):
            await remembered_can.remember(bytearray(wrong, "ascii"))
            assert await remembered_can.state() == "none"
            user = User(["1234"], cans=[CAN], allows=True)
            await log_in(source, user)
            assert user.can_questions == [CanQuestion(can_remember=True)], wrong
            assert await remembered_can.recall() == bytearray(CAN, "ascii")


async def test_a_slow_store_gets_no_wiped_number(
    open_keyring: OpenKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_keyring()
    await ready()
    monkeypatch.setattr(remembered_can, "_WITHIN", patience())
    can = bytearray(CAN, "ascii")
    with remembered_can._ONE_AT_A_TIME:
        remembering = asyncio.create_task(remembered_can.remember(can))
        await asyncio.sleep(0)  # it begins
        wipe(can)
    await remembering
    assert await remembered_can.recall() == bytearray(CAN, "ascii")


async def test_the_status_asks_nobody(folder: Path, open_keyring: OpenKeyring) -> None:
    open_keyring()
    await ready()
    async with a_source(folder) as source:
        [status] = await card_status(source)
        assert status["card"] is None
        assert status["error"]["kind"] == "CONTACTLESS"
        assert source._state.read().wrong_cans == 0
        await remembered_can.remember(bytearray(CAN, "ascii"))
        [status] = await card_status(source)
        assert status["card"] is not None
        assert status["card"]["tries"] == {"PIN1": 5, "PIN2": 5, "PUK": 5}
        await remembered_can.remember(bytearray(WRONG, "ascii"))
        for _ in range(2):  # it is sent once
            [status] = await card_status(source)
            assert status["error"]["kind"] == "CONTACTLESS"
            assert source._state.read().wrong_cans == 1
        assert await remembered_can.recall() is None


async def test_it_is_forgotten_unless_the_store_is_locked(
    open_keyring: OpenKeyring,
) -> None:
    assert (await remembered_can.state(), await remembered_can.forget()) == (
        "absent",
        True,
    )
    open_keyring()
    await ready()
    assert await remembered_can.state() == "none"
    await remembered_can.remember(bytearray(CAN, "ascii"))
    assert await remembered_can.state() == "remembered"
    with closing(dbus_init()) as bus:
        Collection(bus).lock()
    assert await remembered_can.state() == "locked"
    assert await remembered_can.forget() is False
    assert await remembered_can.recall() is None
    assert await remembered_can.can_remember() is False
    await remembered_can.remember(bytearray(WRONG, "ascii"))
    with closing(dbus_init()) as bus:
        [item] = Collection(bus).get_all_items()
        assert item.is_locked()


async def test_it_is_forgotten_though_the_store_asks_before_it_deletes(
    open_keyring: OpenKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card would get a wrong one again and again."""
    open_keyring()
    await ready()
    await remembered_can.remember(bytearray(CAN, "ascii"))
    monkeypatch.setattr(Item, "delete", lambda _item: None)
    assert await remembered_can.forget() is True
    assert await remembered_can.recall() is None
    assert await remembered_can.state() == "none"


async def test_it_is_forgotten_in_each_store(open_keyring: OpenKeyring) -> None:
    open_keyring()
    await ready()
    await remembered_can.remember(bytearray(CAN, "ascii"))
    with closing(dbus_init()) as bus:
        session = Collection(bus, "/org/freedesktop/secrets/collection/session")
        [item] = Collection(bus).get_all_items()
        session.create_item(item.get_label(), item.get_attributes(), WRONG.encode())
        Collection(bus).create_item("other", {"application": "other"}, b"secret")
        assert await remembered_can.forget() is True
        assert await remembered_can.state() == "none"
        assert [e.get_label() for e in Collection(bus).get_all_items()] == ["other"]
        assert [*session.get_all_items()] == []
