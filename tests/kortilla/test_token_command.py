# SPDX-License-Identifier: MIT
"""``kortilla-server token``, and tokens that are broken in a named way."""

import base64
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from kortilla import Trust, validate
from kortilla.cli import main
from kortilla.errors import RelyingPartyError, UserCertificateRevokedError
from kortilla.revocation import By, Revocation
from kortilla.testing import KortillaCard
from kortilla.testing.broken_tokens import BROKEN_TOKENS, BrokenToken
from tests.kortilla.pki import NONCE, ORIGIN
from tests.kortilla.test_cli import run, tell
from tests.support.patience import patience
from tools.demo.ca_service import CAService

NAMES = [broken.name for broken in BROKEN_TOKENS]
TOKEN = ("token", "--origin", ORIGIN, "--nonce", NONCE)

MakeCard = Callable[..., KortillaCard]


@pytest.fixture(params=["v5", "v4.2"])
def any_card(request: pytest.FixtureRequest, make_kortilla_card: MakeCard) -> Any:
    return make_kortilla_card(profile=request.param)


@asynccontextmanager
async def asking(card: KortillaCard, **options: Any) -> AsyncIterator[Revocation]:
    """A checker that asks the card's CA, which runs on this computer."""
    async with (
        CAService(card.folder) as ca,
        Revocation(
            resolver=ca.resolver(), allow_private_addresses=True, **options
        ) as revocation,
    ):
        yield revocation


@pytest.fixture
async def revocation(any_card: KortillaCard) -> AsyncIterator[Revocation]:
    async with asking(any_card) as revocation:
        yield revocation


async def judge(card: KortillaCard, token: Any, revocation: Any = None) -> str:
    """Return the validator's result for a token."""
    trust = Trust.from_folder(card.folder, test=True)
    try:
        person = await validate(
            token, origin=ORIGIN, nonce=NONCE, trust=trust, revocation=revocation
        )
    except RelyingPartyError as error:
        return error.code
    assert person.satu == card.person.satu
    return "accepted"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_sound_token_of_each_format(
    any_card: KortillaCard, revocation: Revocation, version: Any
) -> None:
    token = any_card.token(ORIGIN, NONCE, version=version)
    assert token["format"] == f"web-eid:{version}"
    assert ("unverifiedSigningCertificates" in token) is (version == "1.1")
    assert await judge(any_card, token, revocation) == "accepted"


@pytest.mark.parametrize("broken", BROKEN_TOKENS, ids=NAMES)
async def test_each_broken_token_gets_the_error_that_its_row_names(
    any_card: KortillaCard, revocation: Revocation, broken: BrokenToken
) -> None:
    token = any_card.token(ORIGIN, NONCE, broken=broken.name)
    assert await judge(any_card, token, revocation) == broken.error
    # The named fault is the only one, and the card has none.
    unasked = await judge(any_card, token)
    assert unasked == ("accepted" if broken.asks else broken.error)
    sound = any_card.token(ORIGIN, NONCE)
    assert await judge(any_card, sound, revocation) == "accepted"


async def test_wrong_is_another_one_whatever_was_asked_for(
    kortilla_card: KortillaCard,
) -> None:
    trust = Trust.from_folder(kortilla_card.folder, test=True)
    for name, origin, nonce in (
        ("wrong-origin", "https://wrong-origin.example", NONCE),
        ("wrong-nonce", ORIGIN, base64.b64encode(bytes(32)).decode()),
    ):
        token = kortilla_card.token(origin, nonce, broken=name)
        with pytest.raises(RelyingPartyError):
            await validate(token, origin=origin, nonce=nonce, trust=trust)


@pytest.mark.parametrize("by", ["ocsp", "crl", "both"])
async def test_the_ca_on_this_computer_answers_in_each_way(
    make_kortilla_card: MakeCard, any_card: KortillaCard, by: By
) -> None:
    profile = any_card.state.read().profile
    lost = make_kortilla_card(profile=profile, state="revoked")
    # A second fault beside it does not hide it.
    lost.token(ORIGIN, NONCE, broken="revoked")
    for card, broken, expected in (
        (any_card, None, "accepted"),
        (any_card, "revoked", UserCertificateRevokedError.code),
        (lost, None, UserCertificateRevokedError.code),
    ):
        async with asking(card, by=by) as revocation:
            token = card.token(ORIGIN, NONCE, broken=broken)
            assert await judge(card, token, revocation) == expected


async def test_the_ca_takes_no_nonsense_and_is_no_other_host(
    kortilla_card: KortillaCard,
) -> None:
    async with CAService(kortilla_card.folder) as ca, aiohttp.ClientSession() as http:
        base = f"http://127.0.0.1:{ca.port}"
        for body, status in (
            (b"", 200),
            (b"\x30\x80" * 100, 200),
            (bytes(20_000), 413),
        ):
            async with http.post(f"{base}/ocsp/issuing", data=body) as answer:
                assert answer.status == status
        for path in ("/", "/ocsp/issuing", "/crl/other.crl", "/issuing.key"):
            async with http.get(base + path) as answer:
                assert answer.status in {404, 405}
        for name in ("issuing", "root"):
            async with http.get(f"{base}/ca/{name}.crt") as answer:
                file = kortilla_card.folder / f"{name}.der"
                assert await answer.read() == file.read_bytes()
        with pytest.raises(OSError, match=r"service\.example"):
            await ca.resolver().resolve("service.example", 80)


def test_a_token_for_a_script(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first call creates the card and puts its CA into the service's folder."""
    folder, ca = tmp_path / "card", tmp_path / "ca"
    status, result, words = run(capsys, "token", "--card", folder, "--ca", ca)
    assert (status, result) == (0, {"ca": str(ca), "card": str(folder)})
    assert sorted(file.name for file in ca.iterdir()) == ["issuing.der", "root.der"]
    Trust.from_folder(ca, test=True)
    # It is for scripts, and prints the token without --json too.
    assert main([*TOKEN, "--card", str(folder)]) == 0
    output, words = capsys.readouterr()
    assert (json.loads(output)["format"], words) == ("web-eid:1.0", "")
    status, token, words = run(
        capsys, *TOKEN, "--card", folder, "--broken", "unknown-format"
    )
    assert (status, token["format"]) == (0, "web-eid:2.0")


def test_the_list_of_broken_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    status, result, _ = run(capsys, "token", "--broken", "list")
    assert status == 0
    words = tell(capsys, "token", "--broken", "list")
    assert [row["name"] for row in result["broken"]] == NAMES
    assert all(f"{b.name} " in words and b.error in words for b in BROKEN_TOKENS)
    [asking] = [row["name"] for row in result["broken"] if row["asksAboutRevocation"]]
    assert asking == "revoked"


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["token"], 2, "INVALID_ARGUMENT"),
        (["token", "--origin", ORIGIN], 2, "INVALID_ARGUMENT"),
        (["token", "--nonce", NONCE, "--ca", "ca"], 2, "INVALID_ARGUMENT"),
        ([*TOKEN, "--format", "2.0"], 2, "INVALID_ARGUMENT"),
        ([*TOKEN, "--broken", "everything"], 1, "INVALID_ARGUMENT"),
        (["token", "--origin", ORIGIN, "--nonce", "short"], 1, "INVALID_ARGUMENT"),
        (["token", "--origin", f"{ORIGIN}/", "--nonce", NONCE], 1, "ORIGIN_REFUSED"),
        ([*TOKEN, "--card", "file/card"], 1, "MOCK_CARD_BROKEN"),
        ([*TOKEN, "--card", "broken"], 1, "MOCK_CARD_BROKEN"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    code: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KORTILLA_MOCK_CARD", str(tmp_path / "card"))
    (tmp_path / "file").touch()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "card.json").write_text("{}")
    assert main(arguments) == status
    output, words = capsys.readouterr()
    error = json.loads(output)["error"]
    assert error["code"] == code
    assert error["message"] and words


def test_it_needs_neither_a_window_nor_a_reader(tmp_path: Path) -> None:
    program = f"""
import sys
for name in ("PySide6", "smartcard", "native_host", "platformdirs"):
    sys.modules[name] = None  # importing it fails
from kortilla.cli import main
sys.exit(main([*{TOKEN!r}, "--card", sys.argv[1]]))
"""
    output = subprocess.check_output(
        [sys.executable, "-I", "-c", program, tmp_path / "card"], timeout=patience()
    )
    assert json.loads(output)["format"] == "web-eid:1.0"
