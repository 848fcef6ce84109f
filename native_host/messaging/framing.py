# SPDX-License-Identifier: MIT
"""Frames of native messaging: a 32-bit length in native byte order, then JSON.

This runs before any slow import. It uses only the standard library, without
dataclasses, whose import takes as long as Python's own start.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

#: Longest accepted message of a browser, in bytes.
MAX_LENGTH = 64 * 1024

#: Longest message of Web eID's protocol, in bytes.
WEB_EID_MAX_LENGTH = 8192

_CHUNK = 64 * 1024


class Frame(NamedTuple):
    """One message as received, or the reason of its rejection.

    ``fault`` is a sentence for the sender; ``body`` is then empty.
    """

    body: bytes = b""
    fault: str | None = None


class Pump:
    """A thread that reads frames from a file descriptor and delivers them.

    It starts before the event loop exists, and keeps frames until ``attach``. It works
    where ``connect_read_pipe`` does not (files, Windows).
    """

    def __init__(self, fd: int, *, first_look: Callable[[Frame], None]) -> None:
        """Read from ``fd``.

        ``first_look`` receives each frame at once, on the thread.
        """
        self._fd = fd
        self._first_look = first_look
        self._to_skip = 0
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

        ``deliver`` is called on the pump's thread, or here for kept frames.
        """
        with self._lock:
            self._deliver = deliver
            for frame in self._kept:
                deliver(frame)
            self._kept.clear()

    def _run(self) -> None:
        while True:
            frame = self._read_frame()
            if frame is not None:
                # This is only a head start. The same error occurs again, and is
                # answered, when the frame is handled. The thread must survive it: only
                # this thread notices the end of input.
                with suppress(Exception):
                    self._first_look(frame)
            with self._lock:
                if self._deliver is None:
                    self._kept.append(frame)
                    self._has_first.set()
                else:
                    self._deliver(frame)
            if frame is None:
                return

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

    def write(self, message: dict[str, Any]) -> None:
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


def parse(frame: Frame) -> dict[str, Any] | str:
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


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Reject a duplicate key: two parsers could see two messages."""
    message = dict(pairs)
    if len(message) != len(pairs):
        raise ValueError("a key stands twice")
    return message
