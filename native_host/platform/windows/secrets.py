# SPDX-License-Identifier: MIT
"""Windows encrypts data so that only this user's programs on this computer read it.

See ``CryptProtectData`` of Win32 (DPAPI). Windows derives its key from the user's
password.
"""

import ctypes
import sys
from ctypes import wintypes

if sys.platform != "win32":  # mypy reads on only for Windows
    raise ImportError("This module is for Windows.")

_NO_QUESTION = 1  # CRYPTPROTECT_UI_FORBIDDEN


class _Blob(ctypes.Structure):
    """DATA_BLOB."""

    _fields_ = [("length", wintypes.DWORD), ("data", ctypes.c_void_p)]


_crypt = ctypes.WinDLL("crypt32", use_last_error=True)
_kernel = ctypes.WinDLL("kernel32")
_kernel.LocalFree.argtypes = [ctypes.c_void_p]


def protect(secret: bytes | bytearray) -> bytes:
    """Return a secret encrypted. Raises ``OSError``."""
    return bytes(_convert(_crypt.CryptProtectData, secret))


def unprotect(data: bytes) -> bytearray:
    """Return what ``protect`` was given, which the caller wipes.

    Raises ``OSError``, also for what another user or computer has encrypted.
    """
    return _convert(_crypt.CryptUnprotectData, data)


def _convert(call: "ctypes._NamedFuncPointer", data: bytes | bytearray) -> bytearray:
    given = (ctypes.c_char * len(data)).from_buffer_copy(data)
    source, result = _Blob(len(data), ctypes.addressof(given)), _Blob()
    done = call(
        ctypes.byref(source),
        None,
        None,
        None,
        None,
        _NO_QUESTION,
        ctypes.byref(result),
    )
    error = ctypes.get_last_error()
    ctypes.memset(given, 0, len(data))
    if not done:
        raise ctypes.WinError(error)
    try:
        return bytearray(ctypes.string_at(result.data, result.length))
    finally:
        ctypes.memset(result.data, 0, result.length)
        _kernel.LocalFree(result.data)
