# SPDX-License-Identifier: MIT
"""A hostile program that starts the host gets errors, and leaves no process behind."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.host.process import HostProcess, running
from tests.host.test_manage import PAGE
from tests.windows.conftest import Insert
from tests.windows.test_walks import sound
from tests.windows.wine import Person, Wine


@pytest.fixture
def host(wine: Wine) -> Iterator[HostProcess]:
    with sound(wine, installed=wine.host) as host:
        yield host


def programs(wine: Wine) -> list[str]:
    """Return the command lines of Kortilla's programs that run in this prefix."""
    prefix = f"WINEPREFIX={wine.environment['WINEPREFIX']}".encode()
    found, program = [], b"kortilla-host.exe"
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (each / "cmdline").read_bytes()
            if program in words and prefix in (each / "environ").read_bytes():
                found.append(words.decode())
    return found


def test_bad_messages_have_an_error_each_and_the_host_lives_on(
    host: HostProcess,
) -> None:
    for message in (b"", b"{", b"\xff", b"[" * 60_000, b"x" * 65_537):
        host.send(message)
        assert host.answer()["error"]["code"] == "INVALID_MESSAGE", message[:9]
    assert host.ask("format-disk")["error"]["code"] == "UNKNOWN_COMMAND"


def test_the_extension_is_told_that_windows_has_no_token(host: HostProcess) -> None:
    for command, more in (("token-status", {}), ("token-switch", {"on": True})):
        error = host.ask(command, page=PAGE, **more)["error"]
        assert error["code"] == "SYSTEM_UNSUPPORTED"


@pytest.mark.parametrize(
    "sent", [b"\xff\xff\xff\xff{}", b"\2\0", b"\x09\0\0\0{"], ids=["4 GiB", "2", "1"]
)
def test_a_message_that_breaks_off_is_the_end(host: HostProcess, sent: bytes) -> None:
    host.send_raw(sent)
    if sent[-1:] == b"}":
        assert host.answer()["error"]["code"] == "INVALID_MESSAGE"
    host.end_input()
    assert host.receive() is None


def test_a_client_that_goes_takes_the_window_with_it(
    wine: Wine, insert: Insert, person: Person
) -> None:
    card = insert()
    with running(wine.environment, installed=wine.host) as host:
        host.begin_login("1")
        host.begin_login("2")  # at once
        busy = host.answer()
        assert (busy["id"], busy["error"]["code"]) == ("2", "BUSY")
        window = person.see("authenticate")
        person.screen.type("12")
        assert programs(wine)
        host.end_input()
        assert host.wait() == 0
        person.screen.wait_until(lambda: window not in person.screen.ids("."))
        person.screen.wait_until(lambda: not programs(wine))
        assert "Traceback" not in host.log()
    assert card.state.read().pin1.tries == 5
