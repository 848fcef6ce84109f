# SPDX-License-Identifier: MIT
"""Documents, names and origins are shown so that none passes for another."""

import hashlib
import os
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kortilla.common.escaping import escape_name, escape_text, program_display_name
from native_host.card.signature import HASH_SIZES
from native_host.pin_prompt import texts
from native_host.pin_prompt.documents import (
    DocumentKind,
    describe,
    kind_of_bytes,
    read_document,
)
from native_host.pin_prompt.model import Document
from native_host.pin_prompt.site_name import SiteName
from tests.pin_prompt.conftest import a_document, a_hash

# -- Documents -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%PDF-1.7\n\xff", DocumentKind.PDF),
        (b" %PDF-1.7", DocumentKind.TEXT),
        (b"\x89PNG\r\n\x1a\n...", DocumentKind.PNG),
        (b"\xff\xd8\xff\xe0", DocumentKind.JPEG),
        ("Hyväksyn.\n".encode(), DocumentKind.TEXT),
        (b"", DocumentKind.TEXT),
        (b"<svg onload='x'/>", DocumentKind.TEXT),
        (b"GIF89a\xff", DocumentKind.OTHER),
        (b"PK\x03\x04\0", DocumentKind.OTHER),
        (b"text\0", DocumentKind.OTHER),
    ],
)
def test_the_kind_is_told_by_the_bytes(data: bytes, kind: DocumentKind) -> None:
    assert kind_of_bytes(data) is kind
    # A letter at the end of what was read may be cut.
    assert kind_of_bytes(b"cut \xc3") is DocumentKind.OTHER
    assert kind_of_bytes(b"cut \xc3", whole=False) is DocumentKind.TEXT


@pytest.mark.parametrize("hash_function", HASH_SIZES)
def test_the_bytes_that_were_hashed_are_got(tmp_path: Path, hash_function: str) -> None:
    python = hash_function.replace("SHA3-", "sha3_").replace("SHA-", "sha")
    document = a_document(
        tmp_path,
        b"agreed",
        hash_function=hash_function,
        digest=hashlib.new(python, b"agreed").hexdigest(),
    )
    assert read_document(document) == b"agreed"


def test_what_has_changed_or_is_no_file_of_its_own_is_not_read(tmp_path: Path) -> None:
    document = a_document(tmp_path, b"agreed")
    path = Path(document.path or "")
    for now in (b"", b"agree", b"AGREED", b"agreed to more"):
        path.write_bytes(now)
        assert read_document(document) is None
    path.write_bytes(b"agreed")
    assert read_document(document) == b"agreed"
    path.rename(tmp_path / "elsewhere")
    assert read_document(document) is None
    path.symlink_to(tmp_path / "elsewhere")
    assert read_document(document) is None
    path.unlink()
    os.mkfifo(path)
    assert read_document(document) is None
    assert read_document(a_hash()) is None


@pytest.mark.parametrize(
    ("media_type", "data", "about"),
    [
        ("application/pdf", b"%PDF-1.7", "PDF document · 8 bytes"),
        ("text/plain; charset=utf-8", b"words", "text file · 5 bytes"),
        ("", b"\x89PNG\r\n\x1a\n", "PNG picture · 8 bytes"),
        (
            "application/pdf",
            b"words",
            "text file · 5 bytes · Type according to the service: application/pdf",
        ),
        (
            "\u202ex/y",
            b"\xff",
            "a file of another kind · 1 byte · "
            r"Type according to the service: \u{202E}x/y",
        ),
    ],
)
def test_a_document_is_described_by_what_it_is(
    tmp_path: Path, media_type: str, data: bytes, about: str
) -> None:
    document = a_document(tmp_path, data, media_type=media_type, name="a/b")
    name, second, digest = describe(document, texts.Texts("en"))
    assert name == r"a\u{2F}b"
    assert second == about
    groups = digest.removeprefix("Hash (SHA-384): ").split(" ")
    assert "".join(groups) == document.digest
    assert {len(group) for group in groups} == {8}


def test_the_name_of_a_bare_hash_is_the_services_claim() -> None:
    name, digest = describe(a_hash(name="contract"), texts.Texts("en"))
    assert name == "The service calls this: contract"
    assert "SHA-256" in digest
    assert describe(Document("", "SHA-256", "00"), texts.Texts("en"))[0] == (
        "The service gave no name."
    )


# -- Names and texts -------------------------------------------------------------------

NAMES = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs", "Mn"]),
        st.sampled_from("\\/u{}202E ab.\u2800\u3164\ufe0f"),
    ),
    max_size=30,
)


@given(NAMES)
def test_nothing_in_a_name_hides_and_no_two_names_are_shown_the_same(name: str) -> None:
    shown = escape_name(name)
    for character in re.sub(r"\\u\{[0-9A-F]+\}", "", shown):
        assert character == " " or unicodedata.category(character)[0] not in "CZ"
        assert character not in "/\\"
    assert "  " not in shown
    assert shown == shown.strip()
    again = re.sub(r"\\u\{([0-9A-F]+)\}", lambda m: chr(int(m[1], 16)), shown)
    assert again == name


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


# -- Origins ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "domain"),
    [
        ("https://www.kela.fi", "kela.fi"),
        ("https://kela.fi:8443", "kela.fi"),
        ("https://suomi.fi.login.example", "login.example"),
        ("https://www.bank.co.uk", "bank.co.uk"),
        ("https://somebody.github.io", "somebody.github.io"),
        ("https://a.b.xn--p1ai", "b.xn--p1ai"),
        ("https://www.kela.fi.", "kela.fi."),
        ("https://fi", "fi"),
        ("http://localhost:8080", "localhost"),
        ("https://127.0.0.1:8080", "127.0.0.1"),
        ("https://[::1]:8080", "::1"),
    ],
)
def test_the_registrable_domain_is_found(origin: str, domain: str) -> None:
    site = SiteName.of(origin)
    assert origin[site.start : site.end] == domain


@pytest.mark.parametrize(
    ("host", "read"),
    [
        ("www.xn--mller-kva.example", "www.müller.example"),
        ("xn--80ak6aa92e.com", "аррӏе.com"),
        ("service.example", None),
        ("xn--a.example", None),
        ("xn--.example", None),
        ("xn--abc-.example", None),
    ],
)
def test_international_names_have_their_letters(host: str, read: str | None) -> None:
    assert SiteName.of(f"https://{host}").international == read


@pytest.mark.parametrize(
    "hidden", ["\u202eabc", "a\u200bc", "a\u2044c", "Ä", "a\u0308b"]
)
def test_what_only_looks_like_letters_stays_as_it_is(hidden: str) -> None:
    label = "xn--" + hidden.encode("punycode").decode()
    assert SiteName.of(f"https://{label}.example").international is None


LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


@given(st.lists(LABEL | LABEL.map("xn--".__add__), min_size=1, max_size=6))
def test_the_origin_itself_is_never_changed(labels: list[str]) -> None:
    origin = f"https://{'.'.join(labels)}"
    site = SiteName.of(origin)
    assert site.origin == origin
    assert origin.endswith(origin[site.start : site.end])
    assert site.start < site.end
