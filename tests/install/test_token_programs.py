# SPDX-License-Identifier: MIT
"""p11-kit and browsers take what ``pkcs11 enable`` writes, without further options."""

import asyncio
import json
import re
import subprocess
from pathlib import Path

import pytest
from asyncinotify import Inotify, Mask

from native_host.errors import InstallError
from native_host.install import p11_kit
from native_host.install.token import disable, enable
from native_host.install.token_state import status
from native_host.pkcs11 import control
from tests.install.nss_databases import OTHER, TRUST, give_system, make_profile
from tests.install.test_token import MODULE, MODULES, done
from tests.support import commands
from tests.support.ordinary import as_ordinary, program_called
from tests.support.patience import patience
from tools.demo.firefox import user_preferences
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


async def test_firefox_finds_the_card_and_a_login_can_be_prepared(
    home: Path, runtime: Path
) -> None:
    """``tests/browser/test_login_switch.py`` has it in Chromium."""
    config = home / ".config/kortilla/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('card = "mock"\nprompt = "automatic"\n')
    profile = make_profile(home / ".mozilla/firefox")
    (profile / "user.js").write_text(user_preferences({}))
    await kortilla("pkcs11", "enable", "--browser", "firefox")
    browser = await asyncio.create_subprocess_exec(
        *as_ordinary("firefox-esr", "--headless", "--profile", profile),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        server = await server_of("Firefox", runtime)
        assert server.program_pid == browser.pid
        prepared = await kortilla("pkcs11", "prepare", "--browser", "firefox")
        assert prepared == {"program": "Firefox", "pid": browser.pid}
        [found] = [e for e in status()["browsers"] if e["browser"] == "firefox"]
        assert found["enabled"]
        assert [each["running"] for each in found["databases"]] == [True]
        assert disable(["firefox"]).report.running == ("Firefox",)
    finally:
        await end_process(browser)
    assert disable(["firefox"]).report.running == ()
