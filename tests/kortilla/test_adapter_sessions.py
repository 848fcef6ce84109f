# SPDX-License-Identifier: MIT
"""What every framework says of a session, over real servers, with each store."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from kortilla.testing import KortillaCard
from tests.kortilla.browser import Browser, log_in
from tests.kortilla.pki import ORIGIN, SATU, Leaf
from tests.kortilla.sites import RunningSite


@pytest.fixture
async def browsers(site: RunningSite) -> AsyncIterator[list[Browser]]:
    """Three browsers at one service."""
    browsers = [Browser(site) for _ in range(3)]
    yield browsers
    for browser in browsers:
        await browser.http.close()


async def told(browser: Browser) -> dict[str, Any]:
    """Return what the service knows of the browser's session."""
    async with browser.request("GET", "/who", headers={}) as answer:
        content: dict[str, Any] = await answer.json()
        return content


async def test_the_sessions_of_a_person_have_names_and_end_together(
    browsers: list[Browser], leaf: Leaf, card: KortillaCard
) -> None:
    one, other, stranger = browsers
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
