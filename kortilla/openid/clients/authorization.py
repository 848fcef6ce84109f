# SPDX-License-Identifier: MIT
"""A request to log in: its parameters, each checked once, and the answer's way back.

RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from kortilla.common import JsonObject
from kortilla.openid.clients.profiles import PROFILES, satisfies
from kortilla.openid.clients.settings import CLAIMS, LONGEST_URI, ClientSettings
from kortilla.validation.untrusted import load_json
from kortilla.web.http import Response, json_response

SCOPES = ("openid", "profile", "email")

#: What the parameter ``claims`` may ask of ``userinfo`` by name.
_CLAIM_NAMES = {*CLAIMS, "email", "email_verified"}

_NAME = re.compile(r"[a-z_]{1,64}")
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
#: have. Others are dropped.
_KNOWN = {
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
    "claims": 2048,
    "acr_values": 512,
    "dpop_jkt": 64,
    "ftn_spname": 160,
}
#: The bytes of them all, as JSON.
_MOST = 4096
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
#: Letters, marks and lines that show nothing, of other categories than "C".
_BLANK = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2028\u2029\u2800\u3164"
    r"\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


class RefusedError(Exception):
    """A request that is refused; ``error`` and the rest are those of RFC 6749 §5.2."""

    def __init__(
        self,
        error: str,
        description: str,
        *,
        status: int = 400,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status
        self.headers = tuple(headers)
        #: Whose request it was, and why, for the log only.
        self.about = ""


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


def redirect(url: str) -> Response:
    """Send the browser to a URL; no cache may store that, and no page is its origin."""
    headers = (
        ("Location", url),
        ("Cache-Control", "no-store"),
        ("Referrer-Policy", "no-referrer"),
    )
    return Response(303, b"", headers)


def oauth_error(error: str, description: str, status: int) -> Response:
    """Return an error for a program (RFC 6749 §5.2)."""
    content = {"error": error}
    if description:
        content["error_description"] = description
    return json_response(content, status=status)


def public_json(content: JsonObject) -> Response:
    """Return a document that clients may keep for a short time."""
    answer = json_response(content)
    headers = [
        (name, "max-age=300" if name == "Cache-Control" else value)
        for name, value in answer.headers
    ]
    return Response(answer.status, answer.body, tuple(headers))


@dataclass(frozen=True, kw_only=True)
class ReturnAddress:
    """Where the answer to a request goes: a redirect URI that the client has."""

    client_id: str
    redirect_uri: str
    state: str = ""

    def answer(self, issuer: str, content: Mapping[str, str]) -> Response:
        """Send the browser back with a code or an error (RFC 6749 §4.1.2, RFC 9207)."""
        state = {"state": self.state} if self.state else {}
        parts = urlsplit(self.redirect_uri)
        query = parse_qsl(parts.query, keep_blank_values=True)
        query += {**content, **state, "iss": issuer}.items()
        return redirect(parts._replace(query=urlencode(query)).geturl())


@dataclass(frozen=True, kw_only=True)
class AuthorizationRequest(ReturnAddress):
    """A request that was checked. ``scope`` has the known scopes alone."""

    scope: str
    code_challenge: str
    nonce: str = ""
    prompt: str = ""
    max_age: int | None = None
    ui_locales: str = ""
    login_hint: str = ""
    id_token_hint: str = ""
    #: What the parameter ``claims`` asks for, as in ``Wanted``.
    claims: str = ""
    subject: str = ""
    levels: str = ""
    dpop_jkt: str = ""
    ftn_spname: str = ""

    @classmethod
    def check(
        cls,
        parameters: Mapping[str, str],
        client: ClientSettings,
        *,
        signed: bool = False,
        pushed: bool = False,
    ) -> Self:
        """Check a request of a known client and redirect URI.

        ``signed`` says that the parameters are of a request object, and ``pushed`` that
        they were pushed. Raises ``RefusedError``, which the client may get.
        """
        given = {name: text for name, text in parameters.items() if name in _KNOWN}
        _check_size(given)
        for name, error in _UNSUPPORTED.items():
            if name in parameters:
                raise RefusedError(error, f"{name} is not supported")
        _check_profile(given, client, signed=signed, pushed=pushed)
        if given.pop("response_type", "") != "code":
            raise RefusedError("unsupported_response_type", "response_type is not code")
        if given.pop("response_mode", "query") != "query":
            raise RefusedError("invalid_request", "response_mode is not query")
        scopes = given.pop("scope", "").split(" ")
        if "openid" not in scopes:
            raise RefusedError("invalid_scope", "scope has no openid")
        if given.pop("code_challenge_method", "") != "S256":
            raise RefusedError(
                "invalid_request",
                "code_challenge_method is not S256: the client has to use PKCE "
                "(RFC 7636)",
            )
        if not _CHALLENGE.fullmatch(given.get("code_challenge", "")):
            raise RefusedError(
                "invalid_request",
                "code_challenge is missing or malformed: the client has to use PKCE",
            )
        if not _CHALLENGE.fullmatch(given.get("dpop_jkt", "A" * 43)):
            raise RefusedError("invalid_request", "dpop_jkt is malformed")
        max_age = given.pop("max_age", None)
        if max_age is not None and not _SECONDS.fullmatch(max_age):
            raise RefusedError("invalid_request", "max_age is not a number of seconds")
        prompts = given.get("prompt", "").split()
        if not _PROMPTS.issuperset(prompts) or ("none" in prompts and len(prompts) > 1):
            raise RefusedError(
                "invalid_request", "prompt has unknown or opposed values"
            )
        try:
            wanted = Wanted.read(given.pop("claims", "{}"))
        except ValueError:
            raise RefusedError("invalid_request", "claims is malformed") from None
        return cls(
            **given,
            **vars(wanted),
            scope=" ".join(each for each in SCOPES if each in scopes),
            max_age=None if max_age is None else int(max_age),
        )

    @property
    def is_silent(self) -> bool:
        """Whether the client wants an answer without a page."""
        return self.prompt.split() == ["none"]

    def accepts(self, auth_time: int, *, now: float) -> bool:
        """Return whether a session's login may answer, or is unwanted or too old."""
        if self.prompt.split() and not self.is_silent:
            return False
        return self.max_age is None or now - auth_time < self.max_age

    def to_json(self) -> JsonObject:
        """Return a dictionary for the store, without what is empty."""
        return {k: v for k, v in vars(self).items() if v is not None and v != ""}

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        """Read what ``to_json`` made."""
        return cls(**data)


def _check_profile(
    given: dict[str, str], client: ClientSettings, *, signed: bool, pushed: bool
) -> None:
    """Check what a client's profile demands, and leave out what the others ignore."""
    profile = PROFILES[client.profile]
    if client.request_object_signing_alg and not signed:
        raise RefusedError(
            "invalid_request", "request is missing: the client signs its requests"
        )
    if profile.pushed and not pushed:
        raise RefusedError(
            "invalid_request", "request_uri is missing: the client has to use PAR"
        )
    for name in profile.parameters:
        if name not in given:
            raise RefusedError(
                "invalid_request", f"{name} is missing: profile {client.profile}"
            )
    levels, service = given.pop("acr_values", ""), given.pop("ftn_spname", "")
    if profile.finnish:
        if not satisfies(client.acr, levels):
            raise RefusedError(
                "unmet_authentication_requirements",
                "acr_values has no level that the client's acr satisfies",
            )
        # A page shows it: no letter may hide, or turn the others around.
        hidden = any(unicodedata.category(each).startswith("C") for each in service)
        if hidden or _BLANK.search(service):
            raise RefusedError("invalid_request", "ftn_spname has hidden characters")
        given["ftn_spname"] = service


def _check_size(given: Mapping[str, str]) -> None:
    """Check that the known parameters are short, and text."""
    for name, text in given.items():
        if len(text.encode()) > _KNOWN[name]:
            raise RefusedError("invalid_request", f"{name} is too long")
        if _CONTROL.search(text):  # RFC 6749, appendix A
            raise RefusedError("invalid_request", f"{name} has control characters")
    if len(json.dumps(dict(given), ensure_ascii=False).encode()) > _MOST:
        raise RefusedError("invalid_request", "The parameters are too long together")


@dataclass(frozen=True)
class Wanted:
    """What the parameter ``claims`` asks for (OpenID Connect Core §5.5).

    Names of userinfo, a subject, and levels. Each is empty, or a text with spaces
    between several.
    """

    claims: str = ""
    subject: str = ""
    levels: str = ""

    @classmethod
    def read(cls, text: str) -> "Wanted":
        """Read the parameter, and drop what this provider does not know.

        Raises ``ValueError``, which quotes no part of it.
        """
        content = load_json(text)
        if not isinstance(content, dict):
            raise ValueError("not an object")  # noqa: TRY004 - of any JSON
        userinfo = _requests(content.get("userinfo"))
        id_token = _requests(content.get("id_token"))
        names = [name for name in _CLAIM_NAMES if name in userinfo]
        levels = _values(id_token.get("acr"))
        essential = id_token.get("acr", {}).get("essential") is True
        # In either place: userinfo has the same subject.
        subjects = {
            each for asked in (userinfo, id_token) for each in _values(asked.get("sub"))
        }
        if len(subjects) > 1:
            raise ValueError("several subjects")
        return cls(
            " ".join(sorted(names)),
            "".join(subjects),
            " ".join(levels) if essential else "",
        )


def _requests(member: object) -> dict[str, JsonObject]:
    """Return the requests of one place by name; null is one without conditions."""
    if member is None:
        return {}
    if not isinstance(member, dict):
        raise ValueError("not an object")  # noqa: TRY004 - of any JSON
    for request in member.values():
        if request is not None and not isinstance(request, dict):
            raise ValueError("not a request")
    return {name: request or {} for name, request in member.items()}


def _values(request: JsonObject | None) -> list[str]:
    """Return the values that a request accepts; empty if it accepts any."""
    request = request or {}
    values = request.get("values", [request["value"]] if "value" in request else [])
    if not isinstance(values, list) or not all(
        isinstance(each, str) and each and " " not in each for each in values
    ):
        raise ValueError("not a list of texts")
    return values
