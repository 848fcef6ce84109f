# SPDX-License-Identifier: MIT
"""The limit for one process that comes with the hook."""

import pytest

from relying_party.errors import RateLimitedError
from relying_party.rate_limit import Attempt, FixedWindowLimit


def attempt(client: str | None = "192.0.2.1", route: str = "login") -> Attempt:
    return Attempt(route=route, client=client, session_id=None)


async def test_so_many_in_a_window_and_then_no_more() -> None:
    now = 0.0
    limit = FixedWindowLimit(2, seconds=60, clock=lambda: now)
    for _ in range(2):
        await limit(attempt())
    now = 49.5
    with pytest.raises(RateLimitedError) as caught:
        await limit(attempt())
    assert caught.value.retry_after == 11
    for other in (attempt("192.0.2.2"), attempt(route="challenge"), attempt(None)):
        await limit(other)
    now = 60.0
    await limit(attempt())


async def test_it_is_bounded_and_forgets() -> None:
    now = 0.0
    limit = FixedWindowLimit(1, seconds=60, capacity=10, clock=lambda: now)
    for n in range(50):
        await limit(attempt(str(n)))
    assert len(limit) == 10
    with pytest.raises(RateLimitedError):
        await limit(attempt("49"))
    now = 60.0
    await limit(attempt())
    assert len(limit) == 1
