# SPDX-License-Identifier: MIT
"""What holds for all tests."""

import os
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a private folder in it
_ENOUGH = 1 << 30  # bytes


def pytest_configure() -> None:
    """Have temporary folders in memory where there is room, and programs may be run.

    Mock cards are written to the disk for good before a command is answered, and
    browsers do much the same with their profiles: tests would wait for the disk.
    """
    if not os.access(_MEMORY, os.W_OK):
        return
    system = os.statvfs(_MEMORY)
    room = system.f_bavail * system.f_frsize
    if room >= _ENOUGH and not system.f_flag & os.ST_NOEXEC:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))
