# SPDX-License-Identifier: MIT
"""``kortilla agent`` as installed: a separate process beside a real pcscd."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.state import MockCardState
from native_host.agent import presence
from tests.agent.windows import children, times_run, until, windows
from tests.support.cards import new_card
from tests.support.patience import patience
from tests.support.pcsc import Pcscd, isolated
from tests.support.screen import open_screen

SCRIPTED_PROMPT = Path(__file__).parents[1] / "host" / "scripted_prompt.py"
TITLE = "Kortilla: activate the card"

# The activation window's command, with scripted keyboard input.
_ACTIVATE = """
import sys
from native_host.pin_prompt import spawn
real = spawn.spawn
spawn.spawn = lambda command=None: real(sys.argv[1:])
from native_host.cli import main
words = ["card", "activate", "--prompt", "window", "--card", "pcsc", "--lang", "en"]
sys.exit(main(words))
"""


def make(pcscd: Pcscd, state: str = "new", profile: str = "v5-2026") -> MockCardState:
    return new_card(pcscd.folder / f"{profile}-{state}", profile, state)


@contextlib.asynccontextmanager
async def agent_process(
    window: Sequence[str] | None = None, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the agent and end it with the test at the latest."""
    if window is None:
        command = ["-m", "native_host.cli", "agent"]
    else:
        code = f"from native_host.cli.session import serve; serve({list(window)!r})"
        command = ["-c", code]
    agent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", *command),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        await until(presence.is_running)
        yield agent
    finally:
        with contextlib.suppress(ProcessLookupError):
            agent.kill()
        await agent.wait()


def is_over(log: Path) -> bool:
    """Whether the window with this log has ended."""
    return log.exists() and '"gone"' in log.read_text()


async def at_rest(pid: int, seconds: float = 0.3) -> None:
    """Wait until a process has used no processor time for so many seconds."""
    async with asyncio.timeout(patience()):
        before, rest = times_run(pid), 0.0
        while rest < seconds:
            await asyncio.sleep(0.1)
            rest += 0.1
            if (now := times_run(pid)) != before:
                before, rest = now, 0.0


@isolated
async def test_no_processor_is_used_while_nothing_happens(pcscd: Pcscd) -> None:
    """The agent is idle without a card, with an active card, and without pcscd."""
    async with windows() as opening, agent_process(opening.command) as agent:
        # An agent that polls is never idle for this long.
        await at_rest(agent.pid, 1.5)
        pcscd.insert(MockCard(make(pcscd, "active")))
        pcscd.settle()
        await at_rest(agent.pid, 1.5)
        pcscd.stop_service()
        await at_rest(agent.pid, 1.5)
        pcscd.start_service()
        await at_rest(agent.pid, 1.5)
        assert opening.count == 0
        # It still works.
        pcscd.insert(MockCard(make(pcscd)))
        await opening.opened()


@isolated
async def test_the_window_comes_up_on_the_screen_for_a_new_card(pcscd: Pcscd) -> None:
    with open_screen() as screen:
        async with agent_process(DISPLAY=screen.display, LANG="C.UTF-8") as agent:
            card = make(pcscd)
            before = card.read()
            pcscd.insert(MockCard(card))
            shown = await asyncio.to_thread(screen.find, TITLE)
            await asyncio.to_thread(screen.activate, shown)
            await asyncio.to_thread(screen.press, "Escape")
            await asyncio.to_thread(screen.wait_until, lambda: not screen.ids(TITLE))
            # A card inserted beside a cancelled window counts as seen.
            await until(lambda: not children(agent.pid))
            await at_rest(agent.pid)
            assert card.read() == before


@isolated
async def test_a_card_is_activated_in_the_window_that_the_agent_opened(
    pcscd: Pcscd,
) -> None:
    for profile, code in (("v5-2026", "1234567"), ("v4.2", "12345678")):
        log = pcscd.folder / f"{profile}.log"
        script = [
            *(sys.executable, "-I", str(SCRIPTED_PROMPT), str(log)),
            *(f"{code},2468,135790", "cancel"),
        ]
        command = [sys.executable, "-I", "-c", _ACTIVATE, *script]
        card = make(pcscd, profile=profile)
        async with agent_process(command) as agent:
            pcscd.insert(MockCard(card))
            await until(partial(is_over, log))
            # The card is active now, so the agent ignores it.
            pcscd.pull()
            pcscd.insert(MockCard(card))
            pcscd.settle()
            await at_rest(agent.pid)
        told = [json.loads(line) for line in log.read_text().splitlines()]
        assert [each["type"] for each in told].count("open") == 1
        data = card.read()
        assert (data.pin1.value, data.pin2.value) == ("2468", "135790")
        assert (data.pin1.tries, data.pin2.tries, data.puk.tries) == (5, 5, 5)
        pcscd.pull()


@isolated
async def test_a_window_that_is_open_outlives_the_agent(pcscd: Pcscd) -> None:
    async with windows() as opening:
        async with agent_process(opening.command) as agent:
            pcscd.insert(MockCard(make(pcscd)))
            window = await opening.opened()
            agent.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(agent.wait(), patience()) == 0
        assert not presence.is_running()
        assert not window.gone()
        await window.end(activated=True)
