# SPDX-License-Identifier: MIT
"""``kortilla encrypt`` and ``kortilla decrypt``, with the mock card of each kind.

``tests/kortilla/encryption`` has the messages themselves.
"""

import shutil
import stat
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from asn1crypto import pem

from kortilla.encryption import PasswordRecipient
from kortilla.encryption import encrypt as encrypt_message
from kortilla.errors import (
    UserCertificateOCSPCheckFailedError,
    UserCertificateRevokedError,
)
from kortilla.mock_card.faults import CommandName, Fault, FaultName
from kortilla.mock_card.state import MockCardState
from native_host.card.source import CardSource
from native_host.files import revocation
from native_host.platform.paths import user_state_folder
from native_host.recipients import load_texts
from native_host.recipients import person as persons
from native_host.recipients.person import Person, RecipientRefusedError, read_person
from tests.cli.conftest import NewCard, Outcome, Run
from tests.kortilla.encryption.keys import openssl
from tests.kortilla.signing_parts import Services
from tests.support.cards import new_card as another_card

MOCK = ("--card", "mock", "--lang", "en")
AUTOMATIC = (*MOCK, "--prompt", "automatic")
CONTENT = bytes(range(256)) * 1000


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, with two files."""
    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "kirje.pdf").write_bytes(CONTENT)
    (folder / "empty").write_bytes(b"")
    return folder


@pytest.fixture(autouse=True)
def service(monkeypatch: pytest.MonkeyPatch) -> Services:
    """The CAs' services, which know of no certificate that was revoked."""
    service = Services()
    monkeypatch.setattr(revocation, "Revocation", lambda **_: service)
    return service


def certificate(state: MockCardState, path: Path, *, reference: int = 1) -> str:
    """Store a card's authentication certificate, and return the file's name."""
    [key] = [each for each in state.read().keys if each.reference == reference]
    path.write_bytes(key.certificate)
    return str(path)


@pytest.fixture
def card(new_card: NewCard) -> MockCardState:
    return new_card("v5", "active")


@pytest.fixture
def trust(folder: Path, home: Path, card: MockCardState) -> str:
    """A folder with the CAs of the test card."""
    (folder / "ca").mkdir()
    for each in (home / ".local/share/kortilla/mock-card").glob("*.der"):
        shutil.copy(each, folder / "ca")
    return str(folder / "ca")


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def reasons(outcome: Outcome) -> list[str]:
    return [each["reason"] for each in outcome.result["error"]["files"]]


def test_files_are_encrypted_to_the_own_card_and_decrypted_with_pin1(
    run: Run, mock_card: MockCardState, folder: Path
) -> None:
    files = ("kirje.pdf", "empty")
    made = run("encrypt", *files, "--own-card", *MOCK)
    assert made.status == 0
    assert [each["file"] for each in made.result["files"]] == [
        *("kirje.pdf.p7m", "empty.p7m"),
    ]
    assert "lost or has expired opens nothing" in made.words
    assert b"\x00\x01\x02\x03" not in (folder / "kirje.pdf.p7m").read_bytes()
    done = run("decrypt", "kirje.pdf.p7m", "empty.p7m", *AUTOMATIC)
    assert (done.status, done.words) == (0, "")
    found = {each["file"]: each for each in done.result["files"]}
    # The originals are there, and no file is overwritten.
    assert set(found) == {"kirje-2.pdf", "empty-2"}
    assert all(each["authenticated"] for each in found.values())
    assert (folder / "kirje-2.pdf").read_bytes() == CONTENT
    assert (folder / "empty-2").read_bytes() == b""
    assert stat.S_IMODE((folder / "kirje-2.pdf").stat().st_mode) == 0o600
    assert names(folder) == {*files, "kirje.pdf.p7m", "empty.p7m", *found}
    assert mock_card.read().pin1.tries == 5


def test_a_second_message_of_a_file_keeps_the_ending_of_the_first(run: Run) -> None:
    for name in ("kirje.pdf.p7m", "kirje-2.pdf.p7m", "kirje-3.pdf.p7m"):
        made = run("encrypt", "kirje.pdf", "--recovery-password")
        assert made.result["files"][0]["file"] == name


def test_a_recovery_password_is_shown_once_and_opens_the_file_without_a_card(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run("encrypt", "kirje.pdf", "--recovery-password")
    password = made.result["recoveryPassword"]
    assert len(password) == 24
    (folder / "kirje.pdf").unlink()
    typed = f" {password.lower().replace('-', ' ')}\n"
    for text, status in ((f"{password[:-1]}\n", 1), (typed, 0)):
        monkeypatch.setattr("sys.stdin", _Lines(text))
        done = run("decrypt", "kirje.pdf.p7m", "--recovery-password", "--lang", "en")
        assert done.status == status
        if status:
            assert reasons(done) == ["wrong-password"]
        assert ("kirje.pdf" in names(folder)) == (status == 0)
    assert (folder / "kirje.pdf").read_bytes() == CONTENT
    again = run("encrypt", "kirje.pdf", "--recovery-password")
    assert again.result["recoveryPassword"] != password


class _Lines:
    """Standard input that is no terminal."""

    def __init__(self, text: str) -> None:
        self._text = text

    def isatty(self) -> bool:
        return False

    def readline(self) -> str:
        return self._text


def test_a_recipients_certificate_is_checked_before_anything_is_encrypted(
    run: Run, card: MockCardState, trust: str, service: Services, folder: Path
) -> None:
    whom = ("--to", certificate(card, folder / "hän.der"))
    good = run("encrypt", "kirje.pdf", *whom, "--trust", trust)
    assert (good.status, service.count) == (0, 1)
    assert good.result["recipients"][0]["checked"]
    without = run("encrypt", "empty", *whom)
    assert (without.status, without.error) == (1, "RECIPIENT_REFUSED")
    assert without.result["error"]["reason"] == "no-authority"
    assert "empty.p7m" not in names(folder)
    all_the_same = run("encrypt", "empty", *whom, "--unchecked")
    assert all_the_same.status == 0
    assert all_the_same.result["recipients"][0]["checked"] is None


def test_openssl_decrypts_and_is_decrypted(
    run: Run, mock_card: MockCardState, folder: Path
) -> None:
    key = [each for each in mock_card.read().keys if each.reference in {1, 0x1B}][-1]
    (folder / "key.der").write_bytes(key.private_key)
    (folder / "certificate.pem").write_bytes(pem.armor("CERTIFICATE", key.certificate))
    whom = ("--to", "certificate.pem", "--unchecked")
    for more in ((), ("--for-mail",)):
        [made] = run("encrypt", "kirje.pdf", *whom, *more).result["files"]
        content = (folder / made["file"]).read_bytes()
        key_options = ("-inkey", "key.der", "-keyform", "DER")
        plain = openssl(
            *("-decrypt", "-inform", "DER", "-binary"),
            *("-recip", "certificate.pem", *key_options),
            content=content,
        )
        assert plain == CONTENT
    for cipher in ("-aes-256-gcm", "-aes-256-cbc"):
        message = openssl(
            *("-encrypt", "-binary", cipher, "-outform", "DER"),
            *("-recip", "certificate.pem"),
            content=CONTENT,
        )
        (folder / "theirs.p7m").write_bytes(message)
        done = run("decrypt", "theirs.p7m", *AUTOMATIC)
        [found] = done.result["files"]
        assert Path(found["file"]).read_bytes() == CONTENT
        assert found["authenticated"] == (cipher == "-aes-256-gcm")
        Path(found["file"]).unlink()
    told = run("decrypt", "theirs.p7m", *AUTOMATIC, json=False)
    assert "not protected against changes" in told.words


def test_a_file_for_another_card_is_refused_before_pin1(
    run: Run, card: MockCardState, tmp_path: Path, folder: Path
) -> None:
    other = another_card(tmp_path / "other", number=2)
    whom = certificate(other, folder / "other.der")
    assert run("encrypt", "kirje.pdf", "--to", whom, "--unchecked").status == 0
    before = card.read()
    done = run("decrypt", "kirje.pdf.p7m", *AUTOMATIC)
    assert (done.status, reasons(done)) == (1, ["other-recipient"])
    [refused] = done.result["error"]["files"]
    assert refused["recipients"] == [read_person(Path(whom)).identity]
    assert not refused["password"]
    assert card.read() == before
    # With a file for this card, that one is opened, and the other one named.
    assert run("encrypt", "empty", "--own-card", *MOCK).status == 0
    done = run("decrypt", "empty.p7m", "kirje.pdf.p7m", *AUTOMATIC)
    assert done.status == 1
    assert [each["file"] for each in done.result["files"]] == ["empty-2"]
    assert reasons(done) == ["other-recipient"]
    # The address book knows the name since it was encrypted.
    data = other.read()
    name = f"{data.given_name} {data.surname}"
    assert f"It is encrypted for: {name}" in done.words


def test_a_changed_file_leaves_nothing(
    run: Run, card: MockCardState, folder: Path
) -> None:
    assert run("encrypt", "kirje.pdf", "--own-card", *MOCK).status == 0
    message = bytearray((folder / "kirje.pdf.p7m").read_bytes())
    for place in (len(message) // 2, len(message) - 8):
        changed = bytearray(message)
        changed[place] ^= 1
        (folder / "changed.pdf.p7m").write_bytes(changed)
        done = run("decrypt", "changed.pdf.p7m", *AUTOMATIC)
        assert (done.status, reasons(done)) == (1, ["altered"])
        assert "changed.pdf" not in names(folder)


def test_what_is_no_message_is_refused_before_a_card_is_asked_for(
    run: Run, folder: Path
) -> None:
    whole = BytesIO()
    encrypt_message(CONTENT, whole, [PasswordRecipient("x")])
    table = {
        "not-encrypted": [CONTENT, b"", whole.getvalue()[:-20], b"\x30\x84\xff"],
    }
    for reason, contents in table.items():
        for content in contents:
            (folder / "bad.p7m").write_bytes(content)
            done = run("decrypt", "bad.p7m", *AUTOMATIC)
            assert (done.status, reasons(done)) == (1, [reason])
    missing = run("decrypt", "missing.p7m", *AUTOMATIC)
    assert (missing.status, missing.error) == (1, "FILE_NOT_READABLE")
    assert names(folder) == {"kirje.pdf", "empty", "bad.p7m"}


def test_a_recovery_password_is_shown_nowhere_but_at_a_terminal(
    run: Run, folder: Path
) -> None:
    told = run("encrypt", "kirje.pdf", "--recovery-password", json=False)
    assert (told.status, "needs a terminal" in told.words) == (2, True)
    assert names(folder) == {"kirje.pdf", "empty"}


def test_what_was_encrypted_is_told_though_nobody_can_be_remembered(
    run: Run, card: MockCardState, folder: Path
) -> None:
    user_state_folder().mkdir(parents=True)
    user_state_folder().chmod(0o777)
    whom = ("--to", certificate(card, folder / "a.der"), "--unchecked")
    made = run("encrypt", "kirje.pdf", *whom, "--recovery-password")
    assert made.status == 0
    assert made.result["recoveryPassword"]
    assert "recipients.json: " in made.words


def test_refusals_are_in_the_words_of_the_language(
    run: Run, card: MockCardState, folder: Path
) -> None:
    (folder / "not.der").write_bytes(CONTENT)
    table = {
        "not.der": "not-a-certificate",
        certificate(card, folder / "signs.der", reference=2): "unsuitable",
        certificate(card, folder / "good.der"): "no-authority",
        "Aino\u202e": "not-found",
    }
    for language in ("fi", "sv", "en"):
        texts = load_texts(language)
        for whom, reason in table.items():
            words = ("encrypt", "empty", "--to", whom, "--lang", language)
            assert run(*words).result["error"]["reason"] == reason
            told = run(*words, json=False).words
            assert texts[f"refused.{reason}"] in told
            assert "\u202e" not in told


def test_the_own_card_is_the_only_one(
    run: Run, card: MockCardState, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's card in a second reader is no recipient unasked."""
    path = Path(certificate(card, folder / "a.der"))

    async def two(_: CardSource) -> list[Person]:
        return [read_person(path)] * 2

    monkeypatch.setattr(persons, "own_card", two)
    outcome = run("encrypt", "kirje.pdf", "--own-card", *MOCK)
    assert outcome.error == "INVALID_ARGUMENT"


def test_a_card_that_cannot_be_read_is_not_called_missing(
    run: Run, card: MockCardState
) -> None:
    card.set_faults(Fault(FaultName.MUTE, on=CommandName.SELECT))
    refused = run("encrypt", "kirje.pdf", "--own-card", *MOCK)
    assert refused.result["error"]["reason"] == "unreadable-card"
    assert "Another program may be using it" in refused.result["error"]["message"]


def test_no_expired_or_revoked_card_gets_anything(
    run: Run, card: MockCardState, trust: str, service: Services, tmp_path: Path
) -> None:
    before, after = datetime(2020, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
    old = MockCardState.create(tmp_path / "old", not_before=before, not_after=after)
    expired = certificate(old, tmp_path / "old.der")
    refused = run("encrypt", "kirje.pdf", "--to", expired, "--unchecked")
    assert refused.result["error"]["reason"] == "expired"
    whom = ("--to", certificate(card, tmp_path / "a.der"))
    checked = (*whom, "--trust", trust)
    service.error = UserCertificateRevokedError()
    for own in (("--own-card", *MOCK), ()):
        refused = run("encrypt", "kirje.pdf", *checked, "--unchecked", *own)
        assert refused.result["error"]["reason"] == "revoked"
    service.error = UserCertificateOCSPCheckFailedError("")
    refused = run("encrypt", "kirje.pdf", *checked)
    assert refused.result["error"]["reason"] == "no-answer"
    assert run("encrypt", "kirje.pdf", *checked, "--unchecked").status == 0


def test_refusals_are_for_the_user_to_overrule_only_where_nothing_is_known() -> None:
    assert not RecipientRefusedError("x", "revoked").acceptable
    assert not RecipientRefusedError("x", "expired").acceptable
    assert RecipientRefusedError("x", "other-authority").acceptable
