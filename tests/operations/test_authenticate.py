# SPDX-License-Identifier: MIT
"""A login survives the errors of people and cards."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pytest
from asn1crypto import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardBusyError
from native_host.card.mock_source import MockCardSource
from native_host.card.source import CardConnection, Reader
from native_host.operations.card_access import card_session
from native_host.pin_prompt.model import Problem, Step
from tests.operations.faulty_session import LOGIN, NONCE, log_in
from tests.operations.user import Unattended, User, cancelled, until

P = ParamSpec("P")
T = TypeVar("T")

BANK_CARD = bytes.fromhex("3B6500002063CB6800")
ORGANISATION_CARD = bytes.fromhex("3BDD96008031FE450031B8640429ECC1739401808349")
#: Of another kind than an identity card.
CONTACTLESS = bytes.fromhex("3B8F8001804F0CA000000306030001000000006A")


def tries(folder: Path) -> int:
    return MockCardState.open(folder).read().pin1.tries


def begin(user: User, source: MockCardSource) -> "asyncio.Task[dict[str, Any]]":
    return asyncio.create_task(log_in(source, user))


class SilentSource(MockCardSource):
    """A reader whose card gives no answer before ``answers`` is set."""

    answers: asyncio.Event

    async def run(
        self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        await self.answers.wait()
        return await super().run(function, *args, **kwargs)


SILENT = (Step.READING, Problem("CARD_SILENT"))


@pytest.fixture
async def silent(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SilentSource]:
    monkeypatch.setattr(card_session, "SILENT_AFTER", 0.0)
    async with SilentSource(folder) as source:
        source.answers = asyncio.Event()
        yield source


async def test_a_card_that_keeps_silent_is_named_while_it_is_read(
    silent: SilentSource,
) -> None:
    user = User()
    login = begin(user, silent)
    await until(lambda: SILENT in user.shown)
    silent.answers.set()
    await until(lambda: user.questions)
    before = len(user.shown)
    # What comes after the question is no reading any more.
    user.pins.append("1234")
    silent.remove()
    await until(lambda: user.problems()[-1] == "CARD_REMOVED")
    silent.insert()
    await login
    steps = [step for step, _ in user.shown]
    assert Step.READING in steps[before:]
    assert SILENT not in user.shown[steps.index(Step.SIGNING) :]


async def test_nobody_is_told_of_silence_where_nobody_is_there(
    silent: SilentSource,
) -> None:
    user = Unattended(["1234"])
    login = begin(user, silent)
    await until(lambda: user.shown)
    silent.answers.set()
    await login
    assert SILENT not in user.shown


async def test_the_signature_is_over_origin_and_challenge_and_nothing_else(
    source: MockCardSource,
) -> None:
    token = await begin(User(["1234"]), source)
    certificate = x509.Certificate.load(
        base64.b64decode(token["unverifiedCertificate"])
    )
    key = load_der_public_key(certificate.public_key.dump())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    raw = base64.b64decode(token["signature"])
    signature = encode_dss_signature(int.from_bytes(raw[:48]), int.from_bytes(raw[48:]))
    parts = (LOGIN.origin.encode(), NONCE.encode())
    message = b"".join(hashlib.sha384(part).digest() for part in parts)
    key.verify(signature, message, ec.ECDSA(hashes.SHA384()))
    assert (token["algorithm"], token["format"]) == ("ES384", "web-eid:1.0")


async def test_a_pin_that_the_card_refused_is_remembered_across_a_removal(
    source: MockCardSource, folder: Path
) -> None:
    user = User(["9999"])
    login = begin(user, source)
    await until(lambda: len(user.questions) == 2)
    source.remove()
    await until(lambda: "CARD_REMOVED" in user.problems())
    user.pins += ["9999", "1234"]
    source.insert()
    await login
    assert [q.tries_left for q in user.questions] == [5, 4, 4, 4]
    assert [q.repeated for q in user.questions] == [False, False, False, True]


@pytest.mark.parametrize(
    ("atr", "kind"),
    [
        (BANK_CARD, ""),
        (ORGANISATION_CARD, "organisation"),
        (CONTACTLESS, "contactless"),
        (b"\x3b", ""),
    ],
)
async def test_a_card_of_another_kind_is_named_and_gets_no_command(
    source: MockCardSource, atr: bytes, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: Reader) -> CardConnection:
        raise AssertionError("a command for a card that is not ours")

    source.insert(atr)
    user = User(["1234"])
    with monkeypatch.context() as patch:
        patch.setattr(source, "connect", never)
        login = begin(user, source)
        await until(user.problems)
    problem = user.shown[-1][1]
    assert problem is not None
    assert kind in problem.detail.lower()
    source.insert()  # another one is taken
    assert "signature" in await login


@pytest.mark.parametrize(
    ("readers", "reason", "step"),
    [
        ((), "NO_READER", Step.WAITING_FOR_READER),
        ((Reader("A"), Reader("B")), "NO_CARD", Step.WAITING_FOR_CARD),
        ((Reader("A", mute=True),), "CARD_MUTE", Step.WAITING_FOR_CARD),
    ],
)
async def test_what_stood_in_the_way_is_the_reason_of_the_cancellation(
    source: MockCardSource,
    monkeypatch: pytest.MonkeyPatch,
    readers: tuple[Reader, ...],
    reason: str,
    step: Step,
) -> None:
    async def as_given() -> tuple[Reader, ...]:
        return readers

    async def for_ever(_: object) -> tuple[Reader, ...]:
        await asyncio.Event().wait()
        return readers

    monkeypatch.setattr(source, "readers", as_given)
    monkeypatch.setattr(source, "wait_for_change", for_ever)
    user = User()
    login = begin(user, source)
    await until(lambda: user.shown)
    assert await cancelled(user, login) == reason
    assert user.shown[-1][0] is step


async def test_a_card_that_another_program_holds_is_said_and_tried_again(
    source: MockCardSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, refusals = source.connect, [CardBusyError("held"), CardBusyError("held")]

    async def when_free(reader: Reader) -> CardConnection:
        if refusals:
            raise refusals.pop()
        return await connect(reader)

    monkeypatch.setattr(source, "connect", when_free)
    user = User(["1234"])
    assert "signature" in await begin(user, source)
    assert user.problems() == ["CARD_BUSY"]


async def test_whoever_gives_up_on_a_card_that_is_held_says_so(
    source: MockCardSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = User()

    async def never_free(_: Reader) -> CardConnection:
        if user.problems():
            await asyncio.Event().wait()  # patience, this time without an end
        raise CardBusyError("held")

    monkeypatch.setattr(source, "connect", never_free)
    login = begin(user, source)
    await until(user.problems)
    assert await cancelled(user, login) == "CARD_BUSY"


@pytest.mark.parametrize("days", [(-10, -1), (1, 10)])
async def test_a_card_that_is_not_valid_today_is_said(
    tmp_path: Path, days: tuple[int, int]
) -> None:
    now = datetime.now(UTC)
    start, end = (now + timedelta(days=each) for each in days)
    folder = tmp_path / "card"
    MockCardState.create(folder, not_before=start, not_after=end)
    user = User()
    async with MockCardSource(folder) as source:
        login = begin(user, source)
        await until(user.problems)
        assert await cancelled(user, login) == "CARD_EXPIRED"
    assert not user.questions
