# SPDX-License-Identifier: MIT
"""What others may do with this process on Windows, and what it may do itself.

``posix/protection.py`` has the same names, but for what only Windows has. See
"Security Descriptor String Format", "Process Security and Access Rights",
``SetProcessMitigationPolicy``, ``WerSetFlags`` and ``SetErrorMode`` of Win32.
"""

import ctypes
import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import wintypes

if sys.platform != "win32":  # mypy reads on only for Windows
    raise ImportError("This module is for Windows.")

_TOKEN_QUERY, _TOKEN_USER = 8, 1
_ANY_LENGTH = 1024  # bytes; a SID has at most 68
_DACL, _OWNER = 4, 1  # SECURITY_INFORMATION
_REVISION = 1  # of SDDL
_KERNEL_OBJECT = 6  # SE_OBJECT_TYPE

#: What the user's other programs may do with a process: end it, wait for its end, and
#: learn what program it is. They may not read or write its memory, copy its handles,
#: start a thread in it, or change these rights (PROCESS_TERMINATE,
#: PROCESS_QUERY_LIMITED_INFORMATION, SYNCHRONIZE, READ_CONTROL).
_OTHERS_MAY = 0x1 | 0x1000 | 0x10_0000 | 0x2_0000
_ALL = 0x1F_FFFF  # PROCESS_ALL_ACCESS
#: The rights of the owner (OW) take the place of the owner's right to change rights.
_CLOSED = (
    f"D:P(A;;{_OTHERS_MAY:#x};;;OW)(A;;{_OTHERS_MAY:#x};;;{{user}})(A;;{_ALL:#x};;;SY)"
)

#: SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX: a crash opens no window and starts no
#: report. WER_FAULT_REPORTING_FLAG_NOHEAP: a report has no heap, where there is one.
_NO_ERROR_BOXES = 1 | 2
_NO_HEAP = 1
#: LOAD_LIBRARY_SEARCH_DEFAULT_DIRS: neither the current folder nor those of PATH.
_DEFAULT_FOLDERS = 0x1000

#: PROCESS_MITIGATION_POLICY, and the flags of each.
_POLICIES = {
    "dynamic-code": (2, 1),  # makes no memory executable
    "extension-points": (6, 1),  # loads no DLL of a hook, AppInit or old input method
    "fonts": (9, 1),  # only those of the system
    "images": (10, 3),  # no DLL from a share, or that a sandboxed program has written
}
#: Values of SetWindowDisplayAffinity: nothing is captured, or a black window by Windows
#: before version 2004.
_NOT_CAPTURED, _ONLY_ON_MONITOR = 0x11, 1


class _Attributes(ctypes.Structure):
    """SECURITY_ATTRIBUTES."""

    _fields_ = [
        ("length", wintypes.DWORD),
        ("descriptor", ctypes.c_void_p),
        ("inherit", wintypes.BOOL),
    ]


class _SidAndAttributes(ctypes.Structure):
    _fields_ = [("sid", ctypes.c_void_p), ("attributes", wintypes.DWORD)]


_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_advapi = ctypes.WinDLL("advapi32", use_last_error=True)
_kernel.GetCurrentProcess.restype = wintypes.HANDLE
_kernel.LocalFree.argtypes = [ctypes.c_void_p]
_kernel.CloseHandle.argtypes = [wintypes.HANDLE]


def check(result: int) -> None:
    """Raise ``OSError`` with Windows' last error if a call returned 0."""
    if not result:
        raise ctypes.WinError(ctypes.get_last_error())


@functools.cache
def user_sid() -> str:
    """Return the SID of this process's user. Raises ``OSError``."""
    token = wintypes.HANDLE()
    process = wintypes.HANDLE(_kernel.GetCurrentProcess())
    check(_advapi.OpenProcessToken(process, _TOKEN_QUERY, ctypes.byref(token)))
    try:
        user = ctypes.create_string_buffer(_ANY_LENGTH)
        length = wintypes.DWORD()
        check(
            _advapi.GetTokenInformation(
                token, _TOKEN_USER, user, _ANY_LENGTH, ctypes.byref(length)
            )
        )
        return _text_of_sid(_SidAndAttributes.from_buffer(user).sid)
    finally:
        _kernel.CloseHandle(token)


def owner_sid(handle: int) -> str:
    """Return the SID of the owner of a pipe or process. Raises ``OSError``."""
    owner, descriptor = ctypes.c_void_p(), ctypes.c_void_p()
    error = _advapi.GetSecurityInfo(
        wintypes.HANDLE(handle),
        _KERNEL_OBJECT,
        _OWNER,
        ctypes.byref(owner),
        None,
        None,
        None,
        ctypes.byref(descriptor),
    )
    if error:
        raise ctypes.WinError(error)
    try:
        return _text_of_sid(owner.value)
    finally:
        _kernel.LocalFree(descriptor)


def _text_of_sid(sid: int | None) -> str:
    text = wintypes.LPWSTR()
    check(_advapi.ConvertSidToStringSidW(ctypes.c_void_p(sid), ctypes.byref(text)))
    try:
        return text.value or ""
    finally:
        _kernel.LocalFree(ctypes.cast(text, ctypes.c_void_p))


@contextmanager
def security(sddl: str) -> Iterator[_Attributes]:
    """Provide attributes for a new object. Raises ``OSError``.

    ``{user}`` in ``sddl`` stands for the SID of this process's user.
    """
    descriptor = ctypes.c_void_p()
    check(
        _advapi.ConvertStringSecurityDescriptorToSecurityDescriptorW(
            sddl.format(user=user_sid()), _REVISION, ctypes.byref(descriptor), None
        )
    )
    try:
        yield _Attributes(ctypes.sizeof(_Attributes), descriptor, False)
    finally:
        _kernel.LocalFree(descriptor)


def deny_memory_access() -> None:
    """Deny this process's memory to the user's other programs.

    What another program has opened before this call stays open to it. Windows lets
    administrators, and the threads of this process be opened as before.
    """
    with security(_CLOSED) as closed:
        check(
            _advapi.SetKernelObjectSecurity(
                wintypes.HANDLE(_kernel.GetCurrentProcess()),
                _DACL,
                ctypes.c_void_p(closed.descriptor),
            )
        )


def disable_core_dumps() -> None:
    """Have a crash write no memory to disk. Child processes inherit the first half."""
    _kernel.SetErrorMode(_NO_ERROR_BOXES)
    # It gives no error code of Windows, and there may be no reports at all.
    _kernel.WerSetFlags(_NO_HEAP)


def allow_inspection() -> None:
    """Do nothing: desktop services look at no process on Windows."""


def refuse_foreign_code() -> None:
    """Load no DLL that others place here.

    One is looked for beside the program, in the system, and in folders added for it.
    """
    check(_kernel.SetDefaultDllDirectories(_DEFAULT_FOLDERS))
    _set_policies("extension-points", "fonts", "images")


def make_no_code() -> None:
    """Let this process make no memory executable.

    It is for processes without a window: what Windows, drivers and screen readers load
    into a window may need that.
    """
    _set_policies("dynamic-code")


def _set_policies(*names: str) -> None:
    """Give up abilities that this process does not need, for good.

    A Windows that does not know one leaves it out.
    """
    for name in names:
        policy, flags = _POLICIES[name]
        value = wintypes.DWORD(flags)
        _kernel.SetProcessMitigationPolicy(policy, ctypes.byref(value), 4)


def hide_from_capture(window: int) -> None:
    """Keep a window of this process out of pictures that other programs take."""
    user = ctypes.WinDLL("user32")
    handle = wintypes.HWND(window)
    if not user.SetWindowDisplayAffinity(handle, _NOT_CAPTURED):
        user.SetWindowDisplayAffinity(handle, _ONLY_ON_MONITOR)
