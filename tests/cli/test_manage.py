# SPDX-License-Identifier: MIT
"""``kortilla card activate|change-pin|unblock``: on a terminal. ``use-keypad``.

tests/operations has what goes wrong on the way, tests/pin_prompt what is not accepted
as a code, tests/browser/test_open_program.py a card that is activated in a real window.
"""

import os
from contextlib import closing
from pathlib import Path

import pytest

from kortilla.mock_card.state import MockCardState
from native_host.card.pin_pad import PadUse
from native_host.doctor.card import check_card
from native_host.operations import environment
from native_host.pin_prompt.model import Step
from native_host.state import unused_pads
from tests.cli.conftest import NewCard, Outcome, Run, found_by
from tests.cli.terminal import KORTILLA, Terminal
from tests.operations.user import User, until
from tests.support import pcsc

PUK = "12345678"
PIN1, PIN2 = "basic PIN (PIN1)", "signature PIN (PIN2)"
LETTER = "Activation code"
NEW = {f"New {PIN1}": "2580", f"New {PIN2}": "135790"}

Tries = tuple[int, int, int]
#: What is typed, and the tries of PIN1, PIN2 and PUK after it.
Typed = list[tuple[dict[str, str], Tries]]

#: The profile and the state of a card, the command, what is typed, and the new PINs. A
#: card of 2026 has an activation code of seven digits; an older one has a code of eight
#: digits, which is its PUK. A wrong one costs a try of PIN1 in the new scheme, of the
#: PUK in the old one.
COMMANDS: dict[str, tuple[str, str, list[str], Typed, tuple[str, str]]] = {
    "activate a card of 2026": (
        *("v5-2026", "new", ["activate"]),
        [
            (
                {LETTER: "9999999"} | NEW,
                (4, 5, 5),
            ),
            (
                {LETTER: "1234567"} | NEW,
                (5, 5, 5),
            ),
        ],
        ("2580", "135790"),
    ),
    "activate an older card": (
        *("v4.2", "new", ["activate"]),
        [
            (
                {LETTER: "99999999"} | NEW,
                (0, 0, 4),
            ),
            ({LETTER: PUK} | NEW, (5, 5, 5)),
        ],
        ("2580", "135790"),
    ),
    "change PIN1": (
        *("v5-2026", "active", ["change-pin", "pin1"]),
        [
            ({f"Current {PIN1}": "999999", f"New {PIN1}": "8275"}, (4, 5, 5)),
            ({f"Current {PIN1}": "1234", f"New {PIN1}": "8275"}, (5, 5, 5)),
        ],
        ("8275", "123456"),
    ),
    "change PIN2": (
        *("v4.2", "active", ["change-pin", "pin2"]),
        [({f"Current {PIN2}": "123456", f"New {PIN2}": "917364"}, (5, 5, 5))],
        ("1234", "917364"),
    ),
    "unblock PIN1": (
        *("v4.2", "pin1-blocked", ["unblock", "pin1"]),
        [
            ({"PUK code": "99999999", f"New {PIN1}": "8275"}, (0, 5, 4)),
            ({"PUK code": PUK, f"New {PIN1}": "8275"}, (5, 5, 5)),
        ],
        ("8275", "123456"),
    ),
    "unblock PIN2": (
        *("v5-2026", "pin2-blocked", ["unblock", "pin2"]),
        [({"PUK code": PUK, f"New {PIN2}": "917364"}, (5, 5, 5))],
        ("1234", "917364"),
    ),
}


def tries(card: MockCardState) -> Tries:
    data = card.read()
    return data.pin1.tries, data.pin2.tries, data.puk.tries


def check_end(outcome: Outcome, card: MockCardState, pins: tuple[str, str]) -> None:
    """Check that the card has these PINs, and that no try is lost."""
    assert outcome.status == 0
    assert set(outcome.result.values()) == {"set"}
    data = card.read()
    assert (data.pin1.value, data.pin2.value) == pins
    assert data.pin1.changed
    assert data.pin2.changed
    assert tries(card) == (5, 5, 5)


# -- On a terminal, with the card in a reader of pcscd ---------------------------------


@pytest.mark.parametrize(
    ("profile", "state", "words", "typed", "pins"), COMMANDS.values(), ids=COMMANDS
)
def test_a_command_works_on_a_terminal(
    new_card: NewCard,
    profile: str,
    state: str,
    words: list[str],
    typed: Typed,
    pins: tuple[str, str],
) -> None:
    card = new_card(profile, state)
    options = ["--prompt", "terminal", "--lang", "en", "--card", "pcsc"]
    with (
        pcsc.beside(card.folder) as within,
        closing(Terminal(within(*KORTILLA, "card", *words, *options))) as terminal,
    ):
        for attempt, left in typed:
            for field, digits in attempt.items():
                terminal.wait_for(f"{field}, ")
                terminal.wait_for(": ")
                terminal.type(f"{digits}\r")
                if field.startswith("New"):
                    terminal.wait_for("once more: ")
                    terminal.type(f"{digits}\r")
            if left != (5, 5, 5):
                terminal.wait_for(" was wrong.")
                assert tries(card) == left
        outcome = terminal.outcome()
    check_end(outcome, card, pins)


def test_a_window_stays_until_the_person_has_read_it(
    run: Run, new_card: NewCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = new_card("v5", "active")
    read: list[str] = []

    class Window(User):
        async def wait_for_cancel(self) -> None:
            await until(lambda: (Step.DONE, None) in self.shown)
            read.append("done")

    window = Window(codes=[{"old": "1234", "new-PIN1": "8275"}])
    monkeypatch.setattr(environment, "open_prompt", lambda _: window)
    words = ("change-pin", "pin1", "--card", "mock", "--prompt", "window")
    check_end(run("card", *words), card, ("8275", "123456"))
    assert read == ["done"]
    assert window.conversation is not None
    assert window.conversation.operation == "change-pin"
    window = Window(codes=[{"old": "8275", "new-PIN1": "1938"}])
    told = run("card", *words, "--lang", "fi", json=False)
    assert told.lines[-1] == "Perustunnusluku (PIN1): asetettu"


READER = "SPECIMEN Reader [CCID Interface] (1234567) 01 00"


def test_refused_keys_of_readers_are_told_and_may_be_tried_again(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unused_pads.note(READER, PadUse.MODIFY)
    another = READER.replace("(1234567) 01", "(7654321) 02")
    assert unused_pads.uses_of(another) == {PadUse.MODIFY}
    assert unused_pads.uses_of(READER.replace("Reader", "Other")) == set()
    unused_pads.note(READER, PadUse.VERIFY)
    assert unused_pads.uses_of(READER) == set(PadUse)
    file = home / ".local/state/kortilla/unused-pads"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "1234567" not in file.read_text()
    # What the file does not say, or says in another form, is not left unused.
    file.write_text(f"erase X\nverify\n\x00\nverify {READER[:32]}\n")
    assert unused_pads.products() == [READER[:32]]

    async def no_readers(*_: object, **__: object) -> str:
        return '{"readers": []}'

    monkeypatch.setattr("native_host.doctor.card.output_of", no_readers)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: "pyscard")
    found = found_by(check_card)
    assert found["READER_KEYS_UNUSED"] == {"reader": READER[:32]}
    assert run("card", "use-keypad").result == {"readers": [READER[:32]]}
    told = run("card", "use-keypad", "--lang", "sv", json=False)
    assert told.lines == ["Knapparna på alla kortläsare används redan."]
    assert run("card", "use-keypad").result == {"readers": []}
    assert "READER_KEYS_UNUSED" not in found_by(check_card)
    assert not file.exists()


def test_what_others_could_write_has_no_reader_left_unused(home: Path) -> None:
    unused_pads.note(READER, PadUse.VERIFY)
    file = home / ".local/state/kortilla/unused-pads"
    file.parent.chmod(0o777)
    assert unused_pads.uses_of(READER) == set()
    unused_pads.note("Other", PadUse.VERIFY)
    file.parent.chmod(0o700)
    assert unused_pads.products() == [READER[:32]]
    (home / "elsewhere").write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(home / "elsewhere")
    assert unused_pads.uses_of(READER) == set()
    unused_pads.note("Other", PadUse.VERIFY)
    assert "Other" not in (home / "elsewhere").read_text()
    file.unlink()
    os.mkfifo(file)  # nobody waits for who might write or read it
    unused_pads.note(READER, PadUse.VERIFY)
    assert unused_pads.uses_of(READER) == set()
