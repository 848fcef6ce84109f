# SPDX-License-Identifier: MIT
"""Checks of a card after the management of its PINs."""

import asyncio
import hashlib

from kortilla import Trust, validate
from kortilla.mock_card.state import MockCardState
from native_host.card.mock_source import MockCardSource
from native_host.operations.authenticate import AuthenticateRequest
from native_host.operations.request import Context, check_origin
from native_host.operations.sign import HashToSign, SignRequest, sign
from native_host.pin_prompt.automatic import AutomaticPrompt
from tests.cli.conftest import NONCE, ORIGIN
from tests.operations.faulty_session import make_token
from tests.operations.signing import check

Tries = tuple[int, int, int]


def tries(card: MockCardState) -> Tries:
    """Return how many tries are left for PIN1, PIN2 and the PUK."""
    data = card.read()
    return data.pin1.tries, data.pin2.tries, data.puk.tries


def work(card: MockCardState, pin1: str, pin2: str, left: Tries = (5, 5, 5)) -> None:
    """Log in and sign with these PINs, and check that no try is lost."""
    assert tries(card) == left
    assert asyncio.run(_log_in(card, pin1)) == card.read().satu
    asyncio.run(_sign_contract(card, pin2))
    assert tries(card) == left


async def _log_in(card: MockCardState, pin1: str) -> str:
    """Log in with this PIN1 and return the SATU that a service receives."""
    request = AuthenticateRequest(
        origin=check_origin(ORIGIN), challenge_nonce=NONCE, language="en"
    )
    prompt = AutomaticPrompt({"PIN1": pin1})
    async with MockCardSource(card.folder) as source:
        token = await make_token(Context(source, prompt), request)
    trust = Trust.from_folder(card.folder, test=True)
    return (await validate(token, origin=ORIGIN, nonce=NONCE, trust=trust)).satu


async def _sign_contract(card: MockCardState, pin2: str) -> None:
    """Sign with this PIN2, and verify the signature."""
    content = b"contract"
    item = HashToSign("contract", hashlib.sha384(content).digest(), "SHA-384")
    request = SignRequest(origin=check_origin(ORIGIN), language="en", hashes=(item,))
    prompt = AutomaticPrompt({"PIN2": pin2})
    async with MockCardSource(card.folder) as source:
        signed = await sign(Context(source, prompt), request)
    [signature] = signed.signatures
    check(signature, signed.certificate, content)
