# SPDX-License-Identifier: MIT
"""Overwriting PINs and codes in memory."""


def wipe(buffer: bytearray) -> None:
    """Overwrite a PIN or a code; the buffer keeps its length."""
    buffer[:] = bytes(len(buffer))
