# SPDX-License-Identifier: MIT
"""``kortilla card status`` with the mock card; real readers are in another file."""

import asyncio
import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from kortilla.mock_card.card_data import CAN
from kortilla.mock_card.state import MockCardState
from native_host.card.certificate import CardCertificate, CertificateError
from native_host.card.mock_source import MockCardSource
from native_host.card.source import CardConnection, Reader
from native_host.cli import card
from native_host.operations.card_access import card_session
from native_host.state import remembered_can
from tests.cli.conftest import Run

HOLDER = {"name": "AINO SPECIMEN-VIRTANEN", "satu": "99955512B"}

CERTIFICATES = {
    "v5": [
        ("authentication", "ECC", "ES384", False),
        ("signature", "ECC", "ES384", True),
    ],
    "v4.2": [
        ("authentication", "RSA", "PS256", False),
        ("signature", "ECC", "ES256", True),
        ("signature", "RSA", "PS256", True),
    ],
}


def test_card_status_tells_all_that_can_be_read_without_a_pin(
    run: Run, mock_card: MockCardState, configure: Callable[[str], Path]
) -> None:
    data = mock_card.read()
    outcome = run("card", "status", "--card", "mock")
    assert (outcome.status, outcome.words) == (0, "")
    assert mock_card.read() == data
    (reader,) = outcome.result["readers"]
    assert reader["reader"] == "Kortilla mock card"
    assert reader["atr"] == mock_card.profile.atr.hex().upper()
    assert reader["testCard"] is True
    card = reader["card"]
    generation = {"v5": "MULTIAPP_V5", "v4.2": "MULTIAPP_V4"}[data.profile]
    assert card["generation"] == generation
    assert card["holder"] == HOLDER
    assert card["tries"] == {"PIN1": 5, "PIN2": 5, "PUK": 5}
    assert card["activation"] == "active"
    assert [
        (c["role"], c["keyType"], c["algorithm"], c["forSigning"])
        for c in card["certificates"]
    ] == CERTIFICATES[data.profile]
    assert all(c["test"] for c in card["certificates"])
    told = run("card", "status", "--card", "mock", json=False)
    assert "The card is ready to use." in told.words
    assert "TEST CARD" in told.words
    assert "Basic PIN (PIN1): 5 tries left" in told.words
    assert "{" not in told.words
    configure("language = 'en'")
    told = run("card", "status", "--card", "mock", "--lang", "fi", json=False)
    assert "Kortti on käyttövalmis." in told.words
    with mock_card.update() as data:
        data.pin2.tries = 0
    told = run("card", "status", "--card", "mock", "--lang", "sv", json=False)
    assert "Signaturkoden (PIN2) är låst." in told.words
    assert "Signaturkod (PIN2): Låst" in told.words
    assert "Lås upp: kortilla card unblock pin2" in told.words


@pytest.mark.usefixtures("mock_card")
def test_one_certificate_that_is_odd_hides_no_other(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = CardCertificate.from_der

    def refuse_for_signing(der: bytes) -> CardCertificate:
        certificate = read(der)
        if certificate.for_signing:
            raise CertificateError("The certificate is odd.")
        return certificate

    monkeypatch.setattr(CardCertificate, "from_der", refuse_for_signing)
    outcome = run("card", "status", "--card", "mock")
    card = outcome.result["readers"][0]["card"]
    first, *others = card["certificates"]
    assert first["role"] == "authentication"
    assert others
    told = run("card", "status", "--card", "mock", json=False).words
    assert "One of the card’s certificates could not be read." in told
    assert card["holder"] == HOLDER


@pytest.mark.usefixtures("mock_card")
def test_card_status_goes_through_all_readers(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def readers(self: MockCardSource) -> tuple[Reader, ...]:
        monkeypatch.setattr(MockCardSource, "readers", look)
        [one] = await self.readers()
        return (
            Reader("empty"),
            Reader("mute", mute=True),
            Reader("bank", atr=bytes.fromhex("3B6500002063CB6600")),
            Reader("pulled just now", atr=one.atr),
            one,
        )

    look = MockCardSource.readers
    monkeypatch.setattr(MockCardSource, "readers", readers)
    outcome = run("card", "status", "--card", "mock")
    found = outcome.result["readers"]
    assert [each.get("error", {}).get("code") for each in found] == [
        *(None, "CARD_MUTE", "UNSUPPORTED_CARD", "CARD_REMOVED", None)
    ]
    assert [bool(each["card"]) for each in found] == [False, False, False, False, True]
    monkeypatch.setattr(MockCardSource, "readers", readers)
    told = run("card", "status", "--card", "mock", json=False).words
    for each in found:
        assert each["reader"] in told


@pytest.mark.usefixtures("mock_card")
@pytest.mark.parametrize("contactless", [True, False])
def test_card_status_names_a_card_that_keeps_silent(
    run: Run, monkeypatch: pytest.MonkeyPatch, contactless: bool
) -> None:
    """One that is slow on a contactless reader must not be lifted: that slows it."""
    monkeypatch.setattr(card_session, "SILENT_AFTER", 0.0)
    said: list[str] = []
    real, heard = MockCardSource.connect, asyncio.Event()

    def say(words: str) -> None:
        said.append(words)
        heard.set()

    async def connect(source: MockCardSource, reader: Reader) -> CardConnection:
        await heard.wait()
        return await real(source, reader)

    async def recall() -> bytearray:
        return bytearray(CAN, "ascii")

    begin = MockCardSource.__init__
    on_reader = functools.partialmethod(begin, contactless=contactless)
    monkeypatch.setattr(MockCardSource, "__init__", on_reader)
    monkeypatch.setattr(MockCardSource, "connect", connect)
    monkeypatch.setattr(remembered_can, "recall", recall)
    monkeypatch.setattr(card, "say", say)
    outcome = run("card", "status", "--card", "mock")
    [found] = outcome.result["readers"]
    assert found["card"]
    words = "answers slowly. " if contactless else "has not answered yet. "
    assert said[0].startswith(f"The card {words}")
    assert ("take the card out" in said[0]) is not contactless


def test_activation_is_judged_by_each_pins_own_state(
    run: Run, mock_card: MockCardState
) -> None:
    for pin1, pin2, tries, activation, pins_set in (
        (False, False, 0, "new", {"PIN1": False, "PIN2": False}),
        (True, False, 0, "partly", {"PIN1": True, "PIN2": False}),
        (False, True, 0, "partly", {"PIN1": False, "PIN2": True}),
        (True, True, 0, "active", {"PIN1": True, "PIN2": True}),
        # A PIN that has tries may work, on a card of an eight-digit code.
        (False, True, 5, "unknown", {"PIN1": None, "PIN2": True}),
        (False, False, 5, "unknown", {"PIN1": None, "PIN2": None}),
    ):
        with mock_card.update() as data:
            data.pin1.changed, data.pin2.changed = pin1, pin2
            data.pin1.tries = data.pin2.tries = tries
        (reader,) = run("card", "status", "--card", "mock").result["readers"]
        told = reader["card"]
        assert (told["activation"], told["pinsSet"]) == (activation, pins_set)
        assert told["activationProblem"] is None
