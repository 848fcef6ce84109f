# SPDX-License-Identifier: MIT
"""A browser that does not answer costs its own test alone."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import cast

import pytest

from tests.browser.browsers import Browser
from tests.browser.marionette import Marionette
from tests.browser.shared import SharedBrowser
from tools.demo.errors import BrowserError


async def test_after_a_command_without_an_answer_firefox_gets_no_other() -> None:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    hear, say = await asyncio.open_connection(sock=theirs)
    driver = Marionette(cast("asyncio.subprocess.Process", None), reader, writer)
    say.write(b'19:[1, 1, null, "one"]')
    assert await driver.command("One") == "one"
    assert not driver.failed
    hanging = asyncio.create_task(driver.command("Two"))
    waiting = asyncio.create_task(driver.command("Three"))
    await hear.readuntil(b"Two")
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    say.write(b'19:[1, 2, null, "two"]')
    with pytest.raises(BrowserError, match="Three: Firefox left an earlier"):
        await waiting
    assert driver.failed
    for each in (writer, say):
        each.close()
        await each.wait_closed()


async def test_tests_share_a_browser_until_it_fails() -> None:
    class Stub:
        failed = False

    events: list[str] = []

    @contextlib.asynccontextmanager
    async def start() -> AsyncIterator[Browser]:
        events.append("start")
        yield cast("Browser", Stub())
        events.append("end")

    shared = SharedBrowser(start)
    first = await shared.get()
    assert await shared.get() is first
    assert events == ["start"]
    cast("Stub", first).failed = True
    assert await shared.get() is not first
    assert events == ["start", "end", "start"]
    await shared.close()
    await shared.close()
    assert events == ["start", "end", "start", "end"]
