# SPDX-License-Identifier: MIT
"""What the person has done with the card, on this computer only, and only if wanted.

The file of the history is there while it is switched on, and is deleted when it is
switched off. Only its owner can read it. An entry is a line of JSON: time, what was
done, for which site or program, the names of documents, and the result. Nothing of it
ever goes to a page.

A browser opens several connections for one login. So identifications for the same site
or program with the same result, within ten seconds of each other, are one entry.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Literal

from kortilla.common import JsonObject
from kortilla.common.files import make_folder
from kortilla.common.locks import lock_file
from native_host.errors import KortillaError
from native_host.platform import system
from native_host.platform.paths import user_state_folder

logger = logging.getLogger(__name__)

What = Literal["identify", "sign"]

#: The oldest entries go first.
_MOST = 500
_MOST_NAMES, _LONGEST_NAME = 20, 200
_LARGEST = 4 << 20  # bytes; a file that is larger is not ours
_ONE_LOGIN = timedelta(seconds=10)
#: Seconds for which an entry waits for another program that has the file.
_PATIENCE, _PAUSE = 2.0, 0.05


@dataclass(frozen=True)
class Entry:
    """One thing that was done, or not.

    ``time`` is in ISO 8601 with the time zone. ``result`` is ``done`` or the code of an
    error.
    """

    time: str
    what: str
    who: str
    names: tuple[str, ...]
    result: str


def is_on() -> bool:
    """Whether the person wants a history."""
    return file_path().is_file()


def switch_on() -> None:
    """Start the history. Raises ``OSError``."""
    path = file_path()
    make_folder(path.parent)
    os.close(system.open_file(path, os.O_WRONLY | os.O_CREAT))
    path.chmod(0o600)


def switch_off() -> None:
    """Delete the history, and keep none. Raises ``OSError``."""
    file_path().unlink(missing_ok=True)


def clear() -> None:
    """Delete all entries, and keep those to come. Raises ``OSError``."""
    with _locked() as file:
        file.truncate()


def entries() -> list[Entry]:
    """Return all entries, the newest first. What can't be read is left out."""
    try:
        with _opened() as file:
            return [*reversed(_read(file))]
    except OSError:
        return []


@contextmanager
def recorded(what: What, who: str, names: Sequence[str] = ()) -> Iterator[None]:
    """Add an entry when the block ends, if the history is switched on."""
    result = "ENDED"  # the caller has gone, or the program was ended
    try:
        yield
        result = "done"
    except KortillaError as error:
        result = error.reason or error.code
        raise
    finally:
        _add(what, who, names, result)


def _add(what: What, who: str, names: Sequence[str], result: str) -> None:
    short = tuple(name[:_LONGEST_NAME] for name in names[:_MOST_NAMES])
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    entry = Entry(now, what, who[:_LONGEST_NAME], short, result)
    try:
        if is_on():
            _write(entry)
    except BlockingIOError:
        # The answer does not wait for the lock. The end of the program does, shortly.
        threading.Thread(
            target=_write_later, args=(entry,), name="kortilla-history"
        ).start()
    except OSError as error:
        _warn(error)


def _write_later(entry: Entry) -> None:
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            return _write(entry)
        except OSError as error:
            if not isinstance(error, BlockingIOError) or time.monotonic() > end:
                return _warn(error)
        time.sleep(_PAUSE)


def _warn(error: OSError) -> None:
    # What the person does goes on.
    logger.warning("The history can't be written: %s", error.strerror)


def _write(entry: Entry) -> None:
    """Add an entry. Raises ``OSError`` as ``_locked`` does."""
    with _locked() as file:
        kept = _read(file)[1 - _MOST :]
        if kept and _is_same_login(kept[-1], entry):
            return
        text = "".join(f"{json.dumps(asdict(each))}\n" for each in (*kept, entry))
        file.seek(0)
        file.write(text)
        file.truncate()  # afterwards, so that a full disk does not empty the file


def _is_same_login(last: Entry, entry: Entry) -> bool:
    if entry.what != "identify" or replace(last, time=entry.time) != entry:
        return False
    try:
        passed = datetime.fromisoformat(entry.time) - datetime.fromisoformat(last.time)
    except (ValueError, TypeError):  # the file is what somebody has written
        return False
    return timedelta(0) <= passed <= _ONE_LOGIN


@contextmanager
def _locked() -> Iterator[IO[str]]:
    """Open the file to change it.

    Raises ``OSError``, and ``BlockingIOError`` while another program changes it.
    """
    with _opened() as file:
        lock_file(file)
        yield file


@contextmanager
def _opened() -> Iterator[IO[str]]:
    """Open the file. Raises ``OSError``, also for a file of somebody else.

    It may be read while another program writes: a line that is half there is left out.
    """
    descriptor = system.open_file(file_path(), os.O_RDWR)
    with os.fdopen(descriptor, "r+", encoding="utf-8", errors="replace") as file:
        large = os.fstat(descriptor).st_size > _LARGEST
        if large or not system.is_private(descriptor):
            raise PermissionError(None, "the file is not this person's alone")
        yield file


def _read(file: IO[str]) -> list[Entry]:
    found = []
    for line in file:
        try:
            fields: JsonObject = json.loads(line)
            entry = Entry(**{**fields, "names": tuple(map(str, fields["names"]))})
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
        if all(isinstance(each, str) for each in (entry.time, entry.what, entry.who)):
            found.append(entry)
    return found


def file_path() -> Path:
    return user_state_folder() / "history.jsonl"
