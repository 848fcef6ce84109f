# SPDX-License-Identifier: MIT
"""A card report is the structure of a card, and holds nothing of the person."""

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kortilla.mock_card.apdu import Style
from kortilla.mock_card.authority import make_satu
from kortilla.mock_card.ber import octets, sequence, text
from kortilla.mock_card.profiles import PROFILES
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardError, CardMuteError, UnsupportedCardError
from native_host.card.files import Tlv
from native_host.card.mock_source import MockCardConnection
from native_host.card.source import CardConnection
from native_host.card_report import reading
from native_host.card_report.reading import CardContent, FileKind, read_card
from native_host.card_report.report import (
    list_objects,
    make_report,
    write_text,
)
from native_host.texts.catalogues import catalogue
from native_host.texts.language import SPOKEN
from tests.support import cards

BEGIN = datetime(2024, 3, 17, 4, 5, 6, tzinfo=UTC)
READING = {0xA4, 0xB0, 0xC0, 0xCB}  # none of these can spend a try
END = datetime(2029, 3, 15, 21, 59, 58, tzinfo=UTC)


def report_of(content: CardContent, language: str = "en") -> dict[str, Any]:
    return make_report(content, catalogue("card_report", language), mock_card=False)


def content_of(state: MockCardState, style: Style = Style.DIRECT) -> CardContent:
    with closing(MockCardConnection(state, style=style)) as connection:
        return read_card(connection)


# -- The person ------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["v5", "v4.2"])
def test_two_people_with_names_of_one_length_have_the_same_report(
    tmp_path: Path, profile: str
) -> None:
    """So nothing is in it that follows from who they are, or when it was made."""
    texts = []
    for surname, name, satu, days, pins in (
        ("SPECIMEN-KORHONEN", "AINO", 99_900_111, 1, ("83516", "7042895", "93847561")),
        ("SPECIMEN-LAHTINEN", "EERO", 99_911_222, 900, ("2580", "147258", "36914725")),
    ):
        state = MockCardState.create(
            tmp_path / name,
            profile=profile,
            surname=surname,
            given_name=name,
            satu=make_satu(satu),
            not_before=BEGIN - timedelta(days=days),
            not_after=END + timedelta(days=days),
            pin1=pins[0],
            pin2=pins[1],
            puk=pins[2],
        )
        content = content_of(state)
        written = "".join(write_text(report_of(content, each)) for each in SPOKEN)
        # ECDSA's signatures and random serial numbers differ in length, and
        # certificates with them.
        written = re.sub(r'"(30|  03|    02) \d+"|"(length|pieces)": .*', "", written)
        assert str(tmp_path) not in written
        texts.append(written)
    assert texts[0] == texts[1]
    assert texts[0].count("\n") > 500 * len(SPOKEN)


@pytest.mark.parametrize("profile", PROFILES)
def test_no_six_bytes_in_a_row_of_any_file_are_in_the_report(
    tmp_path: Path, profile: str
) -> None:
    content = content_of(cards.new_card(tmp_path, profile))
    report = report_of(content)
    written = write_text(report).lower()
    for each in content.files:
        raw = each.content.hex()
        windows = {raw[at : at + 12] for at in range(0, len(raw) - 10, 2)}
        assert not [it for it in windows if it in written]
    for file in report["files"]:  # nor the length of a part of the name
        if file["kind"] in {"certificate", "authority"}:
            with_more = (each.split() for each in file["objects"][1:])
            assert {tag for tag, *more in with_more if more} <= {"02", "03", "06"}


SECRET, NUMBER = b"JYVXKWQZ", bytes.fromhex("71386245")
VALUES = st.sampled_from([SECRET, SECRET.decode().encode("utf-16-le"), NUMBER])
TAGS = st.sampled_from(
    [*range(0x01, 0x20), 0x30, 0x31, *range(0x40, 0x60), *range(0x80, 0xB0), 0xDF21]
)
TREES = st.recursive(
    st.builds(Tlv, TAGS, VALUES),
    lambda below: st.builds(
        lambda tag, parts: Tlv(tag, b"".join(parts)), TAGS, st.lists(below, max_size=4)
    ),
    max_leaves=12,
)
TAG = "(0[1-6A]|0C|1[2-8AE]|3[01]|6[2F]|8.|9.|A[0-8B]|DF[23].)"
LINE = re.compile(rf" *(\?|{TAG}( \d+)?( \?)?|06( \d+)? [012](\.\d+)+)")


@settings(deadline=None)  # the machine may be busy
@given(st.lists(TREES | VALUES | st.binary(max_size=99), max_size=4).map(b"".join))
def test_lines_are_tags_and_lengths_whatever_a_card_says(content: bytes) -> None:
    for kind in (*FileKind, None):
        lines = list_objects(content, kind)
        assert bool(lines) is bool(content)
        assert [each for each in lines if not LINE.fullmatch(each)] == []


def test_only_known_object_identifiers_are_told() -> None:
    for oid, told in (
        ("2A8648CE3D040303", " 1.2.840.10045.4.3.3"),
        ("551D" + SECRET.hex(), " ?"),  # a standard's beginning and a text
        ("551D" + NUMBER.hex(), " ?"),
        ("2A03" + NUMBER.hex(), " ?"),
        ("551D8180", " ?"),
        ("", " ?"),
    ):
        content = Tlv(0x06, bytes.fromhex(oid))
        for kind in (FileKind.DIRECTORY, FileKind.CERTIFICATE):
            [line] = list_objects(content, kind)
            assert line == f"06 {len(content.value)}{told}"


def test_what_may_name_the_person_is_not_opened() -> None:
    """A subjectAltName, and an extension that nobody knows; extKeyUsage is."""
    value = octets(sequence(Tlv(0x02, b"\x4d"), text("Citizen")))
    for oid, opened in (("551D25", True), ("551D11", False), ("2A0304", False)):
        extension = sequence(Tlv(0x06, bytes.fromhex(oid)), value)
        lines = list_objects(extension, FileKind.CERTIFICATE)
        below = ["    30", "      02 1", "      0C"] * opened
        assert lines[2:] == ["  04", *below]


class Scripted(CardConnection):
    """A card that knows all files. Each has 64 KiB, byte by byte, and one content."""

    atr = PROFILES["v5"].atr

    def __init__(self, content: bytes, control: str = "", status: int = 0x9000) -> None:
        self._content, self._control = content, bytes.fromhex(control)
        self.status = status
        self.sent: list[bytes] = []

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        self.sent.append(apdu)
        if apdu[1] == 0xB0:
            offset = apdu[2] << 8 | apdu[3]
            return self._content[offset : offset + 1] or b"\x30", self.status
        return (self._control if apdu[3] == 0x04 else b""), 0x9000

    def close(self) -> None:
        pass


def test_a_name_in_place_of_a_path_or_a_status_word_is_not_copied() -> None:
    path = sequence(octets(SECRET))
    card = Scripted(Tlv(0xA4, path) * 3 + Tlv(0xA4, sequence(octets(b"\x44\x0a"))))
    card.status = 0x4A59
    report = report_of(read_card(card))
    assert {each["end"] for each in report["files"]} == {"?"}
    card.status = 0x9000
    report = report_of(read_card(card))
    assert "440A" in [each["file"] for each in report["files"]]
    assert not [apdu for apdu in card.sent if SECRET in apdu[:13] and apdu[1] == 0xA4]
    assert SECRET.hex().upper() not in write_text(report)


# -- What a report holds ---------------------------------------------------------------


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("profile", PROFILES)
def test_it_has_the_structure_of_the_card(
    tmp_path: Path, profile: str, style: Style
) -> None:
    content = content_of(cards.new_card(tmp_path / "card", profile), style)
    report = report_of(content)
    assert report["complete"] is report["mockCard"] is True
    assert report["chained"] is (style is Style.FETCHED)
    assert report["atr"] == PROFILES[profile].atr.hex().upper()
    files = {each["file"]: each for each in report["files"]}
    chosen = report["understood"]["chosen"]
    for role, key in chosen.items():
        file = files[key["file"]]
        assert key["role"] == role
        assert (file["status"], file["end"], file["whole"]) == ("9000", "9000", True)
        assert sum(map(int, file["pieces"].split())) == file["length"]
        algorithm = "1.1.1" if key["type"] == "RSA" else "10045.2.1"
        at = next(n for n, it in enumerate(file["objects"]) if it.endswith(algorithm))
        size = key["keyBits"] // 8
        size = size + 15 if key["type"] == "RSA" else 2 * size + 2
        assert f"      03 {size}" in file["objects"][at : at + 3]
    assert files["5031"]["objects"][:3] == ["A0 6", "  30 4", "    04 2"]
    assert files["5032"]["answer"][0].startswith("62 ")
    assert {"4331", "50164332", "50164335", "3F004334", "3F004336"} < {*files}
    assert [each["answer"][1] for each in report["pins"]] == ["  83 1"] * 3
    assert [each["reference"] for each in report["pins"]] == ["11", "82", "83"]


def test_a_card_of_the_next_generation_is_reported(tmp_path: Path) -> None:
    connection = MockCardConnection(cards.new_card(tmp_path / "card"))
    connection.atr = bytes.fromhex("3B7F9600008031B865B085060011122460829000")
    report = report_of(read_card(connection))
    assert report["complete"] is True
    assert report["understood"]["generation"] is None
    assert "error" not in report["understood"]["chosen"]["signature"]


# -- What is sent ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "state", ["active", "new", "pin1-blocked", "pin2-blocked", "last-try"]
)
def test_a_card_loses_no_try(tmp_path: Path, state: str) -> None:
    card = cards.new_card(tmp_path, "v5", state)
    before = card.read()
    report = report_of(content_of(card))
    assert card.read() == before
    tries = {"PIN1": before.pin1, "PIN2": before.pin2, "PUK": before.puk}
    for name, pin in tries.items():
        assert report["understood"]["pins"][name]["triesLeft"] == pin.tries


def test_no_other_command_gets_through() -> None:
    card = Scripted(b"")
    guarded = reading.ReadingOnly(card, Event())
    for header in (*((0, each) for each in {*range(256)} - READING), (0x80, 0xA4)):
        with pytest.raises(CardError, match="reading only"):
            guarded.send_and_receive(bytes([*header, 0, 0x11]))
    # A card that is no citizen card gets none at all.
    card.atr = bytes.fromhex("3BDD96008031FE450031B8640429ECC1739401808349")
    with pytest.raises(UnsupportedCardError):
        read_card(card)
    assert card.sent == []


# -- Cards that misbehave --------------------------------------------------------------


@pytest.mark.parametrize("control", ["62048102FFFF", "6200", ""])
def test_a_card_without_an_end_is_left(control: str) -> None:
    od = b"".join(Tlv(0xA4, sequence(octets(bytes([0x44, n])))) for n in range(64))
    card = Scripted(od, control)
    report = report_of(read_card(card))
    assert len(card.sent) < 20_000
    assert len(report["files"]) <= 40
    assert False in [each["whole"] for each in report["files"]]


def test_nothing_more_is_sent_once_it_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cancelled = Event()

    class Impatient(Scripted):
        def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
            if len(self.sent) == 8:
                cancelled.set()
            return super().send_and_receive(apdu)

    card = Impatient(b"", "62048102FFFF")
    report = report_of(read_card(card, cancelled))
    assert (report["complete"], report["stopped"]) == (False, "CARD_MUTE")
    assert len(card.sent) == 9
    monkeypatch.setattr(reading, "_SECONDS", -1)  # the time is over
    with pytest.raises(CardMuteError):
        read_card(card)
    assert len(card.sent) == 9
