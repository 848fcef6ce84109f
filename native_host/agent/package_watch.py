# SPDX-License-Identifier: MIT
"""Notices that the program's package was set up anew, or has gone.

The package's marker says it. dpkg puts each file in its place by another name, and
unlinks what it removes. Only the package's own script opens the marker to write, when
all files of the new version are in place. It is for Linux alone, as packages are.
"""

import asyncio
import logging
import sys
from pathlib import Path
from typing import Literal

from asyncinotify import Inotify, Mask

from kortilla.common.imports import MARKER

logger = logging.getLogger(__name__)


async def change(folder: Path = Path(sys.prefix)) -> Literal["renewed", "removed"]:
    """Wait until the package is another version's, or is no more. May be cancelled."""
    try:
        with Inotify() as inotify:
            inotify.add_watch(folder, Mask.CLOSE_WRITE | Mask.DELETE)
            while True:
                event = await inotify.get()
                if event.name is not None and event.name.name == MARKER:
                    return "removed" if Mask.DELETE in event.mask else "renewed"
    except OSError as error:
        logger.info("The package can't be watched: %s", error.strerror)
        await asyncio.get_running_loop().create_future()
        raise
