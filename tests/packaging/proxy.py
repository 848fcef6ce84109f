# SPDX-License-Identifier: MIT
"""Programs have xdg-native-messaging-proxy start the host: Firefox, and others.

``python -m tests.packaging.proxy SYSTEM`` works in a new Debian that
``tests/packaging/proxy.sh`` has prepared in the folder SYSTEM. Firefox runs there
outside a sandbox and in a flatpak. The others pretend to be a browser, each in its way.
"""

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from native_host.gui.tokens import LIGHT
from native_host.install.tables import OWN_HOST, own_host
from tests.packaging.browsers import WINDOW, Visit, open_service, say
from tests.packaging.person import Person, open_firefox
from tests.support.patience import patience
from tests.support.screen import Screen, open_screen
from tools.demo.process import end_process

#: Makes the system the root of its mounts: no process below chroot may make a sandbox.
_ENTER = """
mount --rbind "$1" "$1" && cd "$1" && pivot_root . . && umount -l . && echo in
exec cat
"""
_PREFERENCE = "widget.use-xdg-desktop-portal.native-messaging-proxy"
_NO_PROBLEM = "document.querySelector('#problem:not([hidden])') === null"
_BUS = "unix:path=/run/user/1000/bus"
_FLATPAK_RUN = ("env", f"DBUS_SESSION_BUS_ADDRESS={_BUS}", "flatpak", "run")
_FLATPAK = "org.mozilla.firefox"
_OTHER = "fi.kortilla.Specimen"
#: Pixels of the red notice that nothing else in the window has.
_NOTICE = bytes.fromhex(LIGHT.error_ground.name().removeprefix("#")) * 100
_SANDBOX = (
    *("bwrap", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin"),
    *("--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"),
    *("--ro-bind", "/etc", "/etc", "--proc", "/proc", "--dev", "/dev"),
    *("--bind", "/run", "/run", "--bind", "/home", "/home"),
    *("--ro-bind", "info", "/.flatpak-info"),
)


@contextlib.contextmanager
def entered(system: Path) -> Iterator[list[str]]:
    """Yield the command that runs another in a system, as its ordinary user."""
    own = ("unshare", "--mount", "--propagation", "private")
    with subprocess.Popen(
        [*own, "sh", "-ec", _ENTER, "sh", str(system)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin and process.stdout
        assert process.stdout.readline() == b"in\n"
        user = ("--reuid=1000", "--regid=1000", "--clear-groups")
        mounts = f"--mount=/proc/{process.pid}/ns/mnt"
        yield ["nsenter", mounts, "setpriv", *user]
        process.stdin.close()


@asynccontextmanager
async def running(command: Sequence[str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command, and end all its processes with the context."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        await end_process(process)


class Looks:
    """What the person sees of the window until it has gone."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self.warned = self.seen = False

    async def until(self, end: "asyncio.Task[None]") -> None:
        while not end.done():
            for window in self._screen.ids(WINDOW):
                # It may just have gone.
                with contextlib.suppress(subprocess.CalledProcessError, KeyError):
                    rows = self._screen.rows_of(window)
                    self.seen = True
                    self.warned = self.warned or any(_NOTICE in row for row in rows)
            await asyncio.wait({end}, timeout=0.1)


def hosts_of_the_proxy() -> int:
    """Return how many programs the proxy has started, and run."""
    return sum(
        len(children.read_text().split())
        for exe in Path("/proc").glob("[0-9]*/exe")
        if exe.readlink().name == "xdg-native-messaging-proxy"
        for children in exe.parent.glob("task/*/children")
    )


async def log_in(
    person: Person, visit: Visit, program: Sequence[str], home: str
) -> None:
    """Log in with a Firefox, which takes a folder for the person's home folder."""
    preferences = {_PREFERENCE: 1 if home == "." else 2}
    async with open_firefox(
        *(person, "proxy", visit.start),
        program=program,
        home=home,
        preferences=preferences,
    ) as firefox:
        await firefox.welcomed()
        tab = await firefox.tab_of(visit.start)
        looks = Looks(person.screen)
        await tab.click("#identify")
        # The person sees the one or the other.
        async with asyncio.timeout(patience()):
            while not person.screen.ids(WINDOW):
                assert await tab.evaluate(_NO_PROBLEM), await tab.text("#problem-code")
        assert hosts_of_the_proxy()
        login = asyncio.create_task(visit.type_pin(tab, WINDOW))
        await looks.until(login)
        await login
        assert looks.seen and not looks.warned


async def named(person: Person, *words: str) -> str:
    """Have a program ask; return the name by which the window warns of it."""
    async with running(person.command("env", "KORTILLA_LOG=info", *words)) as process:
        assert process.stdin and process.stdout
        async with asyncio.timeout(patience()):
            said = await process.stdout.readline()
            assert said == b"open\n", said + await process.stdout.read()
            window = await asyncio.to_thread(person.screen.find, WINDOW)
            await asyncio.to_thread(
                person.screen.wait_until_shown,
                lambda: any(_NOTICE in row for row in person.screen.rows_of(window)),
            )
            process.stdin.close()
            log = (await process.stdout.read()).decode()
        await person.gone(WINDOW)
    [name] = (
        line.partition("calling_program: ")[2].removesuffix(
            " asks, which is no known browser"
        )
        for line in log.splitlines()
        if "calling_program" in line
    )
    return name


async def pretend(person: Person, visit: Visit) -> None:
    """Ask in all ways that are not a browser's."""
    rest = (OWN_HOST, own_host().firefox[0], visit.origin)
    asking = ("python3", "asking.py", "proxy", *rest)
    python = Path((await person.run("readlink", "-f", "/usr/bin/python3")).strip()).name
    told = {}
    told["a program that calls the proxy"] = (await named(person, *asking), python)
    # Debian's Python under the name of the proxy starts the host itself.
    proxy = "xdg-native-messaging-proxy"
    await person.run("cp", f"/usr/bin/{python}", proxy)
    itself = ("asking.py", "/usr/lib/kortilla/kortilla-host", *rest)
    told["a program with the proxy's name"] = (
        await named(person, f"./{proxy}", *itself),
        proxy,
    )
    location = await person.run("flatpak", "info", "--show-location", _FLATPAK)
    files = f"{location.strip()}/files"
    info = f"[Application]\nname={_FLATPAK}\n[Instance]\napp-path={files}\n"
    await person.write("info", info)
    told["a false flatpak"] = (await named(person, *_SANDBOX, *asking), python)
    disguise = "/app/lib/firefox/firefox"
    bound = ("--ro-bind", f"/usr/bin/{python}", disguise)
    told["a false flatpak with a false name"] = (
        await named(person, *_SANDBOX, *bound, disguise, *asking[1:]),
        "\\ufffd",
    )
    flatpak = (*_FLATPAK_RUN, "--filesystem=home", _OTHER)
    told["another application, whose program is called firefox"] = (
        await named(person, *flatpak, *asking[1:]),
        _OTHER,
    )
    # The switch for Suomi.fi changes the person's files. A flatpak has others.
    status = ("asking.py", "proxy", *rest[:2], "token-status")
    for where, command in {
        "outside": ("env", f"DBUS_SESSION_BUS_ADDRESS={_BUS}", "python3", *status),
        "in a flatpak": (*flatpak, *status),
    }.items():
        answer = (await person.run(*command)).splitlines()[0]
        print(f"the switch for Suomi.fi, {where}: {answer}", flush=True)
        assert (answer == "BROWSER_CONFINED") == (where != "outside")
    for who, (name, wanted) in told.items():
        print(f"{who}: the window warns of {name}", flush=True)
        assert name == f"'{wanted}'", who


async def main(system: Path) -> None:
    """Do all of it."""
    async with AsyncExitStack() as around:
        folder = Path(around.enter_context(TemporaryDirectory()))
        screen = around.enter_context(open_screen())
        entry = around.enter_context(entered(system))
        person = Person(system, screen, sandbox=True, entry=entry)
        homes = {
            ".": ("firefox",),
            f".var/app/{_FLATPAK}": (*_FLATPAK_RUN, _FLATPAK),
        }
        databases = [f"{home}/.mozilla/firefox/proxy" for home in homes]
        visit = await around.enter_async_context(
            open_service(person, folder, *databases)
        )
        script = Path(__file__).with_name("asking.py").read_text()
        await person.write("asking.py", script)
        daemon = ("dbus-daemon", "--session", "--nofork", "--print-address")
        session = await around.enter_async_context(
            running(
                person.command(
                    *("env", "KORTILLA_LOG=info", *daemon, f"--address={_BUS}")
                )
            )
        )
        assert session.stdout and await session.stdout.readline()
        for home, program in homes.items():
            began = time.monotonic()
            await log_in(person, visit, program, home)
            say(began, f"{program[-1]}: logged in through the proxy")
        await pretend(person, visit)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
