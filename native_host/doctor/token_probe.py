# SPDX-License-Identifier: MIT
"""Asks p11-kit's proxy for slots as a browser does (PKCS#11 2.40, C_GetSlotList).

A process of its own, since the modules that p11-kit loads may hang or crash. It opens
no session and logs in nowhere. ``p11_kit_set_progname`` makes p11-kit take it for a
browser.

    python -I -m native_host.doctor.token_probe LIBRARY PROGRAM

prints ``{"slots": COUNT}``, the number of Kortilla's slots, and ends with 1 when
p11-kit fails.
"""

import ctypes
import json
import sys
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    byref,
    c_char,
    c_ubyte,
    c_ulong,
    c_void_p,
)

_OK = 0
_MANUFACTURER = b"Kortilla"
_BUFFER_TOO_SMALL = 0x150
_TRIES = 5  # a slot may come between two calls


class _Version(Structure):
    _fields_ = [("major", c_ubyte), ("minor", c_ubyte)]


class _SlotInfo(Structure):
    """CK_SLOT_INFO."""

    _fields_ = [
        ("description", c_char * 64),
        ("manufacturer", c_char * 32),
        ("flags", c_ulong),
        ("hardware", _Version),
        ("firmware", _Version),
    ]


class _Functions(Structure):
    """The beginning of CK_FUNCTION_LIST."""

    _fields_ = [
        ("version", _Version),
        ("initialize", CFUNCTYPE(c_ulong, c_void_p)),
        ("finalize", CFUNCTYPE(c_ulong, c_void_p)),
        ("get_info", c_void_p),
        ("get_function_list", c_void_p),
        (
            "get_slot_list",
            CFUNCTYPE(c_ulong, c_ubyte, POINTER(c_ulong), POINTER(c_ulong)),
        ),
        ("get_slot_info", CFUNCTYPE(c_ulong, c_ulong, POINTER(_SlotInfo))),
    ]


def main(library: str, program: str) -> int:
    """Print how many slots of Kortilla the program would have."""
    p11_kit = ctypes.CDLL(library)
    p11_kit.p11_kit_set_progname(program.encode())
    functions = POINTER(_Functions)()
    p11_kit.C_GetFunctionList.restype = c_ulong
    if p11_kit.C_GetFunctionList(byref(functions)) != _OK:
        return 1
    calls = functions.contents
    if calls.initialize(None) != _OK:
        return 1
    slots = [slot for slot in _slots(calls) if _is_ours(calls, slot)]
    print(json.dumps({"slots": len(slots)}), flush=True)
    calls.finalize(None)
    return 0


def _slots(calls: _Functions) -> list[int]:
    for _ in range(_TRIES):
        count = c_ulong()
        if calls.get_slot_list(0, None, byref(count)) != _OK:
            break
        slots = (c_ulong * count.value)()
        result = calls.get_slot_list(0, slots, byref(count))
        if result == _OK:
            return list(slots[: count.value])
        if result != _BUFFER_TOO_SMALL:
            break
    return []


def _is_ours(calls: _Functions, slot: int) -> bool:
    found = _SlotInfo()
    answer = calls.get_slot_info(slot, byref(found))
    return bool(answer == _OK and found.manufacturer.rstrip() == _MANUFACTURER)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
