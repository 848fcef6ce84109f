# SPDX-License-Identifier: MIT
"""Requests, limits and refusals, independent of the web framework."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kortilla import LoginService, Trust
from kortilla.common.texts import catalogue
from kortilla.errors import RateLimitedError
from kortilla.web.http import (
    BrokenBodyError,
    Headers,
    Request,
    RequestRefusedError,
    is_same_origin,
    read_json,
)
from kortilla.web.rate_limit import Attempt, FixedWindowLimit
from kortilla.web.refusals import TEXTS, Refusals
from kortilla.web.routes import LoginRoutes
from tests.kortilla.pki import ORIGIN

OTHER = "https://other.example"


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"Origin": ORIGIN}, True),
        ({"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({}, False),
        ({"Origin": OTHER, "Host": "other.example"}, False),
        ({"Origin": OTHER, "Sec-Fetch-Site": "same-origin"}, False),
        *(({"Origin": each}, False) for each in ("", "null", f"{ORIGIN}:8443")),
        *(
            ({"Origin": ORIGIN, "Sec-Fetch-Site": site}, False)
            for site in ("cross-site", "same-site")
        ),
        *(({"Sec-Fetch-Site": site}, False) for site in ("same-site", "none")),
    ],
    ids=str,
)
def test_a_request_is_of_the_services_own_page(
    headers: dict[str, str], own: bool
) -> None:
    assert is_same_origin(Headers(headers.items()), ORIGIN) == own
    twice = [*headers.items(), ("Origin", ORIGIN), ("Origin", ORIGIN)]
    assert not is_same_origin(Headers(twice), ORIGIN)


# --- bodies

JSON = (("Content-Type", "application/json"),)


async def read(
    *chunks: bytes | BaseException,
    headers: tuple[tuple[str, str], ...] = JSON,
    seconds: float = 60,
) -> dict[str, Any]:
    async def body() -> AsyncIterator[bytes]:
        for each in chunks:
            if isinstance(each, BaseException):
                raise each
            yield each
        if seconds == 0:
            await asyncio.Event().wait()

    request = Request("POST", "/login", Headers(headers), body())
    return await read_json(request, allowed={"a", "b"}, max_bytes=32, seconds=seconds)


async def refusal(*chunks: bytes | BaseException, **more: Any) -> tuple[int, str]:
    with pytest.raises(RequestRefusedError) as caught:
        await read(*chunks, **more)
    return caught.value.status, caught.value.code


async def test_a_json_object_is_read() -> None:
    assert await read(b'{"a"', b": 1}") == {"a": 1}
    assert await read(b"{}") == {}
    assert await read(b'{"b": "' + b"x" * 23 + b'"}') == {"b": "x" * 23}


@pytest.mark.parametrize(
    "value",
    ["application/json; charset=utf-8", "Application/JSON", " application/json"],
)
async def test_the_media_type_may_have_parameters_and_capitals(value: str) -> None:
    assert await read(b"{}", headers=(("content-type", value),)) == {}


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("Content-Type", "text/plain"),),
        (("Content-Type", "application/jsonp"),),
        (*JSON, *JSON),
        (*JSON, ("Content-Encoding", "gzip")),
        (*JSON, ("Content-Encoding", "identity")),
    ],
    ids=str,
)
async def test_another_media_type_is_refused_before_the_body_is_read(
    headers: tuple[tuple[str, str], ...],
) -> None:
    unread = AssertionError("The body was read.")
    refused = await refusal(unread, headers=headers)
    assert refused == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b'"a"', b"\xff", b'{"a": NaN}'),
        *(b'{"a": 1, "a": 1}', b'{"a": 1, "c": 1}'),
    ],
)
async def test_what_is_no_such_object_is_refused(body: bytes) -> None:
    assert await refusal(body) == (400, "INVALID_REQUEST")


async def test_a_body_that_is_too_long_late_or_broken_is_refused() -> None:
    assert await refusal(b"{}" + b" " * 31) == (413, "BODY_TOO_LARGE")
    assert await refusal(b"{", seconds=0) == (408, "REQUEST_TIMEOUT")
    assert await refusal(b"{}", BrokenBodyError()) == (400, "INVALID_REQUEST")


# --- the page and the texts of refusals

PAGE = """<!doctype html><html lang="$language"><title>$title</title>
<link rel="stylesheet" href="/own.css"><main><h1>Palvelu Oy, 5 $$</h1>
<p title="$message">$message</p><code>$code</code><a href="/">$home</a></main></html>"""


def headers(language: str, accept: str = "text/html") -> Headers:
    return Headers([("Accept", accept), ("Accept-Language", language)])


def page(refusals: Refusals, language: str, code: str = "RATE_LIMITED") -> str:
    """Return the page for a code in a language."""
    return refusals.response(429, code, headers(language)).body.decode()


async def test_the_routes_answer_with_the_services_page(trust: Trust) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b""

    service = LoginService(origin=ORIGIN, trust=trust, refusals=Refusals(page=PAGE))
    request = Request("GET", "/login", headers("sv"), body())
    response = await LoginRoutes(service).handle(request)
    assert response.status == 405
    text = response.body.decode()
    assert '<html lang="sv">' in text
    assert "<h1>Palvelu Oy, 5 $</h1>" in text
    assert catalogue(TEXTS, "sv")["METHOD_NOT_ALLOWED"] in text
    policy = dict(response.headers)["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("fi-FI,fi;q=0.9,en;q=0.5", "fi"),
        ("de, en;q=0.3, sv;q=0.7", "sv"),
        *((odd, "en") for odd in ("", "de", ";;q=,,fi;q=x,fi;q=9", "\xff\xfe")),
        *((odd, "en") for odd in ("fi;q=nan", "x" * 5_000, "*;q=1e999")),
    ],
)
def test_the_language_is_the_one_that_the_browser_likes_best(
    accepted: str, language: str
) -> None:
    assert f'<html lang="{language}">' in page(Refusals(), accepted)


def test_own_texts_replace_some_and_ours_stay() -> None:
    own = {"title": "Ei onnistunut", "RATE_LIMITED": "Odota hetki."}
    refusals = Refusals(texts={"fi": own})
    text = page(refusals, "fi")
    assert "<h1>Ei onnistunut</h1>" in text
    assert "<p>Odota hetki.</p>" in text
    assert catalogue(TEXTS, "fi")["home"] in text
    # A script gets them too, and other languages are as they were.
    answer = refusals.response(429, "RATE_LIMITED", headers("fi", "application/json"))
    assert json.loads(answer.body)["error"]["message"] == "Odota hetki."
    assert page(refusals, "sv") == page(Refusals(), "sv")


def test_no_text_becomes_markup_in_content_or_in_an_attribute() -> None:
    evil = "</p>\"'><script>alert(1)</script>&$code"
    text = page(Refusals(page=PAGE, texts={"en": {"RATE_LIMITED": evil}}), "en")
    escaped = (
        "&lt;/p&gt;&quot;&#x27;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;$code"
    )
    assert f'<p title="{escaped}">{escaped}</p>' in text


def test_a_language_that_kortilla_lacks_is_chosen_if_it_is_complete() -> None:
    whole = {key: f"{text} (et)" for key, text in catalogue(TEXTS, "en").items()}
    refusals = Refusals(texts={"et": whole})
    text = page(refusals, "et-EE, fi;q=0.5")
    assert '<html lang="et">' in text
    assert f"<p>{whole['RATE_LIMITED']}</p>" in text


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"page": "<p>$mesage</p>"}, r"no text for \$mesage"),
        ({"page": "<p>$title</p>"}, r"lacks \$message"),
        ({"page": "<p>$message costs 5 $</p>"}, r"write \$\$"),
        ({"texts": {"fi": {"RATE_LIMTED": "Odota."}}}, "is called RATE_LIMTED"),
        ({"texts": {"fi": {"title": " "}}}, "title is blank"),
        ({"texts": {"et": {"title": "Ei"}}}, "no 'et', so .*RATE_LIMITED"),
        ({"texts": {"fi-FI": {"title": "Ei"}}}, "no 'fi-FI'"),
    ],
)
def test_a_mistake_is_found_at_the_start(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Refusals(**options)


# --- the rate limiter for a single process


def attempt(client: str | None = "192.0.2.1", route: str = "login") -> Attempt:
    return Attempt(route=route, client=client, session_id=None)


async def test_so_many_in_a_window_and_then_no_more() -> None:
    now = 0.0
    limit = FixedWindowLimit(2, seconds=60, clock=lambda: now)
    for _ in range(2):
        await limit(attempt())
    now = 49.5
    with pytest.raises(RateLimitedError) as caught:
        await limit(attempt())
    assert caught.value.retry_after == 11
    for other in (attempt("192.0.2.2"), attempt(route="challenge"), attempt(None)):
        await limit(other)
    now = 60.0
    await limit(attempt())


async def test_it_is_bounded_and_forgets() -> None:
    now = 0.0
    limit = FixedWindowLimit(1, seconds=60, capacity=10, clock=lambda: now)
    for n in range(50):
        await limit(attempt(str(n)))
    assert len(limit) == 10
    with pytest.raises(RateLimitedError):
        await limit(attempt("49"))
    now = 60.0
    await limit(attempt())
    assert len(limit) == 1


@pytest.mark.parametrize(
    ("first", "same", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::1"),
        ("2001:db8::1", "2001:0DB8:0:0::2", "2001:db8:0:1::1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"),
        ("64:ff9b::192.0.2.1", "192.0.2.1", "64:ff9b::192.0.2.2"),
        ("2002:c000:201::1", "2002:c000:201:ffff::1", "2002:c000:202::1"),
        ("fe80::1%eth0", "fe80::2%eth1", "fe81::1"),
        ("::1", "::2", "127.0.0.1"),
        ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("unknown", "unknown", "2001:db8::1, 10.0.0.1"),
        ("", "", "192.0.2.1:80"),
        ("2001:db8::/64", "2001:db8::/64", "2001:db8::1%"),
    ],
)
async def test_whoever_has_an_ipv6_network_is_one_client(
    first: str, same: str, other: str
) -> None:
    limit = FixedWindowLimit(1, clock=lambda: 0.0)
    await limit(attempt(first))
    await limit(attempt(other))
    with pytest.raises(RateLimitedError):
        await limit(attempt(same))


async def test_no_number_of_addresses_of_one_network_pushes_others_out() -> None:
    limit = FixedWindowLimit(1, capacity=10, clock=lambda: 0.0)
    await limit(attempt("192.0.2.1"))
    for n in range(50):
        with contextlib.suppress(RateLimitedError):
            await limit(attempt(f"2001:db8::{n:x}"))
    assert len(limit) == 3  # with the network, and the site that it belongs to
    with pytest.raises(RateLimitedError):
        await limit(attempt("192.0.2.1"))


async def test_the_networks_of_one_site_have_ten_times_the_limit_together() -> None:
    limit = FixedWindowLimit(2, clock=lambda: 0.0)
    for _ in range(100):  # in vain, which is not held against the others
        with contextlib.suppress(RateLimitedError):
            await limit(attempt("2001:db8:1::1"))
    allowed = 0
    for n in range(1, 4000):
        with contextlib.suppress(RateLimitedError):
            await limit(attempt(f"2001:db8:1:{n:x}::1"))
            allowed += 1
    assert allowed == 18
    assert len(limit) == 20
    await limit(attempt("2001:db8:2::1"))


async def test_a_long_text_in_place_of_an_address_is_not_kept() -> None:
    limit = FixedWindowLimit(1, clock=lambda: 0.0)
    await limit(attempt("x" * 64 + "1"))
    with pytest.raises(RateLimitedError):
        await limit(attempt("x" * 64 + "2"))
