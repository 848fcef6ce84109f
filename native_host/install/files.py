# SPDX-License-Identifier: MIT
"""Atomic reading, writing and removing of small files.

Paths are walked folder by folder through file descriptors. This protects root: a person
who can write to a folder on the path could otherwise put a link there between a check
and the use, and make root write elsewhere.
"""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from native_host.errors import InstallError
from native_host.platform import system

_MOST_LINKS = 40
_LARGEST = 65536


def read(path: Path) -> bytes | None:
    """Return a file's bytes, or None if it does not exist.

    An irregular file, or one larger than 64 KiB, reads as empty: none of ours is.
    """
    try:
        with _folder(path.parent) as folder:
            file = folder.open(path.name, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ELOOP, errno.ENXIO):
            return b""
        raise _failed(path, error) from error
    with os.fdopen(file, "rb") as stream:
        content = stream.read(_LARGEST + 1)
    return content if len(content) <= _LARGEST else b""


def write(path: Path, content: bytes, mode: int, folder_mode: int) -> list[Path]:
    """Write a file atomically, and create the folders on its path.

    Returns the created folders, outermost first. Raises ``InstallError``.
    """

    def put(folder: system.Folder, temporary: str) -> None:
        file = folder.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with os.fdopen(file, "wb") as stream:
            stream.write(content)
            stream.flush()
            system.set_mode(file, mode)
            os.fsync(file)

    return _place(path, put, folder_mode)


def read_link(path: Path) -> str | None:
    """Return a link's target, or None if there is no link of that name."""
    try:
        with _folder(path.parent) as folder:
            return folder.read_link(path.name)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None
        raise _failed(path, error) from error


def write_link(path: Path, target: str, folder_mode: int) -> list[Path]:
    """Create a link atomically, as ``write`` does with a file."""
    return _place(
        path, lambda folder, name: folder.make_link(name, target), folder_mode
    )


def _place(
    path: Path, put: Callable[[system.Folder, str], None], folder_mode: int
) -> list[Path]:
    made: list[Path] = []
    try:
        with (
            _explained(path),
            _folder(path.parent, made=made, folder_mode=folder_mode) as folder,
        ):
            temporary = f".{path.name}.{secrets.token_hex(8)}"
            try:
                put(folder, temporary)
                folder.replace(temporary, path.name)
            except BaseException:
                with contextlib.suppress(OSError):
                    folder.unlink(temporary)
                raise
    except BaseException:
        for each in reversed(made):
            remove_empty_folder(each)
        raise
    return made


def remove(path: Path) -> None:
    """Remove a file. Raises ``InstallError``; a missing file is no error."""
    with (
        _explained(path),
        contextlib.suppress(FileNotFoundError),
        _folder(path.parent) as folder,
    ):
        folder.unlink(path.name)


def remove_empty_folder(path: Path) -> bool:
    """Remove a folder if it is empty, and return whether it is gone."""
    try:
        with _folder(path.parent) as folder:
            folder.remove_folder(path.name)
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


def only_root_writes(path: Path) -> bool:
    """Whether only root can change the target of a path, links included."""
    where = Path(path.anchor)
    ahead = list(reversed(path.parts[1:]))
    path.resolve(strict=True)  # raises for a ring of links
    while ahead:
        name = ahead.pop()
        here = where.parent if name == ".." else where / name
        status = here.lstat()
        if stat.S_ISLNK(status.st_mode):
            if status.st_uid != 0:
                return False
            target = here.readlink()
            if target.is_absolute():
                where = Path(target.anchor)
            ahead += reversed(
                target.parts[1:] if target.is_absolute() else target.parts
            )
        elif not _roots_own(status):
            return False
        else:
            where = here
    return True


@contextlib.contextmanager
def _folder(
    path: Path, *, made: list[Path] | None = None, folder_mode: int = 0o700
) -> Iterator[system.Folder]:
    """Open a folder. With ``made``, create missing folders and list them there."""
    here = system.Folder(path.anchor)
    where = Path(path.anchor)
    ahead = list(reversed(path.parts[1:]))
    links = 0
    try:
        while ahead:
            name = ahead.pop()
            try:
                below = system.Folder(name, here)
            except FileNotFoundError:
                if made is None:
                    raise
                below = here.make_folder(name, folder_mode)
                made.append(where / name)
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise
                target = _link_target(name, here, where / name)
                links += 1
                if links > _MOST_LINKS:
                    raise
                if target.is_absolute():
                    here.close()
                    here, where = system.Folder(target.anchor), Path(target.anchor)
                ahead += reversed(target.relative_to(target.anchor).parts)
                continue
            here.close()
            here, where = below, where / name
        yield here
    finally:
        here.close()


def _link_target(name: str, folder: system.Folder, path: Path) -> Path:
    try:
        target = folder.read_link(name)
    except OSError:
        raise NotADirectoryError(errno.ENOTDIR, "not a folder", str(path)) from None
    if system.is_root() and not _roots_own(folder.status()):
        raise InstallError(
            f"{path}: is a link in a folder that others can write to; root follows "
            "none of those."
        )
    return Path(target)


def _roots_own(status: os.stat_result) -> bool:
    return status.st_uid == 0 and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _failed(path, error) from error


def _failed(path: Path, error: OSError) -> InstallError:
    return InstallError(f"{path}: {error.strerror}.")
