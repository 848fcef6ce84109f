# SPDX-License-Identifier: MIT
"""The signing certificate leaves the host only after the person's consent."""

import asyncio
from pathlib import Path

import pytest

from kortilla.testing.state import MockCardState
from native_host.card.signature import HASH_SIZES, KeyType, Padding
from native_host.errors import UserCancelledError
from native_host.mock_card.source import MockCardSource
from native_host.operations.prompting import Context, Request
from native_host.operations.signing_certificate import (
    SigningCertificate,
    signing_certificate,
)
from native_host.pin_prompt.model import Progress
from tests.operations.person import Person, until

REQUEST = Request(origin="https://service.example", language="fi")


def begin(
    person: Person, source: MockCardSource, request: Request = REQUEST
) -> "asyncio.Task[SigningCertificate]":
    return asyncio.create_task(signing_certificate(Context(source, person), request))


async def test_certificate_and_algorithms_are_those_of_the_preferred_key(
    source: MockCardSource, folder: Path
) -> None:
    person = Person()
    found = await begin(person, source)
    assert (
        found.certificate.der == MockCardState.open(folder).read().keys[1].certificate
    )
    assert {each.hash_function for each in found.algorithms} == set(HASH_SIZES)
    assert {each.key_type for each in found.algorithms} == {KeyType.ECC}
    assert {each.padding for each in found.algorithms} == {Padding.NONE}
    [consent] = person.consents
    assert (consent.name, consent.satu) == (
        found.certificate.name,
        found.certificate.satu,
    )
    assert consent.test_card
    assert person.conversation is not None
    assert person.conversation.operation == "signing-certificate"
    assert not person.questions


async def test_the_older_card_gives_its_ec_key(
    old_source: MockCardSource, old_folder: Path
) -> None:
    found = await begin(Person(), old_source)
    keys = MockCardState.open(old_folder).read().keys
    [certificate] = [key.certificate for key in keys if key.reference == 3]
    assert found.certificate.der == certificate
    assert found.algorithms[0].name == "ES256"


async def test_whoever_does_not_agree_gives_nothing_away(
    source: MockCardSource,
) -> None:
    with pytest.raises(UserCancelledError) as caught:
        await begin(Person(agrees=False), source)
    assert caught.value.reason is None


async def test_a_card_pulled_during_the_question_is_asked_about_again(
    source: MockCardSource,
) -> None:
    person = Person(agrees=None)
    asking = begin(person, source)
    await until(lambda: person.consents)
    source.remove()
    await until(lambda: "CARD_REMOVED" in person.problems())
    person.agrees = True
    source.insert()
    assert (await asking).certificate.satu == person.consents[0].satu
    assert len(person.consents) == 2


async def test_a_locked_pin2_is_no_hindrance(
    source: MockCardSource, folder: Path
) -> None:
    with MockCardState.open(folder).update() as card:
        card.pin2.tries = 0
    assert (await begin(Person(), source)).certificate


async def test_the_page_hears_of_nothing_but_the_window(
    source: MockCardSource,
) -> None:
    heard: list[tuple[str, Progress | None]] = []
    await signing_certificate(
        Context(source, Person(), lambda word, bar: heard.append((word, bar))), REQUEST
    )
    assert heard == [("window-open", None)]


async def test_nothing_is_read_before_the_person_says_it_was_them(
    source: MockCardSource,
) -> None:
    request = Request(origin=REQUEST.origin, language="fi", started_by_person=False)
    person = Person(started=False)
    with pytest.raises(UserCancelledError):
        await begin(person, source, request)
    assert not person.shown
