# SPDX-License-Identifier: MIT
"""Web eID tokens as a page receives them."""

from typing import Any

from native_host.operations.authenticate import AuthenticateRequest, authenticate
from native_host.operations.request import Context
from native_host.results import token_fields


async def make_token(context: Context, request: AuthenticateRequest) -> dict[str, Any]:
    """Log in and return the token's fields."""
    return token_fields(await authenticate(context, request))
