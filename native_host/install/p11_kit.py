# SPDX-License-Identifier: MIT
"""p11-kit's configuration for the card: the module file, and the library.

The library is p11-kit's proxy, which runs within the browser and starts the program
that our module file names. The alternative, p11-kit's client module, can't start it: it
connects to a socket, at one address for all its uses, where a program must listen at
each start of a browser.

The proxy also loads the modules that the system has registered, for example OpenSC's,
which would compete for the card and show some certificates twice. In p11-kit a person's
file extends the system's file of the same name. Our files hide those modules from the
browsers that use the card, and from no other program. A browser that used the proxy
before keeps its modules.
"""

import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from native_host.errors import InstallError, ToolMissingError
from native_host.install import files
from native_host.install.tables import ROOT, p11_kit_table, place, template

_OURS = b"# Written by `kortilla pkcs11 enable`"
_NOTE = "Written by `kortilla pkcs11 enable`; `kortilla pkcs11 disable` takes it back."
_NOTE_OF_PACKAGE = "Comes with Kortilla's package, for everyone on the computer."
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*\.module", re.ASCII)
_MODULE = "kortilla.module"
_PROXY = "p11-kit-proxy"  # its name in module files


def is_ignored() -> bool:
    """Whether p11-kit ignores a person's own files, as it does for root."""
    return sys.platform != "win32" and os.getuid() == 0


def module_path() -> Path:
    """Return the path of our module file."""
    return _own_folder() / _MODULE


def is_ours(path: Path) -> bool:
    """Whether we have written a module file."""
    return _OURS in (files.read(path) or b"")


def system_module_path(root: Path = ROOT) -> Path:
    """Return the path of a package's module file, for all users of the computer."""
    return place(p11_kit_table()["modules"][-1], root) / _MODULE


def module_content(
    command: Sequence[str], programs: Iterable[str], *, packaged: bool = False
) -> bytes:
    """Return our module file, which names a command to start in these programs.

    ``packaged`` is for the system-wide file of a package. Raises ``InstallError`` for a
    command that the format can't express.
    """
    words = " ".join(_quoted(word) for word in command)
    note = _NOTE_OF_PACKAGE if packaged else _NOTE
    return _filled(_MODULE, note=note, command=words, programs=", ".join(programs))


def programs_of(path: Path) -> frozenset[str]:
    """Return the programs in one of our module files."""
    options = _options(path)
    named = options.get("enable-in") or options.get("disable-in") or ""
    return frozenset(_listed(named))


def proxy_library(root: Path = ROOT) -> Path:
    """Return the proxy's absolute path. Raises ``ToolMissingError``."""
    multiarch = sysconfig.get_config_var("MULTIARCH")
    own = [f"usr/lib/{multiarch}"] if multiarch else []
    table = p11_kit_table()
    for folder in (*own, "usr/lib64", "usr/lib"):
        for name in table["libraries"]:
            path: Path = root / folder / name
            if path.exists():
                return path
    raise ToolMissingError(f"p11-kit is missing: apt install {table['package']}.")


def is_proxy(library: str) -> bool:
    """Whether a library's path is that of p11-kit's proxy."""
    return Path(library).name in p11_kit_table()["libraries"]


def to_hide(programs: Sequence[str], root: Path = ROOT) -> Iterator[tuple[Path, bytes]]:
    """Return files, with their content, that hide the proxy's modules from programs.

    Modules that are enabled for some programs alone (``enable-in``) are left unchanged.
    """
    for name, options in sorted(_of_the_system(root).items()):
        elsewhere = _listed(options.get("disable-in", ""))
        if "enable-in" in options or _PROXY in elsewhere:
            continue
        listed = ", ".join(dict.fromkeys([*elsewhere, *programs]))
        yield _own_folder() / name, _filled("hidden.module", programs=listed)


def hidden_files() -> list[Path]:
    """Return our existing files that hide modules."""
    there = sorted(_files_in(_own_folder()))
    return [each for each in there if each != module_path() and is_ours(each)]


def _own_folder() -> Path:
    return place("{config}/pkcs11/modules")


def _of_the_system(root: Path) -> dict[str, dict[str, str]]:
    modules: dict[str, dict[str, str]] = {}
    for folder in p11_kit_table()["modules"]:
        for path in _files_in(place(folder, root)):
            modules[path.name] = {**_options(path), **modules.get(path.name, {})}
    return modules


def _files_in(folder: Path) -> list[Path]:
    try:
        return [each for each in folder.iterdir() if _NAME.fullmatch(each.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InstallError(f"{folder}: {error.strerror}.") from error


def _options(path: Path) -> dict[str, str]:
    text = (files.read(path) or b"").decode(errors="surrogateescape")
    found = re.findall(r"^\s*([^#:\s][^:\n]*):(.*)$", text, re.MULTILINE)
    return {key.strip(): value.strip() for key, value in found}


def _listed(value: str) -> list[str]:
    return [each for each in re.split(r"[\s,]+", value) if each]


def _quoted(word: str) -> str:
    """Quote a word for p11-kit, which does not unquote as a shell does.

    Within quotes a backslash can't be expressed. Without quotes it is literal, and so
    is the character after it.
    """
    if any(ord(character) < 0x20 for character in word) or word.endswith("\\"):
        raise InstallError(f"{word!r} can't be named in a module file of p11-kit.")
    parts = re.findall(r"""\\.|[^\\"]+|"+""", word)
    return "".join(
        part
        if part[0] == "\\" or re.fullmatch(r"[\w/.,:=@%+-]+", part, re.ASCII)
        else f"'{part}'"
        if part[0] == '"'
        else f'"{part}"'
        for part in parts
    )


def _filled(name: str, **values: str) -> bytes:
    text = re.sub(r"\{(\w+)\}", lambda match: values[match[1]], template(name))
    return text.encode(errors="surrogateescape")
