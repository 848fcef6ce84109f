# SPDX-License-Identifier: MIT
"""The signing certificate leaves the host only after the user's consent."""

import asyncio
import base64
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kortilla.mock_card.faults import Fault
from kortilla.mock_card.state import MockCardState
from native_host.card.mock_source import MockCardSource
from native_host.card.signature import HASH_SIZES, KeyType, Padding
from native_host.errors import UserCancelledError
from native_host.operations import signing_certificate as operation
from native_host.operations.request import Context
from native_host.operations.signing_certificate import (
    CertificateRequest,
    SigningCertificate,
    signing_certificate,
)
from native_host.pin_prompt.model import Progress, Step
from tests.operations.faulty_session import log_in
from tests.operations.user import User, until

REQUEST = CertificateRequest(origin="https://service.example", language="fi")


def after_login(folder: Path) -> CertificateRequest:
    """Return the request of a page that got the card's certificate by a login."""
    certificate = MockCardState.open(folder).read().keys[0].certificate
    return replace(REQUEST, identified_by=hashlib.sha256(certificate).digest())


def begin(
    user: User, source: MockCardSource, request: CertificateRequest = REQUEST
) -> "asyncio.Task[SigningCertificate]":
    return asyncio.create_task(signing_certificate(Context(source, user), request))


async def test_certificate_and_algorithms_are_those_of_the_preferred_key(
    source: MockCardSource, folder: Path
) -> None:
    user = User()
    found = await begin(user, source)
    assert (
        found.certificate.der == MockCardState.open(folder).read().keys[1].certificate
    )
    assert {each.hash_function for each in found.algorithms} == set(HASH_SIZES)
    assert {each.key_type for each in found.algorithms} == {KeyType.ECC}
    assert {each.padding for each in found.algorithms} == {Padding.NONE}
    [consent] = user.consents
    assert (consent.name, consent.satu) == (
        found.certificate.name,
        found.certificate.satu,
    )
    assert consent.test_card
    assert user.conversation is not None
    assert user.conversation.operation == "signing-certificate"
    assert not user.questions


async def test_the_older_card_gives_its_ec_key(
    old_source: MockCardSource, old_folder: Path
) -> None:
    found = await begin(User(), old_source)
    keys = MockCardState.open(old_folder).read().keys
    [certificate] = [key.certificate for key in keys if key.reference == 3]
    assert found.certificate.der == certificate
    assert found.algorithms[0].name == "ES256"


async def test_whoever_does_not_agree_gives_nothing_away(
    source: MockCardSource,
) -> None:
    with pytest.raises(UserCancelledError) as caught:
        await begin(User(agrees=False), source)
    assert caught.value.reason is None


async def test_a_card_pulled_during_the_question_is_asked_about_again(
    source: MockCardSource,
) -> None:
    user = User(agrees=None)
    asking = begin(user, source)
    await until(lambda: user.consents)
    source.remove()
    await until(lambda: "CARD_REMOVED" in user.problems())
    user.agrees = True
    source.insert()
    assert (await asking).certificate.satu == user.consents[0].satu
    assert len(user.consents) == 2


async def test_a_locked_pin2_is_no_hindrance(
    source: MockCardSource, folder: Path
) -> None:
    with MockCardState.open(folder).update() as card:
        card.pin2.tries = 0
    assert (await begin(User(), source)).certificate


async def test_the_page_hears_of_nothing_but_the_window(
    source: MockCardSource,
) -> None:
    heard: list[tuple[str, Progress | None]] = []
    await signing_certificate(
        Context(source, User(), lambda word, bar: heard.append((word, bar))), REQUEST
    )
    assert heard == [("window-open", None)]


async def test_nothing_is_read_before_the_person_says_it_was_them(
    source: MockCardSource,
) -> None:
    request = replace(REQUEST, started_by_person=False)
    user = User(started=False)
    with pytest.raises(UserCancelledError):
        await begin(user, source, request)
    assert not user.shown


async def test_after_a_login_with_the_card_the_person_is_not_asked(
    source: MockCardSource, folder: Path
) -> None:
    user = User()
    heard: list[str] = []
    found = await signing_certificate(
        Context(source, user, lambda word, _: heard.append(word)), after_login(folder)
    )
    state = MockCardState.open(folder).read()
    assert found.certificate.der == state.keys[1].certificate
    assert user.conversation is None
    assert not user.shown
    assert not user.consents
    assert not heard
    assert (state.pin1.tries, state.pin2.tries) == (5, 5)


async def test_the_older_cards_login_is_known_too(
    old_source: MockCardSource, old_folder: Path
) -> None:
    token = await log_in(old_source, User(["1234"]))
    certificate = base64.b64decode(token["unverifiedCertificate"])
    request = replace(REQUEST, identified_by=hashlib.sha256(certificate).digest())
    user = User()
    found = await begin(user, old_source, request)
    assert found.algorithms[0].name == "ES256"
    assert user.conversation is None


@pytest.mark.parametrize(
    "changes",
    [
        {"identified_by": bytes(32)},
        {"identified_by": b""},
        {"started_by_person": False},
        {"caller": "SPECIMEN-program"},
    ],
    ids=["another card", "nothing", "no click", "not a browser"],
)
async def test_without_such_a_login_the_person_is_asked(
    source: MockCardSource, folder: Path, changes: dict[str, Any]
) -> None:
    user = User(agrees=False)
    with pytest.raises(UserCancelledError):
        await begin(user, source, replace(after_login(folder), **changes))
    assert user.conversation is not None
    assert len(user.consents) == 1


async def test_the_certificate_of_signing_is_no_login(
    source: MockCardSource, folder: Path
) -> None:
    certificate = MockCardState.open(folder).read().keys[1].certificate
    digest = hashlib.sha256(certificate).digest()
    user = User()
    await begin(user, source, replace(REQUEST, identified_by=digest))
    assert len(user.consents) == 1


async def test_after_a_login_a_card_that_is_out_is_asked_for(
    source: MockCardSource, folder: Path
) -> None:
    request = after_login(folder)
    source.remove()
    user = User()
    asking = begin(user, source, request)
    await until(lambda: (Step.WAITING_FOR_CARD, None) in user.shown)
    source.insert()
    await asking
    assert len(user.consents) == 1


@pytest.mark.parametrize("name", ["garbled", "mute", "card-pulled", "6F00"])
async def test_after_a_login_a_card_that_fails_is_asked_about_in_the_window(
    source: MockCardSource, folder: Path, name: str
) -> None:
    request = after_login(folder)
    MockCardState.open(folder).set_faults(Fault(name, "read", times=None))
    user = User()
    asking = begin(user, source, request)
    await until(lambda: user.conversation)
    user.cancel()
    with pytest.raises(UserCancelledError):
        await asking


async def test_a_card_that_answers_too_late_opens_the_window(
    source: MockCardSource, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation, "_FOUND_WITHIN", 0)
    user = User()
    await begin(user, source, after_login(folder))
    assert len(user.consents) == 1
