# SPDX-License-Identifier: MIT
"""Requests by the thousand push out nobody and nothing that was used."""

import json
from typing import cast
from urllib.parse import urlencode, urlsplit

import pytest

from kortilla.errors import StoreUnavailableError
from kortilla.openid.store import MemoryStore
from tests.openid.conftest import MakeScene
from tests.openid.scene import CALLBACK, Browser, Scene, pkce


def asked(**more: str) -> dict[str, str]:
    return {
        "client_id": "shop",
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid",
        "code_challenge": pkce()[1],
        "code_challenge_method": "S256",
        **more,
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_logins_that_one_client_begins_are_limited(
    make_scene: MakeScene, method: str
) -> None:
    scene = make_scene(server={"logins_per_minute": 2})
    statuses = []
    for _ in range(3):
        if method == "GET":
            query = urlencode(asked())
            answer = await scene.send("GET", "/authorize", query=query)
        else:
            answer = await scene.post("/authorize", asked())
        statuses.append(answer.status)
    assert statuses == [303, 303, 429]


async def test_a_request_s_unknown_parameters_are_not_kept(scene: Scene) -> None:
    answer = await scene.post("/authorize", asked(junk="x" * 30_000))
    query = urlsplit(answer.location).query
    answer = await scene.send("GET", "/authorize", query=query)
    assert "/login/" in answer.location
    store = scene.provider.store
    login = await store.get("login", answer.location.rpartition("/")[2])
    assert login
    assert "junk" not in login["parameters"]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"state": "s" * 2049}, "state is too long"),
        ({"state": "ä" * 1025}, "state is too long"),
        ({"nonce": "n" * 513}, "nonce is too long"),
        ({"ui_locales": "u" * 129}, "ui_locales is too long"),
        ({"state": '"' * 2048}, "The parameters are too long together"),
        ({"state": "a\x01"}, "state has control characters"),
        ({"nonce": "a\n"}, "nonce has control characters"),
        ({"login_hint": "\x7f"}, "login_hint has control characters"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_a_parameter_that_takes_much_memory_is_refused(
    scene: Scene, more: dict[str, str], problem: str
) -> None:
    answer = await scene.post("/authorize", asked(**more))
    assert (answer.status, problem in answer.text) == (400, True)
    answer = await scene.send("GET", "/authorize", query=urlencode(asked(**more)))
    assert answer.parameters["error_description"] == problem
    assert len(cast(MemoryStore, scene.provider.store)) == 0


async def test_a_request_that_is_not_supported_is_not_kept(scene: Scene) -> None:
    answer = await scene.post("/authorize", asked(request="x" * 30_000))
    query = urlsplit(answer.location).query
    answer = await scene.send("GET", "/authorize", query=query)
    assert answer.parameters["error"] == "request_not_supported"


async def test_no_login_takes_more_memory_than_documented(
    scene: Scene, browser: Browser
) -> None:
    """About 1 KB, and 5 KB at most."""

    async def stored(**more: str) -> int:
        _, answer = await browser.authorize(**more)
        for language in ("sv", "x" * 5000):
            await browser.send("GET", f"{answer.location}?lang={language}")
        for _ in range(5):
            await browser.send("POST", f"{answer.location}/challenge", body=b"{}")
        key = answer.location.rpartition("/")[2]
        return len(json.dumps(await scene.provider.store.get("login", key)))

    assert await stored(state="s" * 43, nonce="n" * 43) < 1024
    longest = {"state": 2048, "nonce": 512, "login_hint": 256, "ui_locales": 128}
    values = {name: "x" * length for name, length in longest.items()}
    assert 3000 < await stored(**values, scope="openid" + " x" * 300) < 5 * 1024


async def test_a_flood_of_logins_forgets_no_mark_that_something_was_used() -> None:
    store = MemoryStore(capacity=10)
    assert await store.add("jti", "a", seconds=60)
    await store.put("replayed", "c", {}, seconds=60)
    for number in range(100):
        await store.put("login", str(number), {}, seconds=60)
    assert not await store.add("jti", "a", seconds=60)
    assert await store.get("replayed", "c") == {}


async def test_a_full_store_takes_no_more_marks_than_it_can_keep() -> None:
    store = MemoryStore(capacity=10)
    for number in range(10):
        assert await store.add("jti", str(number), seconds=60)
    with pytest.raises(StoreUnavailableError):
        await store.add("jti", "more", seconds=60)
    assert not await store.add("jti", "0", seconds=60)
