# SPDX-License-Identifier: MIT
"""Web eID tokens of a mock card for any origin and challenge, for a service's tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeVar

from native_host.errors import InvalidArgumentError
from native_host.mock_card.source import MockCardSource
from native_host.mock_card.state import MockCardState
from native_host.operations.authenticate import AuthenticateRequest, authenticate
from native_host.operations.prompting import Context
from native_host.operations.signing_certificate import (
    CertificateRequest,
    signing_certificate,
)
from native_host.origin import check_origin
from native_host.pin_prompt.automatic import AutomaticPrompt
from native_host.results import certificate_fields, token_fields

__all__ = ["Version", "make_token", "operate"]

T = TypeVar("T")

Version = Literal["1.0", "1.1"]

_LANGUAGE = "en"
#: Characters of a challenge that a host takes.
_NONCE_LENGTHS = range(44, 129)


def make_token(
    folder: Path,
    origin: str,
    nonce: str,
    *,
    broken: str | None = None,
    version: Version = "1.0",
) -> dict[str, Any]:
    """Identify with the mock card in ``folder``, and return the token.

    The host does all that it does for a browser, and PIN1 is typed by itself. Works
    inside a running event loop too, which waits meanwhile. ``broken`` is a name of
    ``broken_tokens.BROKEN_TOKENS``; ``version`` is that of the token's format, ``1.0``
    or ``1.1``. Raises the errors of ``native_host.errors`` and
    ``native_host.card.errors``.
    """

    if len(nonce) not in _NONCE_LENGTHS:
        raise InvalidArgumentError("The challenge has not 44 to 128 characters.")
    request = AuthenticateRequest(
        origin=check_origin(origin, allow_localhost=True),
        challenge_nonce=nonce,
        language=_LANGUAGE,
    )
    token = token_fields(operate(folder, authenticate, request))
    if version == "1.1":
        found = operate(
            folder, signing_certificate, CertificateRequest(origin, _LANGUAGE)
        )
        token |= {
            "format": "web-eid:1.1",
            "unverifiedSigningCertificates": [certificate_fields(found)],
        }
    if broken is None:
        return token
    from native_host.mock_card.broken_tokens import break_token

    return break_token(broken, token, folder=folder, origin=origin, nonce=nonce)


def operate(
    folder: Path,
    operation: Callable[..., Coroutine[Any, Any, T]],
    request: object,
) -> T:
    """Have the host do something with the mock card in ``folder``, PINs and all."""

    async def work() -> T:
        card = MockCardState.open(folder).read()
        pins = {"PIN1": card.pin1.value, "PIN2": card.pin2.value}
        async with MockCardSource(folder) as source:
            return await operation(Context(source, AutomaticPrompt(pins)), request)

    # In a thread of its own: the caller's may have a loop already.
    with ThreadPoolExecutor(1, "kortilla-card") as thread:
        return thread.submit(asyncio.run, work()).result()
