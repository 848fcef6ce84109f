# SPDX-License-Identifier: MIT
"""Decrypts the user's own files with the card's PIN1, or with a recovery password.

The card is asked one question for each file, which no other can answer, and is then
released. What is decrypted goes into a file without a name, which only its owner
may read. It gets its name when the whole content is known to be unchanged. The
encrypted file is only read.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal, cast

from kortilla.common import JsonObject
from kortilla.common.escaping import MAX_PROGRAM, escape_name, shown_path
from kortilla.common.files import open_regular
from kortilla.encryption import (
    DecryptionFailedError,
    DecryptionKey,
    EncryptionError,
    EncryptionUnsupportedError,
    NotEncryptedError,
    OtherRecipientError,
    PasswordTooSlowError,
    RsaPadding,
    TrailingDataError,
    decrypt,
    read_recipients,
)
from kortilla.encryption.opening import Recipients
from native_host.card.certificate import CardCertificate
from native_host.card.decryption import CardDecryption
from native_host.card.errors import (
    CONNECTION_ERRORS,
    CardError,
    UnsupportedCardError,
)
from native_host.card.fineid import CardKey, FineidCard, KeyRole, PinRole
from native_host.errors import InvalidArgumentError
from native_host.files.encrypt import (
    Meter,
    Progressed,
    new_file,
    outcome_fields,
    reading,
    unreadable,
)
from native_host.files.letters import Headers, Letter, message_in, plain_name
from native_host.files.sources import (
    MAX_FILES,
    RefusedFilesError,
    UnsignableFile,
)
from native_host.files.targets import Target, places
from native_host.operations.card_access.card_session import UsableCards
from native_host.operations.pin import PinAsker, prefer_usable
from native_host.operations.request import Context
from native_host.pin_prompt.model import Conversation
from native_host.recipients.address_book import known_names

_PRIVATE = 0o600
#: Recipients whom the window names.
_MOST_NAMES = 3

Reason = Literal[
    "not-encrypted",
    "trailing-data",
    "unsupported",
    "password-slow",
    "other-recipient",
    "no-password",
    "altered",
    "wrong-password",
]
#: What each reason means. The last two are one error (RFC 3218), with a card and with a
#: password.
_MESSAGES: dict[Reason, str] = {
    "not-encrypted": "This is not an encrypted file, or a part of it is missing.",
    "trailing-data": "After the encrypted message, the file has more, not encrypted.",
    "unsupported": "The file is encrypted in a way that Kortilla does not know.",
    "password-slow": "The file makes a computer work too long to try its password.",
    "other-recipient": "The file is encrypted for somebody else.",
    "no-password": "No password decrypts this file, only a card.",
    "altered": "The file can't be decrypted. It was changed, or encrypted wrongly.",
    "wrong-password": "The password is wrong, or the file was changed.",
}


class FileNotDecryptableError(RefusedFilesError):
    """A file can't be decrypted. Nothing was written.

    ``recipients`` are whom the message names, as in ``OtherRecipientError``.
    """

    code = "FILE_NOT_DECRYPTABLE"

    def __init__(
        self,
        path: Path,
        reason: Reason,
        recipients: tuple[str, ...] = (),
        *,
        password: bool = False,
    ) -> None:
        message = f"{shown_path(path)}: {_MESSAGES[reason]}"
        super().__init__(message, [UnsignableFile(path, reason, message)])
        self.recipients = recipients
        self.password = password

    def fields(self) -> JsonObject:
        """Return the JSON for scripts and for the desktop program."""
        fields = super().fields()
        if self.reason == "other-recipient":
            fields["error"]["files"][0] |= {
                "recipients": [*self.recipients],
                "password": self.password,
            }
        return fields


class OtherRecipientCardError(UnsupportedCardError):
    """No file is for the card in the reader.

    ``kind`` are the names of whom they are for, as far as the address book knows them.
    """

    code = "OTHER_RECIPIENT"


@dataclass(frozen=True, kw_only=True)
class DecryptWish:
    """The files to decrypt, and where to: beside them, or as ``places`` says.

    ``language`` is fi, sv or en: that of the prompt.
    """

    files: tuple[Path, ...]
    language: str
    out: Path | None = None


@dataclass(frozen=True)
class DecryptedFile:
    """A decrypted file, and the encrypted one.

    Without ``authenticated``, somebody may have changed it on the way: say so, and
    don't open it unasked.
    """

    path: Path
    original: Path
    authenticated: bool


@dataclass(frozen=True)
class DecryptOutcome:
    """The decrypted files, and the errors about those that are not decrypted."""

    made: tuple[DecryptedFile, ...]
    failed: tuple[RefusedFilesError, ...]

    def fields(self) -> JsonObject:
        """Return the JSON for scripts and for the desktop program."""
        made: list[JsonObject] = [
            {
                "file": str(each.path),
                "original": str(each.original),
                "authenticated": each.authenticated,
            }
            for each in self.made
        ]
        return outcome_fields(made, self.failed)


@dataclass
class _Message:
    """An encrypted file that is open, and what it asks the card."""

    path: Path
    stream: BinaryIO
    recipients: Recipients
    mail: Headers | None
    answers: "_Answers | None" = None

    def key(self, password: str | None) -> DecryptionKey | str:
        """Return what decrypts it.

        Raises ``OtherRecipientError`` and ``FileNotDecryptableError``.
        """
        if password is not None:
            if not self.recipients.password:
                raise FileNotDecryptableError(self.path, "no-password")
            return password
        if self.answers is None:
            raise OtherRecipientError(
                self.recipients.names, password=self.recipients.password
            )
        return self.answers


@dataclass
class _Answers:
    """A ``DecryptionKey`` that notes what it is asked, or has the card's answers.

    So the card is free again before a long file is read.
    """

    certificate: bytes
    card_key: CardKey
    questions: list[tuple[bytes, RsaPadding | None]] = field(default_factory=list)
    found: list[bytes | None] = field(default_factory=list)

    def decrypt(self, encrypted: bytes, padding: RsaPadding) -> bytes | None:
        return self._answer(encrypted, padding)

    def agree(self, point: bytes) -> bytes | None:
        return self._answer(point, None)

    def _answer(self, data: bytes, padding: RsaPadding | None) -> bytes | None:
        if not self.found:
            self.questions.append((data, padding))
            return None
        # The message may have changed since; then the card was asked another thing.
        same = self.questions == [(data, padding)]
        return self.found[0] if same else None

    def ask(self, key: DecryptionKey) -> None:
        """Ask the card, whose PIN1 was verified, on its thread."""
        self.found = [
            key.agree(data) if padding is None else key.decrypt(data, padding)
            for data, padding in self.questions
        ] or [None]


async def decrypt_own_files(
    context: Context,
    wish: DecryptWish,
    progressed: Progressed | None = None,
    stop: threading.Event | None = None,
) -> DecryptOutcome:
    """Decrypt files with a card. PIN1 is typed once for all of them.

    Files that are not whole or not encrypted are found before the prompt opens, and
    files for somebody else before PIN1 is asked for. If no file is left, the prompt
    does not open. A prompt that waits for another card is cancelled with the reason
    ``OTHER_RECIPIENT``. Raises ``InvalidArgumentError``, ``UserCancelledError``, errors
    of the prompt and the card, and ``StoppedError``.
    """
    place = _places(wish.files, wish.out)
    with ExitStack() as stack:
        found = await asyncio.to_thread(_open, wish.files, stack)
        if found[0]:
            # Of a card that is for none, each file says whom it is for.
            with suppress(OtherRecipientCardError):
                await _ask_card(context, wish, found[0])
        stop = stop or threading.Event()
        meter = Meter(wish.files, progressed, stop)
        try:
            return await asyncio.to_thread(_write, found, place, None, meter)
        except asyncio.CancelledError:
            stop.set()  # the thread can't be cancelled
            raise


def decrypt_with_password(
    files: Sequence[Path],
    password: str,
    *,
    out: Path | None = None,
    progressed: Progressed | None = None,
    stop: threading.Event | None = None,
) -> DecryptOutcome:
    """Decrypt files with a recovery password, as ``typed_password`` returns it.

    It blocks, for some seconds if a hostile file asks for many rounds of PBKDF2.
    Raises ``InvalidArgumentError`` and ``StoppedError``.
    """
    place = _places(files, out)
    with ExitStack() as stack:
        return _write(
            _open(files, stack), place, password, Meter(files, progressed, stop)
        )


def _places(files: Sequence[Path], out: Path | None) -> Callable[[Path], Path]:
    if len(files) > MAX_FILES:
        raise InvalidArgumentError(
            f"At most {MAX_FILES} files can be decrypted at once."
        )
    return places(out, len(files))


def recipients_of(path: Path) -> Recipients:
    """Return whom a file is for, without a card.

    Raises ``FileNotDecryptableError`` and ``FileNotReadableError``.
    """
    with ExitStack() as stack:
        return _open_one(path, stack).recipients


def _open(
    files: Sequence[Path], stack: ExitStack
) -> tuple[list[_Message], list[RefusedFilesError]]:
    messages: list[_Message] = []
    failed: list[RefusedFilesError] = []
    for path in files:
        try:
            messages.append(_open_one(path, stack))
        except RefusedFilesError as error:
            failed.append(error)
    return messages, failed


def _open_one(path: Path, stack: ExitStack) -> _Message:
    try:
        file = stack.enter_context(os.fdopen(open_regular(path), "rb"))
        stream, mail = message_in(file, stack)
        recipients = read_recipients(stream, whole=True)
        stream.seek(0)
    except OSError as error:
        raise unreadable(path, error) from error
    except EncryptionError as error:
        raise _refused(path, error) from error
    return _Message(path, stream, recipients, mail)


def _refused(path: Path, error: EncryptionError) -> FileNotDecryptableError:
    """Return the error for a file; it says no more than the library's."""
    match error:
        case OtherRecipientError():
            names = error.recipients
            return FileNotDecryptableError(
                path, "other-recipient", names, password=error.password
            )
        case NotEncryptedError():
            return FileNotDecryptableError(path, "not-encrypted")
        case TrailingDataError():
            return FileNotDecryptableError(path, "trailing-data")
        case PasswordTooSlowError():
            return FileNotDecryptableError(path, "password-slow")
        case EncryptionUnsupportedError():
            return FileNotDecryptableError(path, "unsupported")
    return FileNotDecryptableError(path, "altered")


async def _ask_card(
    context: Context, wish: DecryptWish, messages: Sequence[_Message]
) -> None:
    """Have the card answer what the messages ask; None for one that is not for it."""

    def look(card: FineidCard) -> CardCertificate:
        return prefer_usable(card, PinRole.PIN1, _choose(card, messages)[0])

    prompt = context.prompt
    await prompt.open(
        Conversation(
            operation="decrypt",
            origin="",
            language=wish.language,
            test_card=context.source.test_card,
            program=_shown(messages),
        )
    )
    asker = PinAsker(context, PinRole.PIN1)
    async for held_card in UsableCards(context, look=look):
        async with held_card:
            await asker.resume_activation(held_card)
            certificate, chosen = await prompt.watch(
                held_card.run(_choose, held_card.card, messages)
            )
            if any(each.questions for each in chosen if each):
                async for attempt in asker.tries(held_card, certificate):
                    async with attempt:
                        await attempt.show()
                        await attempt.verify_and_run(partial(_answer, chosen))
            for message, answers in zip(messages, chosen, strict=True):
                message.answers = answers


def _choose(
    card: FineidCard, messages: Sequence[_Message]
) -> tuple[CardCertificate, list[_Answers | None]]:
    """Choose the card's key for each message, on the card's thread.

    Returns the first key's certificate. Raises ``OtherRecipientCardError`` if the card
    has none for any message.
    """
    keys = [*_decryption_keys(card)]
    chosen = [_key_for(message, keys) for message in messages]
    for answers in filter(None, chosen):
        return card.certificate(answers.card_key), chosen
    identities = {each for message in messages for each in message.recipients.names}
    names = known_names(identities, others=False)[:_MOST_NAMES]
    raise OtherRecipientCardError("No file is for this card.", kind=", ".join(names))


def _decryption_keys(card: FineidCard) -> Iterator[tuple[CardKey, CardCertificate]]:
    """Yield PIN1's keys. An expired certificate does not matter."""
    card.key(KeyRole.AUTHENTICATION)  # raises what rules the card out
    keys = card.keys()
    for key in keys:
        if key.role is KeyRole.AUTHENTICATION:
            try:
                yield key, card.certificate(key)
            except CONNECTION_ERRORS:
                raise
            except CardError:
                continue


def _key_for(
    message: _Message, keys: Sequence[tuple[CardKey, CardCertificate]]
) -> _Answers | None:
    for key, certificate in keys:
        answers = _Answers(certificate.der, key)
        try:
            # Only the questions count here, so any length will do.
            message.recipients.key_for(answers, size=32)
        except OtherRecipientError:
            continue
        except EncryptionUnsupportedError:
            pass  # ``decrypt`` raises it again, for this file only
        return answers
    return None


def _answer(chosen: Sequence[_Answers | None], card: FineidCard) -> None:
    for answers in filter(None, chosen):
        answers.ask(CardDecryption(card, answers.card_key))


def _shown(messages: Sequence[_Message]) -> str:
    """Return the name of the first file as it is shown, and how many more there are."""
    more = f" (+{len(messages) - 1})" if len(messages) > 1 else ""
    name = escape_name(messages[0].path.name)
    room = MAX_PROGRAM - len(more)
    if len(name) > room:
        half = (room - 1) // 2
        name = f"{name[:half]}…{name[-half:]}"
    return name + more


def _write(
    opened_files: "tuple[list[_Message], list[RefusedFilesError]]",
    place: Callable[[Path], Path],
    password: str | None,
    meter: Meter,
) -> DecryptOutcome:
    messages, failed = opened_files
    taken: set[Path] = set()
    made: list[DecryptedFile] = []
    for message in messages:
        path = message.path
        try:
            beside = path.with_name(plain_name(path.name))
            wanted = place(beside)
            key = message.key(password)
            size = os.fstat(message.stream.fileno()).st_size
            target = Target.reserve(wanted, size, taken, mode=_PRIVATE, sources=[path])
            with new_file(target):
                with target.open() as sink:
                    letter = Letter(meter.of(sink), message.mail)
                    source = reading(path, message.stream)
                    done = decrypt(source, cast("BinaryIO", letter), key)
                    letter.end()
                if wanted.name == beside.name:  # -o has no other
                    target.path = letter.name(target.path)
                made.append(DecryptedFile(target.commit(), path, done.authenticated))
        except DecryptionFailedError:
            reason: Reason = "altered" if password is None else "wrong-password"
            failed.append(FileNotDecryptableError(path, reason))
        except EncryptionError as error:
            failed.append(_refused(path, error))
        except RefusedFilesError as error:
            failed.append(error)
        meter.end(path)
    return DecryptOutcome(tuple(made), tuple(failed))
