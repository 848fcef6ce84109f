# SPDX-License-Identifier: MIT
"""Overwrites what was secret."""

__all__ = ["wipe"]


def wipe(buffer: bytearray) -> None:
    """Overwrite a buffer with zeros, in place."""
    buffer[:] = bytes(len(buffer))
