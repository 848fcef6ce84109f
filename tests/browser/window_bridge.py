# SPDX-License-Identifier: MIT
"""Runs as the PIN window and relays its two pipes to the test.

``python window_bridge.py PORT`` relays the host's output to the test and the test's
output to the host. The end of either side ends both.
"""

import os
import socket
import sys
import threading


def main(port: int) -> None:
    """Relay bytes both ways until the host or the test closes its side."""
    with socket.create_connection(("127.0.0.1", port)) as test:
        threading.Thread(target=pass_on_answers, args=(test,), daemon=True).start()
        while data := os.read(0, 65536):
            test.sendall(data)
    os._exit(0)


def pass_on_answers(test: socket.socket) -> None:
    """Relay the test's output; its end ends the window."""
    while data := test.recv(65536):
        os.write(1, data)
    os._exit(7)


if __name__ == "__main__":
    main(int(sys.argv[1]))
