# SPDX-License-Identifier: MIT
"""A stand-in for the desktop's portal that begins a mail. It needs no Qt."""

import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    message_bus,
    new_error,
    new_method_return,
    new_signal,
)
from jeepney.io.blocking import open_dbus_connection

PORTAL, EMAIL = "org.freedesktop.portal.Desktop", "org.freedesktop.portal.Email"
REQUEST = "org.freedesktop.portal.Request"
COMPOSE = ("ComposeEmail", "sa{sv}")


@dataclass
class MailPortal:
    """Answers each call to compose a message with the next of ``answers``.

    An answer is the number of a response, or the name of an error.
    """

    answers: list[int | str]
    #: Of each call: the parent window, and the files by path and content.
    calls: "queue.Queue[tuple[str, dict[str, bytes]]]" = field(
        default_factory=queue.Queue
    )

    def answer(self, call: Message, send: Callable[[Message], object]) -> None:
        """Answer a call, then note it: who waits for the note may end the portal."""
        parent, options = call.body
        assert call.header.fields[HeaderFields.signature] == COMPOSE[1]
        signature, descriptors = options["attachment_fds"]
        assert signature == "ah"
        files = {}
        for each in descriptors:
            with each.to_file("rb") as file:
                path = os.fspath(Path(f"/proc/self/fd/{file.fileno()}").readlink())
                files[path] = file.read()
        for each in self._answers(call, options["handle_token"][1]):
            send(each)
        self.calls.put((parent, files))

    def _answers(self, call: Message, token: str) -> list[Message]:
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            return [new_error(call, answer)]
        sender = call.header.fields[HeaderFields.sender]
        path = "/".join(
            (
                "/org/freedesktop/portal/desktop/request",
                sender.removeprefix(":").replace(".", "_"),
                token,
            )
        )
        request = DBusAddress(path, interface=REQUEST)
        response = new_signal(request, "Response", "ua{sv}", (answer, {}))
        response.header.fields[HeaderFields.destination] = sender
        return [new_method_return(call, "o", (path,)), response]


@contextmanager
def open_mail_portal(session: str, *answers: int | str) -> Iterator[MailPortal]:
    """Join a session's bus as its portal, and leave it at exit."""
    portal = MailPortal([*answers])
    bus = open_dbus_connection(bus=session, enable_fds=True)
    bus.send_and_get_reply(message_bus.RequestName(PORTAL))

    def listen() -> None:
        with suppress(OSError):  # the end
            while True:
                call = bus.receive()
                if call.header.fields.get(HeaderFields.member) == COMPOSE[0]:
                    portal.answer(call, bus.send)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield portal
    finally:
        bus.sock.shutdown(2)
        thread.join()
        bus.close()
