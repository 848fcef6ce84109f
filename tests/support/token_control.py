# SPDX-License-Identifier: MIT
"""Replaces ``kortilla pkcs11``: the control socket of a browser's token."""

import json
import os
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

Answer = dict[str, Any]


@contextmanager
def runtime_folder() -> Iterator[Path]:
    """Create a folder for ``XDG_RUNTIME_DIR``.

    A socket's path has at most 107 bytes.
    """
    with tempfile.TemporaryDirectory(prefix="kortilla-") as folder:
        yield Path(folder)


class TokenControl:
    """Listens as a program's token does, and records its requests.

    ``program`` is the program's process. ``answer`` is the response to ``prepare``;
    None leaves the client without a response.
    """

    def __init__(
        self,
        runtime: Path,
        program: int,
        *,
        answer: Answer | None,
        pid: int | None = None,
    ) -> None:
        self.asked: list[Answer] = []
        #: Set when a client has sent ``prepare``, and when it has disconnected.
        self.begun, self.left = threading.Event(), threading.Event()
        folder = runtime / "kortilla"
        folder.mkdir(mode=0o700, exist_ok=True)
        self._path = folder / f"pkcs11-{pid or os.getpid()}.sock"
        token = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while line := self.rfile.readline():
                    message = json.loads(line)
                    token.asked.append(message)
                    if message == {"command": "who"}:
                        self._say({"result": {"program": "SPECIMEN", "pid": program}})
                        continue
                    token.begun.set()
                    if answer is None:
                        self.rfile.read()
                        break
                    self._say(answer)
                if token.begun.is_set():
                    token.left.set()

            def _say(self, message: Answer) -> None:
                self.wfile.write(json.dumps(message).encode() + b"\n")

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True

        self._server = Server(str(self._path), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def prepared(self) -> int:
        """How many requests to prepare a login it has received."""
        return self.asked.count({"command": "prepare"})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._path.unlink(missing_ok=True)
