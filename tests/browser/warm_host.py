# SPDX-License-Identifier: MIT
"""Starts hosts for a browser that have all imports done.

The browser starts a small relay. It hands its standard streams to a process that has
imported the host. That process forks itself, and the child is the host. The relay lives
as long as the host: it passes SIGTERM on, ends with the host's status, and takes the
host along when it is killed. For the host, the browser is the parent as usual.
"""

import atexit
import contextlib
import functools
import os
import selectors
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.support.warm import become, import_all

__all__ = ["relay_command"]

_MESSAGE = 1 << 17  # bytes of a request

# It starts about 200 times in a test run, so it imports only what Python has built in.
_RELAY = r"""
import _signal, _socket, os, sys
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
server.connect(sys.argv[1])
environment = [b"%s=%s" % each for each in os.environb.items()]
message = [b"%d" % os.getppid(), os.getcwdb(), b"%d" % len(environment), *environment]
message += map(os.fsencode, sys.argv[2:])
streams = b"".join(number.to_bytes(4, sys.byteorder) for number in range(3))
rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)
server.sendmsg([b"\0".join(message)], [rights])
host = int(server.recv(16))
_signal.signal(_signal.SIGTERM, lambda *_: os.kill(host, _signal.SIGTERM))
for stream in range(3):
    os.close(stream)
status = int(server.recv(16))
if status < 0:
    _signal.signal(-status, _signal.SIG_DFL)
    os.kill(os.getpid(), -status)
os._exit(status)
"""


def relay_command(code: str) -> list[str]:
    """Return the command that runs Python code in a warm host.

    It lacks the browser's arguments, which become ``sys.argv[1:]`` of the code.
    """
    return [sys.executable, "-I", "-S", "-c", _RELAY, _server(), code]


@functools.cache
def _server() -> str:
    """Start the process that forks, which ends with this one; return its address."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        folder = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")  # noqa: S108
        address = folder / f"kortilla-test-{os.getpid()}-{os.urandom(4).hex()}"
        listener.bind(str(address))
        atexit.register(address.unlink, missing_ok=True)
        listener.listen(16)
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", __name__, str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
        )
    # Its standard input ends, and with it the process.
    atexit.register(process.communicate)
    return str(address)


def _serve(listener: socket.socket) -> None:
    import_all()
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd == 0:
                    return
                if key.fileobj is listener:
                    relay = listener.accept()[0]
                    selector.register(relay, selectors.EVENT_READ)
                elif isinstance(key.data, _Host):
                    key.data.reap(selector)
                elif isinstance(key.fileobj, socket.socket):
                    _hear(selector, key.fileobj, key.data)


class _Host:
    """A running host and the relay that waits for it."""

    def __init__(self, pid: int, relay: socket.socket) -> None:
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self._relay = relay

    def reap(self, selector: selectors.BaseSelector) -> None:
        """Tell the relay the status of the host, which has ended."""
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        selector.unregister(self.pidfd)
        os.close(self.pidfd)
        with contextlib.suppress(KeyError):
            selector.unregister(self._relay)
        with contextlib.suppress(BrokenPipeError):
            self._relay.send(str(status).encode())
        self._relay.close()


def _hear(
    selector: selectors.BaseSelector, relay: socket.socket, host: int | None
) -> None:
    """Start a relay's host. A relay that has gone takes its host along."""
    message, streams, *_ = socket.recv_fds(relay, _MESSAGE, 3)
    if not message:
        selector.unregister(relay)
        if host is None:
            relay.close()
        else:
            os.kill(host, signal.SIGKILL)
        return
    if not (pid := os.fork()):
        selector.close()
        _become_host(message, streams)
    for stream in streams:
        os.close(stream)
    selector.modify(relay, selectors.EVENT_READ, pid)
    started = _Host(pid, relay)
    selector.register(started.pidfd, selectors.EVENT_READ, started)
    with contextlib.suppress(BrokenPipeError):
        relay.send(str(pid).encode())


def _become_host(message: bytes, streams: list[int]) -> None:
    parent, folder, count, *rest = map(os.fsdecode, message.split(b"\0"))
    environment = dict(each.split("=", 1) for each in rest[: int(count)])
    code, *arguments = rest[int(count) :]
    browser = int(parent)
    os.getppid = lambda: browser
    become(code, arguments, environment, folder, streams)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
