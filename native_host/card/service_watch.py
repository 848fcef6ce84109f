# SPDX-License-Identifier: MIT
"""When it is worth trying again to reach a smart card service that was not there.

A service that does not run gives no events, but its socket does: it is made when pcscd
or systemd begins to listen, in a folder that may not exist before.
"""

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncinotify import Event, Inotify

__all__ = ["ServiceWatch", "socket_path"]

logger = logging.getLogger(__name__)

_RETRY = 1.0  # seconds, where the system can't tell what happens to a file


def socket_path() -> Path:
    """Return the socket that pcsc-lite's library connects to."""
    return Path(os.environ.get("PCSCLITE_CSOCK_NAME") or "/run/pcscd/pcscd.comm")


class ServiceWatch:
    """Waits for something to happen to a socket, or to a folder that it needs.

    To miss nothing, call ``arm`` before each try to connect and ``news`` after one that
    failed. To be closed. Where there is no inotify ``news`` just waits for a second.
    """

    def __init__(self, socket: Path) -> None:
        self._socket = socket.absolute()
        self._inotify: Inotify | None = None
        self._awaited = ""

    def arm(self) -> None:
        """Begin to watch, as close to the socket as there are folders now."""
        self.close()
        if sys.platform != "linux":
            return
        # Imported here: hardly anybody ever needs it, and its import takes a while.
        from asyncinotify import Inotify, Mask

        # pcscd sets the mode of its socket once it listens.
        comes = Mask.CREATE | Mask.MOVED_TO | Mask.ATTRIB
        goes = Mask.DELETE_SELF | Mask.MOVE_SELF
        try:
            self._inotify = Inotify()
            # A folder may come between the look for it and the watch over its parent.
            while (folder := self._nearest_folder()) not in (
                watch.path for watch in self._inotify.watches
            ):
                self._inotify.add_watch(folder, comes | goes | Mask.ONLYDIR)
            self._awaited = self._socket.relative_to(folder).parts[0]
        except OSError as error:
            logger.info("The service's socket can't be watched: %s", error.strerror)
            self.close()

    async def news(self) -> None:
        """Wait until something has happened since ``arm``. May be cancelled."""
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
        """Whether an event is about what is waited for, or ends the watch itself."""
        return event.name is None or event.name.name == self._awaited
