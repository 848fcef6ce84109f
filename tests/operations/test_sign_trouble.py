# SPDX-License-Identifier: MIT
"""Signing with unusual keys and PINs, and with people who make errors."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kortilla.mock_card.state import MockCardState
from native_host.card.fineid import FineidCard
from native_host.card.mock_source import MockCardSource
from native_host.card.signature import KeyType
from native_host.errors import UserCancelledError
from native_host.operations.documents import DocumentInbox
from native_host.operations.request import Context
from native_host.operations.sign import SigningInterruptedError, SignRequest, sign
from native_host.pin_prompt.model import PinQuestion, Problem, Progress, Step
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
from tests.operations.user import User, until

# -- Which key ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chosen",
    [
        lambda der: der + b"\x00",
        lambda der: der[:-1] + bytes([der[-1] ^ 1]),
        lambda _: b"no certificate",
        lambda _: b"",
    ],
)
async def test_a_certificate_that_is_not_the_cards_is_said(
    source: MockCardSource, folder: Path, chosen: Callable[[bytes], bytes]
) -> None:
    user = User([PIN2])
    asked = request(certificate=chosen(certificate_of(folder, 2)))
    signing = begin(user, source, asked)
    await until(user.problems)
    assert user.shown[-1] == (
        Step.WAITING_FOR_CARD,
        Problem("CERTIFICATE_MISMATCH"),
    )
    user.cancel()
    with pytest.raises(UserCancelledError) as caught:
        await signing
    assert caught.value.reason == "CERTIFICATE_MISMATCH"
    assert not user.questions
    assert tries(folder) == (5, 5)


async def test_nothing_is_signed_with_the_authentication_key(
    source: MockCardSource, folder: Path
) -> None:
    user = User([PIN2])
    asked = request(certificate=certificate_of(folder, 1))
    signing = begin(user, source, asked)
    await until(user.problems)
    assert user.problems() == ["CERTIFICATE_MISMATCH"]
    user.cancel()
    with pytest.raises(UserCancelledError):
        await signing
    assert not user.questions


async def test_a_key_that_is_not_certified_for_signing_is_not_used(
    source: MockCardSource, folder: Path
) -> None:
    """The authentication certificate is in the signature key's place."""
    with MockCardState.open(folder).update() as card:
        other = card.keys[0]
        card.keys = (
            other,
            other.model_copy(update={"reference": card.keys[1].reference}),
        )
    for certificate in (None, certificate_of(folder, 2)):
        user = User([PIN2])
        signing = begin(user, source, request(certificate=certificate))
        await until(lambda: signing.done() or user.problems())  # noqa: B023
        user.cancel()
        with pytest.raises(UserCancelledError) as caught:
            await signing
        assert caught.value.reason == "UNSUPPORTED_CARD"
        assert not user.questions


async def test_an_rsa_key_that_the_card_does_not_have_is_said_to_the_person_alone(
    source: MockCardSource,
) -> None:
    user = User([PIN2])
    signing = begin(user, source, request(key_type=KeyType.RSA))
    await until(user.problems)
    assert user.problems() == ["KEY_MISSING"]
    user.cancel()
    with pytest.raises(UserCancelledError):
        await signing
    assert not user.questions


# -- The PIN --------------------------------------------------------------------------


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


# -- Interruptions --------------------------------------------------------------------


@pytest.mark.parametrize("done", [1, 2])
async def test_whoever_cancels_in_the_middle_gets_what_was_signed(
    source: MockCardSource, inbox: DocumentInbox, done: int
) -> None:
    fill(inbox)
    user = User([PIN2])

    def cancel_at(word: str, progress: Progress | None) -> None:
        if word == "signing" and progress == Progress(done, 3):
            user.cancel()

    asked = SignRequest(origin=ORIGIN, language="fi", documents=inbox)
    with pytest.raises(SigningInterruptedError) as caught:
        await sign(Context(source, user, cancel_at), asked)
    error = caught.value
    assert (error.reason, error.total) == ("USER_CANCELLED", 3)
    assert [each.name for each in error.done.signatures] == list(CONTENTS)[:done]
    for each, content in zip(error.done.signatures, CONTENTS.values(), strict=False):
        check(each, error.done.certificate, content)
    assert user.shown[-1] == (
        Step.FAILED,
        Problem("SIGNING_INTERRUPTED", f"{done}/3"),
    )


async def test_what_was_signed_is_told_also_when_nobody_foresaw_what_failed(
    source: MockCardSource,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    signed, sign_once = 0, FineidCard.sign

    def break_down(card: FineidCard, *arguments: Any) -> bytes:
        nonlocal signed
        if signed == 1:
            raise ValueError("nobody foresaw")
        signed += 1
        return sign_once(card, *arguments)

    monkeypatch.setattr(FineidCard, "sign", break_down)
    user = User([PIN2])
    with pytest.raises(SigningInterruptedError) as caught:
        await begin(user, source, request(hash_of(b"x", "a"), hash_of(b"y", "b")))
    assert (caught.value.reason, caught.value.total) == ("INTERNAL", 2)
    [made] = caught.value.done.signatures
    check(made, caught.value.done.certificate, b"x")
    assert "unexpected ValueError" in caplog.text
    signed = 1
    with pytest.raises(ValueError, match="foresaw"):
        await begin(User([PIN2]), source)


async def test_nothing_is_received_or_read_before_the_person_says_it_was_them(
    source: MockCardSource, inbox: DocumentInbox
) -> None:
    asked = SignRequest(
        origin=ORIGIN, language="fi", documents=inbox, started_by_person=False
    )
    user = User(started=False)
    with pytest.raises(UserCancelledError):
        await begin(user, source, asked)
    assert not user.shown


async def test_cancelled_while_documents_come(
    source: MockCardSource, inbox: DocumentInbox
) -> None:
    user = User()
    signing = begin(
        user, source, SignRequest(origin=ORIGIN, language="fi", documents=inbox)
    )
    await until(lambda: user.shown)
    user.cancel()
    with pytest.raises(UserCancelledError):
        await signing
