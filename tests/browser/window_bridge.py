# SPDX-License-Identifier: MIT
"""Runs as the PIN window and relays its two pipes to the test.

``python -I -S window_bridge.py PORT`` relays the host's output to the test and the
test's output to the host. The end of either side ends both. It starts several hundred
times in a run, so it imports only what is built in.
"""

import _socket
import _thread
import os
import sys


def main(port: int) -> None:
    """Relay bytes both ways until the host or the test closes its side."""
    test = _socket.socket()
    test.connect(("127.0.0.1", port))
    _thread.start_new_thread(pass_on_answers, (test,))
    while data := os.read(0, 65536):
        while data:
            data = data[test.send(data) :]
    os._exit(0)


def pass_on_answers(test: _socket.socket) -> None:
    """Relay the test's output; its end ends the window."""
    while data := test.recv(65536):
        os.write(1, data)
    os._exit(7)


if __name__ == "__main__":
    main(int(sys.argv[1]))
