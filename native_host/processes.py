# SPDX-License-Identifier: MIT
"""What Linux says of processes in ``/proc`` (proc(5))."""

from pathlib import Path

__all__ = ["parent_of"]


def parent_of(pid: int) -> int:
    """Return the process that started another. Raises ``OSError`` and ``ValueError``.

    0 and 1 are no programs of the person's.
    """
    # The name in it is in brackets and may hold anything.
    fields = Path("/proc", str(pid), "stat").read_bytes().rpartition(b")")[2].split()
    if len(fields) < 2:
        raise ValueError("The process can't be read.")
    return int(fields[1])
