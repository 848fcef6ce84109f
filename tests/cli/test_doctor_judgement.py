# SPDX-License-Identifier: MIT
"""How ``kortilla doctor`` judges clocks, cards and readers that were read."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from native_host.doctor.card import findings_in_readers, reader_name
from native_host.doctor.findings import catalogue
from native_host.doctor.surroundings import judge_clock

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        (NOW, "Europe/Helsinki", set()),
        (NOW, "EET-2EEST", set()),
        (NOW.replace(year=1970), "Europe/Helsinki", {"CLOCK_ABSURD"}),
        (NOW.replace(year=2106), "Europe/Helsinki", {"CLOCK_ABSURD"}),
        (NOW, "Mars/Base", {"TIME_ZONE_UNKNOWN"}),
        (NOW, "../../x", {"TIME_ZONE_UNKNOWN"}),
        (NOW, "", {"TIME_ZONE_UNKNOWN"}),
    ],
)
def test_an_absurd_clock_is_named(
    tmp_path: Path, now: datetime, zone: str, expected: set[str]
) -> None:
    assert {each.code for each in judge_clock(now, zone, tmp_path)} == expected


CARD: dict[str, Any] = {
    "generation": "MULTIAPP_V5",
    "holder": {"name": "SPECIMEN-A", "satu": "1"},
    "activation": "active",
    "activationProblem": None,
    "tries": {"PIN1": 5, "PIN2": 5, "PUK": 5},
    "pinsSet": {"PIN1": True, "PIN2": True},
}


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (-1, {"CERTIFICATE_NOT_YET_VALID"}),
        (1, set()),
        (350, {"CERTIFICATE_ENDS_SOON"}),
        (366, {"CERTIFICATE_EXPIRED"}),
    ],
)
def test_certificates_are_judged_by_the_clock(days: int, expected: set[str]) -> None:
    end = NOW + timedelta(days=365)
    times = {"notBefore": NOW.isoformat(), "notAfter": end.isoformat()}
    roles = ("authentication", "signature")
    card = CARD | {"certificates": [{"role": role, **times} for role in roles]}
    readers: Any = [{"reader": "A", "testCard": False, "card": card}]
    found = findings_in_readers(readers, NOW + timedelta(days=days))
    assert {each.code for each in found} - {"READER", "CARD"} == expected


def test_a_pin_that_no_puk_can_unlock_has_no_command() -> None:
    card = CARD | {
        "tries": {"PIN1": 0, "PIN2": None, "PUK": 0},
        "pinsSet": {"PIN1": True, "PIN2": None},
        "certificates": [{"role": "signature", "error": {"code": "CARD_ERROR"}}],
    }
    readers: Any = [
        {"reader": "A", "testCard": False, "card": card},
        {"reader": "B", "card": None, "error": {"code": "CARD_MUTE"}},
    ]
    found = {each.code: each for each in findings_in_readers(readers, NOW)}
    assert {code for code, each in found.items() if each.is_fault} == {
        *("PIN_BLOCKED", "PUK_BLOCKED", "PIN_TRIES_UNKNOWN", "CARD_MUTE"),
        *("CERTIFICATE_MISSING", "CERTIFICATE_UNREADABLE"),
    }
    assert found["PIN_BLOCKED"].fix is None


def test_of_several_cards_a_finding_says_whose_it_is_and_a_report_no_name() -> None:
    name = "Example Reader (0123456789) 00 00"
    locked = CARD | {"tries": {"PIN1": 0, "PIN2": 5, "PUK": 5}, "certificates": []}
    readers: Any = [
        {"reader": name, "testCard": False, "card": locked},
        {"reader": "B", "card": None, "error": {"code": "CARD_MUTE"}},
    ]
    texts = catalogue("en")
    found = {each.code: each for each in findings_in_readers(readers, NOW)}
    blocked, mute = found["PIN_BLOCKED"], found["CARD_MUTE"]
    assert (blocked.reader, blocked.holder) == (name, "SPECIMEN-A")
    assert blocked.sentence(texts).startswith("Example Reader 00 00: The PIN is locked")
    assert mute.sentence(texts).startswith("B: The card does not answer.")
    report = json.dumps([each.as_json(texts) for each in found.values()])
    assert blocked.as_json(texts)["details"]["reader"] == "Example Reader 00 00"
    assert "SPECIMEN-A" not in report
    assert "0123456789" not in report
    alone = {each.code: each for each in findings_in_readers(readers[:1], NOW)}
    assert alone["PIN_BLOCKED"].sentence(texts).startswith("The PIN is locked")
    assert alone["PIN_BLOCKED"].details == {"pin": "PIN1"}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("ACS ACR39U ICC Reader 00 00", "ACS ACR39U ICC Reader 00 00"),
        (
            "Identiv uTrust 3700 F [CCID Interface] (53311424201234) 00 00",
            "Identiv uTrust 3700 F [CCID Interface] 00 00",
        ),
        ("Reader (unclosed 12345", "Reader"),
        ("Reader SN123456789 01 00", "Reader … 01 00"),
        ("Reader AB12-CD34-EF56 01 00", "Reader … 01 00"),
        ("Reader\x1b[31m\u202e 00", "Reader[31m 00"),
    ],
)
def test_a_readers_serial_number_is_left_out(name: str, shown: str) -> None:
    assert reader_name(name) == shown


def test_a_card_on_a_contactless_reader_is_no_fault() -> None:
    problem = {"code": "UNSUPPORTED_CARD", "message": "", "kind": "CONTACTLESS"}
    readers: Any = [{"reader": "A", "testCard": False, "card": None, "error": problem}]
    found = {
        each.code: each.severity.value for each in findings_in_readers(readers, NOW)
    }
    assert found == {"READER": "info", "CARD_CONTACTLESS": "info"}
