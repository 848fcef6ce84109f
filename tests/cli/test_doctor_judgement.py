# SPDX-License-Identifier: MIT
"""How ``kortilla doctor`` judges clocks, cards and readers that were read."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from native_host.doctor.card import findings_in_readers, reader_name
from native_host.doctor.findings import Sentences
from native_host.doctor.surroundings import judge_clock
from tests.support.card_statuses import NOW, a_card, failed, status_of, tries


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


def test_of_several_cards_a_finding_says_whose_it_is_and_a_report_no_name() -> None:
    name = "Example Reader (0123456789) 00 00"
    holder = {"name": "SPECIMEN-A", "satu": "1"}
    readers: Any = [
        status_of(a_card(holder=holder, **tries(0)), reader=name),
        {**failed("CARD_MUTE"), "reader": "B"},
    ]
    texts = Sentences("en")
    found = {each.code: each for each in findings_in_readers(readers, NOW)}
    blocked, mute = found["PIN_BLOCKED"], found["CARD_MUTE"]
    assert (blocked.reader, blocked.holder) == (name, "SPECIMEN-A")
    assert blocked.sentence(texts).startswith(
        "Example Reader 00 00: The basic PIN (PIN1)"
    )
    assert mute.sentence(texts).startswith("B: The card does not answer.")
    report = json.dumps([each.as_json(texts) for each in found.values()])
    assert blocked.as_json(texts)["details"]["reader"] == "Example Reader 00 00"
    assert "SPECIMEN-A" not in report
    assert "0123456789" not in report
    alone = {each.code: each for each in findings_in_readers(readers[:1], NOW)}
    assert alone["PIN_BLOCKED"].sentence(texts).startswith("The basic PIN (PIN1) is")


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
