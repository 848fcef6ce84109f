# SPDX-License-Identifier: MIT
"""``kortilla card status`` and ``kortilla mock-card``."""

import asyncio
import json
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from kortilla.mock_card.state import MockCardState
from native_host.card.certificate import CardCertificate, CertificateError
from native_host.card.mock_source import MockCardSource
from native_host.card.source import Reader
from native_host.cli import card
from native_host.operations import card_session
from tests.cli.conftest import Run
from tests.support import commands, pcsc
from tests.support.patience import patience

SERVE = ("mock-card", "serve", "--json")

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
    run: Run, mock_card: MockCardState
) -> None:
    data = mock_card.read()
    outcome = run("card", "status", "--card", "mock")
    assert outcome.status == 0
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
    assert "The card has been activated." in told.words
    assert "Test card." in told.words
    assert "{" not in told.words


def test_one_certificate_that_is_odd_hides_no_other(
    run: Run, mock_card: MockCardState, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = CardCertificate.from_der

    def refuse_for_signing(der: bytes) -> CardCertificate:
        certificate = read(der)
        if certificate.for_signing:
            raise CertificateError("The certificate is odd.")
        return certificate

    monkeypatch.setattr(CardCertificate, "from_der", refuse_for_signing)
    assert mock_card.folder.is_dir()
    outcome = run("card", "status", "--card", "mock")
    card = outcome.result["readers"][0]["card"]
    first, *others = card["certificates"]
    assert first["role"] == "authentication"
    assert others
    told = run("card", "status", "--card", "mock", json=False).words
    assert all(each["error"]["message"] in told for each in others)
    assert card["holder"] == HOLDER


def test_card_status_goes_through_all_readers(
    run: Run, mock_card: MockCardState, monkeypatch: pytest.MonkeyPatch
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
    assert mock_card.folder.is_dir()
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


def test_card_status_names_a_card_that_keeps_silent(
    run: Run, mock_card: MockCardState, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mock_card.folder.is_dir()
    monkeypatch.setattr(card_session, "SILENT_AFTER", 0.0)
    said: list[str] = []
    real, heard = MockCardSource.readers, asyncio.Event()

    def say(words: str) -> None:
        said.append(words)
        heard.set()

    async def readers(source: MockCardSource) -> tuple[Reader, ...]:
        await heard.wait()
        return await real(source)

    monkeypatch.setattr(MockCardSource, "readers", readers)
    monkeypatch.setattr(card, "say", say)
    assert run("card", "status", "--card", "mock").status == 0
    assert said[0].startswith("The card has not answered yet.")


def test_card_status_changes_nothing_on_the_card(
    run: Run, mock_card: MockCardState
) -> None:
    before = (mock_card.folder / "card.json").read_bytes()
    run("card", "status", "--card", "mock")
    assert (mock_card.folder / "card.json").read_bytes() == before


def test_card_status_for_scripts_says_no_words(
    run: Run, mock_card: MockCardState
) -> None:
    with mock_card.update() as data:
        data.pin1.tries = 0
        data.pin2.tries = 2
    outcome = run("card", "status", "--card", "mock")
    assert outcome.words == ""
    (reader,) = outcome.result["readers"]
    assert reader["card"]["tries"] == {"PIN1": 0, "PIN2": 2, "PUK": 5}


@pytest.mark.parametrize(
    ("pin1", "pin2", "activation"),
    [
        (False, False, "new"),
        (True, False, "partly"),
        (False, True, "partly"),
        (True, True, "active"),
    ],
)
def test_activation_is_judged_by_each_pins_own_state(
    run: Run, mock_card: MockCardState, pin1: bool, pin2: bool, activation: str
) -> None:
    with mock_card.update() as data:
        data.pin1.changed = pin1
        data.pin2.changed = pin2
    (reader,) = run("card", "status", "--card", "mock").result["readers"]
    assert reader["card"]["activation"] == activation


def test_card_status_of_a_card_in_a_reader(mock_card: MockCardState) -> None:
    command = [*commands.KORTILLA, "card", "status", "--json"]
    # As a person does: with a new Python.
    with pcsc.beside(mock_card.folder) as within:
        finished = subprocess.run(
            within(*command), capture_output=True, text=True, check=False
        )
    assert finished.returncode == 0, finished.stderr
    with_card, *others = json.loads(finished.stdout)["readers"]
    assert with_card["reader"] == pcsc.READER
    assert with_card["testCard"] is True
    assert with_card["card"]["holder"] == HOLDER
    assert all(each["card"] is None for each in others)


def test_card_status_without_the_smart_card_service_says_so(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", "/nowhere/pcscd.comm")
    outcome = run("card", "status")
    assert (outcome.status, outcome.error) == (1, "PCSC_UNAVAILABLE")


@pytest.mark.parametrize("profile", ["v5", "v4.2"])
def test_a_new_mock_card_is_made_and_shown(run: Run, home: Path, profile: str) -> None:
    made = run("mock-card", "new", "--profile", profile, "--state", "active")
    assert made.status == 0
    assert made.result["profile"] == profile
    assert made.result["satu"] == HOLDER["satu"]
    assert made.result["folder"] == str(home / ".local/share/kortilla/mock-card")
    shown = run("mock-card", "show")
    assert shown.status == 0
    assert shown.result == made.result


def test_what_is_shown_of_a_mock_card_holds_no_pin(
    run: Run, mock_card: MockCardState
) -> None:
    with mock_card.update() as data:
        data.pin1.value = "73915"
    for json_wanted in (True, False):
        outcome = run("mock-card", "show", json=json_wanted)
        assert "73915" not in "\n".join([*outcome.lines, outcome.words])


def test_a_mock_card_is_not_thrown_away_unless_told_to(
    run: Run, mock_card: MockCardState
) -> None:
    before = mock_card.read()
    outcome = run("mock-card", "new")
    assert (outcome.status, outcome.error) == (1, "INVALID_ARGUMENT")
    assert mock_card.read() == before
    assert run("mock-card", "new", "--force").status == 0
    assert mock_card.read() != before


@pytest.mark.parametrize("command", [["show"], ["serve"]], ids=lambda c: c[0])
def test_without_a_mock_card_the_file_is_named(
    run: Run, home: Path, command: list[str]
) -> None:
    outcome = run("mock-card", *command)
    assert (outcome.status, outcome.error) == (1, "MOCK_CARD_BROKEN")
    assert str(home) in outcome.result["error"]["message"]


def test_serving_needs_a_virtual_reader(run: Run, mock_card: MockCardState) -> None:
    assert mock_card.folder.is_dir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    outcome = run("mock-card", "serve", "--port", str(port))
    assert (outcome.status, outcome.error) == (1, "PCSC_UNAVAILABLE")


@pytest.mark.parametrize("ending", ["Ctrl-C", "the reader goes away"])
def test_a_mock_card_is_served_to_the_virtual_reader_until_it_is_taken_out(
    mock_card: MockCardState, ending: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with commands.running(*SERVE, "--port", str(port)) as process:
            listener.settimeout(patience())
            reader, _ = listener.accept()
            with reader:
                reader.sendall(b"\x00\x01\x04")  # the command for the ATR
                frame = reader.makefile("rb").read(2 + len(mock_card.profile.atr))
                assert frame[2:] == mock_card.profile.atr
                assert json.loads(process.stdout.readline())["port"] == port
                if ending == "Ctrl-C":
                    process.send_signal(signal.SIGINT)
                    assert process.wait(timeout=patience()) == 0
            ended = commands.end(process)
    if ending == "Ctrl-C":
        assert ended.stdout == ""
    else:
        assert ended.returncode == 1
        assert json.loads(ended.stdout)["error"]["code"] == "PCSC_UNAVAILABLE"
