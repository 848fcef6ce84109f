# SPDX-License-Identifier: MIT
"""``kortilla agent``: the program in the background that notices new cards."""

import asyncio
import signal
from collections.abc import Sequence

import click

from native_host.cli.output import print_result, say

__all__ = ["agent", "serve"]


@click.command()
@click.option(
    "--enable", "wish", flag_value="enable", help="Let it run, now and at each login."
)
@click.option(
    "--disable", "wish", flag_value="disable", help="End it, and let it run no more."
)
@click.option("--status", "wish", flag_value="status", help="Say whether it runs.")
def agent(wish: str | None) -> None:
    """Wait for new cards and offer to activate them, until it is ended."""
    from native_host.agent import presence

    if wish is None:
        print_result({"agent": serve()})
        return
    if wish == "disable":
        presence.set_enabled(False)
        presence.stop()
    elif wish == "enable":
        presence.set_enabled(True)
        if not presence.is_running():
            presence.start()
    status = {"enabled": presence.is_enabled(), "running": presence.is_running()}
    say(_words(**status))
    print_result(status)


def serve(window: Sequence[str] | None = None) -> str:
    """Run as the agent; return the reason of its end.

    ``window`` replaces the command of the activation window.
    """
    from native_host.agent import presence
    from native_host.hardening import harden

    harden()
    if not presence.is_enabled():
        say("The agent is switched off. `kortilla agent --enable` switches it on.")
        return "disabled"
    if asyncio.run(_serve(window)):
        return "ended"
    say("The agent runs already.")
    return "running"


async def _serve(window: Sequence[str] | None) -> bool:
    from native_host.agent import presence
    from native_host.agent.agent import Agent
    from native_host.card.pcsc import PcscSource

    async with PcscSource() as source:
        agent = Agent(source) if window is None else Agent(source, window)
        run = asyncio.create_task(agent.run())
        # Before other processes can find this one in order to end it.
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, run.cancel)
        with presence.only_one() as only:
            if not only:
                run.cancel()
            await asyncio.wait({run})
        if not run.cancelled():
            run.result()
    return only


def _words(enabled: bool, running: bool) -> str:
    if running:
        return "The agent runs."
    if enabled:
        return "The agent does not run; once installed, it starts at the next login."
    return "The agent is switched off."
