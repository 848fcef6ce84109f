# SPDX-License-Identifier: MIT
"""A service replaces the page and the texts of refusals."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kortilla import LoginService, Trust
from kortilla.common.texts import catalogue
from kortilla.web.http import Headers, Request
from kortilla.web.refusals import TEXTS, Refusals
from kortilla.web.routes import LoginRoutes
from tests.kortilla.pki import ORIGIN

PAGE = """<!doctype html><html lang="$language"><title>$title</title>
<link rel="stylesheet" href="/own.css"><main><h1>Palvelu Oy, 5 $$</h1>
<p title="$message">$message</p><code>$code</code><a href="/">$home</a></main></html>"""


def headers(language: str, accept: str = "text/html") -> Headers:
    return Headers([("Accept", accept), ("Accept-Language", language)])


def page(refusals: Refusals, language: str, code: str = "RATE_LIMITED") -> str:
    """Return the page for a code in a language."""
    return refusals.response(429, code, headers(language)).body.decode()


async def nobody() -> AsyncIterator[bytes]:
    """Yield nothing: the body of a request that has none."""
    for _ in range(0):
        yield b""


async def test_the_routes_answer_with_the_services_page(trust: Trust) -> None:
    service = LoginService(origin=ORIGIN, trust=trust, refusals=Refusals(page=PAGE))
    request = Request("GET", "/login", headers("sv"), nobody())
    response = await LoginRoutes(service).handle(request)
    assert response.status == 405
    text = response.body.decode()
    assert '<html lang="sv">' in text
    assert "<h1>Palvelu Oy, 5 $</h1>" in text
    assert catalogue(TEXTS, "sv")["METHOD_NOT_ALLOWED"] in text
    policy = dict(response.headers)["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")


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
