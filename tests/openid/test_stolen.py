# SPDX-License-Identifier: MIT
"""A login is of the browser that logged in, ends once, and in time."""

import asyncio
from collections.abc import AsyncIterator

from kortilla.web.http import Headers, Request
from tests.openid.scene import ORIGIN, Answer, Browser, Scene


async def test_who_knows_the_browser_s_cookie_gets_no_login_of_it(
    scene: Scene,
) -> None:
    """The attacker begins, and the victim logs in on the attacker's page."""
    attacker = Browser(scene)
    _, answer = await attacker.authorize()
    page = answer.location
    victim = Browser(scene, cookies=dict(attacker.cookies))
    _, body = await victim.token_for(page)
    logged_in = await victim.send("POST", f"{page}/login", body=body)
    assert logged_in.status == 200
    [cookie] = logged_in.headers.all("Set-Cookie")
    assert cookie.startswith("__Host-kortilla-openid-login-")
    assert "; HttpOnly; Path=/; SameSite=Lax; Secure" in cookie
    stolen = await attacker.send("GET", f"{page}/done")
    assert (stolen.status, stolen.headers.all("Location")) == (404, [])
    done = await victim.send("GET", f"{page}/done")
    assert "code" in done.parameters
    assert [name for name in victim.cookies if "-login-" in name] == []


async def test_a_login_that_has_ended_stays_ended(scene: Scene) -> None:
    """A challenge that was asked for before brings nothing back."""
    browser = Browser(scene)
    _, answer = await browser.authorize()
    page = answer.location
    _, body = await browser.token_for(page)
    await browser.send("POST", f"{page}/login", body=body)
    asking, ended = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        asking.set()
        await ended.wait()
        yield b"{}"

    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    headers = [
        ("Cookie", cookie),
        ("Content-Type", "application/json"),
        ("Origin", ORIGIN),
    ]
    path = page.removeprefix("/openid") + "/challenge"
    request = Request("POST", path, Headers(headers), slow(), "192.0.2.1")
    late = asyncio.create_task(scene.provider.handle(request, ""))
    await asyncio.wait_for(asking.wait(), 60)
    assert "code" in (await browser.send("GET", f"{page}/done")).parameters
    ended.set()
    assert (await late).status == 404
    assert await scene.provider.store.get("login", page.rpartition("/")[2]) is None


async def test_changing_the_language_makes_no_login_longer(scene: Scene) -> None:
    browser = Browser(scene)
    _, answer = await browser.authorize()
    scene.clock.ahead = 1799.5
    await browser.send("GET", f"{answer.location}?lang=fi")
    scene.clock.ahead = 1800.3
    late: Answer = await browser.send("GET", f"{answer.location}?lang=fi")
    assert late.status == 404
