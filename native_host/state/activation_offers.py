# SPDX-License-Identifier: MIT
"""Records which cards are not to be offered activation by the agent.

These are insertions for which a window has offered it, so that a person who has
declined in a login's window is not asked again. And these are the cards for which a
person wants no more offers, by the SHA-256 of their certificates. Nobody is named.
"""

import contextlib
import hashlib
import os
from pathlib import Path

from native_host.card.certificate import CardCertificate
from native_host.card.source import Reader
from native_host.platform.paths import runtime_folder, user_state_folder
from native_host.platform.private_files import (
    delete_private,
    open_private,
    private_folder,
    read_private,
)

_PREFIX = "offered-"
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
#: The most declined cards, and the characters of one: a digest and a newline.
_MOST, _LONG = 100, 65


def note(reader: Reader) -> None:
    """Record an offer to activate the card in a reader.

    If that can't be written, the agent may offer it once more.
    """
    path = _path(reader)
    if path and reader.events:
        with (
            contextlib.suppress(OSError),
            os.fdopen(open_private(path, _WRITE), "w") as f,
        ):
            f.write(_insertion(reader))


def was_noted(reader: Reader) -> bool:
    """Whether this very insertion has been recorded."""
    path = _path(reader)
    try:
        if path is None:
            return False
        with os.fdopen(open_private(path, os.O_RDONLY)) as file:
            return file.read() == _insertion(reader)
    except (OSError, ValueError):
        return False


def forget(reader: Reader) -> None:
    """Delete the record for a reader: the system may restart its count."""
    if path := _path(reader):
        with contextlib.suppress(OSError), private_folder(path.parent) as folder:
            folder.unlink(path.name)


def forget_all() -> None:
    if path := runtime_folder():
        with contextlib.suppress(OSError), private_folder(path) as folder:
            for name in folder.names():
                if name.startswith(_PREFIX):
                    folder.unlink(name)


def decline(certificate: CardCertificate) -> None:
    """Record that its holder wants no offer for a card. See ``note``.

    A line is added in one write: windows for two cards may do so at the same time.
    After the most, the file begins anew.
    """
    declined, mine = _declined(), _fingerprint(certificate)
    more = os.O_APPEND if len(declined) < _MOST else os.O_TRUNC
    if mine not in declined:
        with (
            contextlib.suppress(OSError),
            os.fdopen(
                open_private(declined_path(), os.O_WRONLY | os.O_CREAT | more), "w"
            ) as file,
        ):
            file.write(f"{mine}\n")


def was_declined(certificate: CardCertificate) -> bool:
    return _fingerprint(certificate) in _declined()


def count_declined() -> int:
    return len(_declined())


def offer_all() -> None:
    """Forget which cards were declined. Raises ``OSError``."""
    delete_private(declined_path())


def _declined() -> list[str]:
    return read_private(declined_path(), _MOST * _LONG).split()


def _fingerprint(certificate: CardCertificate) -> str:
    return hashlib.sha256(certificate.der).hexdigest()


def declined_path() -> Path:
    return user_state_folder() / "declined-cards"


def _path(reader: Reader) -> Path | None:
    name = hashlib.sha256(reader.name.encode()).hexdigest()[:16]
    folder = runtime_folder()
    return folder / f"{_PREFIX}{name}" if folder else None


def _insertion(reader: Reader) -> str:
    return f"{reader.events} {(reader.atr or b'').hex()}"
