# SPDX-License-Identifier: MIT
"""The token of a card on a contactless reader, whose number (CAN) has to be known."""

import pytest

from kortilla.mock_card.card_data import CAN
from native_host.card.certificate import CardCertificate
from native_host.card.errors import CardMuteError
from native_host.card.mock_source import MockCardConnection, MockCardSource
from native_host.operations.card_access.access_numbers import AccessNumbers
from native_host.pin_prompt.model import CanQuestion, Step
from native_host.state import remembered_can
from tests.operations.user import until
from tests.pkcs11.client import Client
from tests.pkcs11.conftest import Program, Windows, a_login, open_server


@pytest.mark.parametrize("remembered", [True, False])
async def test_a_card_on_a_contactless_reader_is_a_token_if_its_can_is_remembered(
    client: Client,
    source: MockCardSource,
    monkeypatch: pytest.MonkeyPatch,
    remembered: bool,
) -> None:
    asked: list[bool] = []

    async def recall() -> bytearray | None:
        asked.append(remembered)
        return bytearray(CAN, "ascii") if remembered else None

    monkeypatch.setattr(remembered_can, "recall", recall)
    assert await client.event() == 1
    source.remove()
    assert await client.event() == 1
    source._contactless = True
    source.insert()
    if remembered:
        assert await client.event() == 1
    await until(lambda: asked)
    assert await client.slots() == ([1] if remembered else [])


async def test_a_card_on_a_contactless_reader_signs_by_its_remembered_can(
    late: Program, source: MockCardSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with a kept PIN, for which no window is open."""

    async def recall() -> bytearray:
        return bytearray(CAN, "ascii")

    monkeypatch.setattr(remembered_can, "recall", recall)
    source.remove()
    source._contactless = True
    source.insert()
    user = await late.keep()
    await late.sign()
    assert late.windows.users == [user]
    assert user.can_questions == []
    assert Step.CONTACTLESS in [step for step, _ in user.shown]


async def test_a_prepared_login_shows_a_card_on_a_contactless_reader(
    source: MockCardSource, windows: Windows, certificate: CardCertificate
) -> None:
    """Without a password store, too: the number is kept for the program alone."""
    source.remove()
    source._contactless = True
    source.insert()
    numbers, state = AccessNumbers(), source._state
    async with (
        a_login(source, windows, numbers=numbers) as login,
        open_server(source) as server,
    ):
        server.tokens.numbers = numbers
        client = await server.client()
        for _ in range(2):
            assert await client.slots() == []
        assert state.read().wrong_cans == 0
        windows.type("1234")
        windows.cans = ["111111", CAN]
        await login.prepare()
        assert await client.slots() == [1]
        await Program(login, windows, certificate, source).sign()
        [user] = windows.users
        assert [each.wrong for each in user.can_questions] == [False, True]

        # Of another card it is sent once, and the person is told why it is asked for.
        source.remove()
        with state.update() as card:
            card.can = "222222"
        source.insert()
        await until(lambda: state.read().wrong_cans)
        for _ in range(3):
            assert await client.slots() == []
        assert state.read().wrong_cans == 1
        windows.type("1234")
        windows.cans = ["222222"]
        await login.prepare()
        assert await client.slots() == [1]
        assert windows.users[-1].can_questions == [CanQuestion()]


async def test_pace_that_is_interrupted_is_not_begun_anew_for_a_program_that_polls(
    source: MockCardSource, windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It makes the card slower. A window that has reached the card shows it again."""
    runs: list[bytes] = []
    send = MockCardConnection.send_and_receive
    interrupted = True

    def count(self: MockCardConnection, apdu: bytes) -> tuple[bytes, int]:
        if apdu[:2] == b"\x10\x86" and apdu[5:] == b"\x7c\0\0":  # the first step
            runs.append(apdu)
            if interrupted:
                raise CardMuteError("The reader has waited long enough.")
        return send(self, apdu)

    async def recall() -> bytearray:
        return bytearray(CAN, "ascii")

    monkeypatch.setattr(MockCardConnection, "send_and_receive", count)
    monkeypatch.setattr(remembered_can, "recall", recall)
    source.remove()
    source._contactless = True
    source.insert()
    async with open_server(source) as server:
        numbers = server.tokens.numbers = AccessNumbers()
        client = await server.client()
        slot = server.tokens.slot(1)
        for _ in range(9):
            assert await client.slots() == []
            await until(lambda: slot.reading is None)
        assert len(runs) == 1
        interrupted = False
        windows.type("1234")
        async with a_login(
            source, windows, refusals=server.refusals, numbers=numbers
        ) as login:
            await login.prepare()
            # The card lies on the reader as before.
            assert await client.slots() == [1]


async def test_a_number_of_an_earlier_window_that_does_not_fit_is_said_to_be_old(
    source: MockCardSource, windows: Windows, certificate: CardCertificate
) -> None:
    """The person has typed nothing in this window yet."""
    source.remove()
    source._contactless = True
    source.insert()
    numbers = AccessNumbers()
    async with a_login(source, windows, numbers=numbers) as login:
        for can in (CAN, "222222"):
            with source._state.update() as card:
                card.can = can
            windows.type("1234")
            windows.cans = [can]
            await login.prepare()
        [question] = windows.users[-1].can_questions
        assert (question.wrong, question.recalled) == (True, True)
        numbers.wipe()
