# SPDX-License-Identifier: MIT
"""Web eID tokens of a mock card for any origin and challenge, for a service's tests."""

import base64
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from kortilla.testing.errors import InvalidArgumentError
from kortilla.testing.signatures import (
    check_browser_origin,
    sign_token,
    signing_certificate_fields,
    usable_key,
)
from kortilla.testing.state import MockCardState
from kortilla.testing.token_faults import TokenFault

__all__ = ["Version", "make_token"]

Version = Literal["1.0", "1.1"]

#: Characters of a challenge that a host takes.
_NONCE_LENGTHS = range(44, 129)


def make_token(
    folder: Path,
    origin: str,
    nonce: str,
    *,
    broken: TokenFault | str | None = None,
    version: Version = "1.0",
) -> dict[str, Any]:
    """Identify with the mock card in ``folder``, and return the token.

    The card's key signs at once: no PIN is verified and no try is spent. ``broken`` is
    a ``TokenFault`` or its value; ``version`` is that of the token's format. Raises
    ``MockCardError``: ``InvalidArgumentError`` for a challenge that has not 44 to 128
    characters and an unknown ``broken``, ``OriginRefusedError``, ``CardUnusableError``
    for a card that would not sign, ``MockCardBrokenError``.
    """
    if len(nonce) not in _NONCE_LENGTHS:
        raise InvalidArgumentError("The challenge has not 44 to 128 characters.")
    check_browser_origin(origin)
    state = MockCardState.open(folder)
    key, certificate = usable_key(state, "authentication")
    token: dict[str, Any] = {
        "unverifiedCertificate": base64.b64encode(certificate).decode(),
        **sign_token(key, origin, nonce),
        "format": f"web-eid:{version}",
        "appVersion": "urn:uuid:48e30dea-567c-4965-9e98-7118cfcaca7e#kortilla-"
        + metadata.version("kortilla"),
    }
    if version == "1.1":
        token["unverifiedSigningCertificates"] = [signing_certificate_fields(state)]
    if broken is None:
        return token
    from kortilla.testing.broken_tokens import break_token  # makes CAs; rarely needed

    return break_token(broken, token, folder=folder, origin=origin, nonce=nonce)
