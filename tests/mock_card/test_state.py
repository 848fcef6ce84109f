# SPDX-License-Identifier: MIT
"""The folder is created once, never reset silently, and names what is broken."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.errors import InvalidArgumentError, MockCardBrokenError
from kortilla.mock_card.faults import Fault
from kortilla.mock_card.state import MockCardState, default_folder
from tests.mock_card.conftest import SELECT_APPLICATION, pin_block, send

Change = Callable[[dict[str, Any]], object]


def change_file(state: MockCardState, change: Change) -> None:
    file = state.folder / "card.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def test_the_default_folder_is_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    state = MockCardState.create()
    assert state.folder == default_folder()
    assert tmp_path in state.folder.parents
    assert state.folder.parts[-2:] == ("kortilla", "mock-card")
    data = state.read()
    assert MockCardState.open().read() == data
    pins = (data.pin1.value, data.pin2.value, data.puk.value)
    assert pins == ("1234", "123456", "12345678")


def test_a_card_is_made_as_asked_for(tmp_path: Path) -> None:
    state = MockCardState.create(
        tmp_path / "card",
        pin1="4321",
        pin2="654321",
        puk="87654321",
        surname="SPECIMEN-ÖHMAN",
        given_name="ÅSA",
        satu="99902038C",
        not_before=datetime(2026, 1, 12, tzinfo=UTC),
        not_after=datetime(2031, 1, 11, tzinfo=UTC),
    )
    card = MockCard(state)
    assert send(card, SELECT_APPLICATION) == "9000"
    assert send(card, f"002000110C{pin_block('4321')}") == "9000"
    shown = state.describe()
    holder = (shown["surname"], shown["givenName"], shown["satu"])
    assert holder == ("SPECIMEN-ÖHMAN", "ÅSA", "99902038C")
    assert shown["certificates"][0]["notBefore"] == "2026-01-12T00:00:00+00:00"
    assert shown["certificates"][0]["notAfter"] == "2031-01-11T00:00:00+00:00"


def test_what_is_shown_holds_no_secrets(state: MockCardState) -> None:
    with state.update() as data:
        data.pin1.value, data.pin2.value, data.puk.value = "73519", "735192", "73519264"
        data.pin1.tries = 3
    shown = state.describe()
    assert shown["tries"] == {"PIN1": 3, "PIN2": 5, "PUK": 5}
    assert shown["profile"] == "v5"
    for text in (json.dumps(shown), repr(state.read())):
        assert "73519" not in text
        assert state.read().keys[0].private_key.hex() not in text
        assert str(state.read().keys[0].private_key) not in text


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"profile": "v6"}, "profile"),
        ({"state": "lost"}, "pin1-blocked"),
        ({"pin1": "123"}, "pin1"),
        ({"pin1": "１２３４"}, "pin1"),
        ({"pin2": "12345"}, "pin2"),
        ({"pin2": "1234567890123"}, "pin2"),
        ({"puk": "1234567"}, "puk"),
        ({"surname": "VIRTANEN"}, "surname"),
    ],
)
def test_a_card_that_can_not_be_is_not_made(
    tmp_path: Path, arguments: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=named):
        MockCardState.create(tmp_path / "card", **arguments)
    assert not (tmp_path / "card").exists()


def test_a_card_is_thrown_away_only_when_told_so(state: MockCardState) -> None:
    before = state.read()
    state.set_faults(Fault("mute"))
    state.pull()
    with pytest.raises(InvalidArgumentError, match="There is a mock card"):
        MockCardState.create(state.folder)
    assert state.read() == before
    shown = state.describe()
    assert (shown["inserted"], shown["faults"][0]["name"]) == (False, "mute")
    MockCardState.create(state.folder, replace=True)
    assert state.read() != before
    shown = state.describe()
    assert (shown["inserted"], shown["faults"]) == (True, [])


def test_what_is_in_the_way_is_named(state: MockCardState, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MockCardBrokenError, match="file/card can't be made"):
        MockCardState.create(tmp_path / "file" / "card")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MockCardBrokenError, match=r"card\.json.*mock-card new"):
        MockCardState.open(tmp_path / "empty")
    assert list((tmp_path / "empty").iterdir()) == []
    (state.folder / "root.der").unlink()
    with pytest.raises(MockCardBrokenError, match=r"root\.der"):
        MockCard(state)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda c: c["pin1"].update(tries=6), "pin1.tries"),
        (lambda c: c["pin1"].update(tries="5"), "pin1.tries"),
        (lambda c: c["pin2"].update(value="73519x"), "pin2.value"),
        (lambda c: c["puk"].pop("value"), "puk.value"),
        (lambda c: c.pop("satu"), "satu"),
        (lambda c: c.update(colour="blue"), "colour"),
        (lambda c: c.update(version=2), "version"),
        (lambda c: c.update(profile="v6"), "profile"),
        (lambda c: c.update(serial="Å"), "serial"),
        (lambda c: c["keys"].pop(), "keys"),
        (lambda c: c["keys"][1].update(certificate="zz"), "keys.1.certificate"),
        (lambda c: c["keys"][1].update(reference=7), "keys"),
    ],
)
def test_a_broken_file_is_named_with_its_key_and_left_alone(
    state: MockCardState, change: Change, key: str
) -> None:
    change_file(state, change)
    file = state.folder / "card.json"
    before = file.read_bytes()
    with pytest.raises(MockCardBrokenError) as caught:
        MockCardState.open(state.folder)
    assert caught.value.code == "MOCK_CARD_BROKEN"
    assert f"{file}: {key}: " in str(caught.value)
    assert "73519" not in str(caught.value)
    assert file.read_bytes() == before
    for content in (b"", b"{", b"[]", b"\xff\xfe", b"null"):
        file.write_bytes(content)
        with pytest.raises(MockCardBrokenError, match=r"card\.json: "):
            MockCardState.open(state.folder)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda c: c["keys"][0].update(private_key="3000"), r"keys\.0\.private_key"),
        (
            lambda c: c["keys"][0].update(private_key=c["keys"][1]["private_key"]),
            r"keys\.0\.certificate",
        ),
    ],
)
def test_a_key_that_is_none_or_not_the_certificates_is_named(
    state: MockCardState, change: Change, named: str
) -> None:
    change_file(state, change)
    with pytest.raises(MockCardBrokenError, match=named):
        MockCard(state)


def test_files_are_the_owners_alone_and_no_temporary_one_stays(
    state: MockCardState,
) -> None:
    before = state.read()
    with suppress(ZeroDivisionError), state.update() as data:
        data.pin1.tries = 1
        raise ZeroDivisionError
    assert state.read() == before, "a change that fails midway is not stored"
    with state.update() as data:
        data.pin1.tries = 2
    names = {file.name for file in state.folder.iterdir()}
    assert names == {
        *("card.json", "card.lock"),
        *("root.der", "root.key", "issuing.der", "issuing.key"),
    }
    for name in names:
        assert (state.folder / name).stat().st_mode & 0o077 == 0


def test_nothing_is_left_of_those_who_watched(state: MockCardState) -> None:
    def pipes() -> list[str]:
        return [path.name for path in state.folder.iterdir() if path.is_fifo()]

    watch = state.watch()
    # A killed process leaves its pipe; the next notification removes it.
    os.mkfifo(state.folder / ".watch-1-dead", 0o600)
    state.pull()
    assert len(pipes()) == 1
    watch.close()
    assert pipes() == []
