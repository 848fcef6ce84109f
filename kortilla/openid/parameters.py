# SPDX-License-Identifier: MIT
"""The parameters of requests, parsed once, and the checks that Authlib leaves out."""

import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from kortilla.openid.records import RefusedError
from kortilla.openid.settings import LONGEST_URI

__all__ = [
    "check_authorization",
    "check_storable",
    "check_token",
    "known",
    "parse",
    "wants_fresh_login",
]

_NAME = re.compile(r"[a-z_]{1,64}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
#: A SHA-256 digest in base64url.
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_SECONDS = re.compile(r"[0-9]{1,9}")
_PROMPTS = {"none", "login", "consent", "select_account"}
#: Parameters for what this provider does not do (OpenID Connect Core §3.1.2.6).
_UNSUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}
#: Parameters of a request to log in that change anything, and how many bytes each may
#: have; no others are stored.
_KNOWN = {
    **dict.fromkeys(_UNSUPPORTED, 1),
    "client_id": 64,
    "redirect_uri": LONGEST_URI,
    "response_type": 32,
    "response_mode": 32,
    "scope": 1024,
    "state": 2048,
    "nonce": 512,
    "code_challenge": 128,
    "code_challenge_method": 16,
    "prompt": 64,
    "max_age": 16,
    "ui_locales": 128,
    "login_hint": 256,
    "id_token_hint": 2048,
}
#: The bytes of them all, as the store has them.
_MOST = 4096
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def parse(text: str) -> dict[str, str]:
    """Parse a query or a form. Raises ``RefusedError``, which names the parameter.

    No parameter may be repeated (RFC 6749 §3.1, §3.2); empty ones count as left out.
    """
    try:
        text.encode()  # a lone surrogate is no text
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=100
        )
    except ValueError:
        raise RefusedError("invalid_request", "The request is not a form") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            shown = name if _NAME.fullmatch(name) else "a parameter"
            raise RefusedError("invalid_request", f"{shown} is repeated")
        found[name] = value
    return {name: value for name, value in found.items() if value}


def known(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of a request to log in without the unknown ones.

    Of one that is not supported only the name counts.
    """
    return {
        name: "-" if name in _UNSUPPORTED else value
        for name, value in parameters.items()
        if name in _KNOWN
    }


def check_storable(parameters: Mapping[str, str]) -> None:
    """Check that the known parameters are short, and text. Raises ``RefusedError``."""
    for name, value in parameters.items():
        if len(value.encode()) > _KNOWN[name]:
            raise RefusedError("invalid_request", f"{name} is too long")
        if _CONTROL.search(value):  # RFC 6749, appendix A
            raise RefusedError("invalid_request", f"{name} has control characters")
    if len(json.dumps(dict(parameters), ensure_ascii=False).encode()) > _MOST:
        raise RefusedError("invalid_request", "The parameters are too long together")


def check_authorization(parameters: Mapping[str, str]) -> None:
    """Check the request of a known client and redirect URI.

    Raises ``RefusedError``, for a redirect.
    """
    check_storable(parameters)
    for name, error in _UNSUPPORTED.items():
        if name in parameters:
            raise RefusedError(error, f"{name} is not supported")
    if parameters.get("response_type") != "code":
        raise RefusedError("unsupported_response_type", "response_type is not code")
    if parameters.get("response_mode", "query") != "query":
        raise RefusedError("invalid_request", "response_mode is not query")
    if "openid" not in parameters.get("scope", "").split(" "):
        raise RefusedError("invalid_scope", "scope has no openid")
    if parameters.get("code_challenge_method") != "S256":
        raise RefusedError(
            "invalid_request",
            "code_challenge_method is not S256: the client has to use PKCE (RFC 7636)",
        )
    if not _CHALLENGE.fullmatch(parameters.get("code_challenge", "")):
        raise RefusedError(
            "invalid_request",
            "code_challenge is missing or malformed: the client has to use PKCE",
        )
    if not _SECONDS.fullmatch(parameters.get("max_age", "0")):
        raise RefusedError("invalid_request", "max_age is not a number of seconds")
    prompts = parameters.get("prompt", "").split()
    if not _PROMPTS.issuperset(prompts) or ("none" in prompts and len(prompts) > 1):
        raise RefusedError("invalid_request", "prompt has unknown or opposed values")


def wants_fresh_login(
    parameters: Mapping[str, str], *, auth_time: int, now: float
) -> bool:
    """Return whether a session's login is too old for a request, or unwanted."""
    if set(parameters.get("prompt", "").split()) - {"none"}:
        return True
    max_age = parameters.get("max_age")
    return max_age is not None and now - auth_time >= int(max_age)


def check_token(form: Mapping[str, str]) -> None:
    """Check the form of a token request. Raises ``RefusedError``."""
    if "grant_type" not in form:
        raise RefusedError("invalid_request", "grant_type is missing")
    if form["grant_type"] != "authorization_code":
        raise RefusedError("unsupported_grant_type", "grant_type is not supported")
    if "code_verifier" not in form:
        raise RefusedError(
            "invalid_request",
            "code_verifier is missing: the client has to use PKCE (RFC 7636)",
        )
    for name in ("code", "redirect_uri"):
        if name not in form:
            raise RefusedError("invalid_request", f"{name} is missing")
    if not _VERIFIER.fullmatch(form["code_verifier"]):
        raise RefusedError("invalid_request", "code_verifier is malformed")
