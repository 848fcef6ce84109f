# SPDX-License-Identifier: MIT
"""A named pipe of this user, which takes the place of a socket in a folder of theirs.

See "Named Pipe Security and Access Rights" of Win32. ``multiprocessing`` reads and
writes messages with a time limit; nothing is unpickled.
"""

import _winapi
import asyncio
import ctypes
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from ctypes import wintypes
from multiprocessing import connection as connections
from pathlib import Path

from native_host.platform.windows import protection

if sys.platform != "win32":  # mypy reads on only for Windows
    raise ImportError("This module is for Windows.")

#: The user, and nobody else. Without "O:" an administrator's pipe belongs to a group.
_OWN = "O:{user}D:P(A;;GA;;;{user})"
_READ_WRITE = 0xC000_0000  # GENERIC_READ, GENERIC_WRITE
_DUPLEX, _FIRST, _OVERLAPPED = 3, 0x8_0000, 0x4000_0000
_MESSAGES, _REJECT_REMOTE = 4 | 2, 8
_BUFFER = 1 << 16  # bytes; messages may be longer
#: SECURITY_SQOS_PRESENT, SECURITY_IDENTIFICATION: a server may learn who asks, and not
#: act in their name.
_NOT_IN_MY_NAME = 0x10_0000 | 0x1_0000
_OPEN_EXISTING = 3

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.CreateNamedPipeW.restype = wintypes.HANDLE
_kernel.CreateEventW.restype = wintypes.HANDLE
_user = ctypes.WinDLL("user32")


async def answer_locally(
    path: Path, answer: Callable[[bytes], bytes], *, most: int, seconds: float
) -> None:
    """Answer each message of this user's other programs, until cancelled.

    The pipe has the name of ``path`` without its folder. A message has at most ``most``
    bytes, and must come within ``seconds``. ``answer`` runs in the event loop; its
    ``ValueError`` ends the connection without an answer. Raises ``OSError`` if another
    program has the name.
    """
    loop = asyncio.get_running_loop()
    pipe = _create(_address(path))
    stop = _kernel.CreateEventW(None, True, False, None)

    async def call(message: bytes) -> bytes:
        return answer(message)

    def serve() -> None:
        while _connected(pipe, stop):
            # Also what the other end causes, which may have gone.
            with (
                suppress(OSError, EOFError, ValueError, TimeoutError),
                closing(connections.PipeConnection(_duplicate(pipe))) as connection,
            ):
                if connection.poll(seconds):
                    wanted = call(connection.recv_bytes(most))
                    answered = asyncio.run_coroutine_threadsafe(wanted, loop)
                    connection.send_bytes(answered.result(seconds))
                    connection.poll(seconds)  # it closes its end with the answer
            _kernel.DisconnectNamedPipe(wintypes.HANDLE(pipe))
        _winapi.CloseHandle(pipe)
        _winapi.CloseHandle(stop)

    threading.Thread(target=serve, name="pipe", daemon=True).start()
    try:
        await loop.create_future()
    finally:
        _kernel.SetEvent(wintypes.HANDLE(stop))


def ask_locally(path: Path, line: bytes, *, most: int, seconds: float) -> bytes:
    """Return the answer to a line, of at most ``most`` bytes.

    The program that answers may come to the front. Raises ``OSError`` if there is none,
    or none of this user's.
    """
    handle = _winapi.CreateFile(
        _address(path),
        _READ_WRITE,
        0,
        _winapi.NULL,
        _OPEN_EXISTING,
        _OVERLAPPED | _NOT_IN_MY_NAME,
        _winapi.NULL,
    )
    with closing(connections.PipeConnection(handle)) as connection:
        if protection.owner_sid(handle) != protection.user_sid():
            raise PermissionError("The pipe is another user's.")
        _winapi.SetNamedPipeHandleState(
            handle, _winapi.PIPE_READMODE_MESSAGE, None, None
        )
        server = wintypes.DWORD()
        if _kernel.GetNamedPipeServerProcessId(
            wintypes.HANDLE(handle), ctypes.byref(server)
        ):
            _user.AllowSetForegroundWindow(server)
        try:
            connection.send_bytes(line)
            if not connection.poll(seconds):
                raise TimeoutError("There is no answer.")
            return connection.recv_bytes(most)
        except EOFError:
            raise ConnectionResetError("There is no answer.") from None


def _address(path: Path) -> str:
    # Other users have pipes of the same name, and all pipes are in one folder.
    return rf"\\.\pipe\kortilla-{protection.user_sid()}-{path.stem}"


def _create(address: str) -> int:
    with protection.security(_OWN) as own:
        handle = _kernel.CreateNamedPipeW(
            address,
            _DUPLEX | _FIRST | _OVERLAPPED,
            _MESSAGES | _REJECT_REMOTE,
            1,  # no other program can add one of the same name
            _BUFFER,
            _BUFFER,
            0,
            ctypes.byref(own),
        )
    protection.check(handle != wintypes.HANDLE(-1).value)
    return int(handle)


def _duplicate(pipe: int) -> int:
    """Return another handle, as a connection closes its own."""
    me = _winapi.GetCurrentProcess()
    return _winapi.DuplicateHandle(
        me, pipe, me, 0, False, _winapi.DUPLICATE_SAME_ACCESS
    )


def _connected(pipe: int, stop: int) -> bool:
    """Wait for a program that connects; False if ``stop`` comes first."""
    try:
        connecting = _winapi.ConnectNamedPipe(pipe, overlapped=True)
    except OSError:  # one has come and gone before
        return _winapi.WaitForSingleObject(stop, 0) != _winapi.WAIT_OBJECT_0
    events = [stop, connecting.event]
    first = _winapi.WaitForMultipleObjects(events, False, _winapi.INFINITE)
    if first == _winapi.WAIT_OBJECT_0:
        connecting.cancel()
        return False
    return True
