# SPDX-License-Identifier: MIT
"""The login behaves alike on every framework, over real servers, with each store."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from kortilla.testing import KortillaCard
from tests.kortilla.browser import COOKIE, Browser, code, log_in
from tests.kortilla.pki import ORIGIN, SATU, Leaf
from tests.kortilla.redis_server import RedisServer
from tests.kortilla.service import BUSY
from tests.kortilla.sites import NAMES, WSGI_NAMES, RunningSite

ROUTES = ["challenge", "login", "logout"]


@pytest.fixture
async def browser(site: RunningSite) -> AsyncIterator[Browser]:
    async with Browser(site) as browser:
        yield browser


@pytest.fixture
async def other(site: RunningSite) -> AsyncIterator[Browser]:
    async with Browser(site) as browser:
        yield browser


@pytest.fixture
async def third(site: RunningSite) -> AsyncIterator[Browser]:
    async with Browser(site) as browser:
        yield browser


async def test_login_and_logout_with_a_mock_card(
    browser: Browser, card: KortillaCard
) -> None:
    assert await browser.who() is None
    nonce = await browser.challenge()
    token = await asyncio.to_thread(card.token, ORIGIN, nonce)
    status, answer = await browser.post("login", {"authToken": token, "nonce": nonce})
    name = f"{card.person.given_name} {card.person.surname}"
    assert (status, answer) == (200, {"name": name, "satu": card.person.satu})
    assert await browser.who() == card.person.satu
    assert await browser.post("logout") == (200, {})
    assert await browser.who() is None


async def test_a_challenge_works_once_and_for_its_session(
    browser: Browser, other: Browser, leaf: Leaf
) -> None:
    nonce = await browser.challenge()
    await other.challenge()
    body = {"authToken": leaf.token(nonce=nonce), "nonce": nonce}
    refused = (403, "CHALLENGE_NONCE_NOT_FOUND")
    assert code(await other.post("login", body)) == refused
    assert (await browser.post("login", body))[0] == 200
    assert code(await browser.post("login", body)) == refused
    assert await other.who() is None


async def test_of_thirty_simultaneous_uses_one_wins(
    browser: Browser, leaf: Leaf
) -> None:
    nonce = await browser.challenge()
    body = {"authToken": leaf.token(nonce=nonce)}
    answers = await asyncio.gather(*(browser.post("login", body) for _ in range(30)))
    assert sorted(status for status, _ in answers) == [200] + [403] * 29
    assert {code(a)[1] for a in answers if a[0] == 403} == {"CHALLENGE_NONCE_NOT_FOUND"}


async def test_a_token_for_another_origin(browser: Browser, leaf: Leaf) -> None:
    nonce = await browser.challenge()
    token = leaf.token(nonce=nonce, origin="https://phishing.example")
    assert code(await browser.post("login", {"authToken": token})) == (
        403,
        "AUTH_TOKEN_SIGNATURE_VALIDATION",
    )


async def test_each_login_has_a_new_session_and_the_earlier_one_ends(
    browser: Browser, other: Browser, leaf: Leaf
) -> None:
    await browser.challenge()
    cookies = [browser.cookie]
    for _ in range(2):
        assert (await log_in(browser, leaf))[0] == 200
        cookies.append(browser.cookie)
        other.cookie = browser.cookie
        assert await other.who() == SATU
    await browser.post("logout")
    assert browser.cookie is None
    assert None not in cookies
    assert len(set(cookies)) == 3
    for other.cookie in cookies:
        assert (await told(other))["session"] is None


async def told(browser: Browser) -> dict[str, Any]:
    """Return what the service knows of the browser's session."""
    async with browser.request("GET", "/who", headers={}) as answer:
        content: dict[str, Any] = await answer.json()
        return content


async def test_the_sessions_of_a_person_have_names_and_end_together(
    browser: Browser, other: Browser, third: Browser, leaf: Leaf, card: KortillaCard
) -> None:
    one, stranger = browser, third
    assert await told(one) == {"satu": None, "recent": False, "session": None}
    await one.challenge()
    before = await told(one)
    assert before["session"]
    assert (await log_in(one, leaf))[0] == (await log_in(other, leaf))[0] == 200
    token = card.token(ORIGIN, await stranger.challenge())
    assert (await stranger.post("login", {"authToken": token}))[0] == 200

    here, there = await told(one), await told(other)
    assert here["satu"] == there["satu"] == SATU
    assert here["recent"] is there["recent"] is True
    assert len({before["session"], here["session"], there["session"]}) == 3
    assert one.cookie
    assert one.cookie not in here["session"]
    assert await told(one) == here
    # The name gives no access.
    cookie, one.cookie = one.cookie, here["session"]
    assert (await told(one))["satu"] is None
    one.cookie = cookie

    async with stranger.request(
        "POST", f"/leave?satu={SATU}", headers={"Origin": ORIGIN}
    ) as answer:
        assert answer.status == 200
    assert (await told(one))["satu"] is (await told(other))["satu"] is None
    assert (await told(stranger))["satu"] == card.person.satu


async def test_the_services_own_route_ends_a_session(
    browser: Browser, leaf: Leaf
) -> None:
    await log_in(browser, leaf)
    for origin, status in (("https://other.example", 403), (ORIGIN, 200)):
        assert await browser.who() == SATU
        async with browser.request(
            "POST", "/leave", headers={"Origin": origin}
        ) as answer:
            assert answer.status == status
    assert browser.cookie is None
    assert await browser.who() is None


async def test_the_cookie_is_protected(browser: Browser) -> None:
    headers = {"Origin": ORIGIN, "Content-Type": "application/json"}
    more: set[str] = set()
    for path in ("challenge", "logout"):
        async with browser.request(
            "POST", f"/auth/{path}", headers=headers, data="{}"
        ) as answer:
            [cookie] = answer.headers.getall("Set-Cookie")
        pair, *attributes = cookie.split("; ")
        assert pair.startswith(f"{COOKIE}=")
        if path == "challenge":
            assert pair == f"{COOKIE}={browser.cookie}"
        else:
            more = {"Max-Age=0"}
        assert {a for a in attributes if not a.startswith("expires=")} == {
            "HttpOnly",
            "Path=/",
            "SameSite=Lax",
            "Secure",
        } | more


async def test_a_request_from_another_site(browser: Browser) -> None:
    for headers in (
        {"Origin": "https://other.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": f"{ORIGIN}:8443"},
        {"Origin": None},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "same-site"},
        {"Origin": None, "Sec-Fetch-Site": "same-site"},
        {"Origin": None, "Sec-Fetch-Site": "none"},
    ):
        for path in ROUTES:
            answer = await browser.post(path, headers=headers)
            assert code(answer) == (403, "ORIGIN_REFUSED")
    assert browser.cookie is None


async def test_an_error_is_told_to_programs_and_people(browser: Browser) -> None:
    for accepted, language, begins in (
        ("fi-FI,fi;q=0.9,en;q=0.5", "fi", "Tämä tunnist"),
        ("de, en;q=0.3, sv;q=0.7", "sv", "Den här ident"),
        ("de", "en", "This identification"),
        (";;q=,,fi;q=x,fi;q=9", "en", "This identification"),
    ):
        headers = {"Accept-Language": accepted}
        _, answer = await browser.post("login", {"authToken": {}}, headers=headers)
        assert answer["error"]["message"].startswith(begins)
        async with browser.request(
            "POST",
            "/auth/login",
            headers=headers
            | {
                "Origin": ORIGIN,
                "Accept": "text/html,*/*",
                "Content-Type": "application/json",
            },
            data='{"authToken":{}}',
        ) as response:
            page = await response.text()
            assert response.status == 403
            assert response.headers["Content-Type"] == "text/html; charset=utf-8"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Cache-Control"] == "no-store"
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert f'<html lang="{language}">' in page
        assert begins in page


async def test_a_body_that_is_not_a_login(browser: Browser) -> None:
    await browser.challenge()
    for data in (
        b"",
        b"nothing",
        b"[]",
        b"null",
        b"\xff\xfe{}",
        b'{"authToken": {}, "authToken": {}}',
        b'{"authToken": {}, "more": 1}',
        b'{"authToken": {}, "nonce": 1}',
        b'{"nonce": "x"}',
        b"[" * 9_000,
        b'{"authToken": ' + b"9" * 6_000 + b"}",
        b'{"authToken": NaN}',
    ):
        answer = await browser.post("login", data=data)
        assert code(answer) == (400, "INVALID_REQUEST"), data
    for value in (b"1", b"[]", b'{"a":' * 900 + b"1" + b"}" * 900, b'"\\ud800"'):
        await browser.challenge()
        answer = await browser.post("login", data=b'{"authToken":' + value + b"}")
        assert code(answer) == (400, "AUTH_TOKEN_PARSE"), value


async def test_a_body_that_is_not_json(browser: Browser) -> None:
    for headers in (
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "a/b; c"},
        {"Content-Encoding": "gzip", "Content-Length": "2"},
    ):
        answer = await browser.post("challenge", headers=headers)
        assert code(answer) in {
            (415, "UNSUPPORTED_MEDIA_TYPE"),
            (400, "INVALID_REQUEST"),
        }


async def test_a_body_that_is_too_long(browser: Browser, site: RunningSite) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 1024

    too_long = (413, "BODY_TOO_LARGE")
    # Under WSGI, Django does not read a body without a length.
    unread = {(400, "INVALID_REQUEST")} if site.name in WSGI_NAMES else set()
    assert code(await browser.post("login", data=b"x" * 40_000)) == too_long
    assert code(await browser.post("login", data=chunks())) in {too_long} | unread


#: Under WSGI, only the server in front can notice a silent client.
@pytest.mark.parametrize(
    "site", [n for n in NAMES if n not in WSGI_NAMES], indirect=True
)
async def test_a_body_that_does_not_come(site: RunningSite) -> None:
    answers = await asyncio.gather(
        *(
            raw(
                site,
                f"POST /auth/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Origin: {ORIGIN}\r\nContent-Type: application/json\r\n"
                "Content-Length: 100\r\n\r\n{",
            )
            for path in ROUTES
        )
    )
    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"REQUEST_TIMEOUT" in answer


async def test_a_browser_that_goes_away(browser: Browser, site: RunningSite) -> None:
    """It leaves no error: the process's log is checked at the end."""
    for body in ("", "{", '{"authToken": '):
        _, writer = await asyncio.open_connection("127.0.0.1", site.port)
        head = (
            f"POST /auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {ORIGIN}\r\n"
            "Content-Type: application/json\r\nContent-Length: 99\r\n\r\n"
        )
        writer.write((head + body).encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    await browser.challenge()


async def test_there_is_no_websocket(site: RunningSite) -> None:
    async with aiohttp.ClientSession() as http:
        for path in ("challenge", "static/kortilla.js"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await http.ws_connect(site.make_url(f"/auth/{path}"))
            assert caught.value.status < 500


async def raw(site: RunningSite, request: str) -> bytes:
    """Send raw bytes, and return the response as far as it arrived."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(request.encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
    answer = head + await reader.readexactly(length)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_methods_that_are_not_there(browser: Browser) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"):
        async with browser.request(
            method, "/auth/login", headers={"Origin": ORIGIN}
        ) as answer:
            assert answer.status == 405, method
            assert answer.headers["Allow"] == "POST"
    for method in ("POST", "OPTIONS"):
        async with browser.request(
            method, "/auth/static/kortilla.js", headers={"Origin": ORIGIN}
        ) as answer:
            assert answer.status == 405
            assert answer.headers["Allow"] == "GET, HEAD"


async def test_paths_that_are_not_there(browser: Browser) -> None:
    for path in (
        "/auth/nowhere",
        "/auth/login/",
        "/auth//login",
        "/auth/LOGIN",
        "/auth/static/",
        "/auth/static/%2e%2e/web.py",
        "/auth/static/..%2fweb.py",
        "/auth/static/" + "a" * 4000,
        "/auth/static/%00",
        "/auth/%0a",
        "/auth/%ff%fe",
    ):
        url = browser.server.make_url("").with_path(path, encoded=True)
        async with browser.http.get(url, headers={"Accept": "text/html"}) as answer:
            assert answer.status == 404, path
            assert "<h1>" in await answer.text()


async def test_the_page_client_and_the_description_are_served(browser: Browser) -> None:
    for path, kind in (
        ("static/kortilla.js", "text/javascript; charset=utf-8"),
        ("static/texts/fi.js", "text/javascript; charset=utf-8"),
        ("openapi.json", "application/json; charset=utf-8"),
    ):
        async with browser.request("GET", f"/auth/{path}", headers={}) as answer:
            content = await answer.read()
            assert answer.status == 200
            assert answer.headers["Content-Type"] == kind
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            tag = answer.headers["ETag"]
        async with browser.request("HEAD", f"/auth/{path}", headers={}) as answer:
            assert answer.headers["Content-Length"] == str(len(content))
            assert await answer.read() == b""
        headers = {"If-None-Match": f'"x", W/{tag}'}
        async with browser.request("GET", f"/auth/{path}", headers=headers) as answer:
            assert (answer.status, await answer.read()) == (304, b"")


async def test_headers_that_are_odd(browser: Browser, leaf: Leaf) -> None:
    await log_in(browser, leaf)
    mine = f"{COOKIE}={browser.cookie}"
    for cookie, satu in (
        (mine, SATU),
        (f"a=1; {mine}; b", SATU),
        (f"{mine}; {COOKIE}={'x' * 43}", None),
        (f"{COOKIE}={'x' * 43}; {mine}", None),
        (f"{COOKIE}={'x' * 43}", None),
        (f"{COOKIE}=\xe4\xff", None),
        (f"{COOKIE}", None),
        (";;;===", None),
        ('a="\\x', None),
    ):
        headers = {"Cookie": cookie}
        async with browser.request("GET", "/who", headers=headers) as answer:
            assert (await answer.json())["satu"] == satu, cookie
    for language in (
        "",
        ";;q=,,fi;q=x",
        "\xff\xfe",
        "fi;q=nan",
        "x" * 5_000,
        "*;q=1e999",
    ):
        headers = {"Accept-Language": language, "Origin": "x"}
        status, answer = await browser.post("login", headers=headers)
        assert status == 403
        assert answer["error"]["message"].startswith("The request did not come")


async def test_who_comes_too_often(site: RunningSite, leaf: Leaf) -> None:
    async with Browser(site, address=BUSY) as busy:
        for path in ROUTES:
            headers = {"Origin": ORIGIN, "Accept-Language": "fi"}
            async with busy.request("POST", f"/auth/{path}", headers=headers) as answer:
                assert answer.status == 429
                assert answer.headers["Retry-After"] == "7"
                assert (await answer.json())["error"]["code"] == "RATE_LIMITED"
        # Files are not limited, and neither are other pages.
        async with busy.request(
            "GET", "/auth/static/kortilla.js", headers={}
        ) as answer:
            assert answer.status == 200
        assert busy.cookie is None


@pytest.mark.parametrize("site", [n for n in NAMES if "redis" in n], indirect=True)
@pytest.mark.parametrize("named", [True, False])
async def test_redis_is_killed_during_a_login_and_comes_back_with_all_it_had(
    browser: Browser, other: Browser, leaf: Leaf, redis: RedisServer, named: bool
) -> None:
    await log_in(other, leaf)
    nonce = await browser.challenge()
    before = browser.cookie
    body = {"authToken": leaf.token(nonce=nonce)} | ({"nonce": nonce} if named else {})
    with redis.away():
        for path, content in (("login", body), ("challenge", {}), ("logout", {})):
            async with browser.request(
                "POST",
                f"/auth/{path}",
                headers={"Origin": ORIGIN, "Content-Type": "application/json"},
                data=json.dumps(content),
            ) as answer:
                assert answer.status == 503
                assert int(answer.headers["Retry-After"]) > 0
                assert "Set-Cookie" not in answer.headers
                assert (await answer.json())["error"]["code"] == "STORE_UNAVAILABLE"
        for method, path in (("GET", "/who"), ("POST", "/leave")):
            headers = {"Accept": "text/html", "Accept-Language": "fi", "Origin": ORIGIN}
            async with browser.request(method, path, headers=headers) as answer:
                assert answer.status == 503
                page = await answer.text()
                assert '<html lang="fi">' in page
                assert "Etusivulle &lt;oma&gt;" in page  # the service's own text
    assert redis.client.exists(f"kortilla:challenge:{nonce}")
    assert code(await browser.post("login", body)) == (403, "CHALLENGE_NONCE_NOT_FOUND")
    assert await browser.who() is None
    assert browser.cookie == before
    assert (await log_in(browser, leaf))[0] == 200
    assert await other.who() == SATU


@pytest.mark.parametrize("site", [n for n in NAMES if "redis" in n], indirect=True)
async def test_redis_comes_back_empty(
    browser: Browser, leaf: Leaf, redis: RedisServer
) -> None:
    await log_in(browser, leaf)
    nonce = await browser.challenge()
    with redis.away(remembering=False):
        pass
    body = {"authToken": leaf.token(nonce=nonce), "nonce": nonce}
    assert await browser.who() is None
    assert code(await browser.post("login", body)) == (403, "CHALLENGE_NONCE_NOT_FOUND")
    assert (await log_in(browser, leaf))[0] == 200
