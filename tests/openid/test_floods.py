# SPDX-License-Identifier: MIT
"""Requests by the thousand push out nobody and nothing that was used."""

import json
from typing import cast
from urllib.parse import urlencode, urlsplit

import pytest

from kortilla.errors import StoreUnavailableError
from kortilla.openid.store import MemoryStore
from tests.openid.conftest import MakeOP
from tests.openid.provider import Browser, LocalOP, asked


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_logins_that_one_client_begins_are_limited(
    make_op: MakeOP, method: str
) -> None:
    op = make_op(server={"logins_per_minute": 2})
    statuses = []
    for _ in range(3):
        if method == "GET":
            query = urlencode(asked()[1])
            answer = await op.send("GET", "/authorize", query=query)
        else:
            answer = await op.post("/authorize", asked()[1])
        statuses.append(answer.status)
    assert statuses == [303, 303, 429]


async def test_a_request_s_unknown_parameters_are_not_kept(op: LocalOP) -> None:
    answer = await op.post("/authorize", asked(junk="x" * 30_000)[1])
    query = urlsplit(answer.location).query
    answer = await op.send("GET", "/authorize", query=query)
    assert "/login/" in answer.location
    store = op.provider.store
    login = await store.get("login", answer.location.rpartition("/")[2])
    assert login
    assert "junk" not in login["request"]


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
    op: LocalOP, more: dict[str, str], problem: str
) -> None:
    _, form = asked(**more)
    for answer in (
        await op.post("/authorize", form),
        await op.send("GET", "/authorize", query=urlencode(form)),
    ):
        assert answer.parameters["error_description"] == problem
    assert len(cast(MemoryStore, op.provider.store)) == 0


async def test_a_request_that_is_not_supported_is_not_kept(op: LocalOP) -> None:
    answer = await op.post("/authorize", asked(request="x" * 30_000)[1])
    assert answer.parameters["error"] == "request_not_supported"
    assert len(cast(MemoryStore, op.provider.store)) == 0


async def test_no_login_takes_more_memory_than_documented(
    op: LocalOP, browser: Browser
) -> None:
    """About 1 KB, and 5 KB at most."""

    async def stored(**more: str) -> int:
        page = await browser.page(**more)
        for language in ("sv", "x" * 5000):
            await browser.send("GET", f"{page}?lang={language}")
        for _ in range(5):
            await browser.send("POST", f"{page}/challenge", body=b"{}")
        key = page.rpartition("/")[2]
        return len(json.dumps(await op.provider.store.get("login", key)))

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
