# SPDX-License-Identifier: MIT
"""Real browsers find the card after ``pkcs11 enable``, without further options."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from asyncinotify import Inotify, Mask

from native_host.browsers.pkcs11.setup import disable, status
from native_host.browsers.table import Family
from native_host.pkcs11 import control
from tests.browsers_install.nss_databases import make_profile
from tests.support import commands
from tests.support.ordinary import as_ordinary
from tests.support.patience import patience
from tools.demo.firefox import QUIET
from tools.demo.process import end_process


@pytest.fixture
async def site(tmp_path: Path, specimen: tuple[bytes, bytes]) -> AsyncIterator[str]:
    """A page over TLS: Chromium looks for tokens only after a TLS connection."""
    certificate, key = specimen
    (tmp_path / "site.pem").write_bytes(key + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "site.pem")

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def command(family: Family, home: Path, site: str) -> list[str]:
    if family == "chromium":
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        return ["chromium", *options, "--ignore-certificate-errors", site]
    profile = make_profile(home / ".mozilla/firefox")
    (profile / "user.js").write_text(
        "".join(
            f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
            for name, value in QUIET.items()
        )
    )
    return ["firefox-esr", "--headless", "--profile", str(profile), site]


async def kortilla(*arguments: str) -> dict[str, object]:
    ended = await asyncio.to_thread(commands.run, *arguments, "--json")
    result: dict[str, object] = json.loads(ended.stdout)
    return result


async def server_of(program: str, runtime: Path) -> control.RunningServer:
    with Inotify() as changes:
        # The server listens before it sets its socket's mode.
        changes.add_watch(runtime / "kortilla", Mask.ATTRIB)
        async with asyncio.timeout(patience()):
            while True:
                for server in await control.running_servers():
                    if server.program == program:
                        return server
                await changes.get()


@pytest.mark.parametrize(
    ("family", "program"), [("chromium", "Chromium"), ("firefox", "Firefox")]
)
async def test_a_browser_finds_the_card_and_a_login_can_be_prepared(
    home: Path, runtime: Path, site: str, family: Family, program: str
) -> None:
    config = home / ".config/kortilla/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('card = "mock"\nprompt = "automatic"\n')
    words = command(family, home, site)
    await kortilla("pkcs11", "enable", "--browser", family)
    browser = await asyncio.create_subprocess_exec(
        *as_ordinary(*words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        server = await server_of(program, runtime)
        assert server.program_pid == browser.pid
        prepared = await kortilla("pkcs11", "prepare", "--browser", family)
        assert prepared == {"program": program, "pid": browser.pid}
        [found] = [each for each in status()["browsers"] if each["browser"] == family]
        assert found["enabled"]
        assert [each["running"] for each in found["databases"]] == [True]
        assert disable([family]).report.running == (program,)
    finally:
        await end_process(browser)
    assert disable([family]).report.running == ()
