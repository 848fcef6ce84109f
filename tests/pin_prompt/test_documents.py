# SPDX-License-Identifier: MIT
"""A document's bytes determine its type, and the window shows the hashed bytes."""

import hashlib
import os
from pathlib import Path

import pytest

from native_host.card.signature import HASH_SIZES
from native_host.pin_prompt import texts
from native_host.pin_prompt.documents import (
    DocumentKind,
    describe,
    kind_of_bytes,
    read_document,
)
from native_host.pin_prompt.model import Document
from tests.pin_prompt.conftest import a_document, a_hash


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
        (b"cut \xc3", DocumentKind.OTHER),
    ],
)
def test_the_kind_is_told_by_the_bytes(data: bytes, kind: DocumentKind) -> None:
    assert kind_of_bytes(data) is kind


def test_a_letter_at_the_end_of_what_was_read_may_be_cut() -> None:
    assert kind_of_bytes(b"cut \xc3", whole=False) is DocumentKind.TEXT


@pytest.mark.parametrize("hash_function", HASH_SIZES)
def test_the_bytes_that_were_hashed_are_read(
    tmp_path: Path, hash_function: str
) -> None:
    python = hash_function.replace("SHA3-", "sha3_").replace("SHA-", "sha")
    document = a_document(
        tmp_path,
        b"agreed",
        hash_function=hash_function,
        digest=hashlib.new(python, b"agreed").hexdigest(),
    )
    assert read_document(document) == b"agreed"


@pytest.mark.parametrize("now", [b"", b"agree", b"AGREED", b"agreed to more"])
def test_what_has_changed_is_not_read(tmp_path: Path, now: bytes) -> None:
    document = a_document(tmp_path, b"agreed")
    assert document.path is not None
    Path(document.path).write_bytes(now)
    assert read_document(document) is None


def test_what_is_no_file_of_its_own_is_not_read(tmp_path: Path) -> None:
    document = a_document(tmp_path, b"agreed")
    assert document.path is not None
    path = Path(document.path)
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
        ("text/plain; charset=utf-8", b"words", "plain text · 5 bytes"),
        ("", b"\x89PNG\r\n\x1a\n", "PNG picture · 8 bytes"),
        (
            "application/pdf",
            b"words",
            "plain text · 5 bytes · Type according to the service: application/pdf",
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
    name, second, digest = describe(document, texts.load("en"))
    assert name == r"a\u{2F}b"
    assert second == about
    assert digest.startswith("Hash (SHA-384): ")
    assert digest.partition(": ")[2].replace(" ", "") == document.digest


def test_the_name_of_a_bare_hash_is_the_services_claim() -> None:
    name, digest = describe(a_hash(name="contract"), texts.load("en"))
    assert name == "The service calls this: contract"
    assert "SHA-256" in digest
    assert describe(Document("", "SHA-256", "00"), texts.load("en"))[0] == (
        "The service gave no name."
    )
