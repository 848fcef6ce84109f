# SPDX-License-Identifier: MIT
"""``kortilla agent``: a process beside a real pcscd, one for each person."""

import asyncio
import contextlib
import json
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from asyncinotify import Inotify, Mask

from kortilla.common.imports import MARKER
from kortilla.mock_card.card import MockCard
from kortilla.mock_card.state import MockCardState
from native_host.agent import package_watch, presence
from native_host.cli import main
from native_host.cli.session import _serve as serve_agent
from native_host.doctor.findings import Sentences
from native_host.install import nss
from native_host.state import history, remembered_can
from native_host.texts.language import SPOKEN
from tests.agent.windows import children, times_run, until, windows
from tests.support import commands
from tests.support.cards import new_card
from tests.support.patience import patience
from tests.support.pcsc import Pcscd, isolated
from tests.support.screen import open_screen
from tests.support.warm import WarmProcess

SCRIPTED_PROMPT = Path(__file__).parents[1] / "host" / "scripted_prompt.py"
TITLE = "Kortilla: activate the card"

# The activation window's command, with scripted keyboard input.
_ACTIVATE = """
import sys
from native_host.pin_prompt import spawn
real = spawn.spawn
spawn.spawn = lambda command=None: real(sys.argv[1:])
from native_host.cli import main
reader = sys.argv.pop()  # the agent's
words = ["card", "activate", "--unasked", "--prompt", "window", "--card", "pcsc"]
sys.exit(main([*words, "--lang", "en", reader]))
"""


def make(pcscd: Pcscd, state: str = "new", profile: str = "v5-2026") -> MockCardState:
    return new_card(pcscd.folder / f"{profile}-{state}", profile, state)


@contextlib.asynccontextmanager
async def agent_process(
    window: Sequence[str] | None = None, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the agent and end it with the test at the latest."""
    if window is None:
        command = ["-m", "native_host.cli", "agent"]
    else:
        code = f"from native_host.cli.session import serve; serve({list(window)!r})"
        command = ["-c", code]
    agent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", *command),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        await until(presence.is_running)
        yield agent
    finally:
        with contextlib.suppress(ProcessLookupError):
            agent.kill()
        await agent.wait()


def is_over(log: Path) -> bool:
    """Whether the window with this log has ended."""
    return log.exists() and '"gone"' in log.read_text()


async def at_rest(pid: int, seconds: float = 0.3) -> None:
    """Wait until a process has used no processor time for so many seconds."""
    async with asyncio.timeout(patience()):
        before, rest = times_run(pid), 0.0
        while rest < seconds:
            await asyncio.sleep(0.1)
            rest += 0.1
            if (now := times_run(pid)) != before:
                before, rest = now, 0.0


@isolated
async def test_no_processor_is_used_while_nothing_happens(pcscd: Pcscd) -> None:
    """The agent is idle without a card, with an active card, and without pcscd."""
    async with windows() as opening, agent_process(opening.command) as agent:
        # An agent that polls is never idle for this long.
        await at_rest(agent.pid, 1.5)
        pcscd.insert(MockCard(make(pcscd, "active")))
        pcscd.settle()
        await at_rest(agent.pid, 1.5)
        pcscd.stop_service()
        await at_rest(agent.pid, 1.5)
        pcscd.start_service()
        await at_rest(agent.pid, 1.5)
        assert opening.count == 0
        # It still works.
        pcscd.insert(MockCard(make(pcscd)))
        await opening.opened()


@isolated
async def test_the_window_comes_up_on_the_screen_for_a_new_card(pcscd: Pcscd) -> None:
    with open_screen() as screen:
        async with agent_process(DISPLAY=screen.display, LANG="C.UTF-8") as agent:
            card = make(pcscd)
            before = card.read()
            pcscd.insert(MockCard(card))
            shown = await asyncio.to_thread(screen.find, TITLE)
            await asyncio.to_thread(screen.activate, shown)
            await asyncio.to_thread(screen.press, "Escape")
            await asyncio.to_thread(screen.wait_until, lambda: not screen.ids(TITLE))
            # A card inserted beside a cancelled window counts as seen.
            await until(lambda: not children(agent.pid))
            await at_rest(agent.pid)
            assert card.read() == before


@isolated
async def test_a_card_is_activated_in_the_window_that_the_agent_opened(
    pcscd: Pcscd,
) -> None:
    for profile, code in (("v5-2026", "1234567"), ("v4.2", "12345678")):
        log = pcscd.folder / f"{profile}.log"
        script = [
            *(sys.executable, "-I", str(SCRIPTED_PROMPT), str(log)),
            *("agree", f"{code},2468,135790", "cancel"),
        ]
        command = [sys.executable, "-I", "-c", _ACTIVATE, *script]
        card = make(pcscd, profile=profile)
        async with agent_process(command) as agent:
            pcscd.insert(MockCard(card))
            await until(partial(is_over, log))
            # The card is active now, so the agent ignores it.
            pcscd.pull()
            pcscd.insert(MockCard(card))
            pcscd.settle()
            await at_rest(agent.pid)
        told = [json.loads(line) for line in log.read_text().splitlines()]
        assert [each["type"] for each in told].count("open") == 1
        data = card.read()
        assert (data.pin1.value, data.pin2.value) == ("2468", "135790")
        assert (data.pin1.tries, data.pin2.tries, data.puk.tries) == (5, 5, 5)
        pcscd.pull()


@isolated
async def test_a_window_that_is_open_outlives_the_agent(pcscd: Pcscd) -> None:
    async with windows() as opening:
        async with agent_process(opening.command) as agent:
            pcscd.insert(MockCard(make(pcscd)))
            window = await opening.opened()
            agent.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(agent.wait(), patience()) == 0
        assert not presence.is_running()
        assert not window.gone()
        await window.end(activated=True)


# --- one for each person, switched off with one command


StartAgent = Callable[[], WarmProcess]


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


async def test_one_that_is_switched_off_while_it_starts_ends(
    session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_one = presence.only_one

    def switched_off() -> contextlib.AbstractContextManager[bool]:
        presence.set_enabled(False)
        return only_one()

    monkeypatch.setattr(presence, "only_one", switched_off)
    async with asyncio.timeout(patience()):
        assert await serve_agent(None, "en") == "ended"


@pytest.mark.parametrize("language", SPOKEN)
def test_it_speaks_the_language_that_is_asked_for(
    language: str, session: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = session / ".config/kortilla/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("language = 'sv'\n")
    texts = Sentences(language)
    for wish, code in (
        ("--disable", "AGENT_DISABLED"),
        ("--enable", "AGENT_NOT_RUNNING"),
    ):
        assert main(["agent", wish, "--lang", language]) == 0
        assert texts[code] in capsys.readouterr().out
    presence.set_enabled(False)
    assert main(["agent", "--lang", language]) == 0
    said = capsys.readouterr().err
    assert texts["AGENT_DISABLED"] in said
    assert "kortilla agent --enable" in said


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


@pytest.mark.usefixtures("session")
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


def test_an_agent_whose_package_goes_takes_back_what_its_user_switched_on(
    session: Path, kortilla: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = session / ".pki/nssdb"
    database.mkdir(parents=True)
    nss.create(database)
    kortilla("pkcs11", "enable", "--browser", "chromium")
    history.switch_on()
    assert [each.name for each in nss.modules(database)] == ["Kortilla"]

    async def removed() -> str:
        return "removed"

    forgotten: list[bool] = []

    async def forget() -> bool:
        forgotten.append(True)
        return True

    monkeypatch.setattr(remembered_can, "forget", forget)

    monkeypatch.setattr(package_watch, "change", removed)
    monkeypatch.setattr("native_host.cli.session.is_packaged", lambda: True)
    assert kortilla("agent") == {"agent": "removed"}
    assert forgotten == [True]
    assert not history.is_on()
    assert not (session / ".local/state/kortilla").exists()
    assert nss.modules(database) == ()
    assert [*session.rglob("installed.json"), *session.rglob("*.module")] == []
