# SPDX-License-Identifier: MIT
"""The card access number (CAN) in the desktop's secret service, if the user wants that.

On Windows it is in a file, which Windows encrypts for the user
(``platform/windows/secrets.py``). What follows is for Linux.

``org.freedesktop.secrets``, as GNOME's and KDE's password stores and KeePassXC have it.
SecretStorage encrypts what travels on the bus. It is never in a file of ours. A store
that is locked, absent, broken or slow counts as none: to unlock it, it would ask for a
password, and people would take that for one of the card's.
"""

import asyncio
import logging
import sys
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from native_host.card.contactless import CAN_DIGITS
from native_host.card.pcsc_threads import in_thread
from native_host.platform.hardening import wipe
from native_host.platform.paths import user_state_folder
from native_host.platform.private_files import (
    delete_private,
    read_private,
    write_private,
)

if TYPE_CHECKING:
    from jeepney.io.blocking import DBusConnection
    from secretstorage import Item

#: What is known of the store and of a CAN in it.
State = Literal["remembered", "none", "locked", "absent"]

T = TypeVar("T")

logger = logging.getLogger(__name__)

_ATTRIBUTES = {"application": "kortilla", "what": "card access number"}
_LABEL = "Kortilla: CAN"
#: Seconds that the store may take, which are as long as the user waits for the window.
_WITHIN = 2.0
_ONE_AT_A_TIME = threading.Lock()
_LONGEST_FILE = 4096  # bytes; it has about 350


async def can_remember() -> bool:
    """Whether there is an unlocked store."""
    return await state() in {"remembered", "none"}


async def state() -> State:
    """Return whether a CAN is remembered, or why that can't be known."""
    if sys.platform == "win32":
        return "remembered" if _file().exists() else "none"

    def look(bus: "DBusConnection") -> State:
        from secretstorage import Collection

        items = [*_items(bus)]
        if Collection(bus).is_locked() or any(each.is_locked() for each in items):
            return "locked"
        found = [can for item in items if (can := _can_in(item)) is not None]
        for can in found:
            wipe(can)
        return "remembered" if found else "none"

    return await _with_bus(look) or "absent"


async def recall() -> bytearray | None:
    """Return the CAN that is remembered, which the caller wipes, or None."""
    if sys.platform == "win32":
        from native_host.platform.windows.secrets import unprotect

        try:
            data = b64decode(read_private(_file(), _LONGEST_FILE))
            return _can_of(unprotect(data)) if data else None
        except (OSError, ValueError):
            return None

    def find(bus: "DBusConnection") -> bytearray | None:
        for item in _items(bus):
            if not item.is_locked() and (can := _can_in(item)) is not None:
                return can
        return None

    return await _with_bus(find)


async def remember(can: bytearray) -> None:
    """Put a CAN in the place of the one before. Without a store, nothing happens."""
    if sys.platform == "win32":
        from native_host.platform.windows.secrets import protect

        with suppress(OSError):
            write_private(_file(), b64encode(protect(can)).decode())
        return
    secret = bytes(can)  # the caller may wipe its own before a slow store takes it

    def put(bus: "DBusConnection") -> None:
        from secretstorage import Collection

        store = Collection(bus)
        if not store.is_locked():
            store.create_item(_LABEL, _ATTRIBUTES, secret, replace=True)

    await _with_bus(put)


async def forget() -> bool:
    """Delete the CAN, from each store that has it. Return whether none is left.

    One in a store that is locked stays. One in another store is overwritten first: a
    store may wait with the deletion until the user agrees to it.
    """
    if sys.platform == "win32":
        with suppress(OSError):
            delete_private(_file())
        return not _file().exists()

    def delete(bus: "DBusConnection") -> bool:
        items = [*_items(bus)]
        open_ones = [each for each in items if not each.is_locked()]
        for each in open_ones:
            each.set_secret(b"")
            each.delete()
        return len(open_ones) == len(items)

    return await _with_bus(delete) is not False


def _items(bus: "DBusConnection") -> "Iterator[Item]":
    from secretstorage import search_items

    return search_items(bus, _ATTRIBUTES)


def _can_in(item: "Item") -> bytearray | None:
    """Return what an item holds, unless somebody has changed it into no CAN."""
    return _can_of(bytearray(item.get_secret()))


def _can_of(secret: bytearray) -> bytearray | None:
    if len(secret) == CAN_DIGITS and secret.isdigit():
        return secret
    wipe(secret)
    return None


def _file() -> Path:
    return user_state_folder() / "can"


async def _with_bus(work: "Callable[[DBusConnection], T]") -> T | None:
    """Return what ``work`` returns, on a thread, or None without a usable store."""
    try:
        async with asyncio.timeout(_WITHIN):
            return await in_thread(lambda: _use(work))
    except TimeoutError:
        logger.info("The secret service does not answer.")
        return None


def _use(work: "Callable[[DBusConnection], T]") -> T | None:
    try:
        import secretstorage
        from jeepney.wrappers import DBusErrorResponse
        from secretstorage.exceptions import SecretStorageException
    except ImportError:
        return None
    # A thread that hangs keeps the others from it: there is at most one of them.
    if not _ONE_AT_A_TIME.acquire(timeout=_WITHIN):
        return None
    try:
        with closing(secretstorage.dbus_init()) as bus:
            return work(bus)
    except (SecretStorageException, DBusErrorResponse, OSError) as error:
        logger.info("The secret service can't be used: %s", type(error).__name__)
        return None
    finally:
        _ONE_AT_A_TIME.release()
