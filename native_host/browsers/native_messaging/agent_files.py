# SPDX-License-Identifier: MIT
"""The files that start ``kortilla agent`` with a session, from ``manifests/``.

They are a systemd unit, where systemd manages the session, and an XDG autostart file
for all other desktops. If both start an agent, the second one exits at once.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from native_host.browsers import files
from native_host.browsers.table import Level
from native_host.browsers.templates import template
from native_host.paths import xdg_config_home

__all__ = ["AGENT", "AgentFile", "agent_files"]

#: The name of unit and autostart file, without their extensions.
AGENT = "kortilla-agent"

_OURS = b"# Written by `kortilla install`."
_WANTED_BY = "graphical-session.target.wants"

# Characters to escape within double quotes: by systemd.service(5), and by the Desktop
# Entry Specification, whose values have another level of escapes.
_SYSTEMD = {"\\": "\\\\", '"': '\\"', "$": "$$", "%": "%%"}
_DESKTOP = {"\\": "\\\\\\\\", '"': '\\\\"', "`": "\\\\`", "$": "\\\\$", "%": "%%"}


@dataclass(frozen=True)
class AgentFile:
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
) -> tuple[AgentFile, ...]:
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
        AgentFile(units / unit, _filled(unit, python, _SYSTEMD)),
        AgentFile(units / _WANTED_BY / unit, target=f"../{unit}"),
        AgentFile(
            autostart / f"{AGENT}.desktop",
            _filled(f"{AGENT}.desktop", python, _DESKTOP),
        ),
    )


def _filled(name: str, python: Path, escapes: dict[str, str]) -> bytes:
    quoted = "".join(escapes.get(character, character) for character in str(python))
    command = f'"{quoted}" -I -m native_host.cli agent'
    return template(name).replace("{command}", command).encode()
