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
    return browser, (await browser.tokens())["id_token"]


async def second_person(make_op: MakeOP) -> str:
    """Return another person's ID token, which the same keys sign."""
    op = make_op(simulator=True)
    hint: str = (await op.tokens(login_hint="SPECIMEN-KORHONEN"))["id_token"]
    return hint


def hint_of(client: str, key: RSAKey | None = None) -> str:
    """Return an ID token of a client, which may be gone, with any key."""
    own = KEYS.current("RS256")
    times = {"iat": 1, "exp": 2, "auth_time": 1}
    claims = {"iss": ISSUER, "aud": client, "sub": "x", **times}
    return jwt.encode({"alg": "RS256", "kid": str(own.kid)}, claims, key or own)


def forged() -> str:
    return hint_of("shop", RSAKey.generate_key(2048))


async def silently(browser: Browser, **more: str) -> str:
    """Return what a client gets that wants no page: ``code``, or an error."""
    parameters = (await browser.authorize(prompt="none", **more))[1].parameters
    return "code" if "code" in parameters else parameters["error"]


async def test_without_single_sign_on_each_login_takes_the_card(op: LocalOP) -> None:
    browser, _ = await logged_in(op)
    assert SESSION not in browser.cookies
    assert "/login/" in await browser.page()
    assert await silently(browser) == "login_required"


async def test_a_session_logs_in_without_the_card(shared: LocalOP) -> None:
    browser, first = await logged_in(shared)
    again = (await browser.tokens(prompt="none"))["id_token"]
    claims, before = await shared.claims(again), await shared.claims(first)
    assert (claims["sub"], claims["auth_time"]) == (before["sub"], before["auth_time"])


async def test_the_store_does_not_have_what_opens_a_session(
    shared: LocalOP, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[dict[str, Any]] = []
    put = shared.provider.store.put

    async def watched(kind: str, key: str, data: Any, *, seconds: int) -> None:
        stored.append(data)
        await put(kind, key, data, seconds=seconds)

    monkeypatch.setattr(shared.provider.store, "put", watched)
    browser, _ = await logged_in(shared)
    first = browser.cookies[SESSION]
    await browser.tokens(prompt="login")
    assert browser.cookies[SESSION] != first
    assert not any(each in repr(stored) for each in (first, browser.cookies[SESSION]))
    assert "sid" in repr(stored)


async def test_a_session_is_of_one_browser_and_ends(shared: LocalOP) -> None:
    browser, _ = await logged_in(shared)
    assert await silently(Browser(shared)) == "login_required"
    shared.clock.ahead += 3600
    assert await silently(browser) == "login_required"


async def test_a_login_has_a_new_session_id(shared: LocalOP) -> None:
    browser = Browser(shared, {SESSION: "x" * 43})
    await browser.code()
    assert browser.cookies[SESSION] != "x" * 43
    old = browser.cookies[SESSION]
    await browser.code(prompt="login")
    assert browser.cookies[SESSION] != old
    assert await silently(Browser(shared, {SESSION: old})) == "login_required"


@pytest.mark.parametrize(
    "changes",
    [
        *({"prompt": p} for p in ("login", "consent", "select_account")),
        {"prompt": "login consent"},
        {"max_age": "0"},
    ],
)
async def test_a_client_can_ask_for_the_card(
    shared: LocalOP, changes: dict[str, Any]
) -> None:
    browser, _ = await logged_in(shared)
    assert "/login/" in await browser.page(**changes)


async def test_max_age_is_honoured(shared: LocalOP) -> None:
    browser, _ = await logged_in(shared)
    shared.clock.ahead += 600
    assert await silently(browser, max_age="900") == "code"
    assert "/login/" in await browser.page(max_age="300")
    assert await silently(browser, max_age="300") == "login_required"


async def test_a_client_s_hint_of_another_person_takes_the_card(
    shared: LocalOP, make_op: MakeOP
) -> None:
    browser, own = await logged_in(shared)
    other = await second_person(make_op)
    assert await silently(browser, id_token_hint=own) == "code"
    assert await silently(browser, id_token_hint=other) == "login_required"
    assert "/login/" in await browser.page(id_token_hint=other)
    for hint in ("garbage", forged(), hint_of("post")):
        assert await silently(browser, id_token_hint=hint) == "invalid_request"


# --- logout


async def logout(browser: Browser, **parameters: str) -> Answer:
    return await browser.send("GET", f"/logout?{urlencode(parameters)}")


async def test_a_logout_ends_the_session_and_goes_back(shared: LocalOP) -> None:
    browser, token = await logged_in(shared)
    shared.clock.ahead += 900  # the ID token has expired, and is still a hint
    answer = await logout(
        browser, id_token_hint=token, post_logout_redirect_uri=BYE, state="s ä"
    )
    assert answer.location.startswith(BYE + "?state=")
    assert answer.parameters == {"state": "s ä"}
    assert SESSION not in browser.cookies
    assert await silently(browser) == "login_required"


async def test_a_service_s_form_ends_the_session_by_the_link_that_follows(
    shared: LocalOP,
) -> None:
    browser, token = await logged_in(shared)
    form = {"id_token_hint": token, "post_logout_redirect_uri": BYE, "state": "ä"}
    answer = await browser.submit("/logout", form, "https://shop.example")
    assert (await browser.send("GET", answer.location)).parameters == {"state": "ä"}
    assert SESSION not in browser.cookies


@pytest.mark.parametrize(
    "uri",
    [
        *("https://evil.example/", BYE + "/", BYE + "?a=b", CALLBACK, "javascript:1"),
        "https://post.example/bye",  # another client's
    ],
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
    foreign = await browser.submit("/logout", origin="https://evil.example")
    for asked in (
        await logout(browser, client_id="shop", post_logout_redirect_uri=BYE),
        await logout(browser, id_token_hint=hint_of("gone")),
        await browser.send("GET", foreign.location),
    ):
        assert (asked.status, "Do you want to log out?" in asked.text) == (200, True)
    assert SESSION in browser.cookies
    assert "You have logged out" in (await browser.submit("/logout")).text
    assert SESSION not in browser.cookies


async def test_a_forged_hint_is_refused(shared: LocalOP) -> None:
    browser, token = await logged_in(shared)
    unsigned = "eyJhbGciOiJub25lIn0." + token.split(".")[1] + "."
    for hint in (forged(), unsigned, token[:-4] + "AAAA", "a", "a.b.c", "ä"):
        answer = await logout(browser, id_token_hint=hint, post_logout_redirect_uri=BYE)
        assert answer.status == 400, hint
    assert (await logout(browser, id_token_hint=token, client_id="post")).status == 400
    assert SESSION in browser.cookies


async def test_another_person_s_hint_is_refused(
    shared: LocalOP, make_op: MakeOP
) -> None:
    browser, _ = await logged_in(shared)
    answer = await logout(browser, id_token_hint=await second_person(make_op))
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
    code, verifier = await browser.code(client_id="post", redirect_uri=uri)
    own = {"redirect_uri": uri, "client_id": "post", "client_secret": OTHER_SECRET}
    other = (await op.token(code, verifier, authorization="", **own)).json["id_token"]
    assert len({(await op.claims(each))["sub"] for each in (token, other)}) == 2
