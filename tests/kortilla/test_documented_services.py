# SPDX-License-Identifier: MIT
"""The services of docs/login.md run as they stand, on the servers named there."""

import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from kortilla.testing import KortillaCard
from tests.kortilla.browser import Browser
from tests.kortilla.pki import ORIGIN
from tests.kortilla.redis_server import RedisServer
from tests.kortilla.sites import listening
from tests.support.guide import DOCS, blocks

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
    own = {"PYTHONPATH": str(ROOT), "REDIS_URL": redis.url, "SECRET_KEY": "x"}
    command = [sys.executable, "-m", "tests.kortilla.documented_server", "LISTENER"]
    command += service.command.split()
    with listening(command, "Traceback", cwd=tmp_path, env=os.environ | own) as site:
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
