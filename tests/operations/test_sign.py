# SPDX-License-Identifier: MIT
"""The shown documents are signed with one PIN2, and bad requests fail at once.

test_documents.py has the rules for names, sizes and chunks.
"""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kortilla.mock_card.state import MockCardState
from native_host.card.fineid import FineidCard
from native_host.card.mock_source import MockCardSource
from native_host.card.signature import KeyType, Padding
from native_host.errors import InvalidArgumentError, UserCancelledError
from native_host.operations.documents import DocumentInbox
from native_host.operations.sign import HashToSign, SigningInterruptedError, SignRequest
from native_host.pin_prompt.model import PinQuestion, Problem, Progress, Step
from tests.host.signing import digest
from tests.operations.signing import (
    CONTENTS,
    ORIGIN,
    PIN2,
    begin,
    certificate_of,
    check,
    fill,
    hash_of,
    request,
    tries,
)
from tests.operations.user import User, cancelled, until


async def test_three_documents_are_shown_and_signed_with_one_pin(
    source: MockCardSource, folder: Path, inbox: DocumentInbox, place: Path
) -> None:
    (place / "kortilla-documents-left").mkdir()  # by a process that was killed
    user = User([PIN2])
    heard: list[tuple[str, Progress | None]] = []
    signing = begin(
        user, source, request(documents=inbox), lambda *report: heard.append(report)
    )
    await until(lambda: (Step.RECEIVING, None) in user.shown)
    assert not user.questions
    assert not (place / "kortilla-documents-left").exists()
    fill(inbox)
    made = await signing
    assert made.certificate.der == certificate_of(folder, 2)
    assert [each.name for each in made.signatures] == list(CONTENTS)
    for each, content in zip(made.signatures, CONTENTS.values(), strict=True):
        check(each, made.certificate, content)
    assert {each.algorithm.name for each in made.signatures} == {"ES384"}

    [question] = user.questions
    assert (question.role, question.min_length, question.max_length) == ("PIN2", 6, 12)
    assert question.test_card
    assert [
        (shown.name, shown.size, shown.media_type, shown.digest, shown.hash_function)
        for shown in question.documents
    ] == [
        (name, len(content), "text/plain", digest(content, "SHA-384").hex(), "SHA-384")
        for name, content in CONTENTS.items()
    ]
    assert all(shown.path is not None for shown in question.documents)
    assert user.conversation is not None
    assert user.conversation.operation == "sign"
    assert user.conversation.test_card
    bars = [Progress(0, 3), Progress(1, 3), Progress(2, 3)]
    assert heard == [
        ("window-open", None),
        ("receiving", Progress(0, 8)),
        ("receiving", Progress(8, 8)),
        *(("signing", bar) for bar in bars),
    ]
    assert user.bars[-3:] == bars
    assert tries(folder) == (5, 5)


async def test_documents_are_hashed_with_the_function_that_was_asked_for(
    source: MockCardSource, inbox: DocumentInbox
) -> None:
    fill(inbox)
    asked = request(documents=inbox, hash_function="SHA3-256")
    made = await begin(User([PIN2]), source, asked)
    for each, content in zip(made.signatures, CONTENTS.values(), strict=True):
        assert each.algorithm.hash_function == "SHA3-256"
        check(each, made.certificate, content)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a\u202egnp.exe", "\x1b[2J\x00", "", "ä" * 255]
)
async def test_a_hostile_name_is_handed_on_as_it_is(
    source: MockCardSource, name: str
) -> None:
    user = User([PIN2])
    made = await begin(user, source, request(hash_of(b"x", name)))
    assert made.signatures[0].name == name
    assert user.questions[0].documents[0].name == name


# -- Which key ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "chosen", "name"),
    [
        ({}, None, "ES256"),
        ({"key_type": KeyType.ECC}, None, "ES256"),
        ({"key_type": KeyType.RSA}, None, "RS256"),
        ({"key_type": KeyType.RSA, "padding": Padding.PSS}, None, "PS256"),
        ({"padding": Padding.PSS}, None, "PS256"),
        ({"padding": Padding.PKCS1}, None, "RS256"),
        ({"padding": Padding.NONE}, None, "ES256"),
        ({}, 2, "RS256"),
        ({}, 3, "ES256"),
    ],
)
async def test_the_older_card_signs_with_the_key_that_is_asked_for(
    old_source: MockCardSource,
    old_folder: Path,
    fields: dict[str, Any],
    chosen: int | None,
    name: str,
) -> None:
    certificate = None if chosen is None else certificate_of(old_folder, chosen)
    asked = request(
        hash_of(b"text", hash_function="SHA-256"), certificate=certificate, **fields
    )
    made = await begin(User([PIN2]), old_source, asked)
    assert certificate in {None, made.certificate.der}
    assert made.signatures[0].algorithm.name == name
    check(made.signatures[0], made.certificate, b"text")


@pytest.mark.parametrize(
    "chosen",
    [
        lambda der, _: der + b"\x00",
        lambda der, _: der[:-1] + bytes([der[-1] ^ 1]),
        lambda _, other: other,
        lambda _, __: b"no certificate",
        lambda _, __: b"",
    ],
    ids=["longer", "changed", "the authentication key's", "none", "empty"],
)
async def test_a_certificate_that_is_not_the_cards_is_said(
    source: MockCardSource, folder: Path, chosen: Callable[[bytes, bytes], bytes]
) -> None:
    user = User([PIN2])
    certificate = chosen(certificate_of(folder, 2), certificate_of(folder, 1))
    signing = begin(user, source, request(certificate=certificate))
    await until(user.problems)
    said = Problem("CERTIFICATE_MISMATCH")
    assert user.shown[-1] == (Step.WAITING_FOR_CARD, said)
    assert await cancelled(user, signing) == said.code
    assert not user.questions
    assert tries(folder) == (5, 5)


async def test_a_key_that_is_not_certified_for_signing_is_not_used(
    source: MockCardSource, state: MockCardState
) -> None:
    """The authentication certificate is in the signature key's place."""
    with state.update() as card:
        other, own = card.keys
        card.keys = (other, other.model_copy(update={"reference": own.reference}))
    for certificate in (None, certificate_of(state.folder, 2)):
        user = User([PIN2])
        signing = begin(user, source, request(certificate=certificate))
        await until(lambda: signing.done() or user.problems())  # noqa: B023
        assert await cancelled(user, signing) == "UNSUPPORTED_CARD"
        assert not user.questions


async def test_an_rsa_key_that_the_card_does_not_have_is_said_to_the_person_alone(
    source: MockCardSource,
) -> None:
    user = User([PIN2])
    signing = begin(user, source, request(key_type=KeyType.RSA))
    await until(user.problems)
    assert user.problems() == ["KEY_MISSING"]
    await cancelled(user, signing)
    assert not user.questions


# -- Requests refused before anything is shown ----------------------------------------

SHA3 = hash_of(b"x", hash_function="SHA3-256")
WRONG_REQUESTS = {
    "nothing to sign": SignRequest(origin=ORIGIN, language="fi"),
    "a name twice": request(hash_of(b"x"), hash_of(b"y")),
    "no name among several": request(hash_of(b"x", ""), hash_of(b"y", "b")),
    "a hash too short": request(HashToSign("a", bytes(47), "SHA-384")),
    "an empty hash": request(HashToSign("a", b"", "SHA3-256")),
    "an unknown hash function": request(HashToSign("a", bytes(20), "SHA-1")),
    "a function for hashes that have one": request(hash_function="SHA-384"),
    "RSA and SHA-3": request(SHA3, key_type=KeyType.RSA),
    "PSS and SHA-3": request(SHA3, padding=Padding.PSS),
    "a padding for EC keys": request(key_type=KeyType.ECC, padding=Padding.PSS),
    "RSA without padding": request(key_type=KeyType.RSA, padding=Padding.NONE),
}


async def refused(source: MockCardSource, asked: SignRequest) -> None:
    user = User([PIN2])
    with pytest.raises(InvalidArgumentError):
        await begin(user, source, asked)
    assert user.conversation is None


@pytest.mark.parametrize("wrong", WRONG_REQUESTS)
async def test_a_wrong_request_is_refused_before_a_window_opens(
    source: MockCardSource, wrong: str
) -> None:
    await refused(source, WRONG_REQUESTS[wrong])


async def test_documents_with_hashes_or_an_unknown_function_are_refused(
    source: MockCardSource, inbox: DocumentInbox
) -> None:
    await refused(source, request(documents=inbox, hash_function="MD5"))
    await refused(source, request(hash_of(b"x"), documents=inbox))


@pytest.mark.parametrize(
    ("reference", "hash_function", "key_type"),
    [(2, "SHA3-256", None), (2, "SHA-256", KeyType.ECC), (3, "SHA-256", KeyType.RSA)],
)
async def test_a_certificate_whose_key_can_not_sign_that_is_refused_at_once(
    reference: int,
    hash_function: str,
    key_type: KeyType | None,
    old_source: MockCardSource,
    old_folder: Path,
) -> None:
    asked = request(
        hash_of(b"x", hash_function=hash_function),
        certificate=certificate_of(old_folder, reference),
        key_type=key_type,
    )
    await refused(old_source, asked)


# -- What ends it early ---------------------------------------------------------------


async def test_a_wrong_chunk_ends_it_before_a_card_is_looked_for(
    source: MockCardSource, inbox: DocumentInbox
) -> None:
    user = User([PIN2])
    signing = begin(user, source, request(documents=inbox))
    await until(lambda: user.shown)
    with pytest.raises(InvalidArgumentError):
        inbox.put(0, 1, b"x")
    with pytest.raises(InvalidArgumentError):
        await signing
    assert user.shown == [(Step.RECEIVING, None)]


async def test_cancelled_while_documents_come(
    source: MockCardSource, inbox: DocumentInbox
) -> None:
    user = User()
    signing = begin(user, source, request(documents=inbox))
    await until(lambda: user.shown)
    await cancelled(user, signing)
    assert not user.questions


async def test_nothing_is_received_or_read_before_the_person_says_it_was_them(
    source: MockCardSource, inbox: DocumentInbox
) -> None:
    user = User(started=False)
    with pytest.raises(UserCancelledError):
        await begin(user, source, request(documents=inbox, started_by_person=False))
    assert not user.shown


async def test_no_copy_of_a_pin_is_made_to_know_it_again(
    source: MockCardSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[bytes] = []
    sha256 = hashlib.sha256

    def spy(data: bytes = b"", **options: bool) -> object:
        given.append(data)
        return sha256(data, **options)

    monkeypatch.setattr("hashlib.sha256", spy)
    await begin(User(["999999", PIN2]), source)
    assert given
    assert not any(pin in data for data in given for pin in (b"999999", PIN2.encode()))


@pytest.mark.parametrize("who", ["user", "page"])
async def test_a_pin_typed_as_it_is_called_off_is_wiped_and_not_sent(
    source: MockCardSource, folder: Path, who: str
) -> None:
    class Hasty(User):
        async def ask_pin(self, question: PinQuestion) -> bytearray:
            digits = await super().ask_pin(question)
            end = user.cancel if who == "user" else signing.cancel
            end()
            return digits

    user = Hasty(["999999"])
    signing = begin(user, source)
    with pytest.raises((UserCancelledError, asyncio.CancelledError)):
        await signing
    [digits] = user.typed
    assert not any(digits)
    assert tries(folder) == (5, 5)


@pytest.mark.parametrize("done", [1, 2])
async def test_whoever_cancels_in_the_middle_gets_what_was_signed(
    source: MockCardSource, inbox: DocumentInbox, done: int
) -> None:
    fill(inbox)
    user = User([PIN2])

    def cancel_at(word: str, progress: Progress | None) -> None:
        if word == "signing" and progress == Progress(done, 3):
            user.cancel()

    with pytest.raises(SigningInterruptedError) as caught:
        await begin(user, source, request(documents=inbox), cancel_at)
    error = caught.value
    assert (error.reason, error.total) == ("USER_CANCELLED", 3)
    assert [each.name for each in error.done.signatures] == list(CONTENTS)[:done]
    for each, content in zip(error.done.signatures, CONTENTS.values(), strict=False):
        check(each, error.done.certificate, content)
    said = Problem("SIGNING_INTERRUPTED", f"{done}/3")
    assert user.shown[-1] == (Step.FAILED, said)


async def test_what_was_signed_is_told_also_when_nobody_foresaw_what_failed(
    source: MockCardSource,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    signed, sign_once = 0, FineidCard.sign
    typed = "-".join(["90", "81", "72"])  # not in the source, which the log quotes

    def break_down(card: FineidCard, *arguments: Any) -> bytes:
        nonlocal signed
        if signed == 1:
            raise ValueError(typed)
        signed += 1
        return sign_once(card, *arguments)

    monkeypatch.setattr(FineidCard, "sign", break_down)
    user = User([PIN2])
    with pytest.raises(SigningInterruptedError) as caught:
        await begin(user, source, request(hash_of(b"x", "a"), hash_of(b"x", "b")))
    assert (caught.value.reason, caught.value.total) == ("INTERNAL", 2)
    [made] = caught.value.done.signatures
    check(made, caught.value.done.certificate, b"x")
    assert "unexpected ValueError" in caplog.text
    assert typed not in caplog.text
    signed = 1
    with pytest.raises(ValueError, match=typed):
        await begin(User([PIN2]), source)
