# SPDX-License-Identifier: MIT
"""The frames of native messaging, and the window's process that starts ahead.

A frame of native messaging is a 32-bit length in native byte order, then JSON.

This runs before any slow import. It uses only the standard library, without
dataclasses, whose import takes as long as Python's own start.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from kortilla.common import JsonObject

#: Longest accepted message of a browser, in bytes.
MAX_LENGTH = 64 * 1024

#: Longest message of Web eID's protocol, in bytes.
WEB_EID_MAX_LENGTH = 8192

_CHUNK = 64 * 1024

#: Frames that wait for their turn; those that follow stay in the pipe. A browser that
#: takes no answers blocks the event loop.
_MOST_WAITING = 64


class Frame(NamedTuple):
    """One message as received, or the reason of its rejection.

    ``fault`` is a sentence for the sender; ``body`` is then empty.
    """

    body: bytes = b""
    fault: str | None = None


class Pump:
    """A thread that reads frames from a file descriptor and delivers them.

    It starts before the event loop exists, and keeps frames until ``attach``. It works
    where ``connect_read_pipe`` does not (files, Windows). It stops reading while too
    many frames wait, and then still notices that the sender has gone; on Windows, when
    the sender takes no answers any more either.
    """

    def __init__(self, fd: int, *, first_look: Callable[[Frame], None]) -> None:
        """Read from ``fd``.

        ``first_look`` receives each frame at once, on the thread.
        """
        self._fd = fd
        self._first_look = first_look
        self._to_skip = 0
        self._room = threading.Semaphore(_MOST_WAITING)
        self._watching = False
        self._lock = threading.Lock()
        self._kept: list[Frame | None] = []
        self._has_first = threading.Event()
        self._deliver: Callable[[Frame | None], None] | None = None
        threading.Thread(target=self._run, name="pump", daemon=True).start()

    def first(self) -> Frame | None:
        """Wait for the first frame, before ``attach``; None is the end of input."""
        self._has_first.wait()
        return self._kept[0]

    def attach(self, deliver: Callable[[Frame | None], None]) -> None:
        """Deliver all frames from now on, and None at the end of input.

        ``deliver`` is called on a thread of the pump, or here for kept frames. None may
        come twice. Call ``taken`` for each frame that is handled.
        """
        with self._lock:
            self._deliver = deliver
            for frame in self._kept:
                deliver(frame)
            self._kept.clear()

    def taken(self) -> None:
        """Make room for a frame."""
        self._room.release()

    def _wait_for_room(self) -> None:
        if self._room.acquire(blocking=False):
            return
        if not self._watching:
            self._watching = True
            threading.Thread(target=self._watch, name="hangup", daemon=True).start()
        self._room.acquire()

    def _watch(self) -> None:
        """Deliver the end of input also while earlier frames are not read."""
        from native_host.platform import system

        if system.wait_for_hangup(self._fd):
            self._hand_on(None)

    def _run(self) -> None:
        while True:
            self._wait_for_room()
            frame = self._read_frame()
            if frame is not None:
                # This is only a head start. The same error occurs again, and is
                # answered, when the frame is handled. The thread must survive it: only
                # this thread notices the end of input.
                with suppress(Exception):
                    self._first_look(frame)
            self._hand_on(frame)
            if frame is None:
                return

    def _hand_on(self, frame: Frame | None) -> None:
        with self._lock:
            if self._deliver is None:
                self._kept.append(frame)
                self._has_first.set()
            else:
                self._deliver(frame)

    def _read_frame(self) -> Frame | None:
        self._skip()
        head = self._read(4)
        if len(head) < 4:
            return None
        length = int.from_bytes(head, sys.byteorder)
        if length > MAX_LENGTH:
            # The error is reported now, before the whole message has arrived.
            self._to_skip = length
            return Frame(fault=f"The message is longer than {MAX_LENGTH} bytes.")
        body = self._read(length)
        return Frame(body) if len(body) == length else None

    def _skip(self) -> None:
        while self._to_skip and (part := self._read(min(self._to_skip, _CHUNK))):
            self._to_skip -= len(part)

    def _read(self, length: int) -> bytes:
        parts = []
        while length:
            try:
                part = os.read(self._fd, min(length, _CHUNK))
            except OSError:
                break
            if not part:
                break
            parts.append(part)
            length -= len(part)
        return b"".join(parts)


class FrameWriter:
    """Writes messages to a file descriptor, each whole."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()

    def write(self, message: JsonObject) -> None:
        """Send one message. A browser that has disconnected is no error here.

        The end of input reports that, and the host reacts to it there.
        """
        body = json.dumps(message, separators=(",", ":")).encode()
        data = memoryview(len(body).to_bytes(4, sys.byteorder) + body)
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
            except OSError:
                return


def parse(frame: Frame) -> JsonObject | str:
    """Return the JSON object in a frame, or a sentence that explains the error."""
    if frame.fault is not None:
        return frame.fault
    try:
        message = json.loads(frame.body.decode("utf-8"), object_pairs_hook=_no_twins)
    except (ValueError, RecursionError):
        return "The message is not JSON."
    if not isinstance(message, dict):
        return "The message is not a JSON object."
    return message


def _no_twins(pairs: list[tuple[str, object]]) -> JsonObject:
    """Reject a duplicate key: two parsers could see two messages."""
    message = dict(pairs)
    if len(message) != len(pairs):
        raise ValueError("a key stands twice")
    return message


#: The requests that open a window here.
WINDOW_COMMANDS = (
    *("authenticate", "get-signing-certificate", "prepare", "sign"),
    *("activate", "change-pin", "unblock"),
)


class PromptPrelaunch:
    """Starts the window's process while the host still imports its own modules.

    Nothing of it is visible until the request has been checked. ``command`` starts
    another program in place of the window; None starts the window.
    """

    def __init__(self, command: Sequence[str] | None) -> None:
        self.command = command
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def first_look(self, frame: Frame) -> None:
        """Start the process if a frame looks like a request that will need it.

        An error is ignored here. It is raised again, and answered, when the request is
        handled.
        """
        message = parse(frame)
        if isinstance(message, dict) and message.get("command") in WINDOW_COMMANDS:
            from native_host.config import load_config

            if load_config().prompt == "window":
                self.start()

    def start(self) -> None:
        """Start the process unless one is waiting already. Raises ``PromptError``."""
        from native_host.pin_prompt.spawn import spawn

        with self._lock:
            if self._process is None:
                self._process = spawn(self.command)

    def take(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            process, self._process = self._process, None
        return process

    def discard(self) -> None:
        process = self.take()
        if process is not None:
            process.kill()
            process.communicate()
