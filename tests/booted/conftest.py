# SPDX-License-Identifier: MIT
"""One computer for each desktop, with what a person has: a card, browsers, a service.

The tests of a desktop run in the order of their files, on one computer: each goes on
where the one before ended. Without ``tests/booted/run`` there is no computer, and
``tests/conftest.py`` leaves them out.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kortilla import Trust, background
from kortilla.mock_card.errors import NoVirtualReaderError
from kortilla.mock_card.state import MockCardState
from kortilla.mock_card.vpcd import VirtualReader
from tests.booted.computer import boot, wait_until
from tests.booted.desktop import DESKTOPS, Desktop, Gnome
from tests.booted.person import Citizen
from tests.support import cards
from tests.support.pcsc import LoggedCard
from tools.demo.site import DemoServer
from tools.demo.site.tls_login import GateSettings
from tools.demo.site_authority import Authority

SITE, GATE = "service.example", "tls.service.example"

#: Waits until the computer's readers are empty. pcscd looks every 400 ms. In the five
#: seconds after a card was used it misses an exchange that is quicker, as no person is.
_UNTIL_EMPTY = """
from smartcard import scard
context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)[1]
states = dict.fromkeys(scard.SCardListReaders(context, [])[1], 0)
while not all(state & scard.SCARD_STATE_EMPTY for state in states.values()):
    result, found = scard.SCardGetStatusChange(context, 60_000, [*states.items()])
    assert result == scard.SCARD_S_SUCCESS, scard.SCardGetErrorMessage(result)
    states = {name: state & ~scard.SCARD_STATE_CHANGED for name, state, _ in found}
"""

#: The files with tests, in their order.
_FILES = ("installation", "session", "windows", "browsers", "events", "removal")
#: For each promise, the result on each desktop; and what took how many seconds.
_results: dict[str, dict[str, str]] = {}
_times: dict[str, dict[str, float]] = {}
#: How often Chromium showed no window on each desktop: see ``Citizen.browser``.
_unseen: dict[str, int] = {}


def took(desktop: str, what: str, began: float) -> None:
    """Note for the table how long something took."""
    _times.setdefault(what, {})[desktop] = time.monotonic() - began


@pytest.fixture(scope="session", params=[*DESKTOPS])
def desktop(request: pytest.FixtureRequest) -> Iterator[Desktop]:
    """A computer with this desktop, to which nobody has added anything yet."""
    name = request.param
    began = time.monotonic()
    with boot(name) as computer:
        found = DESKTOPS[name](computer)
        found.wait_ready()
        took(name, "to boot", began)
        yield found
        took(name, "to run", began)
        _unseen[name] = found.unseen


@pytest.fixture(autouse=True)
def windows_tell(desktop: Desktop) -> None:
    """The desktop's programs tell what their windows have."""
    if isinstance(desktop, Gnome):
        desktop.let_windows_tell()


@pytest.fixture(scope="session")
def citizen(desktop: Desktop) -> Citizen:
    """The computer's owner."""
    return Citizen(desktop)


class Cards:
    """The cards of the person, of which one may be in the reader."""

    def __init__(self, folder: Path, desktop: Desktop) -> None:
        self._folder, self._desktop = folder, desktop
        self._reader = contextlib.ExitStack()
        self._is_in = False
        self.own = self.made("active")
        #: The card that was put in last: its state, and the card itself.
        self.card, self.inserted = self.own, LoggedCard(self.own)

    def made(self, state: str) -> MockCardState:
        """Make a card in a state, without putting it in."""
        return cards.new_card(self._folder / state, state=state)

    def insert(self, card: MockCardState | None = None) -> MockCardState:
        """Put a card into the reader: the person's own one, or another."""
        self.pull()
        self.card = card or self.own
        self.inserted = LoggedCard(self.card)
        # The service that has the reader starts at its first use, and ends later.
        self._desktop.computer.run("systemctl", "start", "pcscd.service")
        reader = wait_until(self._reader_with_card, "the virtual reader")
        self._reader.enter_context(reader)
        self._is_in = True
        return self.card

    def _reader_with_card(self) -> VirtualReader | None:
        try:
            return VirtualReader(self.inserted)
        except NoVirtualReaderError:
            return None

    def pull(self) -> None:
        """Take the card out, if one is in, and wait until the computer has noticed."""
        if self._is_in:
            self.close()
            self._desktop.computer.run("/usr/bin/python3", "-c", _UNTIL_EMPTY)

    def close(self) -> None:
        """Take the card out, if one is in."""
        self._is_in = False
        self._reader.close()


@pytest.fixture(scope="session")
def own_cards(
    desktop: Desktop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cards]:
    """The person's cards."""
    found = Cards(tmp_path_factory.mktemp("cards"), desktop)
    yield found
    found.close()


@dataclass(frozen=True)
class Service:
    """A service on the network: its origin, and the CA of its certificate."""

    origin: str
    authority: Authority

    @property
    def start(self) -> str:
        """The page with the button, in Finnish."""
        return f"{self.origin}/fi/"


@pytest.fixture(scope="session")
def service(
    own_cards: Cards, citizen: Citizen, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that the person's browsers trust, and that trusts the person's card."""
    authority = Authority(tmp_path_factory.mktemp("authority"), [SITE, GATE])
    server = DemoServer(
        Trust.from_folder(own_cards.card.folder, test=True),
        host=SITE,
        ssl_context=authority.server_context,
        gates=GateSettings(authority.chain, GATE),
    )
    background.run(server.start())
    try:
        citizen.trust(authority)
        yield Service(server.origin, authority)
    finally:
        background.run(server.close())


@pytest.fixture
def pictures() -> Path:
    """The folder for the pictures of the screen."""
    return Path(os.environ["PICTURES"])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the order of the files, for one desktop after the other."""
    order = [*DESKTOPS]

    def key(item: pytest.Item) -> tuple[int, int, int]:
        assert isinstance(item, pytest.Function)
        name = str(item.callspec.params["desktop"])
        file = _FILES.index(item.path.stem.removeprefix("test_"))
        return order.index(name), file, item.function.__code__.co_firstlineno

    items.sort(key=key)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Note the result for the table."""
    report = yield
    if isinstance(item, pytest.Function) and "desktop" in item.callspec.params:
        promise = (item.function.__doc__ or item.name).splitlines()[0]
        row = _results.setdefault(promise, {})
        name = str(item.callspec.params["desktop"])
        if report.when == "call" or report.failed or report.skipped:
            said = report.outcome
            if report.skipped and isinstance(report.longrepr, tuple):
                said = report.longrepr[2].removeprefix("Skipped: ")
            said = getattr(report, "wasxfail", said).removeprefix("reason: ")
            # Of the cases of a promise the worst counts.
            if row.get(name, "passed") == "passed" or said == "failed":
                row[name] = said
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table: a promise a line, a desktop a column."""
    if not _results:
        return
    write = terminalreporter.write_line
    wide = max(map(len, _results))
    write("")
    write(f"{'promise':{wide}}  {'  '.join(f'{each:8}' for each in DESKTOPS)}")
    notes: list[str] = []
    for promise, row in _results.items():
        cells = []
        for name in DESKTOPS:
            cell = row.get(name, "-")
            if len(cell) > 8:
                if cell not in notes:
                    notes.append(cell)
                cell = f"not ({notes.index(cell) + 1})"
            cells.append(f"{cell:8}")
        write(f"{promise:{wide}}  {'  '.join(cells)}".rstrip())
    for number, note in enumerate(notes, 1):
        write(f"({number}) {note}")
    for what, seconds in _times.items():
        told = ", ".join(f"{name} {took:.0f} s" for name, took in seconds.items())
        write(f"{what}: {told}")
    for name, count in _unseen.items():
        if count:
            write(f"Chromium showed no window and was started again: {name} {count}")
