# SPDX-License-Identifier: MIT
"""Requests by the thousand push out nobody and nothing that was used."""

from urllib.parse import urlencode, urlsplit

import pytest

from kortilla.errors import StoreUnavailableError
from kortilla.openid.store import MemoryStore
from tests.openid.conftest import MakeScene
from tests.openid.scene import CALLBACK, Scene, pkce


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


async def test_a_long_parameter_is_refused(scene: Scene) -> None:
    long = "s" * 2049
    answer = await scene.post("/authorize", asked(state=long))
    assert (answer.status, "state is too long" in answer.text) == (400, True)
    answer = await scene.send("GET", "/authorize", query=urlencode(asked(nonce=long)))
    assert answer.parameters["error_description"] == "nonce is too long"


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
