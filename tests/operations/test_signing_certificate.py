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
from native_host.pin_prompt.model import Step
from tests.operations.faulty_session import log_in
from tests.operations.signing import ORIGIN, certificate_of
from tests.operations.user import User, cancelled, ending, until

REQUEST = CertificateRequest(origin=ORIGIN, language="fi")


def after_login(certificate: bytes) -> CertificateRequest:
    """Return the request of a page that got this certificate by a login."""
    return replace(REQUEST, identified_by=hashlib.sha256(certificate).digest())


@pytest.fixture
def identified(folder: Path) -> CertificateRequest:
    """The request of a page that the card's holder has identified to."""
    return after_login(certificate_of(folder, 1))


def begin(
    user: User,
    source: MockCardSource,
    request: CertificateRequest = REQUEST,
    heard: list[str] | None = None,
) -> "asyncio.Task[SigningCertificate]":
    told = [] if heard is None else heard
    context = Context(source, user, lambda word, _: told.append(word))
    return asyncio.create_task(signing_certificate(context, request))


async def test_certificate_and_algorithms_are_those_of_the_preferred_key(
    source: MockCardSource, folder: Path
) -> None:
    user, heard = User(), list[str]()
    found = await begin(user, source, heard=heard)
    assert found.certificate.der == certificate_of(folder, 2)
    assert {each.hash_function for each in found.algorithms} == set(HASH_SIZES)
    assert {each.key_type for each in found.algorithms} == {KeyType.ECC}
    assert {each.padding for each in found.algorithms} == {Padding.NONE}
    [consent] = user.consents
    holder = found.certificate.name, found.certificate.satu
    assert (consent.name, consent.satu) == holder
    assert consent.test_card
    assert user.conversation is not None
    assert user.conversation.operation == "signing-certificate"
    assert not user.questions
    assert heard == ["window-open"]


async def test_whoever_does_not_agree_gives_nothing_away(
    source: MockCardSource,
) -> None:
    assert await ending(begin(User(agrees=False), source)) is None


async def test_nothing_is_read_before_the_person_says_it_was_them(
    source: MockCardSource,
) -> None:
    user = User(started=False)
    with pytest.raises(UserCancelledError):
        await begin(user, source, replace(REQUEST, started_by_person=False))
    assert not user.shown


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
    source: MockCardSource, state: MockCardState
) -> None:
    with state.update() as card:
        card.pin2.tries = 0
    assert (await begin(User(), source)).certificate


# -- After a login --------------------------------------------------------------------


async def test_after_a_login_with_the_card_the_person_is_not_asked(
    source: MockCardSource, state: MockCardState, identified: CertificateRequest
) -> None:
    user, heard = User(), list[str]()
    found = await begin(user, source, identified, heard)
    assert found.certificate.der == certificate_of(state.folder, 2)
    assert user.conversation is None
    assert not user.shown
    assert not heard
    card = state.read()
    assert (card.pin1.tries, card.pin2.tries) == (5, 5)


async def test_the_older_cards_login_is_known_too_and_gives_its_ec_key(
    old_source: MockCardSource, old_folder: Path
) -> None:
    token = await log_in(old_source, User(["1234"]))
    login = after_login(base64.b64decode(token["unverifiedCertificate"]))
    user = User()
    found = await begin(user, old_source, login)
    assert user.conversation is None
    for each in (found, await begin(User(), old_source)):
        assert each.certificate.der == certificate_of(old_folder, 3)
        assert each.algorithms[0].name == "ES256"


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
    source: MockCardSource, identified: CertificateRequest, changes: dict[str, Any]
) -> None:
    user = User(agrees=False)
    with pytest.raises(UserCancelledError):
        await begin(user, source, replace(identified, **changes))
    assert user.conversation is not None
    assert len(user.consents) == 1


async def test_the_certificate_of_signing_is_no_login(
    source: MockCardSource, folder: Path
) -> None:
    user = User()
    await begin(user, source, after_login(certificate_of(folder, 2)))
    assert len(user.consents) == 1


async def test_after_a_login_a_card_that_is_out_is_asked_for(
    source: MockCardSource, identified: CertificateRequest
) -> None:
    source.remove()
    user = User()
    asking = begin(user, source, identified)
    await until(lambda: (Step.WAITING_FOR_CARD, None) in user.shown)
    source.insert()
    await asking
    assert len(user.consents) == 1


@pytest.mark.parametrize("name", ["garbled", "mute", "card-pulled", "6F00"])
async def test_after_a_login_a_card_that_fails_is_asked_about_in_the_window(
    source: MockCardSource,
    state: MockCardState,
    identified: CertificateRequest,
    name: str,
) -> None:
    state.set_faults(Fault(name, "read", times=None))
    user = User()
    asking = begin(user, source, identified)
    await until(lambda: user.conversation)
    await cancelled(user, asking)


async def test_a_card_that_answers_too_late_opens_the_window(
    source: MockCardSource,
    identified: CertificateRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operation, "_FOUND_WITHIN", 0)
    user = User()
    await begin(user, source, identified)
    assert len(user.consents) == 1
