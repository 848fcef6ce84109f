# SPDX-License-Identifier: MIT
"""Providers that ``kortilla-server openid serve`` runs, and a client of theirs."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp

from tests.openid.provider import CALLBACK, asked, basic
from tests.support import warm_python
from tests.support.patience import patience
from tests.support.warm import WarmProcess


@dataclass
class Running:
    """A provider's process and what it has written."""

    process: WarmProcess
    url: str
    log: Path
    metrics: str | None

    def end(self) -> int:
        """Ask it to end, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience())


#: Runs a module with a socket as systemd passes it; its number is in the place of {}.
_ACTIVATED = """
import os, runpy
os.dup2({}, 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
runpy.run_module("kortilla.cli", run_name="__main__", alter_sys=True)
"""


@contextlib.contextmanager
def running(
    config: Path, *arguments: str, listening: socket.socket | None = None
) -> Iterator[Running]:
    """Run a provider on a free port, and check that it ends well.

    It gets its connections from ``listening``, if that is given.
    """
    log = config.with_name(f"log-{len(list(config.parent.glob('log-*')))}")
    program = ["-m", "kortilla.cli"]
    if listening is not None:
        program = ["-c", _ACTIVATED.format(listening.fileno())]
    command = [sys.executable, *program, "openid", "serve", "--json"]
    with log.open("w") as errors:
        process = warm_python.popen(
            [*command, "--config", config, "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            pass_fds=[] if listening is None else [listening.fileno()],
        )
    try:
        line = process.stdout.readline()
        assert line, log.read_text()
        said = json.loads(line)
        started = Running(process, said["url"], log, said.get("metrics"))
        yield started
        if process.poll() is None:
            assert started.end() == 0
        assert "Traceback" not in log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()


@contextlib.asynccontextmanager
async def visitor(*, force_close: bool = False) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a session that keeps no cookies, and perhaps no connection."""
    connector = aiohttp.TCPConnector(force_close=force_close)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as session:
        yield session


async def code(
    session: aiohttp.ClientSession, url: str, hint: str = "SPECIMEN-VIRTANEN"
) -> tuple[str, dict[str, str]]:
    """Log in at a simulator. Returns the code, and the form that redeems it."""
    verifier, query = asked(state="STATE-OF-A-LOGIN", login_hint=hint)
    where = f"{url}/authorize"
    async with session.get(where, params=query, allow_redirects=False) as answer:
        assert answer.status == 303, await answer.text()
        [found] = parse_qs(urlsplit(answer.headers["Location"]).query)["code"]
    form = {
        "grant_type": "authorization_code",
        "code": found,
        "redirect_uri": CALLBACK,
        "code_verifier": verifier,
    }
    return found, form


async def redeem(
    session: aiohttp.ClientSession, url: str, form: dict[str, str]
) -> tuple[int, dict[str, Any]]:
    """Exchange a code."""
    headers = {"Authorization": basic()}
    async with session.post(f"{url}/token", data=form, headers=headers) as answer:
        return answer.status, await answer.json()
