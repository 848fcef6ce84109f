# SPDX-License-Identifier: MIT
"""The small program that manifests name."""

import shlex
import sys
from pathlib import Path

from native_host.browsers.errors import InstallError

# Older Linux kernels truncate a script's first line after this many bytes.
_LONGEST_FIRST_LINE = 127

_IMPORT = "from native_host.__main__ import main"


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
    first_line = f"#!{python} -I"
    too_long = len(first_line.encode()) > _LONGEST_FIRST_LINE
    if not (through_sh or too_long or _has_space(python)):
        text = (
            f"{first_line}\n"
            "# Written by `kortilla install`: browsers start the host through this.\n"
            "import sys\n\n"
            f"{_IMPORT}\n\n"
            "sys.exit(main())\n"
        )
    else:
        text = (
            "#!/bin/sh\n"
            "# Written by `kortilla install`: browsers start the host through this.\n"
            f"exec {shlex.quote(str(python))} -I "
            f"-c 'import sys; {_IMPORT}; sys.exit(main())' \"$@\"\n"
        )
    return text.encode()


def command_launcher(python: Path) -> bytes:
    """Return the bytes of the command ``kortilla``, to be written with mode 0755."""
    return (
        "#!/bin/sh\n"
        "# Written by `kortilla install`: the command kortilla.\n"
        f'exec {shlex.quote(str(python))} -I -m native_host.cli "$@"\n'
    ).encode()


def _has_space(path: Path) -> bool:
    return any(character.isspace() for character in str(path))
