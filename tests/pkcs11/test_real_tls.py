# SPDX-License-Identifier: MIT
"""Common TLS clients log in with the card, and handle its errors."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from kortilla.mock_card.faults import Fault
from tests.browser.window import Window
from tests.pkcs11.real import CLIENTS, Finished, Login, Setup

pytestmark = pytest.mark.asyncio(loop_scope="module")

VERSIONS = ["1.2", "1.3"]
MODERN = pytest.mark.parametrize("any_setup", ["v5"], indirect=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_logs_in(setup: Setup, client: str, version: str) -> None:
    count = setup.listener.count
    login = await setup.begin(version)
    running = start(setup, login, version, client)
    window = await setup.window(running)
    await window.type_pin("1234")
    assert await setup.arrive(await running) == setup.satu
    conversation = window.told[0]["conversation"]
    assert conversation["operation"] == "tls-login"
    assert conversation["program"] == client
    assert setup.listener.count == count + 1
    await setup.token.emptied()
    assert setup.card.is_free


@MODERN
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_wrong_pin_costs_a_try_and_the_right_one_logs_in(
    setup: Setup, version: str
) -> None:
    login = await setup.begin(version)
    running = start(setup, login, version)
    window = await setup.window(running)
    assert (await window.type_pin("9999"))["tries_left"] == 5
    question = await window.type_pin("1234")
    assert (question["wrong"], question["tries_left"]) == (True, 4)
    assert await setup.arrive(await running) == setup.satu
    assert setup.card.tries == 5


async def cancel(setup: Setup, window: Window) -> None:
    await window.hear("ask-pin")
    window.say("cancel")


async def pull_the_card(setup: Setup, window: Window) -> None:
    setup.card.state.set_faults(Fault("card-pulled", on="sign"))
    await window.type_pin("1234")
    told = await window.hear_step("waiting-for-card")
    assert told["problem"]["code"] == "CARD_REMOVED"
    window.say("cancel")


async def find_it_blocked(setup: Setup, window: Window) -> None:
    told = await window.hear("offer-unlock")
    assert told["question"]["pin"] == "PIN1"
    window.say("cancel")


@MODERN
@pytest.mark.parametrize(
    ("do", "tries", "version"),
    [
        *((cancel, 5, "1.2"), (cancel, 5, "1.3")),
        *((pull_the_card, 5, "1.2"), (pull_the_card, 5, "1.3")),
        (find_it_blocked, 0, "1.3"),
    ],
)
async def test_trouble_ends_the_handshake_and_the_next_one_is_as_any_other(
    setup: Setup,
    do: Callable[[Setup, Window], Awaitable[None]],
    tries: int,
    version: str,
) -> None:
    if do is find_it_blocked:
        setup.card.remake(state="pin1-blocked")
    running = start(setup, await setup.begin(version), version)
    window = await setup.window(running)
    await do(setup, window)
    finished = await running
    assert finished.status != 0
    assert b"Location" not in finished.output
    await window.gone()
    assert setup.card.is_free
    assert setup.card.tries == tries
    # The user repairs the card and tries again.
    setup.card.renew()
    login = await setup.begin(version)
    running = start(setup, login, version)
    await (await setup.window(running)).type_pin("1234")
    assert await setup.arrive(await running) == setup.satu


@MODERN
async def test_a_client_that_is_ended_takes_its_window_along(setup: Setup) -> None:
    running = start(setup, await setup.begin("1.3"), "1.3")
    window = await setup.window(running)
    await window.hear("ask-pin")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await window.gone()
    await setup.token.emptied()
    assert setup.card.is_free


def start(
    setup: Setup, login: Login, version: str, client: str = "tstclnt"
) -> asyncio.Task[Finished]:
    """Start a client that logs in."""
    command = CLIENTS[client](setup, login.gate, version)
    return asyncio.create_task(setup.run(*command, stdin=login.request))
