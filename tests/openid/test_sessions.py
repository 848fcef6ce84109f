# SPDX-License-Identifier: MIT
"""``prompt``, ``max_age``, sessions where they are switched on, and logout."""

from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.openid.conftest import MakeOP
from tests.openid.provider import (
    CALLBACK,
    ISSUER,
    KEYS,
    OTHER_SECRET,
    Answer,
    Browser,
    LocalOP,
)

SESSION = "__Host-kortilla-openid-session"
BYE = "https://shop.example/bye"


@pytest.fixture
def shared(make_op: MakeOP) -> LocalOP:
    """A provider with single sign-on."""
    return make_op(sso_minutes=60)


async def logged_in(op: LocalOP) -> tuple[Browser, str]:
    """Return a browser with a session, and its ID token."""
    browser = Browser(op)
    verifier, answer = await browser.authorize()
    back = await browser.log_in(answer.location)
    token = await op.token(back.parameters["code"], verifier)
    return browser, token.json["id_token"]


async def test_without_single_sign_on_each_login_takes_the_card(op: LocalOP) -> None:
    browser, _ = await logged_in(op)
    assert SESSION not in browser.cookies
    _, again = await browser.authorize()
    assert "/login/" in again.location
    _, silent = await browser.authorize(prompt="none")
    assert silent.parameters["error"] == "login_required"


async def test_a_session_logs_in_without_the_card(shared: LocalOP) -> None:
    browser, first = await logged_in(shared)
    verifier, again = await browser.authorize(prompt="none")
    token = await shared.token(again.parameters["code"], verifier)
    claims = await shared.claims(token.json["id_token"])
    before = await shared.claims(first)
    assert (claims["sub"], claims["auth_time"]) == (before["sub"], before["auth_time"])


async def test_a_session_is_of_one_browser_and_ends(shared: LocalOP) -> None:
    browser, _ = await logged_in(shared)
    _, stranger = await Browser(shared).authorize(prompt="none")
    assert stranger.parameters["error"] == "login_required"
    shared.clock.ahead += 3600
    _, late = await browser.authorize(prompt="none")
    assert late.parameters["error"] == "login_required"


async def test_a_login_has_a_new_session_id(shared: LocalOP) -> None:
    browser = Browser(shared, {SESSION: "x" * 43})
    page = await browser.page()
    await browser.log_in(page)
    assert browser.cookies[SESSION] != "x" * 43
    old = browser.cookies[SESSION]
    await browser.log_in(await browser.page(prompt="login"))
    assert browser.cookies[SESSION] != old
    _, late = await Browser(shared, {SESSION: old}).authorize(prompt="none")
    assert late.parameters["error"] == "login_required"


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "login"},
        {"prompt": "consent"},
        {"prompt": "select_account"},
        {"prompt": "login consent"},
        {"max_age": "0"},
    ],
)
async def test_a_client_can_ask_for_the_card(
    shared: LocalOP, changes: dict[str, Any]
) -> None:
    browser, _ = await logged_in(shared)
    page = await browser.page(**changes)
    assert "/login/" in page


async def test_max_age_is_honoured(shared: LocalOP) -> None:
    browser, _ = await logged_in(shared)
    shared.clock.ahead += 600
    _, young = await browser.authorize(max_age="900")
    assert "code" in young.parameters
    _, old = await browser.authorize(max_age="300")
    assert "/login/" in old.location
    _, silent = await browser.authorize(max_age="300", prompt="none")
    assert silent.parameters["error"] == "login_required"


async def second_person(simulator: LocalOP) -> str:
    """Return another person's ID token, which the same keys sign."""
    verifier, answer = await Browser(simulator).authorize(
        login_hint="SPECIMEN-KORHONEN"
    )
    token = await simulator.token(answer.parameters["code"], verifier)
    hint: str = token.json["id_token"]
    return hint


async def test_a_client_s_hint_of_another_person_takes_the_card(
    shared: LocalOP, make_op: MakeOP
) -> None:
    browser, own = await logged_in(shared)
    other = await second_person(make_op(simulator=True))
    _, same = await browser.authorize(prompt="none", id_token_hint=own)
    assert "code" in same.parameters
    _, silent = await browser.authorize(prompt="none", id_token_hint=other)
    assert silent.parameters["error"] == "login_required"
    _, asked = await browser.authorize(id_token_hint=other)
    assert "/login/" in asked.location
    for hint in ("garbage", forged(), compact_of("post")):
        _, refused = await browser.authorize(prompt="none", id_token_hint=hint)
        assert refused.parameters["error"] == "invalid_request"


def compact_of(client: str) -> str:
    """Return an ID token of a client, which may be gone."""
    key = KEYS.current("RS256")
    header = {"alg": "RS256", "kid": str(key.kid)}
    claims = {"iss": ISSUER, "aud": client, "sub": "x", "iat": 1, "exp": 2}
    return jwt.encode(header, claims, key)


# --- logout


async def test_the_hint_of_a_client_that_is_gone_needs_the_person_s_word(
    shared: LocalOP,
) -> None:
    browser, _ = await logged_in(shared)
    answer = await logout(browser, id_token_hint=compact_of("gone"))
    assert (answer.status, "Do you want to log out?" in answer.text) == (200, True)
    assert SESSION in browser.cookies


async def logout(browser: Browser, **parameters: str) -> Answer:
    return await browser.send("GET", f"/logout?{urlencode(parameters)}")


async def test_a_logout_ends_the_session_and_goes_back(shared: LocalOP) -> None:
    browser, token = await logged_in(shared)
    answer = await logout(
        browser, id_token_hint=token, post_logout_redirect_uri=BYE, state="s ä"
    )
    assert answer.location.startswith(BYE + "?state=")
    assert answer.parameters == {"state": "s ä"}
    assert SESSION not in browser.cookies
    _, silent = await browser.authorize(prompt="none")
    assert silent.parameters["error"] == "login_required"


async def test_a_service_s_form_ends_the_session_by_the_link_that_follows(
    shared: LocalOP,
) -> None:
    browser, token = await logged_in(shared)
    form = {"id_token_hint": token, "post_logout_redirect_uri": BYE, "state": "ä"}
    answer = await browser.send(
        "POST",
        "/logout",
        body=urlencode(form).encode(),
        kind="application/x-www-form-urlencoded",
        origin="https://shop.example",
    )
    assert (await browser.send("GET", answer.location)).parameters == {"state": "ä"}
    assert SESSION not in browser.cookies


async def test_an_id_token_that_has_expired_is_still_a_hint(shared: LocalOP) -> None:
    browser, token = await logged_in(shared)
    shared.clock.ahead += 900
    answer = await logout(browser, id_token_hint=token, post_logout_redirect_uri=BYE)
    assert answer.location == BYE


@pytest.mark.parametrize(
    "uri", ["https://evil.example/", BYE + "/", BYE + "?a=b", CALLBACK, "javascript:1"]
)
async def test_an_unregistered_address_ends_on_our_own_page(
    shared: LocalOP, uri: str
) -> None:
    browser, token = await logged_in(shared)
    answer = await logout(browser, id_token_hint=token, post_logout_redirect_uri=uri)
    assert (answer.status, answer.headers.all("Location")) == (200, [])
    assert "You have logged out" in answer.text


async def test_without_a_hint_the_person_confirms(shared: LocalOP) -> None:
    browser, _ = await logged_in(shared)
    answer = await logout(browser, client_id="shop", post_logout_redirect_uri=BYE)
    assert (answer.status, "Do you want to log out?" in answer.text) == (200, True)
    form = "application/x-www-form-urlencoded"
    foreign = await browser.send(
        "POST", "/logout", kind=form, origin="https://evil.example"
    )
    asked = await browser.send("GET", foreign.location)
    assert "Do you want to log out?" in asked.text
    assert SESSION in browser.cookies
    done = await browser.send("POST", "/logout", kind=form)
    assert "You have logged out" in done.text
    assert SESSION not in browser.cookies


def forged() -> str:
    kid = KEYS.current("RS256").kid
    key = RSAKey.generate_key(2048)
    claims = {"iss": ISSUER, "aud": "shop", "sub": "x"}
    return jwt.encode({"alg": "RS256", "kid": str(kid)}, claims, key)


async def test_a_forged_hint_is_refused(shared: LocalOP) -> None:
    browser, token = await logged_in(shared)
    unsigned = "eyJhbGciOiJub25lIn0." + token.split(".")[1] + "."
    for hint in (forged(), unsigned, token[:-4] + "AAAA", "a", "a.b.c", "ä"):
        answer = await logout(browser, id_token_hint=hint, post_logout_redirect_uri=BYE)
        assert answer.status == 400, hint
    assert SESSION in browser.cookies


async def test_another_client_s_hint_is_refused(shared: LocalOP) -> None:
    browser, token = await logged_in(shared)
    answer = await logout(browser, id_token_hint=token, client_id="post")
    assert answer.status == 400
    # Nor does it open the other client's address.
    answer = await logout(
        browser,
        id_token_hint=token,
        post_logout_redirect_uri="https://post.example/bye",
    )
    assert (answer.status, answer.headers.all("Location")) == (200, [])


async def test_another_person_s_hint_is_refused(
    shared: LocalOP, make_op: MakeOP
) -> None:
    browser, _ = await logged_in(shared)
    other = await second_person(make_op(simulator=True))
    answer = await logout(browser, id_token_hint=other)
    assert (answer.status, "another person" in answer.text) == (400, True)
    assert SESSION in browser.cookies


async def test_a_logout_without_a_session_is_no_error(op: LocalOP) -> None:
    browser, token = await logged_in(op)
    assert "You have logged out" in (await logout(browser)).text
    answer = await logout(browser, id_token_hint=token, post_logout_redirect_uri=BYE)
    assert answer.location == BYE


async def test_subjects_differ_between_clients(op: LocalOP) -> None:
    browser, token = await logged_in(op)
    uri = "https://post.example/cb"
    verifier, answer = await browser.authorize(client_id="post", redirect_uri=uri)
    back = await browser.log_in(answer.location)
    other = await op.token(
        back.parameters["code"],
        verifier,
        authorization="",
        redirect_uri=uri,
        client_id="post",
        client_secret=OTHER_SECRET,
    )
    subjects = {
        (await op.claims(each))["sub"] for each in (token, other.json["id_token"])
    }
    assert len(subjects) == 2
