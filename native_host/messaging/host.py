# SPDX-License-Identifier: MIT
"""The host's main loop, until the end of input.

This runs before any slow import.
"""

import gc
import os
import signal
import threading
from collections.abc import Sequence
from contextlib import suppress

from native_host.messaging.frames import (
    WEB_EID_MAX_LENGTH,
    Frame,
    FrameWriter,
    PromptPrelaunch,
    Pump,
    parse,
)

#: Seconds from the end of input to the end of the process, even while a card works.
#: Chromium kills it at about 2 s, and a verified card must be reset before.
_LAST_CALL = 0.9

#: The one request of Web eID's that needs nothing.
_QUIT = {"command": "quit", "arguments": {}}


def serve(
    fd_in: int,
    fd_out: int,
    arguments: Sequence[str],
    *,
    prompt_command: Sequence[str] | None = None,
) -> int:
    """Answer requests until the input ends; return the exit status."""
    prelaunch = PromptPrelaunch(prompt_command)
    pump = Pump(fd_in, first_look=prelaunch.first_look)
    from native_host.messaging.caller import find_caller
    from native_host.platform import protection, system
    from native_host.platform.log import set_up_log

    protection.make_no_code()
    set_up_log()
    caller, refusal = find_caller(arguments)
    writer = FrameWriter(fd_out)
    if not caller.is_own and refusal is None:
        # Web eID's extension allows two seconds for the answer to `quit`.
        first = pump.first()
        if first is None:
            return 0
        if parse(first) == _QUIT and len(first.body) <= WEB_EID_MAX_LENGTH:
            writer.write({})
            return 0

    import asyncio  # slow to import; the window's process need not wait for it

    from native_host.messaging.requests import Dispatcher

    gc.freeze()
    gc.enable()

    async def run() -> int:
        loop = asyncio.get_running_loop()
        frames: asyncio.Queue[Frame | None] = asyncio.Queue()

        def deliver(frame: Frame | None) -> None:
            if frame is None:
                _exit_at_the_latest(_LAST_CALL)
            with suppress(RuntimeError):  # the loop has ended before the input
                loop.call_soon_threadsafe(frames.put_nowait, frame)

        # Firefox sends SIGTERM after closing the input; the reaction is the same.
        system.on_signals(lambda: deliver(None), signal.SIGTERM)
        pump.attach(deliver)
        dispatcher = Dispatcher(
            writer,
            frames,
            pump.taken,
            caller=caller,
            refusal=refusal,
            prelaunch=prelaunch,
            stdin=fd_in,
        )
        return await dispatcher.run()

    try:
        return asyncio.run(run())
    finally:
        prelaunch.discard()


def _exit_at_the_latest(seconds: float) -> None:
    timer = threading.Timer(seconds, os._exit, args=(0,))
    timer.daemon = True
    timer.start()
