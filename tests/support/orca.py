# SPDX-License-Identifier: MIT
"""The screen reader Orca, whose speech is recorded and heard by nobody."""

import contextlib
import os
import re
import shutil
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

from tests.support.patience import patience
from tests.support.screen import Screen

_MARKUP = re.compile(r"<[^>]*>")
#: What Speech Dispatcher answers to commands that want more than a yes
#: (https://htmlpreview.github.io/?https://github.com/brailcom/speechd/blob/master/doc/ssip.html).
_ANSWERS = {
    b"HISTORY": ["245-1", "245 OK CLIENT ID SENT"],
    b"GET": ["251-en", "251 OK GET RETURNED"],
    b"LIST": ["249-voice\ten\tnone", "249 OK VOICE LIST SENT"],
    b"CHAR": ["225-1", "225 OK MESSAGE QUEUED"],
    b"KEY": ["225-1", "225 OK MESSAGE QUEUED"],
    b"SPEAK": ["230 OK RECEIVING DATA"],
    b".": ["225-1", "225 OK MESSAGE QUEUED"],
}

#: Orca ends all others of the same user, or does not start beside one. The person who
#: runs the tests may hear with one, and another worker may test with one.
_BESIDE_OTHERS = """
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
loader = SourceFileLoader("orca_program", sys.argv[1])
program = module_from_spec(spec_from_loader(loader.name, loader))
loader.exec_module(program)
program.otherOrcas = list
program.setProcessName = str
del sys.argv[1]
sys.exit(program.main())
"""
#: Debian's Python, which has what Orca needs.
_PYTHON = "/usr/bin/python3"


class Orca(socketserver.ThreadingUnixStreamServer):
    """Speech Dispatcher to Orca: it hears what Orca would have said."""

    daemon_threads = True

    def __init__(self, address: str) -> None:
        super().__init__(address, _Conversation)
        self._said: list[str] = []
        self._more = threading.Condition()

    @property
    def said(self) -> list[str]:
        """All that was said, in order."""
        with self._more:
            return [*self._said]

    def hear(self, words: str) -> None:
        """Note what is said."""
        with self._more:
            self._said.append(" ".join(unescape(_MARKUP.sub("", words)).split()))
            self._more.notify_all()

    def wait_for(self, *words: str, since: int = 0) -> list[str]:
        """Wait until all of these were said after a number of others; return those."""

        def heard() -> bool:
            said = " ".join(self._said[since:])
            return all(each in said for each in words)

        with self._more:
            assert self._more.wait_for(heard, patience()), self._said[since:]
            return self._said[since:]


class _Conversation(socketserver.StreamRequestHandler):
    server: Orca

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # Orca has ended
            self._answer()

    def _answer(self) -> None:
        text: list[str] | None = None
        for line in self.rfile:
            words = line.rstrip(b"\r\n")
            if text is not None and words != b".":
                text.append(words.decode())
                continue
            if text is not None:
                self.server.hear(" ".join(text))
                text = None
            command, _, rest = words.partition(b" ")
            if command == b"SPEAK":
                text = []
            elif command in (b"CHAR", b"KEY"):
                self.server.hear(rest.decode())
            answer = _ANSWERS.get(command, ["200 OK"])
            self.wfile.write("".join(f"{each}\r\n" for each in answer).encode())


@contextmanager
def open_orca(screen: Screen, session: str, folder: Path) -> Iterator[Orca]:
    """Run Orca on a screen and a session's bus, with a home of its own in a folder."""
    home = folder / "orca"
    home.mkdir(mode=0o700)
    address = os.fspath(home / "speech")
    environment = screen.environment | {
        "DBUS_SESSION_BUS_ADDRESS": session,
        "GSETTINGS_BACKEND": "memory",
        "HOME": os.fspath(home),
        "LC_ALL": "C.UTF-8",
        "SPEECHD_ADDRESS": f"unix_socket:{address}",
        "XDG_RUNTIME_DIR": os.fspath(home),
    }
    with Orca(address) as orca:
        threading.Thread(target=orca.serve_forever, daemon=True).start()
        program = subprocess.Popen(
            [_PYTHON, "-c", _BESIDE_OTHERS, shutil.which("orca") or "orca"],
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        try:
            orca.wait_for("Screen reader on")
            yield orca
        finally:
            program.kill()  # its own end takes seconds
            program.wait()
            orca.shutdown()
