# SPDX-License-Identifier: MIT
"""``kortilla agent``: one per user, switched off with one command."""

import asyncio
import json
import os
import signal
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asyncinotify import Inotify, Mask

from native_host.agent import package_watch, presence
from native_host.cli import main
from native_host.install.tables import MARKER
from tests.support import commands
from tests.support.patience import patience
from tests.support.warm import WarmProcess

StartAgent = Callable[[], WarmProcess]

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture
def kortilla(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """A function that runs a command and returns its result."""

    def run(*words: str) -> Any:
        capsys.readouterr()
        assert main([*words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def wait_until_running() -> None:
    deadline = time.monotonic() + patience()
    while not presence.is_running():
        assert time.monotonic() < deadline, "The agent does not start."
        time.sleep(0.002)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_until_it_is_told_to_end(
    start_agent: StartAgent, number: signal.Signals
) -> None:
    assert not presence.is_running()
    agent = start_agent()
    wait_until_running()
    agent.send_signal(number)
    ended = commands.end(agent)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == {"agent": "ended"}
    assert not presence.is_running()


def test_there_is_one_for_each_person(start_agent: StartAgent) -> None:
    first = start_agent()
    wait_until_running()
    second = start_agent()
    ended = commands.end(second)
    assert (ended.returncode, json.loads(ended.stdout)) == (0, {"agent": "running"})
    assert first.poll() is None


def test_nobody_who_looks_keeps_it_from_starting(session: Path) -> None:
    looks = threading.Event()

    def look() -> None:
        while not looks.is_set():
            presence.is_running()

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for _ in range(2000):
            with presence.only_one() as only:
                assert only
    finally:
        looks.set()
        looker.join()


def test_one_that_was_killed_stands_in_nobodys_way(start_agent: StartAgent) -> None:
    first = start_agent()
    wait_until_running()
    first.kill()
    first.wait()
    assert not presence.is_running()
    start_agent()
    wait_until_running()


def test_one_command_ends_it_and_keeps_it_off(
    start_agent: StartAgent, kortilla: Callable[..., Any]
) -> None:
    agent = start_agent()
    wait_until_running()
    assert kortilla("agent", "--status") == {"enabled": True, "running": True}
    assert kortilla("agent", "--disable") == {"enabled": False, "running": False}
    assert agent.wait(timeout=patience()) == 0
    assert kortilla("agent") == {"agent": "disabled"}
    assert kortilla("agent", "--disable") == {"enabled": False, "running": False}
    assert kortilla("agent", "--enable") == {"enabled": True, "running": False}
    start_agent()
    wait_until_running()
    assert kortilla("agent", "--enable") == {"enabled": True, "running": True}


def test_the_unit_of_systemd_looks_for_the_same_switch(session: Path) -> None:
    presence.set_enabled(False)
    [switch] = (session / ".config/kortilla").iterdir()
    template = Path(__file__).parents[2] / "manifests/kortilla-agent.service"
    condition = f"ConditionPathExists=!%E/kortilla/{switch.name}\n"
    assert condition in template.read_text()
    assert stat.S_IMODE(switch.stat().st_mode) == 0o600


@pytest.mark.parametrize("others", [(), ("config.toml",)])
def test_uninstall_ends_it_and_leaves_no_choice_behind(
    session: Path,
    start_agent: StartAgent,
    kortilla: Callable[..., Any],
    others: tuple[str, ...],
) -> None:
    kortilla("install", "--browser", "firefox")
    kortilla("install", "--browser", "chromium")
    agent = start_agent()
    wait_until_running()
    kortilla("uninstall", "--browser", "firefox", "--dry-run")
    kortilla("uninstall", "--browser", "firefox")
    assert agent.poll() is None, "the other browser's presence remains"
    presence.set_enabled(False)
    for name in others:
        (session / ".config/kortilla" / name).touch()
    kortilla("uninstall")
    assert agent.wait(timeout=patience()) == 0
    left = [path.name for path in session.rglob("*") if path.is_file()]
    assert left == list(others)


@pytest.mark.parametrize("content", ["", "nonsense", "999999999", "-1"])
def test_a_lock_file_that_says_nothing_true_ends_nobody(content: str) -> None:
    with presence.only_one() as only:
        assert only
        lock = Path(os.environ["XDG_RUNTIME_DIR"], "kortilla/agent.lock")
        lock.write_text(content)
        presence.stop()
    assert not presence.is_running()


# --- what dpkg does to the package


def unpack(marker: Path) -> None:
    """Do as dpkg does, which links the old file and renames the new one."""
    new, old = marker.with_suffix(".dpkg-new"), marker.with_suffix(".dpkg-tmp")
    new.write_bytes(marker.read_bytes())
    new.chmod(0o644)
    old.hardlink_to(marker)
    new.rename(marker)
    old.unlink()


def configure(marker: Path) -> None:
    """Do as the package's own script does in the end."""
    marker.open("a").close()


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ([unpack, configure], "renewed"),
        ([configure], "renewed"),
        ([Path.unlink], "removed"),
    ],
)
async def test_a_change_of_the_package_is_noticed_when_it_is_whole(
    tmp_path: Path, steps: list[Callable[[Path], None]], outcome: str
) -> None:
    marker = tmp_path / MARKER
    marker.write_bytes(b"x")
    change = asyncio.create_task(package_watch.change(tmp_path))
    await asyncio.sleep(0)
    for step in steps[:-1]:
        step(marker)
        # Another file's event comes after those of the step.
        await another(tmp_path)
        assert not change.done()
    steps[-1](marker)
    async with asyncio.timeout(patience()):
        assert await change == outcome


async def another(folder: Path) -> None:
    """Wait until the events so far have been read."""
    with Inotify() as inotify:
        inotify.add_watch(folder, Mask.CLOSE_WRITE)
        (folder / "other").write_bytes(b"x")
        await inotify.get()
    await asyncio.sleep(0)
