# SPDX-License-Identifier: MIT
"""The slot events of one client (C_WaitForSlotEvent, PKCS#11 3.0 §5.5)."""

import asyncio

from native_host.pkcs11.constants import CKR
from native_host.pkcs11.errors import CryptokiError


class SlotEvents:
    """The slots whose token has come or gone, until the client has the event."""

    def __init__(self) -> None:
        self._slots: set[int] = set()
        self._waiting: set[asyncio.Future[None]] = set()

    def add(self, slot: int) -> None:
        """Record an event, and wake all who wait for one."""
        self._slots.add(slot)
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    async def take(self, *, block: bool) -> int:
        """Return a slot with an event, once for each event.

        Without one it waits if ``block`` is true, and raises ``CryptokiError`` if not.
        ``clear`` ends a wait with that error.
        """
        while not self._slots:
            if not block:
                raise CryptokiError(CKR.NO_EVENT)
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.add(waiting)
            try:
                await waiting
            finally:
                self._waiting.discard(waiting)
        return self._slots.pop()

    def clear(self) -> None:
        """Delete all events, and end all waits: the client has called C_Finalize."""
        self._slots.clear()
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(CryptokiError(CKR.CRYPTOKI_NOT_INITIALIZED))
