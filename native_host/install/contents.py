# SPDX-License-Identifier: MIT
"""What our files say: launchers, manifests, and the templates of ``manifests/``."""

import json
import re
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import native_host
from kortilla.common import JsonObject
from kortilla.common.imports import MARKER
from native_host.errors import InstallError
from native_host.install.tables import Family, HostName, template

#: The program that browsers start.
LAUNCHER = "kortilla-host"

# Older Linux kernels truncate a script's first line after this many bytes.
_LONGEST_FIRST_LINE = 127
_IMPORT = "from native_host.__main__ import main"
_CHROMIUM_ID = re.compile(r"[a-p]{32}")
_ICON = Path(native_host.__file__).parent / "desktop/kortilla.svg"

# Characters to escape within double quotes: by systemd.service(5), and by the Desktop
# Entry Specification, whose values have another level of escapes.
_QUOTING = {
    "systemd": {"\\": "\\\\", '"': '\\"', "$": "$$", "%": "%%"},
    "desktop": {"\\": "\\\\\\\\", '"': '\\\\"', "`": "\\\\`", "$": "\\\\$", "%": "%%"},
}


def python_path() -> Path:
    """Return the absolute path of the interpreter that runs this.

    Links are kept: the interpreter of a virtual environment is a link, whose location
    determines the libraries.
    """
    if not sys.executable:
        raise InstallError("Python does not know the path of its own program.")
    return Path(sys.executable).absolute()


def launcher(python: Path, *, through_sh: bool = False) -> bytes:
    """Return the launcher's bytes, to be written with mode 0755.

    ``-I`` excludes PYTHONPATH, the user's site folder and the current folder. If a path
    does not fit into a script's first line, or with ``through_sh``, the launcher uses
    ``/bin/sh``.
    """
    note = "# Written by `kortilla install`: browsers start the host through this.\n"
    first_line = f"#!{python} -I"
    too_long = len(first_line.encode()) > _LONGEST_FIRST_LINE
    if through_sh or too_long or any(map(str.isspace, str(python))):
        return (
            f"#!/bin/sh\n{note}exec {shlex.quote(str(python))} -I "
            f"-c 'import sys; {_IMPORT}; sys.exit(main())' \"$@\"\n"
        ).encode()
    return (
        f"{first_line}\n{note}import sys\n\n{_IMPORT}\n\nsys.exit(main())\n"
    ).encode()


def own_content(
    name: str, row: Mapping[str, object], python: Path, *, packaged: bool
) -> bytes:
    """Return the bytes of a file of ``files.toml``, from its row there.

    ``python`` is the interpreter that it starts, ``packaged`` that a package has it.
    """
    if name == LAUNCHER:
        return launcher(python, through_sh=packaged)
    if name == MARKER:
        return b"This Kortilla was installed by a package of the system.\n"
    if name == "kortilla":
        return (
            "#!/bin/sh\n"
            "# Written by `kortilla install`: the command kortilla.\n"
            f'exec {shlex.quote(str(python))} -I -m native_host.cli "$@"\n'
        ).encode()
    escapes = _QUOTING[str(row["quoting"])]
    quoted = "".join(escapes.get(character, character) for character in str(python))
    icon = "kortilla" if packaged else str(_ICON).replace("\\", "\\\\")
    command = f'"{quoted}" -I -m native_host.cli {row["command"]}'
    text = template(name).replace("{icon}", icon).replace("{command}", command)
    return text.encode()


def manifest(
    host: HostName, family: Family, launcher: Path, extensions: Iterable[str] = ()
) -> bytes:
    """Return the manifest's bytes, which are the same for the same arguments.

    ``launcher`` is the absolute path of the program to start. ``extensions`` are
    further ids to admit; those of the other family are left out.
    """
    chromium = family == "chromium"
    own = host.chromium if chromium else host.firefox
    more = [e for e in extensions if bool(_CHROMIUM_ID.fullmatch(e)) == chromium]
    ids = dict.fromkeys([*own, *more])
    fields = {"name": host.name, "description": host.description}
    return filled(family, ids, path=str(launcher), **fields)


def fields_of(content: bytes | None) -> JsonObject:
    """Return the fields of another program's JSON; none if it is no object."""
    try:
        fields = json.loads(content or b"")
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def filled(kind: str, ids: Iterable[str], **fields: str) -> bytes:
    """Return a native manifest of a kind, which admits extensions by their ids."""
    content = json.loads(template(f"{kind}.json"))
    filled = {
        key: [item.format(id=each) for item in value for each in ids]
        if isinstance(value, list)
        else value.format(**fields)
        for key, value in content.items()
    }
    return (json.dumps(filled, indent=2, ensure_ascii=False) + "\n").encode()
