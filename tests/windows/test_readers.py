# SPDX-License-Identifier: MIT
"""Cards and readers that come and go, contactless ones, PIN pads, reports of cards.

A log of what the host has the window show says more than the window's colours.
``winscard.c`` takes the place of Wine's winscard, where a transaction lasts forever.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.card_data import CAN
from kortilla.mock_card.contactless import ContactlessCard
from kortilla.mock_card.faults import CommandName
from kortilla.mock_card.state import MockCardState
from native_host.card.pcsc_connection import Code
from tests.host.process import HostProcess, running
from tests.support import cards, commands
from tests.support.patience import patience
from tests.support.pcsc import READERS, Pcscd
from tests.support.sight import Sight
from tests.support.terminal import Terminal
from tests.windows.conftest import Insert
from tests.windows.wine import Person, Wine, windows_path

PIN1, WRONG_CAN = "1234", "111111"
_LOG = """
from native_host.pin_prompt.window import WindowPrompt
send = WindowPrompt._send
def log(self, message):
    said = getattr(message, "question", None) or getattr(message, "step", "")
    problem = getattr(message, "problem", None)
    said = said if isinstance(said, str) else type(said).__name__
    words = type(message).__name__, said, problem and problem.code
    with open({path!r}, "a", encoding="utf-8") as file:
        print(*filter(None, words), file=file)
    send(self, message)
WindowPrompt._send = log
"""


#: How the service starts: SERVICE_DISABLED and SERVICE_DEMAND_START.
_DISABLED, _ON_DEMAND = "4", "3"
#: Sets how the service starts. "plugged" says that there is the device of a reader.
_SERVICE = r"""
import ctypes, sys, winreg
from contextlib import suppress
from ctypes import wintypes
start, *plugged = sys.argv[1:]
services = ctypes.WinDLL("advapi32")
services.OpenSCManagerW.restype = services.OpenServiceW.restype = wintypes.HANDLE
manager = wintypes.HANDLE(services.OpenSCManagerW(None, None, 1))
service = wintypes.HANDLE(services.OpenServiceW(manager, "SCardSvr", 2))
same = wintypes.DWORD(0xFFFFFFFF)
names = [None] * 7
assert services.ChangeServiceConfigW(service, same, int(start), same, *names)
kind = "{50DD5230-BA8A-11D1-BF5D-0000F805F530}"
root = r"System\CurrentControlSet"
device = rf"{root}\Enum\ROOT\READER"
interface = rf"{root}\Control\DeviceClasses\{kind}"
own = rf"{interface}\##?#ROOT#READER#0000#{kind}"
values = {
    device: (), rf"{device}\0000": ("ClassGUID", 0, 1, kind), interface: (),
    own: ("DeviceInstance", 0, 1, r"ROOT\READER\0000"),
    rf"{own}\#": ("SymbolicLink", 0, 1, rf"\\?\ROOT#READER#0000#{kind}"),
    rf"{own}\#\Control": ("Linked", 0, winreg.REG_DWORD, 1),
}
for key, value in values.items() if plugged else ():
    made = winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, key)
    if value:
        winreg.SetValueEx(made, *value)
for key in () if plugged else reversed(values):
    with suppress(OSError):  # it was not there
        winreg.DeleteKey(winreg.HKEY_LOCAL_MACHINE, key)
"""
#: The command line where Windows says that the session is a remote one: it says so in
#: place of that there is a mouse, SM_MOUSEPRESENT.
_REMOTE = """
import sys
from native_host.cli import main
from native_host.platform.windows import card_service
card_service._REMOTE_SESSION = 19
sys.exit(main(sys.argv[1:]))
"""


class Shown:
    """What a host has had its window show, a line for each message."""

    def __init__(self, host: HostProcess, log: Path) -> None:
        self.host, self._log, self._seen = host, log, 0

    def wait_for(self, words: str) -> None:
        """Wait until a line with these words follows the one that was found last."""

        def is_there() -> bool:
            lines = self._log.read_text().splitlines() if self._log.exists() else []
            for number, line in enumerate(lines[self._seen :], self._seen + 1):
                if words in line:
                    self._seen = number
                    return True
            return False

        self.host.until(is_there)


class Console(Terminal):
    """A console of Windows, which Wine draws on a terminal."""

    def __init__(self, wine: Wine, *words: str) -> None:
        super().__init__()
        self.process = subprocess.Popen(
            [*wine.command, *words],
            env=wine.environment | {"TERM": "xterm"},
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
            start_new_session=True,
        )


@pytest.fixture
def shown(wine: Wine, tmp_path: Path) -> Iterator[Shown]:
    """A host that asks for a login in its window, and ends within the test."""
    log = tmp_path / "shown.log"
    prelude = _LOG.format(path=windows_path(log))
    with running(wine.environment, prelude=prelude, installed=wine.host) as host:
        yield Shown(host, log)
        host.end_input()
        assert host.wait() == 0


@pytest.fixture
def lay(pcscd: Pcscd, tmp_path: Path) -> Iterator[Callable[[], MockCardState]]:
    """Lays a card on the reader, which is a contactless one then."""

    def lay() -> MockCardState:
        state = cards.new_card(tmp_path / "contactless")
        pcscd.insert(ContactlessCard(state, wait=time.sleep))
        pcscd.settle()
        return state

    yield lay
    pcscd.pull()


def log_in(shown: Shown, person: Person) -> None:
    """Type PIN1 where it is asked for, maybe again, and see the login done."""
    shown.wait_for("PinQuestion")
    Person(person.screen, person.pictures).see("authenticate")
    person.type(PIN1)
    assert shown.host.answer()["result"]["signature"]


def test_the_number_of_a_contactless_card_is_asked_for_and_remembered(
    wine: Wine, shown: Shown, person: Person, lay: Callable[[], MockCardState]
) -> None:
    lay()
    shown.host.begin_login()
    for picture in ("can", "can-wrong"):
        shown.wait_for("CanQuestion")
        person.picture(picture, person.see("authenticate"))
        if picture == "can":
            person.type(WRONG_CAN)
    person.screen.type(CAN)
    person.screen.press("Tab", "space", "shift+Tab", "Return")
    log_in(shown, person)
    [kept] = wine.home.glob("AppData/Local/kortilla/**/can")
    assert CAN not in kept.read_text()
    shown.host.begin_login()
    log_in(shown, person)  # it is not asked for again
    forget = "import asyncio; from native_host import remembered_can as can; "
    wine.run("-I", "-c", forget + "assert asyncio.run(can.forget())")
    assert not kept.exists()


def test_a_card_that_is_pulled_is_asked_for_again(
    shown: Shown, insert: Insert, person: Person, pcscd: Pcscd
) -> None:
    card = insert()
    shown.host.begin_login()
    shown.wait_for("PinQuestion")
    person.see("authenticate")
    person.screen.type("12")
    pcscd.pull()
    shown.wait_for("Show waiting-for-card CARD_REMOVED")
    person.screen.wait_until_shown(lambda: Sight.of(person.screen.rows()).wants_card)
    pcscd.insert(card)
    log_in(shown, person)


def test_without_a_reader_windows_runs_no_service_and_the_reader_is_asked_for(
    wine: Wine, shown: Shown, insert: Insert, person: Person, pcscd: Pcscd
) -> None:
    """Windows 8 and later start the service with the first reader, and stop it."""
    pcscd.stop_service()
    try:
        assert json.loads(wine.run("card", "status", "--json").stdout) == {
            "readers": []
        }
        shown.host.begin_login()
        shown.wait_for("Show waiting-for-reader")
        window = person.screen.find_in_front("")
        person.picture("no-reader", window)
        pcscd.start_service()
        shown.wait_for("Show waiting-for-card")
        card = insert()
        shown.wait_for("PinQuestion")
        person.see("authenticate")
        pcscd.stop_service()
        shown.wait_for("Show waiting-for-reader CARD_REMOVED")
        person.picture("reader-gone", window)
    finally:
        pcscd.stop_service()
        pcscd.start_service()
    pcscd.insert(card)
    log_in(shown, person)


def test_what_keeps_windows_service_away_is_said(
    wine: Wine, shown: Shown, pcscd: Pcscd
) -> None:
    """Wine has the service, and no devices but those of its registry."""
    status = ("card", "status", "--json")

    def found() -> str:
        return wine.run("doctor", "--json", check=False).stdout

    pcscd.stop_service()
    try:
        wine.run("-I", "-c", _SERVICE, _DISABLED)
        assert "disabled" in refusal(wine, "PCSC_UNAVAILABLE", *status)
        assert "CARD_SERVICE_DISABLED" in found()
        wine.run("-I", "-c", _SERVICE, _ON_DEMAND, "plugged")
        remote = ("-I", "-c", _REMOTE, *status)
        assert "Remote Desktop" in refusal(wine, "PCSC_DENIED", *remote)
        assert "can't be reached" in refusal(wine, "PCSC_UNAVAILABLE", *status)
        assert "CARD_SERVICE_STOPPED" in found()
        shown.host.begin_login()
        shown.wait_for("Show waiting-for-reader PCSC_UNAVAILABLE")
        pcscd.start_service()
        shown.wait_for("Show waiting-for-card")
    finally:
        wine.run("-I", "-c", _SERVICE, _ON_DEMAND)
        pcscd.stop_service()
        pcscd.start_service()


def refusal(wine: Wine, code: str, *words: str) -> str:
    """Return the message of the error with this code, with which a command ends."""
    finished = wine.run(*words, check=False)
    assert finished.returncode == 1
    error = json.loads(finished.stdout)["error"]
    assert error.keys() == {"code", "message"} and error["code"] == code
    return str(error["message"])


def test_of_two_cards_the_person_chooses_one(
    shown: Shown, insert: Insert, person: Person, pcscd: Pcscd, tmp_path: Path
) -> None:
    insert()
    second = cards.new_card(tmp_path / "second", number=2)
    pcscd.insert(MockCard(second), READERS[1])
    pcscd.settle()
    try:
        shown.host.begin_login()
        shown.wait_for("ChooseCard")
        person.picture("two-cards", person.see("authenticate"))
        person.screen.press("Down", "space", "Tab", "Tab", "Return")
        shown.wait_for("PinQuestion")
        person.see("authenticate")
        person.type("9999")
        log_in(shown, person)
        assert second.read().pin1.tries == 5
    finally:
        pcscd.pull(READERS[1])


@pytest.mark.parametrize("typed", ["1234", ""], ids=["typed", "refused"])
def test_the_pin_is_typed_on_the_reader(
    shown: Shown, insert: Insert, person: Person, pcscd: Pcscd, typed: str
) -> None:
    """A reader that refuses its own keys leaves the keyboard."""
    pcscd.stop_service()
    pcscd.start_service(pin_pad=typed)
    try:
        insert()
        shown.host.begin_login()
        shown.wait_for("PinQuestion")
        person.picture(f"pin-pad-{typed}", person.see("authenticate"))
        person.screen.press("Tab", "Return")
        if typed:
            assert shown.host.answer()["result"]["signature"]
        else:
            log_in(shown, person)
    finally:
        pcscd.stop_service()
        pcscd.start_service()


def test_a_report_of_the_card_is_the_same_as_on_linux(
    wine: Wine, insert: Insert, tmp_path: Path
) -> None:
    insert()
    words = ("doctor", "--lang", "en", "--card-report")
    path = tmp_path / "report.json"
    wine.run(*words, windows_path(path))
    own = tmp_path / "own.json"
    subprocess.run([*commands.KORTILLA, *words, str(own)], check=True)
    assert json.loads(path.read_text()) == json.loads(own.read_text())


def test_the_number_for_a_report_is_typed_in_the_console(
    wine: Wine, lay: Callable[[], MockCardState], tmp_path: Path
) -> None:
    lay()
    path = tmp_path / "report.json"
    words = ("doctor", "--lang", "en", "--card-report", windows_path(path))
    with closing(Console(wine, *words)) as console:
        for number in (WRONG_CAN, CAN):
            console.wait_for("(CAN):")
            console.type(f"{number}\r")
        console.wait_for("report.json")
        assert console.process.wait(patience()) == 0
        assert WRONG_CAN not in console.seen and CAN not in console.seen
    assert json.loads(path.read_text())["complete"]


#: Seconds between keys, of which the person types five: eight seconds in all.
_PAUSE = 2.0
#: What a transaction's next command returns after so many seconds.
_WAIT = """
import sys, time
from smartcard import scard
def ok(result, *more): assert result == 0, result; return more
context, = ok(*scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM))
(reader, *_), = ok(*scard.SCardListReaders(context, []))
wanted = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
card, protocol = ok(
    *scard.SCardConnect(context, reader, scard.SCARD_SHARE_SHARED, wanted))
ok(scard.SCardBeginTransaction(card))
time.sleep(float(sys.argv[1]))
pci = scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
print(scard.SCardTransmit(card, pci, [0, 0xA4, 0, 0, 2, 0x3F, 0])[0] & 0xFFFFFFFF)
"""
#: A host that holds the card while the person types.
_HOLDING = """
from native_host.card.pcsc_connection import PcscConnection
PcscConnection.release = lambda self: None
"""


@pytest.mark.parametrize(
    ("seconds", "code"), [("3", Code.OK), ("6", Code.RESET_CARD)], ids=["3", "6"]
)
def test_an_idle_transaction_ends_after_five_seconds(
    wine: Wine, insert: Insert, seconds: str, code: Code
) -> None:
    insert()
    assert int(wine.run("-I", "-c", _WAIT, seconds).stdout) == code


@pytest.mark.parametrize(
    ("prelude", "resets"), [("", 0), (_HOLDING, 1)], ids=["released", "held"]
)
def test_a_person_types_for_eight_seconds(
    wine: Wine, insert: Insert, person: Person, prelude: str, resets: int
) -> None:
    """A host that holds the card is noticed: the card is reset."""
    card = insert()
    with running(wine.environment, prelude=prelude, installed=wine.host) as host:
        host.begin_login()
        person.see("authenticate")
        seen = len(card.log)
        for digit in "1234":
            person.screen.type(digit)
            time.sleep(_PAUSE)
        person.type("")
        assert host.answer()["result"]["signature"]
        meanwhile = card.log[seen : card.log.index(CommandName.VERIFY, seen)]
        assert meanwhile.count("reset") == resets
