# SPDX-License-Identifier: MIT
"""p11-kit and browsers take what ``pkcs11 enable`` writes, without further options."""

import asyncio
import json
import re
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from asyncinotify import Inotify, Mask

from native_host.errors import InstallError
from native_host.install import p11_kit
from native_host.install.tables import Family
from native_host.install.token import disable, enable
from native_host.install.token_state import status
from native_host.pkcs11 import control
from tests.install.nss_databases import OTHER, TRUST, give_system, make_profile
from tests.install.test_token import MODULE, MODULES, done
from tests.support import commands
from tests.support.ordinary import as_ordinary, program_called
from tests.support.patience import patience
from tools.demo.firefox import QUIET
from tools.demo.process import end_process


def test_only_modules_that_the_proxy_would_bring_are_hidden(
    home: Path, root: Path
) -> None:
    give_system(
        root,
        other=OTHER,
        trust=TRUST,
        chosen="module: chosen.so\nenable-in: firefox\n",
        elsewhere="module: elsewhere.so\ndisable-in: evince, gnome-keyring\n",
    )
    stronger = root / "etc/pkcs11/modules"
    stronger.mkdir(parents=True)
    (stronger / "trust.module").write_text("disable-in: nobody\n")
    done(enable(["chromium"], root=root))
    hidden = {path.stem for path in (home / MODULES).iterdir()} - {"kortilla"}
    assert hidden == {"other", "elsewhere", "trust"}
    programs = p11_kit.programs_of(home / MODULES / "elsewhere.module")
    assert {"evince", "gnome-keyring", "chromium"} <= programs
    (root / "usr/share/p11-kit/modules/other.module").unlink()
    assert done(enable(["chromium"], root=root))[("hidden", "other.module")] == (
        "removed"
    )


@pytest.mark.parametrize(
    "folder", ["plain", 'it\'s "a\\b" päivä', "\\' '\"' #$%&;|*?~`!\\"], ids=range(3)
)
def test_p11_kit_starts_the_command_as_it_is_meant(
    home: Path, tmp_path: Path, folder: str
) -> None:
    script = tmp_path / folder / "spawned"
    script.parent.mkdir()
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$0" "$@" >"$HOME/said"\n')
    script.chmod(0o755)
    module = home / MODULE
    module.parent.mkdir(parents=True)
    words = [str(script), "-I", *["a b", "it's", 'say "so"', "a\\b", "\\.", "'\"' \""]]
    module.write_bytes(p11_kit.module_content(words, ["firefox"]))
    for name in ("other", "firefox"):
        assert not (home / "said").exists()
        subprocess.run(
            as_ordinary(
                program_called(name, "/usr/bin/p11-kit", tmp_path), "list-modules"
            ),
            capture_output=True,
            check=False,
            timeout=patience(),
        )
    assert (home / "said").read_text().splitlines() == words


def test_p11_kit_gives_these_browsers_the_card_and_nothing_else_new(
    home: Path, tmp_path: Path
) -> None:
    config = home / ".config/kortilla/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('card = "mock"\n')

    def modules(name: str) -> set[str]:
        program = program_called(name, "/usr/bin/p11-kit", tmp_path)
        shown = subprocess.run(
            as_ordinary(program, "list-modules"),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert ("token: Kortilla" in shown.stdout) == (name == "chromium")
        return set(re.findall("^module: (.*)", shown.stdout, re.MULTILINE))

    before = modules("evince")
    # OpenSC's too, whose file has another name in each distribution.
    assert before > {"p11-kit-trust"}
    done(enable(["chromium"]))
    # The proxy does not include the trust module.
    assert modules("chromium") == {"kortilla", "p11-kit-trust"}
    assert modules("firefox") == before


@pytest.mark.parametrize("path", ["/a\nb/python", "/a\tb/python", "/python\\"])
def test_a_command_that_p11_kit_could_not_read_is_refused(path: str) -> None:
    with pytest.raises(InstallError, match="module file"):
        p11_kit.module_content([path], ["firefox"])


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
