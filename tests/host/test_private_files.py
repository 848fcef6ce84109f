# SPDX-License-Identifier: MIT
"""Nobody else can write to the program's files, or have it follow a link."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from kortilla.mock_card.errors import MockCardError
from kortilla.mock_card.state import MockCardState
from kortilla.revocation import crl
from kortilla.revocation.certificates import Subject
from kortilla.revocation.interface import NoAnswerError
from native_host.agent import presence
from native_host.card.source import Reader
from native_host.desktop.single_window import SingleWindow
from native_host.desktop.system_settings import save_setting
from native_host.errors import KortillaError
from native_host.install import desktop_database, nss
from native_host.platform.private_files import read_private
from native_host.recipients import address_book
from native_host.state import activation_offers, history, unused_pads
from tests.kortilla.pki import CA

READER = Reader("SPECIMEN Reader", atr=b"\x3b", insertion=1, events=7)
PRECIOUS = "7 3b"  # which is also the record of this insertion


@pytest.fixture
def home(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty HOME and, in it, an empty runtime folder."""
    (empty_home / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(empty_home / "run"))
    return empty_home


def a_folder_of_links(ours: Path, others: Path) -> None:
    """Let everybody write in the folder. Its files are links."""
    ours.mkdir()
    ours.chmod(0o777)
    for each in others.iterdir():
        (ours / each.name).symlink_to(each)


def a_private_folder_of_links(ours: Path, others: Path) -> None:
    """Make the files links, which may come from a time when others could write."""
    a_folder_of_links(ours, others)
    ours.chmod(0o700)


def a_link(ours: Path, others: Path) -> None:
    ours.symlink_to(others)


@pytest.mark.parametrize(
    "prepare", [a_folder_of_links, a_private_folder_of_links, a_link]
)
def test_no_link_in_the_runtime_folder_is_followed(
    home: Path, prepare: Callable[[Path, Path], None]
) -> None:
    ours, others = home / "run/kortilla", home / "others"
    activation_offers.note(READER)
    [record] = ours.iterdir()
    others.mkdir(mode=0o700)
    for name in (record.name, "agent.lock", "window.lock"):
        (others / name).write_text(PRECIOUS)
    record.unlink()
    ours.rmdir()
    prepare(ours, others)

    assert not activation_offers.was_noted(READER)
    activation_offers.note(READER)
    try:
        with presence.only_one() as alone:
            assert alone
            assert presence.is_running()
    except KortillaError:
        assert prepare is a_private_folder_of_links
    with closing(SingleWindow()) as window:
        assert window.claim()
    activation_offers.forget_all()
    presence.forget()
    assert {each.read_text() for each in others.iterdir()} == {PRECIOUS}
    assert len(list(others.iterdir())) == 3


def test_a_pipe_in_the_runtime_folder_is_not_waited_for(home: Path) -> None:
    activation_offers.note(READER)
    [record] = (home / "run/kortilla").iterdir()
    record.unlink()
    os.mkfifo(record)
    activation_offers.note(READER)
    assert not activation_offers.was_noted(READER)


@pytest.mark.usefixtures("home")
def test_cards_that_can_not_be_forgotten_hold_up_no_removal() -> None:
    declined = activation_offers.declined_path()
    declined.parent.mkdir(parents=True)
    declined.touch()
    declined.parent.chmod(0o777)
    presence.set_enabled(False)
    presence.forget()
    assert presence.is_enabled()
    presence.set_enabled(False)
    with pytest.raises(PermissionError):
        presence.set_enabled(True)
    assert presence.is_enabled()


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def check_modes(place: Path) -> None:
    """Check that only the owner can write below a folder."""
    found = [each for each in place.rglob("*") if not each.is_symlink()]
    assert found
    writable = [each for each in found if each.stat().st_mode & 0o022]
    assert writable == []


@pytest.mark.usefixtures("no_umask")
def test_without_an_umask_modes_are_private_all_the_same(home: Path) -> None:
    activation_offers.note(READER)
    with presence.only_one():
        pass
    presence.set_enabled(False)
    history.switch_on()
    save_setting("language", "sv")
    with closing(SingleWindow()) as window:
        window.claim()
    MockCardState.create(home / "a/b/card")
    check_modes(home)
    assert {each.stat().st_mode & 0o777 for each in (home / ".config").rglob("*")} == {
        0o700,
        0o600,
    }


@pytest.mark.usefixtures("no_umask")
def test_commands_narrow_the_umask_for_all_that_they_start(home: Path) -> None:
    (home / ".config/chromium").mkdir(mode=0o700, parents=True)
    (home / ".config").chmod(0o700)
    card = ("--card", "mock", "--prompt", "automatic")
    challenge = ("--origin", "https://service.example", "--nonce", "A" * 44)
    for words in (
        ("install", "--browser", "chromium"),
        ("mock-card", "new"),
        ("agent", "--disable"),
        ("identify", *challenge, *card),
    ):
        command = [sys.executable, "-I", "-m", "native_host.cli", *words]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == 0, (words, done.stderr)
    check_modes(home)


def _revocation_list(path: Path) -> None:
    issuer = Subject.of(CA.create("SPECIMEN CA").certificate)
    crl.load(path, issuer=issuer, most_octets=9)


#: Own files, those of browsers and those of testers: what reads each, and its name.
READERS: dict[str, Callable[[Path], object]] = {
    "card.json": lambda path: MockCardState.open(path.parent),
    "list.crl": _revocation_list,
    ".parentlock": nss._is_locked,
    "note": lambda path: desktop_database.forget_actions(path.parent, path),
    "history.jsonl": lambda _: history.entries(),
    "recipients.json": lambda _: address_book.people(),
    "unused-pads": lambda _: unused_pads.products(),
    "last-folder": lambda path: read_private(path, 9),
    "declined-cards": lambda _: activation_offers.count_declined(),
}


@pytest.mark.parametrize("name", READERS)
def test_no_pipe_in_place_of_a_file_holds_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable in ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    folder = tmp_path / "kortilla"
    folder.mkdir(0o700)
    os.mkfifo(folder / name)
    with suppress(OSError, KortillaError, MockCardError, NoAnswerError):
        READERS[name](folder / name)
