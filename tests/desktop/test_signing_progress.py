# SPDX-License-Identifier: MIT
"""The progress of a batch in the window, and its end by the person."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QProgressBar

from native_host.card.mock_source import MockCardSource
from native_host.desktop.prompts import Command
from native_host.files.process import request
from native_host.files.sign import sign_own_files
from native_host.files.sources import Wish
from native_host.operations.request import Context
from native_host.pin_prompt.model import Progress
from tests.desktop.conftest import Open, buttons, unnamed, until, words
from tests.desktop.test_sign_page import page_with
from tests.kortilla.signing_parts import make_pdf
from tests.pin_prompt.test_window_prompt import scripted
from tests.support import cards


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Twenty PDFs."""
    files = [tmp_path / f"{number}.pdf" for number in range(20)]
    for each in files:
        each.write_bytes(make_pdf("Sopimus"))
    return files


def signing(
    files: list[Path], progressed: Callable[[dict[str, int]], object]
) -> Command:
    """Return the process that signs files without a window."""
    wish = Wish(files=tuple(files), language="en")
    given = request(wish, card="mock", prompt="automatic")
    return Command("native_host.files.process", given=given, progressed=progressed)


def test_a_batch_shows_its_number_and_what_was_signed_before_the_end(
    open_window: Open, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = threading.Event()

    def run(command: Command) -> dict[str, Any]:
        command._progressed({"done": 2, "total": 20})
        stopped.wait()
        made = [{"file": str(each)} for each in files[:3]]
        failed = [str(each) for each in files[3:]]
        error = {"code": "SIGNING_INTERRUPTED"}
        return {"files": made, "failed": failed, "error": error, "changed": []}

    monkeypatch.setattr(Command, "run", run)
    monkeypatch.setattr(Command, "cancel", lambda _: stopped.set())
    window = open_window()
    page = page_with(window, *files)
    buttons(page)["Sign 20 files"].click()
    assert any("signing window" in each for each in words(page))
    until(lambda: "Signing 3/20…" in words(page))
    [bar] = page.findChildren(QProgressBar)
    assert (bar.value(), bar.maximum(), bar.accessibleName()) == (
        2,
        20,
        "Signing 3/20…",
    )
    assert unnamed(window) == []
    # An Enter that was meant for the window with PIN2 stops nothing.
    assert page.focusWidget() is page._progress.words
    buttons(page)["Stop"].click()
    assert "Stopping… The finished signatures are saved." in words(page)
    until(lambda: not page._busy)
    assert "17 files were not signed. They are still in the list." in words(page)
    assert "Sign 17 files" in buttons(page)
    assert "Check 2.pdf" in buttons(page)


def test_the_real_process_says_each_number(
    open_window: Open, files: list[Path], home: Path
) -> None:
    cards.new_card(home / ".local/share/kortilla/mock-card")
    said: list[dict[str, int]] = []
    result = signing(files[:3], said.append).run()
    assert said == [{"done": done, "total": 3} for done in range(3)]
    assert len(result["files"]) == 3


def test_a_process_that_is_ended_at_once_is_a_cancellation(
    files: list[Path], home: Path
) -> None:
    cards.new_card(home / ".local/share/kortilla/mock-card")
    command = signing(files[:1], print)
    command.cancel()
    assert command.run() == {"error": {"code": "USER_CANCELLED"}}
    assert not [*files[0].parent.glob("*signed*")]


async def test_a_batch_that_is_stopped_keeps_what_was_signed(
    files: list[Path], tmp_path: Path
) -> None:
    card = cards.new_card(tmp_path / "card")
    typist = """
opened = hear(); say(type='visible')
for line in sys.stdin:
    message = json.loads(line)
    if message['type'] == 'ask-pin':
        say(type='pin', number=message['number'], digits='123456')
"""
    async with scripted(typist) as (prompt, _), MockCardSource(card.folder) as source:

        def stop(_word: str, progress: Progress | None) -> None:
            if progress and progress.done == 3:
                assert prompt.cancel()

        wish = Wish(files=tuple(files), language="en")
        outcome = await sign_own_files(Context(source, prompt, stop), wish)
    made = [each.path.name for each in outcome.made]
    assert made == ["0-signed.pdf", "1-signed.pdf", "2-signed.pdf"]
    assert len(outcome.failed) == 17
