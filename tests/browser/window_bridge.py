# SPDX-License-Identifier: MIT
"""Runs in the place of the PIN window, and hands its two pipes to the test.

``python window_bridge.py PORT``: what the host writes goes to the test, what the test
writes goes to the host. The end of either ends both.
"""

import os
import socket
import sys
import threading


def main(port: int) -> None:
    """Pass bytes on, both ways, until the host or the test is done."""
    with socket.create_connection(("127.0.0.1", port)) as test:
        threading.Thread(target=pass_on_answers, args=(test,), daemon=True).start()
        while data := os.read(0, 65536):
            test.sendall(data)
    os._exit(0)


def pass_on_answers(test: socket.socket) -> None:
    """Pass on what the test says; its end is the end of the window."""
    while data := test.recv(65536):
        os.write(1, data)
    os._exit(7)


if __name__ == "__main__":
    main(int(sys.argv[1]))
