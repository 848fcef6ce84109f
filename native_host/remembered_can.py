# SPDX-License-Identifier: MIT
"""The card access number (CAN) in the desktop's secret service, if the user wants that.

``org.freedesktop.secrets``, as GNOME's and KDE's password stores and KeePassXC have it.
SecretStorage encrypts what travels on the bus. It is never in a file of ours. A store
that is locked, absent or slow counts as none: to unlock it, it would ask for a
password, and people would take that for one of the card's.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from native_host.card.pcsc_threads import in_thread

if TYPE_CHECKING:
    from secretstorage import Collection

T = TypeVar("T")

logger = logging.getLogger(__name__)

_ATTRIBUTES = {"application": "kortilla", "what": "card access number"}
_LABEL = "Kortilla: CAN"
#: Seconds that the store may take, which are as long as the user waits for the window.
_WITHIN = 2.0


async def can_remember() -> bool:
    """Whether there is an unlocked store."""
    return await _with_store(lambda _store: True) or False


async def recall() -> bytearray | None:
    """Return the CAN that is remembered, which the caller wipes, or None."""

    def find(store: "Collection") -> bytearray | None:
        for item in store.search_items(_ATTRIBUTES):
            return bytearray(item.get_secret())
        return None

    return await _with_store(find)


async def remember(can: bytearray) -> None:
    """Put a CAN in the place of the one before. Without a store, nothing happens."""
    await _with_store(
        lambda store: store.create_item(_LABEL, _ATTRIBUTES, bytes(can), replace=True)
    )


async def forget() -> None:
    """Delete the CAN from the store."""

    def delete(store: "Collection") -> None:
        for item in store.search_items(_ATTRIBUTES):
            item.delete()

    await _with_store(delete)


async def _with_store(work: "Callable[[Collection], T]") -> T | None:
    """Return what ``work`` returns, on a thread, or None without a usable store."""
    try:
        async with asyncio.timeout(_WITHIN):
            return await in_thread(lambda: _use(work))
    except TimeoutError:
        logger.info("The secret service does not answer.")
        return None


def _use(work: "Callable[[Collection], T]") -> T | None:
    try:
        import secretstorage
        from secretstorage.exceptions import SecretStorageException
    except ImportError:
        return None
    try:
        bus = secretstorage.dbus_init()
    except SecretStorageException as error:
        logger.info("There is no session bus: %s", error)
        return None
    try:
        store = secretstorage.Collection(bus)
        return None if store.is_locked() else work(store)
    except (SecretStorageException, OSError) as error:
        logger.info("The secret service can't be used: %s", type(error).__name__)
        return None
    finally:
        bus.close()
