# SPDX-License-Identifier: MIT
"""Waits for events after which another attempt to reach pcscd may succeed.

The mock card's source waits so for another card in its folder, and for the card to be
pulled and inserted.

A stopped service sends no events, but its socket's file does: pcscd or systemd creates
it when it begins to listen, in a folder that may not exist before.
"""

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncinotify import Event, Inotify

logger = logging.getLogger(__name__)

_RETRY = 1.0  # seconds, on systems without events of files


def socket_path() -> Path:
    """Return the path of pcsc-lite's socket."""
    return Path(os.environ.get("PCSCLITE_CSOCK_NAME") or "/run/pcscd/pcscd.comm")


class ServiceWatch:
    """Waits for an event at a socket's path or a sibling, or at a folder on the path.

    To miss no event, call ``arm`` before each attempt to connect and ``news`` after a
    failed one. It must be closed. Without inotify, ``news`` just waits for a second.
    """

    def __init__(self, socket: Path, *siblings: str) -> None:
        self._socket = socket.absolute()
        self._siblings = siblings
        self._inotify: Inotify | None = None
        self._awaited: tuple[str, ...] = ()

    def arm(self) -> None:
        """Begin to watch the closest existing folder to the socket."""
        self.close()
        if sys.platform != "linux":
            return
        # Imported here: it is rarely needed, and its import takes a while.
        from asyncinotify import Inotify, Mask

        # pcscd sets its socket's mode once it listens. A file may be copied.
        comes = Mask.CREATE | Mask.MOVED_TO | Mask.ATTRIB | Mask.CLOSE_WRITE
        goes = Mask.DELETE | Mask.MOVED_FROM | Mask.DELETE_SELF | Mask.MOVE_SELF
        try:
            self._inotify = Inotify()
            # A folder may be created between the check and the watch of its parent.
            while (folder := self._nearest_folder()) not in (
                watch.path for watch in self._inotify.watches
            ):
                self._inotify.add_watch(folder, comes | goes | Mask.ONLYDIR)
            first, *rest = self._socket.relative_to(folder).parts
            self._awaited = (first,) if rest else (first, *self._siblings)
        except OSError as error:
            logger.info("The service's socket can't be watched: %s", error.strerror)
            self.close()

    async def news(self) -> None:
        """Wait for the first event since ``arm``. May be cancelled."""
        if self._inotify is None:
            await asyncio.sleep(_RETRY)
            return
        while not self._concerns(await self._inotify.get()):
            pass

    def close(self) -> None:
        """End the watch. May be called at any time."""
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None

    def _nearest_folder(self) -> Path:
        return next(folder for folder in self._socket.parents if folder.is_dir())

    def _concerns(self, event: "Event") -> bool:
        """Whether an event concerns the path, or ends the watch itself."""
        return event.name is None or event.name.name in self._awaited
