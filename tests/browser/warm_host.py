# SPDX-License-Identifier: MIT
"""Hosts for a browser, and windows for a host, that have all imports done.

The browser starts a small relay. It hands its standard streams to a process of
``tests.support.warm`` that has imported the host. That one forks, and the child is the
host. The relay lives as long as the host: it passes SIGTERM on, ends with the host's
status, and takes the host along when it is killed. For the host, the browser is the
parent as usual. A window's process is started by its host in the same way, from one
that has imported Qt.
"""

import sys

from tests.support import warm

_QT = ("native_host.pin_prompt.gui.application",)
_WINDOW = "from native_host.pin_prompt.__main__ import main; main()"

# It starts several hundred times in a run, so it imports only what is built in.
_RELAY = """
import _signal, _socket, os, sys
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
server.connect(sys.argv[1])
_signal.signal(_signal.SIGTERM, lambda *_: server.send(b"SIGTERM"))
arguments = ["-I", "-c", *sys.argv[2:]]
message = repr((arguments, dict(os.environ), os.getcwd(), [0, 1, 2], "")).encode()
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
    server = warm.forking(warm.HOST).address
    return [sys.executable, "-I", "-S", "-c", _RELAY, server, code]


def window_command() -> list[str]:
    """Return the command that runs the window's process.

    It is for ``native_host.pin_prompt.spawn.COMMAND``.
    """
    server = warm.forking(_QT, warm.HOST).address
    return [sys.executable, "-I", "-S", "-c", _RELAY, server, _WINDOW]
