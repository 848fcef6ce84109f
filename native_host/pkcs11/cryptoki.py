# SPDX-License-Identifier: MIT
"""All calls together, for one client (PKCS#11 3.0 §5).

A method has the name of its call in ``calls.CALLS``, takes its arguments and returns
the values of its answer, or raises ``CryptokiError`` or a ``KortillaError``.
"""

import re
from collections.abc import Awaitable, Callable
from typing import cast

from native_host.pkcs11.calls import Call
from native_host.pkcs11.client import Values
from native_host.pkcs11.signing_calls import SigningCalls
from native_host.pkcs11.token_calls import TokenCalls

__all__ = ["Cryptoki"]

_INNER_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


class Cryptoki(TokenCalls, SigningCalls):
    """The token as one client sees it (see ``Client``)."""

    def method(self, call: Call) -> Callable[..., Awaitable[Values]]:
        """Return the method of a call, which has its name in Python's spelling."""
        name = _INNER_CAPITAL.sub("_", call.name).lower()
        return cast(Callable[..., Awaitable[Values]], getattr(self, name))
