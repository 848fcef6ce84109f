# SPDX-License-Identifier: MIT
"""Why Windows' smart card service can't be reached: its service manager knows.

Windows starts the service ``SCardSvr`` with the first reader, and stops it with the
last one. In a Remote Desktop session PC/SC has the readers of the other computer.
"""

import ctypes
import sys
import uuid
from ctypes import wintypes
from typing import Literal

if sys.platform != "win32":  # mypy reads on only for Windows
    raise ImportError("This module is for Windows.")

_REMOTE_SESSION = 0x1000  # SM_REMOTESESSION
_CONNECT, _QUERY_CONFIG = 1, 1  # SC_MANAGER_CONNECT, SERVICE_QUERY_CONFIG
_LARGEST_CONFIG = 8192  # bytes
_DISABLED = 4  # SERVICE_DISABLED
#: GUID_DEVINTERFACE_SMARTCARD_READER, and DIGCF_PRESENT with DIGCF_DEVICEINTERFACE.
_READER = uuid.UUID("50dd5230-ba8a-11d1-bf5d-0000f805f530").bytes_le
_PRESENT_INTERFACES = 0x12


class _Interface(ctypes.Structure):
    """SP_DEVICE_INTERFACE_DATA."""

    _fields_ = [
        ("size", wintypes.DWORD),
        ("kind", ctypes.c_byte * 16),
        ("flags", wintypes.DWORD),
        ("reserved", ctypes.c_void_p),
    ]


def obstacle() -> Literal["remote", "disabled", "stopped"] | None:
    """Return what keeps the service from this process, or None without a reader."""
    if ctypes.WinDLL("user32").GetSystemMetrics(_REMOTE_SESSION):
        return "remote"
    if _start_type() == _DISABLED:
        return "disabled"
    return "stopped" if _is_reader_there() else None


def _start_type() -> int | None:
    """Return how the service starts, or None if that can't be read."""
    services = ctypes.WinDLL("advapi32")
    services.OpenSCManagerW.restype = services.OpenServiceW.restype = wintypes.HANDLE
    manager = wintypes.HANDLE(services.OpenSCManagerW(None, None, _CONNECT))
    service = wintypes.HANDLE(services.OpenServiceW(manager, "SCardSvr", _QUERY_CONFIG))
    config, needed = ctypes.create_string_buffer(_LARGEST_CONFIG), wintypes.DWORD()
    read = services.QueryServiceConfigW(
        service, config, _LARGEST_CONFIG, ctypes.byref(needed)
    )
    for handle in (service, manager):
        services.CloseServiceHandle(handle)
    # QUERY_SERVICE_CONFIGW begins with two numbers: the kind, and the start.
    return wintypes.DWORD.from_buffer(config, 4).value if read else None


def _is_reader_there() -> bool:
    devices = ctypes.WinDLL("setupapi")
    devices.SetupDiGetClassDevsW.restype = wintypes.HANDLE
    found = wintypes.HANDLE(
        devices.SetupDiGetClassDevsW(_READER, None, None, _PRESENT_INTERFACES)
    )
    first = _Interface(size=ctypes.sizeof(_Interface))
    is_there = devices.SetupDiEnumDeviceInterfaces(
        found, None, _READER, 0, ctypes.byref(first)
    )
    devices.SetupDiDestroyDeviceInfoList(found)
    return bool(is_there)
