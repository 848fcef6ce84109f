# SPDX-License-Identifier: MIT
"""The demo service over HTTP: its pages, languages and protection."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import aiohttp
import pytest
from aiohttp import CookieJar

from tests.kortilla import pki
from tests.kortilla.pki import CA, key
from tools.demo.site import DemoServer

LANGUAGES = ["fi", "sv", "en"]


class Visitor:
    """A browser without scripts."""

    def __init__(self, demo: DemoServer) -> None:
        self.demo = demo
        self.http = aiohttp.ClientSession(cookie_jar=CookieJar(unsafe=True))

    async def get(self, path: str, *, accept_language: str = "") -> tuple[str, str]:
        """Return the final path, and the page."""
        headers = {"Accept-Language": accept_language}
        async with self.http.get(self.demo.origin + path, headers=headers) as response:
            assert response.status == 200
            return response.url.path, await response.text()

    async def log_in(self, ca: CA, surname: str = pki.SURNAME) -> None:
        now = datetime.now(UTC)
        leaf = ca.issue(
            key("P-384"),
            subject_name=pki.subject(surname=surname),
            not_before=now - timedelta(days=1),
            not_after=datetime(2030, 3, 9, tzinfo=UTC),
        )
        nonce = (await self._post("challenge", {}))["nonce"]
        token = leaf.token(origin=self.demo.origin, nonce=nonce)
        await self._post("login", {"authToken": token})

    async def _post(self, name: str, content: object) -> Any:
        url, headers = f"{self.demo.origin}/auth/{name}", {"Origin": self.demo.origin}
        async with self.http.post(url, json=content, headers=headers) as response:
            assert response.status == 200, await response.text()
            return await response.json()


@pytest.fixture
async def visitor(demo: DemoServer) -> AsyncIterator[Visitor]:
    visitor = Visitor(demo)
    yield visitor
    await visitor.http.close()


@pytest.mark.parametrize(
    ("header", "language", "button"),
    [
        ("fi-FI,fi", "fi", "Tunnistaudu henkilökortilla"),
        ("sv-FI,sv;q=0.9", "sv", "Identifiera dig med identitetskortet"),
        ("de,fr", "en", "Identify yourself with your identity card"),
    ],
)
async def test_the_start_page_has_one_clear_button_in_the_browsers_language(
    visitor: Visitor, header: str, language: str, button: str
) -> None:
    path, page = await visitor.get("/", accept_language=header)
    assert path == f"/{language}/"
    assert f'<html lang="{language}">' in page
    assert re.findall(r'class="primary"[^>]*>([^<]*)</button>', page) == [button]
    for other in LANGUAGES:
        assert f'href="/{other}/" lang="{other}"' in page


async def test_login_session_page_and_logout(visitor: Visitor, ca: CA) -> None:
    assert (await visitor.get("/fi/session"))[0] == "/fi/"
    await visitor.log_in(ca)
    path, page = await visitor.get("/fi/")
    assert path == "/fi/session"
    assert '<dd id="name">MAIJA SPECIMEN-MEIKÄLÄINEN</dd>' in page
    assert '<dd id="satu"><code>99902038C</code></dd>' in page
    assert "9.3.2030" in page
    for origin, status, arrived in [
        ("https://other.example", 403, "/sv/logout"),
        ("null", 403, "/sv/logout"),
        (visitor.demo.origin, 200, "/sv/"),
    ]:
        async with visitor.http.post(
            visitor.demo.origin + "/sv/logout", headers={"Origin": origin}
        ) as response:
            assert (response.status, response.url.path) == (status, arrived)
    assert (await visitor.get("/fi/session"))[0] == "/fi/"


async def test_a_name_can_bring_no_markup_into_the_page(
    visitor: Visitor, ca: CA
) -> None:
    await visitor.log_in(ca, surname='SPECIMEN-<script>"&')
    _, page = await visitor.get("/en/session")
    assert "SPECIMEN-&lt;script&gt;&#34;&amp;" in page
    assert "<script>" not in page


@pytest.mark.parametrize("path", ["/nowhere", "/fi/nowhere", "/fi/logout", "/auth/x"])
async def test_what_is_not_there_is_said_in_a_page(visitor: Visitor, path: str) -> None:
    async with visitor.http.get(
        visitor.demo.origin + path,
        headers={"Accept": "text/html", "Accept-Language": "fi"},
    ) as response:
        assert response.status in {404, 405}
        page = await response.text()
    assert "<h1>" in page
    assert "Etusivulle" in page


async def test_nothing_inline_and_nothing_from_elsewhere(
    visitor: Visitor, ca: CA
) -> None:
    for path in ("/fi/", "/fi/nowhere", "/fi/session"):
        if path == "/fi/session":
            await visitor.log_in(ca)
        async with visitor.http.get(visitor.demo.origin + path) as response:
            policy = response.headers["Content-Security-Policy"]
            page = await response.text()
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        for address in re.findall(r'(?:src|href|action)="([^"]*)"', page):
            assert address.startswith(("/", "#"))
        assert not re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=", page)


@pytest.mark.parametrize("line", ["OPTIONS *", "CONNECT service.example:443"])
async def test_a_request_for_no_path_is_an_error_of_the_client(
    visitor: Visitor, line: str
) -> None:
    host = visitor.demo.origin.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*host.split(":"))
    writer.write(f"{line} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 40")
    writer.close()
    await writer.wait_closed()


class Outline(HTMLParser):
    """Checks the structure that screen readers depend on, for the signing's tests."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.references: set[str] = set()
        self.headings: list[int] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in {"meta", "link", "img", "input", "br"}:
            self.open.append(tag)
        if identifier := values.get("id"):
            assert identifier not in self.ids
            self.ids.add(identifier)
        for name in ("aria-describedby", "aria-labelledby"):
            self.references |= set((values.get(name) or "").split())
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        assert tag != "img" or "alt" in values

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
