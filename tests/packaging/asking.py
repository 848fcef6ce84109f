# SPDX-License-Identifier: MIT
"""A program of the user's that wants the host to sign a login.

``asking.py proxy`` has xdg-native-messaging-proxy start the host, as any program on the
session's bus can. ``asking.py PROGRAM`` starts the host itself. It runs in the new
system, on Debian's own Python. It says when the host has opened its window, waits for
the end of its input, and prints the host's log. With ``token-status`` in place of an
origin it asks as the extension's popup does, and prints the answer.
"""

import json
import os
import subprocess
import sys
from importlib import import_module

HOST, EXTENSION, ORIGIN = sys.argv[2:]
PROXY = "org.freedesktop.NativeMessagingProxy"


def by_proxy() -> tuple[object, list[int]]:
    """Return the connection that keeps the host, and the ends of its streams."""
    gio, glib = map(import_module, ("gi.repository.Gio", "gi.repository.GLib"))
    bus = gio.bus_get_sync(gio.BusType.SESSION)
    _, streams = bus.call_with_unix_fd_list_sync(
        *(PROXY, "/org/freedesktop/nativemessagingproxy", PROXY, "Start"),
        glib.Variant("(sssa{sv})", (HOST, EXTENSION, "mozilla", {})),
        *(None, gio.DBusCallFlags.NONE, -1, None, None),
    )
    return bus, streams.steal_fds()


def itself(program: str) -> tuple[object, list[int]]:
    """Do the same without the proxy."""
    (stdin, requests), (answers, stdout), (log, stderr) = (os.pipe() for _ in range(3))
    host = subprocess.Popen(
        [program, f"/{HOST}.json", EXTENSION],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
    )
    for each in (stdin, stdout, stderr):
        os.close(each)
    return host, [requests, answers, log]


def main() -> None:
    way = sys.argv[1]
    _kept, (requests, answers, log) = by_proxy() if way == "proxy" else itself(way)
    login = {
        "challengeNonce": "A" * 43 + "=",
        "origin": ORIGIN,
        "userActivation": True,
    }
    message = {"id": "1", "command": "authenticate", "arguments": login}
    if ORIGIN == "token-status":
        page = {"page": "moz-extension://00000000-0000-4000-8000-000000000000"}
        message = {"id": "1", "command": ORIGIN, "arguments": page}
    body = json.dumps(message).encode()
    os.write(requests, len(body).to_bytes(4, sys.byteorder) + body)
    with os.fdopen(answers, "rb") as output:
        while head := output.read(4):
            said = json.loads(output.read(int.from_bytes(head, sys.byteorder)))
            if ORIGIN == "token-status" and "id" in said:
                print(said.get("result") or said["error"]["code"])
                break
            if said.get("progress") == "window-open":
                print("open", flush=True)
                sys.stdin.read()
                break
    os.close(requests)
    with os.fdopen(log) as file:
        print(file.read(), end="")


if __name__ == "__main__":
    main()
