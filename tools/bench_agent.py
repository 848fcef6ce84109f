# SPDX-License-Identifier: MIT
"""Measures the agent beside a separate pcscd with pcscd's usual interval.

Prints one line of JSON: the seconds from a new card's insertion to its visible window,
and the agent's processor time in an idle minute, in hundredths of a second.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.state import MockCardState
from native_host.agent import presence
from tests.support.offscreen import OFFSCREEN
from tests.support.pcsc import Pcscd, open_pcscd
from tools.bench_login import ticks

RUNS = 5
MINUTE = 60
#: Seconds until a missing window is an error.
PATIENCE = 30

#: The command of the activation window, which reports when it is visible.
WINDOW = f"""
import sys
from native_host.errors import UserCancelledError
from native_host.pin_prompt import spawn
from native_host.pin_prompt.window import WindowPrompt
spawn.COMMAND, spawn.has_screen = {OFFSCREEN!r}, lambda: True
real = WindowPrompt.open
async def open_and_say(self, conversation):
    await real(self, conversation)
    with open(sys.argv[1], "w") as pipe:
        pipe.write("visible")
    raise UserCancelledError
WindowPrompt.open = open_and_say
from native_host.cli import main
sys.exit(main(["card", "activate", "--prompt", "window", "--card", "pcsc"]))
"""


async def measure(pcscd: Pcscd) -> dict[str, object]:
    """Start the agent and measure it."""
    folder = pcscd.folder
    new = MockCardState.create(folder / "new", profile="v5-2026", state="new")
    pipe = folder / "visible"
    os.mkfifo(pipe)
    window = [sys.executable, "-I", "-c", WINDOW, str(pipe)]
    code = f"from native_host.cli.session import serve; serve({window!r})"
    agent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-c", code),
        stderr=asyncio.subprocess.DEVNULL,
    )
    while not presence.is_running():  # noqa: ASYNC110 - a file, which gives no sign
        await asyncio.sleep(0.05)
    await asyncio.sleep(2)
    before = ticks(agent.pid)
    await asyncio.sleep(MINUTE)
    used = ticks(agent.pid) - before
    times = []
    for _ in range(RUNS):
        begun = time.monotonic()
        pcscd.insert(MockCard(new))
        async with asyncio.timeout(PATIENCE):
            await asyncio.to_thread(pipe.read_text)
        times.append(time.monotonic() - begun)
        await asyncio.sleep(1)
        pcscd.pull()
        await asyncio.sleep(1)
    agent.terminate()
    await agent.wait()
    return {"window": times, "ticks": used}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        os.environ |= {"HOME": name, "XDG_RUNTIME_DIR": name}
        with open_pcscd(Path(name), hurried=False) as pcscd:
            print(json.dumps(asyncio.run(measure(pcscd))))
