# SPDX-License-Identifier: MIT
"""The history: kept only where it is wanted, by its owner alone, and gone when off."""

import asyncio
import json
import os
import resource
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from subprocess import PIPE, Popen

import pytest
from PySide6.QtWidgets import QCheckBox

from native_host.card.errors import CardBusyError
from native_host.card.mock_source import MockCardSource
from native_host.card.pin_pad import PadUse
from native_host.cli import main
from native_host.desktop.pages.settings import Page
from native_host.errors import UserCancelledError
from native_host.gui.panels import Notice
from native_host.install.host import install
from native_host.operations.authenticate import AuthenticateRequest, authenticate
from native_host.operations.request import Context, check_origin
from native_host.pin_prompt.automatic import AutomaticPrompt
from native_host.state import history, unused_pads
from native_host.state.history import Entry
from tests.desktop.conftest import (
    Open,
    buttons,
    hear,
    page_of,
    unnamed,
    until,
    visible,
    words,
)
from tests.support import cards

ORIGIN = "https://service.example"


@pytest.fixture
def file(home: Path) -> Path:
    return home / ".local/state/kortilla/history.jsonl"


def do(result: Exception | None = None, who: str = ORIGIN) -> None:
    with history.recorded("sign", who, ["a.pdf"]):
        if result:
            raise result


def test_nothing_is_kept_unless_it_is_switched_on(file: Path) -> None:
    do()
    assert history.entries() == []
    assert not file.parent.exists()
    history.switch_on()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    do()
    [entry] = history.entries()
    assert (entry.what, entry.who, entry.names) == ("sign", ORIGIN, ("a.pdf",))
    assert entry.result == "done"
    history.switch_off()
    assert not file.exists()
    do()
    assert not file.exists()


def test_the_result_is_the_obstacle(file: Path) -> None:
    history.switch_on()
    for error in (
        CardBusyError("…"),
        UserCancelledError(),
        UserCancelledError(reason="NO_READER"),
        asyncio.CancelledError(),
    ):
        with pytest.raises(type(error)):
            do(error)  # type: ignore[arg-type]
    assert [each.result for each in history.entries()] == [
        *("ENDED", "NO_READER", "USER_CANCELLED", "CARD_BUSY")
    ]


def test_the_oldest_go_first_and_long_names_are_cut(file: Path) -> None:
    history.switch_on()
    line = json.dumps(
        {"time": "", "what": "sign", "who": "old", "names": [], "result": "done"}
    )
    file.write_text(f"{line}\n" * history._MOST)
    do(who="x" * 5000)
    found = history.entries()
    assert len(found) == history._MOST
    assert len(found[0].who) == history._LONGEST_NAME


def test_lines_that_are_broken_are_left_out(file: Path) -> None:
    history.switch_on()
    do()
    good = file.read_text()
    broken = ["{", "[" * 100_000, '{"names": 1}', "[]", "\ufffd"]
    file.write_text("\n".join([*broken, good]))
    assert len(history.entries()) == 1


def open_to_others(file: Path) -> None:
    file.touch(0o644)
    file.chmod(0o644)


@pytest.mark.parametrize(
    "put",
    [
        lambda file: file.symlink_to(file.with_name("other")),
        lambda file: file.mkdir(),
        os.mkfifo,
        open_to_others,
    ],
    ids=["link", "folder", "pipe", "open to others"],
)
def test_another_file_in_its_place_is_not_written(
    file: Path, put: Callable[[Path], object]
) -> None:
    file.parent.mkdir(parents=True)
    other = file.with_name("other")
    other.touch()
    put(file)
    do()
    assert history.entries() == []
    assert other.read_text() == ""
    assert not file.is_file() or file.read_text() == ""


@pytest.fixture
def other_program(file: Path) -> Iterator[Popen[bytes]]:
    """Another process, which has the history's lock until its input ends."""
    history.switch_on()
    with Popen(
        ["flock", str(file), "sh", "-c", "echo; cat"], stdin=PIPE, stdout=PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process


def wait_for_writing() -> None:
    for each in threading.enumerate():
        if each.name == "kortilla-history":
            each.join(60)
            assert not each.is_alive()


def test_another_programs_lock_does_not_delay_what_the_person_does(
    other_program: Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_PATIENCE", 60)
    do()  # it would wait for ever
    assert history.entries() == []
    other_program.communicate()
    wait_for_writing()
    assert [each.who for each in history.entries()] == [ORIGIN]


def test_a_lock_that_stays_does_not_keep_the_program_from_its_end(
    other_program: Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(history, "_PATIENCE", 0)
    do()
    wait_for_writing()
    assert "The history can't be written" in caplog.text
    other_program.communicate()
    assert history.entries() == []


def test_the_connections_of_one_login_are_one_entry(file: Path) -> None:
    history.switch_on()

    def identify(who: str = "Firefox") -> None:
        with history.recorded("identify", who):
            pass

    identify()
    identify()
    assert len(history.entries()) == 1
    with pytest.raises(UserCancelledError), history.recorded("identify", "Firefox"):
        raise UserCancelledError
    identify()
    identify("Chromium")
    do()
    do()  # each signature counts
    assert len(history.entries()) == 6
    for time in ("2026-01-01T12:00:00+02:00", "2099-01-01T12:00:00+02:00", "once"):
        entry = Entry(time, "identify", "Firefox", (), "done")
        file.write_text(f"{json.dumps(asdict(entry))}\n")
        identify()
        assert len(history.entries()) == 2


def test_a_full_disk_leaves_the_history_as_it_is(file: Path) -> None:
    history.switch_on()
    do()
    before = file.read_bytes()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before), limit[1]))
    try:
        do()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert file.read_bytes() == before
    do()
    assert len(history.entries()) == 2


async def test_an_identification_is_in_it(home: Path, file: Path) -> None:
    history.switch_on()
    request = AuthenticateRequest(
        origin=check_origin(ORIGIN), challenge_nonce="A" * 43 + "=", language="en"
    )
    async with MockCardSource(cards.new_card(home / "card").folder) as source:
        await authenticate(Context(source, AutomaticPrompt({"PIN1": "1234"})), request)
    [entry] = history.entries()
    assert (entry.what, entry.who, entry.result) == ("identify", ORIGIN, "done")
    content = await asyncio.to_thread(file.read_text)
    assert "1234" not in content and "SPECIMEN" not in content


def test_the_page_switches_shows_saves_and_deletes(
    open_window: Open, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window()
    heard = hear(window.services, monkeypatch)
    page = page_of(window, Page)
    until(lambda: page._found)

    def box() -> QCheckBox:
        boxes = {each.text(): each for each in visible(page, QCheckBox)}
        return boxes["Keep a history"]

    assert not box().isChecked()
    box().click()
    assert file.exists()
    assert "There is no history yet." in words(page)
    do(who="https://a\u202e.example")
    page.window_activated()
    assert "a.pdf" not in words(page)  # nobody reads it over the person's shoulder
    fold = buttons(page)["Show the history"]
    fold.setFocus()
    fold.click()
    assert fold.hasFocus()
    assert "Signature: https://a\ufffd.example" in words(page)
    assert "a.pdf" in words(page)
    do(who="")  # the person's own files
    page.window_activated()
    assert "Signature: on this computer" in words(page)
    assert unnamed(window) == []

    saved = tmp_path / "saved.json"
    saved.touch(0o644)
    page.history.save(saved)
    assert json.loads(saved.read_text())[1]["names"] == ["a.pdf"]
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    [notice] = visible(page, Notice)
    assert (notice.label.text(), notice.kind) == (heard[-1], "good")
    assert heard[-1] == "The history has been saved."
    page.history.save(tmp_path)
    assert "The history could not be saved or deleted." in words(page)

    buttons(page)["Delete the history"].click()
    assert heard[-1] == "Delete the whole history? It can’t be brought back."
    buttons(page)["Don’t delete"].setFocus()
    buttons(page)["Don’t delete"].click()
    assert box().hasFocus()
    assert len(history.entries()) == 2
    buttons(page)["Delete the history"].click()
    with file.open() as opened:
        buttons(page)["Delete all"].click()
        assert os.fstat(opened.fileno()).st_nlink == 1, "it was off for a moment"
    assert history.entries() == []

    do()
    page.window_activated()
    box().click()
    assert box().isChecked()  # until the person says yes
    buttons(page)["Delete all"].click()
    assert not file.exists()
    assert not box().isChecked()


def test_uninstalling_deletes_it(file: Path, home: Path) -> None:
    install(["firefox"])
    history.switch_on()
    do()
    unused_pads.note("SPECIMEN Reader", PadUse.VERIFY)
    assert main(["uninstall", "--dry-run"]) == 0
    assert file.exists()
    assert unused_pads.products()
    assert main(["uninstall"]) == 0
    assert not file.parent.exists()
