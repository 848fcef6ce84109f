# SPDX-License-Identifier: MIT
"""Hosts for a browser, and windows for a host, that have all imports done.

The browser starts a small relay. It hands its standard streams to a server that has
imported the host. The server forks, and the child is the host. The relay lives as long
as the host: it passes SIGTERM on, ends with the host's status, and takes the host along
when it is killed. For the host, the browser is the parent as usual. A window's process
is started by its host in the same way, from a server that has imported Qt.
"""

import ast
import atexit
import contextlib
import functools
import gc
import importlib
import os
import selectors
import signal
import socket
import struct
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from native_host.hardening import die_with_parent
from native_host.processes import parent_of
from tests.support import warm

_QT = "native_host.pin_prompt.gui.application"
_WINDOW = "from native_host.pin_prompt.__main__ import main; main()"

_MESSAGE = 1 << 17  # bytes of a request
_CREDENTIALS = struct.Struct("3i")  # of SO_PEERCRED: process, user, group
_TERMINATE = b"SIGTERM"

# It starts several hundred times in a run, so it imports only what is built in.
_RELAY = f"""
import _signal, _socket, os, sys
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
server.connect(sys.argv[1])
_signal.signal(_signal.SIGTERM, lambda *_: server.send({_TERMINATE!r}))
message = repr((sys.argv[2:], dict(os.environ), os.getcwd())).encode()
streams = b"".join(number.to_bytes(4, sys.byteorder) for number in range(3))
server.sendmsg([message], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
for stream in range(3):
    os.close(stream)
status = int(server.recv(16) or 70)
if status < 0:
    _signal.signal(-status, _signal.SIG_DFL)
    os.kill(os.getpid(), -status)
os._exit(status)
"""


def relay_command(code: str) -> list[str]:
    """Return the command that runs Python code in a warm host.

    It lacks the browser's arguments, which become ``sys.argv[1:]`` of the code. In the
    code ``LAUNCHED`` is the process that the browser has started.
    """
    return [sys.executable, "-I", "-S", "-c", _RELAY, _server(), code]


def window_command() -> list[str]:
    """Return the command that runs the window's process.

    It is for ``native_host.pin_prompt.spawn.COMMAND``.
    """
    return [sys.executable, "-I", "-S", "-c", _RELAY, _server(_QT), _WINDOW]


@functools.cache
def _server(*more: str) -> str:
    """Start a server with ``more`` imports, and return its address.

    It ends with this process.
    """
    folder = Path(tempfile.mkdtemp(prefix="kortilla-test-"))
    address = folder / "server"
    code = f"import sys; from {__name__} import serve; serve(*sys.argv[1:])"
    process = warm.start(code, [str(address), *more], os.environ)
    assert process.stdout.read(1), process.stderr.read()  # it listens

    def end() -> None:
        process.stdin.close()  # and with it the server ends
        process.wait()
        address.unlink()
        folder.rmdir()

    atexit.register(end)
    return str(address)


class _Child:
    """A running host or window, and the relay that waits for it."""

    def __init__(self, pid: int, relay: socket.socket) -> None:
        self._pid, self._relay = pid, relay
        self._pidfd = os.pidfd_open(pid)

    def watch(self, selector: selectors.BaseSelector) -> None:
        selector.register(self._pidfd, selectors.EVENT_READ, self._reap)
        selector.register(self._relay, selectors.EVENT_READ, self._hear)

    def _hear(self, selector: selectors.BaseSelector) -> None:
        """Pass on what the relay says. A relay that has gone takes its host along."""
        try:
            told = self._relay.recv(16)
        except ConnectionError:
            told = b""
        if not told:
            selector.unregister(self._relay)
        number = signal.SIGTERM if told == _TERMINATE else signal.SIGKILL
        with contextlib.suppress(ProcessLookupError):  # it may just have ended
            signal.pidfd_send_signal(self._pidfd, number)

    def _reap(self, selector: selectors.BaseSelector) -> None:
        """Tell the relay the status of the host, which has ended."""
        status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        selector.unregister(self._pidfd)
        os.close(self._pidfd)
        with contextlib.suppress(KeyError):
            selector.unregister(self._relay)
        with contextlib.suppress(OSError):
            self._relay.send(str(status).encode())
        self._relay.close()


def serve(address: str, *more: str) -> None:
    """Fork for each relay that connects, until the standard input ends.

    ``more`` are modules to import before.
    """
    for each in more:
        importlib.import_module(each)
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(address)
    listener.listen(16)
    os.write(1, b"\n")
    server = os.getpid()

    def accept(selector: selectors.BaseSelector) -> None:
        relay = listener.accept()[0]
        message, streams, *_ = socket.recv_fds(relay, _MESSAGE, 3)
        if not message:  # it was killed
            relay.close()
            return
        if not (pid := os.fork()):
            _become_host(server, relay, message, streams)
        for stream in streams:
            os.close(stream)
        _Child(pid, relay).watch(selector)

    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        selector.register(listener, selectors.EVENT_READ, accept)
        while True:
            # One at a time, since what one does may end what another is about.
            [(key, _), *_] = selector.select()
            if key.data is None:
                return
            key.data(selector)


def _become_host(
    server: int, relay: socket.socket, message: bytes, streams: list[int]
) -> NoReturn:
    die_with_parent(server)
    told = relay.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    launched, *_ = _CREDENTIALS.unpack(told)
    with contextlib.suppress(OSError):  # killed already, and soon this process too
        browser = parent_of(launched)
        os.getppid = lambda: browser
    (code, *arguments), environment, folder = ast.literal_eval(message.decode())
    warm.become(code, arguments, environment, folder, streams, LAUNCHED=launched)
