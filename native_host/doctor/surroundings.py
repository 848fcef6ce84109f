# SPDX-License-Identifier: MIT
"""What is around the card: agent, other programs, clock, screen, screen readers."""

import json
import os
import socket
import sys
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from native_host.agent import presence
from native_host.card.pcsc_threads import in_thread
from native_host.doctor.findings import (
    Finding,
    Place,
    administrator,
    error,
    info,
    kortilla,
    warning,
)
from native_host.doctor.programs import output_of
from native_host.install.host import AGENT, starts_agent
from native_host.install.tables import is_any_browser_there
from native_host.platform import processes
from native_host.platform.paths import session_folder

#: No computer with this program has lived before, or after the cards of today.
_YEARS = range(2026, 2057)
_CONNECTS_WITHIN = 2.0  # seconds
_FIRST_X11_PORT = 6000

#: Programs that use cards too, by what the names of their programs and of their menu
#: entries hold, in lower case.
_OTHERS = {
    "DigiSign (mPollux)": ("digisign", "mpollux"),
    "Atostek ID": ("atostek", "erasmartcard"),
    "Web eID": ("web-eid", "webeid"),
    "GnuPG (scdaemon)": ("scdaemon",),
}


async def check_agent(place: Place) -> list[Finding]:
    """Look whether the agent may run, runs, and starts with the session."""
    return await in_thread(lambda: list(_agent(place.root)))


def _agent(root: Path) -> Iterator[Finding]:
    if not presence.is_enabled():
        yield info("AGENT_DISABLED", kortilla("agent", "--enable"))
        return
    # One that a package has brought, one for everyone, the person's own.
    packaged = root / f"usr/lib/systemd/user/{AGENT}.service"
    if not (
        packaged.exists() or starts_agent("user", root) or starts_agent("system", root)
    ):
        # Without a browser the command fails; NO_BROWSER says what comes first.
        fix = kortilla("install") if is_any_browser_there(root) else None
        yield warning("AGENT_NOT_INSTALLED", fix)
    elif presence.is_running():
        yield info("AGENT_RUNS")
    else:
        yield info("AGENT_NOT_RUNNING", kortilla("agent", "--enable"))


async def check_other_programs(place: Place) -> list[Finding]:
    return await in_thread(lambda: list(_other_programs(place.root)))


def _other_programs(root: Path) -> Iterator[Finding]:
    running = set(processes.names_of_running())
    installed = {path.stem for path in (root / "usr/share/applications").glob("*")}
    for program, signs in _OTHERS.items():
        if _any_of(signs, running):
            yield info("OTHER_PROGRAM_RUNS", program=program)
        elif _any_of(signs, installed):
            yield info("OTHER_PROGRAM", program=program)


def _any_of(signs: tuple[str, ...], names: set[str]) -> bool:
    return any(sign in name.lower() for sign in signs for name in names)


async def check_clock(place: Place) -> list[Finding]:
    return list(judge_clock(datetime.now(UTC), os.environ.get("TZ", ""), place.root))


def judge_clock(now: datetime, zone: str, root: Path) -> Iterator[Finding]:
    windows = sys.platform == "win32"  # where the person sets both
    if now.year not in _YEARS:
        fix = None if windows else administrator("timedatectl", "set-ntp", "true")
        yield error("CLOCK_ABSURD", fix)
    if not windows and not _zone_is_known(zone, root):
        yield info(
            "TIME_ZONE_UNKNOWN",
            administrator("timedatectl", "set-timezone", "Europe/Helsinki"),
        )


def _zone_is_known(zone: str, root: Path) -> bool:
    if not zone:
        return (root / "etc/localtime").exists()
    if "/" not in zone:  # a rule such as EET-2EEST (tzset(3)), or a short name
        return True
    try:
        zoneinfo.ZoneInfo(zone.lstrip(":"))
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return Path(zone.lstrip(":")).is_file()
    return True


async def check_screen(place: Place) -> list[Finding]:
    if place.prompt != "window" or sys.platform == "win32":
        return []
    return [await in_thread(_screen)]


def _screen() -> Finding:
    if not _has_screen():
        return error("NO_SCREEN")
    wayland, x11 = os.environ.get("WAYLAND_DISPLAY"), os.environ.get("DISPLAY")
    if wayland and _reaches_wayland(wayland):
        return info("SCREEN", system="Wayland")
    if x11 and _reaches_x11(x11):
        return info("SCREEN", system="X11")
    return error("SCREEN_UNREACHABLE")


def _has_screen() -> bool:
    return bool(os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY"))


def _reaches_wayland(name: str) -> bool:
    from native_host.platform.posix.sockets import connected

    folder = session_folder()
    path = name if name.startswith("/") else str(folder and folder / name)
    return _connects(partial(connected, path))


def _reaches_x11(display: str) -> bool:
    host, _, number = display.rpartition(":")
    number = number.partition(".")[0]
    if not number.isdecimal():
        return False
    if host not in ("", "unix"):  # as SSH forwards it
        port = _FIRST_X11_PORT + int(number)
        return _connects(partial(socket.create_connection, (host, port)))
    from native_host.platform.posix.sockets import connected

    path = f"/tmp/.X11-unix/X{number}"  # noqa: S108 - X11's own place
    return _connects(partial(connected, path)) or _connects(
        partial(connected, f"\0{path}")
    )


def _connects(connect: Callable[[float], socket.socket]) -> bool:
    try:
        connect(_CONNECTS_WITHIN).close()
    except (OSError, OverflowError, ValueError):
        return False
    return True


async def check_screen_reader(place: Place) -> list[Finding]:
    """Ask whether the session has what screen readers need.

    Whether one is in use is nobody's business, so that is not part of the finding.
    """
    if place.prompt != "window" or not _has_screen():
        return []
    try:
        printed = await output_of(
            *("busctl", "--user", "--json=short", "--timeout=5", "get-property"),
            *("org.a11y.Bus", "/org/a11y/bus", "org.a11y.Status", "IsEnabled"),
        )
    except FileNotFoundError:
        return []
    with suppress(ValueError, TypeError, KeyError):
        if isinstance(json.loads(printed)["data"], bool):
            return [info("SCREEN_READERS_POSSIBLE")]
    fix = administrator("apt", "install", "at-spi2-core")
    return [info("SCREEN_READERS_IMPOSSIBLE", fix)]
