# SPDX-License-Identifier: MIT
"""The services of docs/login.md run as they stand, on the servers named there."""

import os
import re
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from kortilla.testing import KortillaCard
from tests.kortilla.browser import Browser
from tests.kortilla.pki import ORIGIN
from tests.kortilla.redis_server import RedisServer
from tests.kortilla.sites import RunningSite
from tests.support import warm_python
from tests.support.guide import DOCS, blocks
from tests.support.patience import patience

ROOT = Path(__file__).parents[2]
#: The blocks by the first word of their row in the table.
BLOCKS = dict(
    zip(
        ("aiohttp", "FastAPI", "Django", "Flask"),
        blocks("login.md", "python"),
        strict=True,
    )
)


class Service(NamedTuple):
    """A row of the table."""

    framework: str
    lines: int
    command: str


def services() -> list[Service]:
    """Return the rows of the table."""
    text = (DOCS / "login.md").read_text()
    rows = re.findall(r"^\| (\w+)[^|]* \| [^|]+ \| (\d+) \| `(.+)` \|$", text, re.M)
    return [Service(name, int(lines), command) for name, lines, command in rows]


def test_the_table_has_each_service_and_its_lines_of_code() -> None:
    assert {each.framework for each in services()} == BLOCKS.keys()
    for each in services():
        lines = [line for line in BLOCKS[each.framework].splitlines() if line.strip()]
        assert each.lines == len(lines), each


@contextmanager
def running(folder: Path, command: str, redis: str) -> Iterator[RunningSite]:
    """Run a command in a folder; it must end at SIGTERM, without a traceback."""
    environment = {"PYTHONPATH": str(ROOT), "REDIS_URL": redis, "SECRET_KEY": "x"}
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        tempfile.TemporaryFile("w+") as log,
    ):
        number = str(listener.fileno())
        server = warm_python.popen(
            [
                *(sys.executable, "-m", "tests.kortilla.documented_server"),
                *(number, *command.split()),
            ],
            cwd=folder,
            env=os.environ | environment,
            pass_fds=[listener.fileno()],
            stdout=log,
            stderr=log,
        )
        try:
            yield RunningSite(listener.getsockname()[1])
        finally:
            server.terminate()
            server.wait(patience())
            log.seek(0)
            text = log.read()
        # uvicorn ends by the signal that it got.
        assert server.returncode in {0, -signal.SIGTERM}, text
        assert "Traceback" not in text, text


async def front(browser: Browser) -> str:
    """Return the page of the service."""
    # Django serves no other host; a proxy in front passes it on.
    headers = {"Host": ORIGIN.removeprefix("https://")}
    async with browser.request("GET", "/", headers=headers) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/html"
        return await answer.text()


@pytest.mark.parametrize("service", services(), ids=lambda service: service.command)
async def test_a_person_logs_in(
    service: Service, tmp_path: Path, kortilla_card: KortillaCard, redis: RedisServer
) -> None:
    (tmp_path / "service.py").write_text(BLOCKS[service.framework])
    (tmp_path / "ca").symlink_to(kortilla_card.folder)
    with running(tmp_path, service.command, redis.url) as site:
        # A request may reach any of the workers.
        browser = Browser(site, keep_alive=False)
        host = {"headers": {"Host": ORIGIN.removeprefix("https://")}}
        try:
            assert "<kortilla-button" in await front(browser)
            _, challenge = await browser.post("challenge", **host)
            token = kortilla_card.token(ORIGIN, challenge["nonce"])
            content = {"authToken": token}
            assert (await browser.post("login", content, **host))[0] == 200
            person = kortilla_card.person
            greeting = f"Hei, {person.given_name} ({person.satu})!"
            assert await front(browser) == f'<p id="person">{greeting}</p>'
            # A challenge works once.
            assert (await browser.post("login", content, **host))[0] == 403
        finally:
            await browser.http.close()
