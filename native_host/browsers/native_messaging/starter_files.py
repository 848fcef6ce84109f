# SPDX-License-Identifier: MIT
"""The files that start ``kortilla agent`` and ``kortilla open``, from ``manifests/``.

The agent starts with a session: by a systemd unit, where systemd manages the session,
and by an XDG autostart file on all other desktops. If both start an agent, the second
one exits at once. The window starts from the desktop's menu.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import native_host
from native_host.browsers import files
from native_host.browsers.table import Level
from native_host.browsers.templates import template
from native_host.paths import xdg_config_home, xdg_data_home

#: The name of unit and autostart file, without their extensions.
AGENT = "kortilla-agent"
#: The name of the menu's file, without its extension.
MENU = "fi.kortilla.Kortilla"
#: The names of the files by which file managers open files in the window.
ACTIONS = ("fi.kortilla.Sign", "fi.kortilla.Check")

_OURS = b"# Written by `kortilla install`."
_ICON = Path(native_host.__file__).parent / "desktop/kortilla.svg"
_WANTED_BY = "graphical-session.target.wants"

# Characters to escape within double quotes: by systemd.service(5), and by the Desktop
# Entry Specification, whose values have another level of escapes.
_SYSTEMD = {"\\": "\\\\", '"': '\\"', "$": "$$", "%": "%%"}
_DESKTOP = {"\\": "\\\\\\\\", '"': '\\\\"', "`": "\\\\`", "$": "\\\\$", "%": "%%"}


@dataclass(frozen=True)
class StarterFile:
    """A file with its ``content``, or a link to ``target``."""

    path: Path
    content: bytes = b""
    target: str | None = None

    def is_there(self) -> bool:
        """Whether the file is there with the right content."""
        if self.target is not None:
            return files.read_link(self.path) == self.target
        return files.read(self.path) == self.content

    def is_ours(self) -> bool:
        """Whether the existing file was written by this or another installation."""
        if self.target is not None:
            return files.read_link(self.path) == self.target
        return _OURS in (files.read(self.path) or b"")

    def write(self, folder_mode: int) -> list[Path]:
        """Write it and return the created folders. Raises ``InstallError``."""
        if self.target is not None:
            return files.write_link(self.path, self.target, folder_mode=folder_mode)
        return files.write(self.path, self.content, mode=0o644, folder_mode=folder_mode)


def agent_files(
    level: Level, python: Path, *, root: Path, systemd: Path | None = None
) -> tuple[StarterFile, ...]:
    """Return the files that start the agent; none on systems without such.

    ``python`` is the interpreter that runs it, ``root`` the root of the system-wide
    places. ``systemd`` is systemd's folder for the units of packages, in place of that
    for the units of the computer's administrator.
    """
    if not sys.platform.startswith("linux"):
        return ()
    if level == "system":
        units = (systemd or root / "etc/systemd") / "user"
        autostart = root / "etc/xdg/autostart"
    else:
        config = xdg_config_home()
        units, autostart = config / "systemd/user", config / "autostart"
    unit = f"{AGENT}.service"
    return (
        StarterFile(units / unit, _filled(unit, python, _SYSTEMD)),
        StarterFile(units / _WANTED_BY / unit, target=f"../{unit}"),
        StarterFile(
            autostart / f"{AGENT}.desktop",
            _filled(f"{AGENT}.desktop", python, _DESKTOP),
        ),
    )


def menu_files(
    level: Level, python: Path, *, root: Path, share: Path | None = None
) -> tuple[StarterFile, ...]:
    """Return the files by which a desktop starts the window, and opens files in it.

    ``python`` and ``root`` are as for ``agent_files``. ``share`` is the folder of a
    package's data, which holds the icon too. A package lacks the library that signs and
    checks files, so it opens none.
    """
    if not sys.platform.startswith("linux"):
        return ()
    icon = "kortilla" if share else str(_ICON).replace("\\", "\\\\")
    everyone = share or root / "usr/local/share"
    data = everyone if level == "system" else xdg_data_home()
    found = []
    for name in (MENU,) if share else (MENU, *ACTIONS):
        content = _filled(f"{name}.desktop", python, _DESKTOP, "open")
        path = data / "applications" / f"{name}.desktop"
        found.append(StarterFile(path, content.replace(b"{icon}", icon.encode())))
    return tuple(found)


def _filled(
    name: str, python: Path, escapes: dict[str, str], subcommand: str = "agent"
) -> bytes:
    quoted = "".join(escapes.get(character, character) for character in str(python))
    command = f'"{quoted}" -I -m native_host.cli {subcommand}'
    return template(name).replace("{command}", command).encode()
