# SPDX-License-Identifier: MIT
"""The login behaves alike on every framework, over real servers, with each store.

``test_login.py`` and ``test_http.py`` have what is the same in all frameworks.
"""

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kortilla.store import digest
from kortilla.testing import KortillaCard
from tests.kortilla.browser import COOKIE, Browser, code, log_in
from tests.kortilla.pki import ORIGIN, SATU, Leaf
from tests.kortilla.redis_server import RedisServer
from tests.kortilla.service import BUSY
from tests.kortilla.sites import NAMES, WSGI_NAMES, RunningSite

ROUTES = ["challenge", "login", "logout"]
POST = {"Origin": ORIGIN, "Content-Type": "application/json"}


@pytest.fixture
async def browser(site: RunningSite) -> AsyncIterator[Browser]:
    async with Browser(site) as browser:
        yield browser


@pytest.fixture
async def other(site: RunningSite) -> AsyncIterator[Browser]:
    async with Browser(site) as browser:
        yield browser


async def told(browser: Browser) -> dict[str, Any]:
    """Return what the service knows of the browser's session."""
    async with browser.request("GET", "/who", headers={}) as answer:
        content: dict[str, Any] = await answer.json()
        return content


async def leave(browser: Browser, query: str = "", origin: str = ORIGIN) -> int:
    """Call the service's own route that ends sessions, and return the status."""
    headers = {"Origin": origin}
    async with browser.request("POST", f"/leave{query}", headers=headers) as answer:
        return answer.status


# --- logins


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
    # It is there to encrypt to the person, also in another request than the login's.
    certificate = card.state.read().keys[0].certificate
    assert b64decode((await told(browser))["certificate"]) == certificate
    assert await browser.post("logout") == (200, {})
    assert browser.cookie is await browser.who() is None


async def test_the_sessions_of_a_person_have_names_and_end_together(
    browser: Browser, other: Browser, site: RunningSite, leaf: Leaf, card: KortillaCard
) -> None:
    assert set((await told(browser)).values()) == {None, False}
    await browser.challenge()
    before = await told(browser)
    for each in (browser, other):
        assert (await log_in(each, leaf))[0] == 200
    here, there = await told(browser), await told(other)
    assert (here["satu"], here["recent"]) == (SATU, True)
    assert len({each["session"] for each in (before, here, there)}) == 3
    # The name gives no access.
    assert browser.cookie and browser.cookie not in here["session"]
    cookie, browser.cookie = browser.cookie, here["session"]
    assert (await told(browser))["satu"] is None
    browser.cookie = cookie
    # The service's own route ends a session, and all of a person.
    assert await leave(browser, origin="https://other.example") == 403
    assert await browser.who() == SATU
    assert await leave(browser) == 200
    assert browser.cookie is await browser.who() is None
    await log_in(browser, leaf)
    async with Browser(site) as stranger:
        token = card.token(ORIGIN, await stranger.challenge())
        assert (await stranger.post("login", {"authToken": token}))[0] == 200
        assert await leave(stranger, f"?satu={SATU}") == 200
        assert await browser.who() is await other.who() is None
        assert await stranger.who() == card.person.satu


async def test_the_cookie_is_protected(browser: Browser) -> None:
    for path, more in (("challenge", set()), ("logout", {"Max-Age=0"})):
        async with browser.request(
            "POST", f"/auth/{path}", headers=POST, data="{}"
        ) as answer:
            [cookie] = answer.headers.getall("Set-Cookie")
        pair, *attributes = cookie.split("; ")
        assert pair.startswith(f"{COOKIE}={browser.cookie or ''}")
        protection = {"HttpOnly", "Path=/", "SameSite=Lax", "Secure"}
        found = {each for each in attributes if not each.startswith("expires=")}
        assert found == protection | more


# --- requests that are refused


async def test_an_error_is_told_to_programs_and_people(browser: Browser) -> None:
    headers = {"Accept-Language": "fi-FI,fi;q=0.9,en;q=0.5"}
    _, answer = await browser.post("login", {"authToken": {}}, headers=headers)
    assert answer["error"]["message"].startswith("Tämä tunnist")
    headers |= POST | {"Accept": "text/html,*/*"}
    async with browser.request(
        "POST", "/auth/login", headers=headers, data='{"authToken":{}}'
    ) as response:
        page = await response.text()
        assert response.status == 403
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert '<html lang="fi">' in page
    assert "Tämä tunnist" in page


async def test_requests_that_are_refused(browser: Browser) -> None:
    origin, other = (403, "ORIGIN_REFUSED"), "https://other.example"
    invalid, no_json = (400, "INVALID_REQUEST"), (415, "UNSUPPORTED_MEDIA_TYPE")
    no_token = (400, "AUTH_TOKEN_PARSE")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    compressed = {"Content-Encoding": "gzip", "Content-Length": "2"}
    for data, headers, refusals in (
        (b"{}", {"Origin": other}, {origin}),
        (b"{}", {"Origin": None}, {origin}),
        (b"{}", {"Sec-Fetch-Site": "cross-site"}, {origin}),
        (b"", {}, {invalid}),
        (b"\xff\xfe{}", {}, {invalid}),
        (b"[" * 9_000, {}, {invalid}),
        (b'{"authToken": ' + b"9" * 6_000 + b"}", {}, {invalid}),
        (b"a=b", form, {no_json}),
        (b"", {"Content-Type": "multipart/form-data; boundary=x"}, {no_json}),
        (b'{"authToken":"\\ud800"}', {}, {no_token}),
        (b'{"authToken":' + b'{"a":' * 900 + b"1" + b"}" * 901, {}, {no_token}),
        # Last: a server may close the connection.
        (b"{}", compressed, {no_json, invalid}),
    ):
        await browser.challenge()
        answer = await browser.post("login", data=data, headers=headers)
        assert code(answer) in refusals, data


async def test_a_body_that_is_too_long(browser: Browser, site: RunningSite) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 1024

    too_long = (413, "BODY_TOO_LARGE")
    # Under WSGI, Django does not read a body without a length.
    unread = {(400, "INVALID_REQUEST")} if site.name in WSGI_NAMES else set()
    assert code(await browser.post("login", data=b"x" * 40_000)) == too_long
    assert code(await browser.post("login", data=chunks())) in {too_long} | unread


#: The head of a request whose body has a hundred bytes.
HEAD = (
    "POST /auth/{} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    f"Origin: {ORIGIN}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
)


async def exchange(site: RunningSite, request: bytes) -> bytes:
    """Send raw bytes, and return the head of the response and its body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
    answer = head + await reader.readexactly(int(length))
    writer.close()
    await writer.wait_closed()
    return answer


#: Under WSGI, only the server in front can notice a silent client.
@pytest.mark.parametrize(
    "site", [n for n in NAMES if n not in WSGI_NAMES], indirect=True
)
async def test_a_body_that_does_not_come(site: RunningSite) -> None:
    begun = [f"{HEAD.format(path)}{{".encode() for path in ROUTES]
    for answer in await asyncio.gather(*(exchange(site, each) for each in begun)):
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"REQUEST_TIMEOUT" in answer


async def test_a_browser_that_goes_away(browser: Browser, site: RunningSite) -> None:
    """It leaves no error: the process's log is checked at the end."""
    for body in ("", "{", '{"authToken": '):
        _, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write((HEAD.format("login") + body).encode())
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


async def test_methods_that_are_not_there(browser: Browser) -> None:
    for method, path, allowed in (
        *((method, "login", "POST") for method in ("GET", "HEAD", "PUT", "OPTIONS")),
        *((method, "static/kortilla.js", "GET, HEAD") for method in ("POST", "DELETE")),
    ):
        headers = {"Origin": ORIGIN}
        async with browser.request(method, f"/auth/{path}", headers=headers) as answer:
            assert answer.status == 405, method
            assert answer.headers["Allow"] == allowed
            # Also of a preflight: no page of another origin gets permission (CORS).
            assert "access-control" not in str(answer.headers).lower()


async def test_paths_that_are_not_there(browser: Browser) -> None:
    for path in (
        *("nowhere", "login/", "/login", "LOGIN", "%0a", "%ff%fe"),
        *("static/", "static/%2e%2e/web.py", "static/..%2fweb.py", "static/%00"),
        "static/" + "a" * 4000,
    ):
        url = browser.server.make_url("").with_path(f"/auth/{path}", encoded=True)
        async with browser.http.get(url, headers={"Accept": "text/html"}) as answer:
            assert answer.status == 404, path
            assert "<h1>" in await answer.text()


async def test_who_comes_too_often(site: RunningSite, leaf: Leaf) -> None:
    async with Browser(site, address=BUSY) as busy:
        for path in ROUTES:
            async with busy.request("POST", f"/auth/{path}", headers=POST) as answer:
                assert answer.status == 429
                assert answer.headers["Retry-After"] == "7"
                assert (await answer.json())["error"]["code"] == "RATE_LIMITED"
        # Files are not limited.
        url = "/auth/static/kortilla.js"
        async with busy.request("GET", url, headers={}) as answer:
            assert answer.status == 200
        assert busy.cookie is None


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


@pytest.mark.parametrize("site", [n for n in NAMES if "redis" in n], indirect=True)
async def test_redis_is_killed_during_a_login_and_comes_back_with_all_it_had(
    browser: Browser, other: Browser, leaf: Leaf, redis: RedisServer
) -> None:
    await log_in(other, leaf)
    nonce = await browser.challenge()
    before = browser.cookie
    body = {"authToken": leaf.token(nonce=nonce)}  # it names no nonce
    with redis.away():
        for path, content in (("login", body), ("challenge", {}), ("logout", {})):
            async with browser.request(
                "POST", f"/auth/{path}", headers=POST, data=json.dumps(content)
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
    assert redis.client.exists(f"kortilla:challenge:{digest(nonce)}")
    assert code(await browser.post("login", body)) == (403, "CHALLENGE_NONCE_NOT_FOUND")
    assert await browser.who() is None
    assert browser.cookie == before
    assert (await log_in(browser, leaf))[0] == 200
    assert await other.who() == SATU


# --- no request causes a 500

_TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["authToken", "nonce", "format", "signature", "algorithm"])
            | st.text(max_size=4),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
_NAMES = [
    *("Accept", "Accept-Language", "Authorization", "Content-Encoding", "Content-Type"),
    *("Cookie", "Forwarded", "Host", "If-None-Match", "Origin", "Range"),
    *("Sec-Fetch-Site", "X-Forwarded-For", "X-HTTP-Method-Override"),
]
_VALUES = [
    *("gzip", "text/html", "same-origin", "bytes=5-1"),
    *(f"{COOKIE}={'x' * 43}", f'{COOKIE}="\\'),
]
_PATHS = st.sampled_from(
    [
        *(f"/auth/{route}" for route in ROUTES),
        *("/auth/static/kortilla.js", "/auth/openapi.json", "/who", "/leave"),
    ]
)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    method=st.sampled_from(["POST", "POST", "POST", "GET", "HEAD", "OPTIONS", "TRACE"]),
    path=_PATHS | _PATHS | _TEXT.map(lambda text: f"/auth/{quote(text)}"),
    headers=st.lists(
        st.tuples(st.sampled_from(_NAMES), _TEXT | st.sampled_from(_VALUES))
        # aiohttp itself fails at another text that is not ASCII.
        | st.just(("Expect", "100-continue")),
        max_size=3,
    ),
    body=_JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60),
    usual=st.booleans(),
)
async def test_nothing_that_a_client_sends_is_an_error_of_the_server(
    site: RunningSite,
    method: str,
    path: str,
    headers: list[tuple[str, str]],
    body: bytes,
    usual: bool,
) -> None:
    lines = [f"{method} {path} HTTP/1.1", "Connection: close", *map(": ".join, headers)]
    known = {name for name, _ in headers}
    more = {"Host": "127.0.0.1"} | (POST if usual else {})
    lines += [f"{name}: {value}" for name, value in more.items() if name not in known]
    lines += [f"Content-Length: {len(body)}", "", ""]
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write("\r\n".join(lines).encode("latin-1") + body)
    answer = await reader.readline()
    if b" 100 " in answer:
        await reader.readline()
        answer = await reader.readline()
    writer.close()
    assert answer.split()[1][:1] in {b"2", b"3", b"4"}, answer
