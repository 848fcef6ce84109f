# SPDX-License-Identifier: MIT
"""Which program asks, where that is no known browser.

It is the program that started this one. A browser in a sandbox has a service of the
desktop start this one: xdg-native-messaging-proxy, or the portal of Ubuntu. Any program
on the session's bus can have that done, and the service does not say which did. It
hands on the other end of our standard input, though. So who can write there asks.

Of a program out of a flatpak, the application decides (``/.flatpak-info`` in
flatpak-metadata(5)): a program in the sandbox has any name, and can't change that file.
Others can make such a file. So the program's executable has to be the application's.
"""

import contextlib
import logging
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from kortilla.common.escaping import program_display_name
from native_host.install.files import only_root_writes
from native_host.install.tables import flatpak_title
from native_host.platform import system
from native_host.platform.paths import xdg_data_home
from native_host.platform.process_tree import UNKNOWN, Program, program_of

logger = logging.getLogger(__name__)

#: Services that start hosts for others.
_STARTERS = frozenset({"xdg-desktop-portal", "xdg-native-messaging-proxy"})
_PROC = Path("/proc")
_INFO = "root/.flatpak-info"
_LONGEST_INFO = 1 << 16  # bytes
#: Where flatpak shows the application its own files.
_APP = "/app"
#: Where programs out of a snap are.
_SNAP = "/snap"


def program_in_place_of_browser(starter: Program, stdin: int | None = None) -> str:
    """Return the name of the program that asks; empty for a known browser.

    ``starter`` is the program that started this one, and ``stdin`` the descriptor that
    was its standard input, if requests come there. Who can write there is seen once a
    request has come: before, the service may still hold it. ``UNKNOWN`` stands for a
    program that hides, or that is not there any more.
    """
    if sys.platform not in {"linux", "win32"}:
        return ""
    askers = [starter]
    if starter.name in _STARTERS:
        askers = [] if stdin is None else [_program(pid) for pid in _writers(stdin)]
    names = [each.name for each in askers if not each.browser]
    name = "" if askers and not names else (names or [UNKNOWN])[0]
    if name:
        logger.info("%s asks, which is no known browser", ascii(name))
    return name


def is_sandboxed(starter: Program, stdin: int | None) -> bool:
    """Whether what asks is in a flatpak or snap; the arguments are those above.

    It then has files of its own in place of the person's, and loads no module of the
    system's.
    """
    if sys.platform != "linux" or starter.name not in _STARTERS or stdin is None:
        return False
    return any(
        _application(pid) is not None or _snapped(pid) for pid in _writers(stdin)
    )


def _snapped(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return (_PROC / str(pid) / "exe").readlink().is_relative_to(_SNAP)
    return False


def _writers(pipe: int) -> Iterator[int]:
    """Yield the processes that can write to a pipe, as far as this user may see."""
    status = os.fstat(pipe)
    if not stat.S_ISFIFO(status.st_mode):
        return
    # The functions of os take less than half the time of Path's: a desktop has ten
    # thousand descriptors.
    for pid in filter(str.isdecimal, os.listdir(_PROC)):  # noqa: PTH208
        folder = f"{_PROC}/{pid}/fd/"
        with contextlib.suppress(OSError):  # another user's, or gone
            names = os.listdir(folder)  # noqa: PTH208
            if any(_is_writer(folder + each, status.st_ino) for each in names):
                yield int(pid)


def _is_writer(link: str, pipe: int) -> bool:
    # Unlike stat(), this does not wait for a file on another computer. The mode of the
    # link is that of the descriptor.
    try:
        found = os.readlink(link)  # noqa: PTH115
        return found == f"pipe:[{pipe}]" and os.lstat(link).st_mode & stat.S_IWUSR != 0
    except OSError:  # closed meanwhile
        return False


def _program(pid: int) -> Program:
    """Return what is known of a process, which may be in a sandbox."""
    program = program_of(pid)
    application = _application(pid)
    if application is None:
        return program
    if application:
        title = flatpak_title(application)
        name = title or program_display_name(application)
        return Program(pid, name, browser=title is not None)
    # In a sandbox of its own making a program can have any name.
    return Program(pid, UNKNOWN if program.browser else program.name)


def _application(pid: int) -> str | None:
    """Return the flatpak that a process belongs to.

    None if it is in no flatpak, and empty if it only says so.
    """
    try:
        text = _read(_PROC / str(pid) / _INFO)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return ""
    section, info = "", dict[tuple[str, str], str]()
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            info[section, key] = value
        else:
            section = line
    name = info.get(("[Application]", "name"), "")
    folder = Path(info.get(("[Instance]", "app-path"), ""))
    try:
        is_its = any(_runs_from(each, pid) for each in _deployments(name, folder))
    except (OSError, ValueError):
        return ""
    return name if is_its else ""


def _deployments(name: str, folder: Path) -> Iterator[Path]:
    """Yield where the files of an application may be, given where they were.

    That is INSTALLATION/app/NAME/ARCHITECTURE/BRANCH/COMMIT/files. After an update,
    those of an application that still runs are in INSTALLATION/.removed.
    """
    where = folder.parts
    if where[-6:-4] == ("app", name) and where[-1] == "files" and ".." not in where:
        yield folder
        removed = f"{name}-{folder.parent.name}"
        yield folder.parents[5] / ".removed" / removed / "files"


def _runs_from(files: Path, pid: int) -> bool:
    """Whether a process runs a file of an application, where that is installed.

    It is so for everyone, where only root writes, or for this user.
    """
    executable = _PROC / str(pid) / "exe"
    path = Path(str(executable.readlink()).removesuffix(" (deleted)"))
    if not path.is_relative_to(_APP):
        return False
    installed = files / path.relative_to(_APP)
    try:
        if not installed.samefile(executable):
            return False
        own = (xdg_data_home() / "flatpak").resolve()
        return installed.resolve().is_relative_to(own) or only_root_writes(installed)
    except FileNotFoundError:
        return False


def _read(path: Path) -> str:
    """Return the text of a file that any program may have made."""
    descriptor = system.open_file(path, os.O_RDONLY)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(_LONGEST_INFO).decode("utf-8", "replace")
