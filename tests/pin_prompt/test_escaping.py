# SPDX-License-Identifier: MIT
"""Names and texts from a page are escaped so that none imitates another."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kortilla.common.escaping import (
    escape_name,
    escape_text,
    group_digest,
    program_display_name,
)

NAMES = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs", "Mn"]),
        st.sampled_from("\\/u{}202E ab.\u2800\u3164\ufe0f"),
    ),
    max_size=30,
)


def unescaped(shown: str) -> str:
    return re.sub(r"\\u\{([0-9A-F]+)\}", lambda m: chr(int(m[1], 16)), shown)


@given(NAMES)
def test_nothing_in_a_name_hides_or_reorders(name: str) -> None:
    shown = escape_name(name)
    for character in re.sub(r"\\u\{[0-9A-F]+\}", "", shown):
        assert character == " " or unicodedata.category(character)[0] not in "CZ"
        assert character not in "/\\"
    assert "  " not in shown
    assert shown == shown.strip()


@given(NAMES)
def test_no_two_names_are_shown_the_same(name: str) -> None:
    assert unescaped(escape_name(name)) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Hyresavtal – Åbo 2026.pdf", "Hyresavtal – Åbo 2026.pdf"),
        ("invoice\u202efdp.exe", r"invoice\u{202E}fdp.exe"),
        ("../../etc/passwd", r"..\u{2F}..\u{2F}etc\u{2F}passwd"),
        ("C:\\key", r"C:\u{5C}key"),
        (r"a\u{202E}b", r"a\u{5C}u{202E}b"),
        ("a\u2044b", r"a\u{2044}b"),
        ("two  spaces", r"two \u{20}spaces"),
        (" at the ends ", r"\u{20}at the ends\u{20}"),
        ("no\u00a0break\u3000wide", r"no\u{A0}break\u{3000}wide"),
        ("lines\r\n\tand tabs", r"lines\u{D}\u{A}\u{9}and tabs"),
        ("zero\u200bwidth\ufeff", r"zero\u{200B}width\u{FEFF}"),
        ("half \ud800", r"half \u{D800}"),
        ("\u0301begins", r"\u{301}begins"),
        ("e\u0301\u0301\u0301\u0301", "e\u0301\u0301" + r"\u{301}\u{301}"),
        ("/\u0338", r"\u{2F}\u{338}"),
        ("heart\ufe0f", r"heart\u{FE0F}"),
        ("no head\U0001d159", r"no head\u{1D159}"),
        ("", ""),
    ],
)
def test_names_as_they_are_shown(name: str, shown: str) -> None:
    assert escape_name(name) == shown


def test_a_text_keeps_its_lines_and_shows_what_hides() -> None:
    text = "first\r\n\tsecond <b>\u202ethird\x1b[2J\rlast\u2028"
    assert escape_text(text) == (
        "first\n\tsecond <b>" + r"\u{202E}third\u{1B}[2J\u{D}last\u{2028}"
    )


@given(st.text())
def test_nothing_in_a_text_hides_or_reorders(text: str) -> None:
    for character in escape_text(text):
        assert character in "\n\t " or unicodedata.category(character)[0] not in "CZ"


def test_a_hash_is_shown_in_groups() -> None:
    assert group_digest("0123456789abcdef01") == "01234567 89abcdef 01"


@given(NAMES)
def test_a_programs_name_is_one_short_line_of_plain_characters(name: str) -> None:
    shown = program_display_name(name)
    assert len(shown) <= 40
    assert shown == " ".join(shown.split())
    for character in shown:
        assert character == " " or unicodedata.category(character)[0] not in "CZM"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Firefox", "Firefox"),
        ("  Åsas  p11tool ", "Åsas p11tool"),
        ("A\u030asa", "Åsa"),
        ("Fire\u202efox\n", "Fire\ufffdfox\ufffd"),
        ("a\u0316b", "a\ufffdb"),
        ("x" * 39 + " yz", "x" * 39),
        ("\u2800\u200b\0 ", ""),
    ],
)
def test_a_program_keeps_its_name_where_it_is_plain(name: str, shown: str) -> None:
    assert program_display_name(name) == shown
