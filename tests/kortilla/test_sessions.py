# SPDX-License-Identifier: MIT
"""Sessions and their cookies, without a server."""

import pytest

from kortilla.web.sessions import BrowserSessions, MemorySessionStore, Session

NAME = "__Host-kortilla-session"


async def test_sessions_end_and_are_bounded() -> None:
    now = 0.0
    store = MemorySessionStore(idle=60, lifetime=100, capacity=3, clock=lambda: now)
    session = await store.create({"a": 1})
    now = 50.0
    assert await store.load(session) == {"a": 1}
    now = 99.0
    assert await store.load(session) == {"a": 1}
    now = 101.0  # used, but older than its maximum
    assert await store.load(session) is None
    idle = await store.create({})
    now = 162.0
    assert await store.load(idle) is None
    for _ in range(5):
        await store.create({})
    assert len(store) == 3


async def test_a_session_that_ended_is_not_brought_back_by_a_late_request() -> None:
    store = MemorySessionStore()
    session = await store.create({})
    await store.delete(session)
    await store.save(session, {"a": 1})
    assert await store.load(session) is None


async def test_all_sessions_of_a_person_end() -> None:
    store = MemorySessionStore()
    mine = [await store.create({}, satu="1") for _ in range(2)]
    others = [await store.create({}, satu="2"), await store.create({})]
    assert await store.end_sessions("1") == 2
    assert await store.end_sessions("1") == 0
    assert [await store.load(each) for each in mine] == [None] * 2
    assert [await store.load(each) for each in others] == [{}] * 2


@pytest.mark.parametrize("secure", [True, False])
async def test_the_cookie_names_the_session_and_protects_it(secure: bool) -> None:
    sessions = BrowserSessions(MemorySessionStore(), secure=secure)
    cookie = await sessions.save(Session({"a": 1}))
    assert cookie
    pair, *attributes = cookie.split("; ")
    protection = ["HttpOnly", "Path=/", "SameSite=Lax", *["Secure"] * secure]
    assert attributes == protection
    assert pair.startswith("__Host-") == secure
    session = await sessions.load([pair])
    assert session.data == {"a": 1}
    assert await sessions.save(session) is None
    taken = await sessions.end(session)
    assert taken.split("; ")[1:] == ["Max-Age=0", *protection]
    assert (await sessions.load([pair])).id is None


async def test_a_request_whose_cookies_are_odd_has_no_session() -> None:
    store = MemorySessionStore()
    sessions = BrowserSessions(store)
    good, other = [f"{NAME}={await store.create({})}" for _ in range(2)]
    for cookies in (
        [],
        [""],
        ["=;;=; ;"],
        [f"{NAME}"],
        [f"{NAME}="],
        [f"{NAME}=x"],
        [f"x{good}"],
        [good.replace("__Host-", "__host-")],
        [f'{NAME}="{good.partition("=")[2]}"'],
        [f"{good}x"],
        [f"{good}\n"[:-2]],
        # Either of the two might be meant.
        [good, other],
        [f"{good}; {other}"],
        [f"{good}; {good}"],
        [f"{good}; {NAME}="],
    ):
        assert (await sessions.load(cookies)).id is None, cookies
    for cookies in (
        [good],
        [f"a=1; {good};b"],
        ["a=1", good],
        [f"  {good}  ;"],
        [f'a="; {good}; "'],
    ):
        assert (await sessions.load(cookies)).id is not None, cookies
