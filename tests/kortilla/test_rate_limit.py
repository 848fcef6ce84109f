# SPDX-License-Identifier: MIT
"""The rate limiter for a single process."""

import contextlib

import pytest

from kortilla.errors import RateLimitedError
from kortilla.web.rate_limit import Attempt, FixedWindowLimit


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


@pytest.mark.parametrize(
    ("first", "same", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::1"),
        ("2001:db8::1", "2001:0DB8:0:0::2", "2001:db8:0:1::1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"),
        ("64:ff9b::192.0.2.1", "192.0.2.1", "64:ff9b::192.0.2.2"),
        ("2002:c000:201::1", "2002:c000:201:ffff::1", "2002:c000:202::1"),
        ("fe80::1%eth0", "fe80::2%eth1", "fe81::1"),
        ("::1", "::2", "127.0.0.1"),
        ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("unknown", "unknown", "2001:db8::1, 10.0.0.1"),
        ("", "", "192.0.2.1:80"),
        ("2001:db8::/64", "2001:db8::/64", "2001:db8::1%"),
    ],
)
async def test_whoever_has_an_ipv6_network_is_one_client(
    first: str, same: str, other: str
) -> None:
    limit = FixedWindowLimit(1, clock=lambda: 0.0)
    await limit(attempt(first))
    await limit(attempt(other))
    with pytest.raises(RateLimitedError):
        await limit(attempt(same))


async def test_no_number_of_addresses_of_one_network_pushes_others_out() -> None:
    limit = FixedWindowLimit(1, capacity=10, clock=lambda: 0.0)
    await limit(attempt("192.0.2.1"))
    for n in range(50):
        with contextlib.suppress(RateLimitedError):
            await limit(attempt(f"2001:db8::{n:x}"))
    assert len(limit) == 3  # with the network, and the site that it belongs to
    with pytest.raises(RateLimitedError):
        await limit(attempt("192.0.2.1"))


async def test_the_networks_of_one_site_have_ten_times_the_limit_together() -> None:
    limit = FixedWindowLimit(2, clock=lambda: 0.0)
    for _ in range(100):  # in vain, which is not held against the others
        with contextlib.suppress(RateLimitedError):
            await limit(attempt("2001:db8:1::1"))
    allowed = 0
    for n in range(1, 4000):
        with contextlib.suppress(RateLimitedError):
            await limit(attempt(f"2001:db8:1:{n:x}::1"))
            allowed += 1
    assert allowed == 18
    assert len(limit) == 20
    await limit(attempt("2001:db8:2::1"))


async def test_a_long_text_in_place_of_an_address_is_not_kept() -> None:
    limit = FixedWindowLimit(1, clock=lambda: 0.0)
    await limit(attempt("x" * 64 + "1"))
    with pytest.raises(RateLimitedError):
        await limit(attempt("x" * 64 + "2"))
