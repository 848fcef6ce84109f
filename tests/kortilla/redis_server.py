# SPDX-License-Identifier: MIT
"""A real redis-server for one test, which can be killed and frozen."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from redis import Redis

#: Debian has the Sentinel's name in a package of its own.
_PROGRAMS = {"redis-sentinel": "redis-server"}


class RedisServer:
    """Listens on a socket in a folder, and keeps its data only if configured so.

    ``options`` are more of the program's, such as those of ``tcp``. ``ready`` is in the
    line that says that it has started.
    """

    def __init__(
        self,
        folder: Path,
        options: Sequence[str] = (),
        *,
        program: str = "redis-server",
        ready: str = "Ready to accept",
    ) -> None:
        self._folder = folder
        self._program = program
        self._ready = ready
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self.url = f"unix://{folder}/socket"
        #: For tests that inspect and change data. Its type annotations are mostly
        #: wrong.
        self.client: Any = Redis.from_url(self.url)

    def start(self) -> None:
        """Start with the kept data."""
        options = ["--port", "0", "--unixsocket", "socket", "--dir", ".", "--logfile"]
        options += ["", "--save", ""]
        if self._program == "redis-sentinel":  # it takes them from its file alone
            options = ["sentinel.conf", "--sentinel"]
        self._process = subprocess.Popen(
            [_PROGRAMS.get(self._program, self._program), *options, *self._options],
            cwd=self._folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        while self._ready not in (line := self._process.stdout.readline()):
            assert line, "redis-server ended"
        (self._folder / "dump.rdb").unlink(missing_ok=True)

    def kill(self) -> None:
        """Kill it without warning, as a power cut does."""
        if self._process is not None:
            assert self._process.stdout
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    @contextlib.contextmanager
    def away(self, *, remembering: bool = True) -> Iterator[None]:
        """Stop it for the context; it restarts with all its data or with none."""
        if remembering:
            self.client.save()
        self.kill()
        try:
            yield
        finally:
            self.start()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze it with open connections; it may be killed meanwhile."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            if self._process:
                self._process.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def forbidding(self, *commands: str) -> Iterator[None]:
        """Make it refuse some commands, or kinds of them."""
        names = [f"-{name}" for name in commands]
        self.client.execute_command("ACL", "SETUSER", "default", *names, "+acl")
        try:
            yield
        finally:
            self.client.execute_command("ACL", "SETUSER", "default", "+@all")

    @contextlib.contextmanager
    def configured(self, **options: str) -> Iterator[None]:
        """Change settings for the context."""
        names = {name: name.replace("_", "-") for name in options}
        before = {name: self.client.config_get(name)[name] for name in names.values()}
        for name, value in options.items():
            self.client.config_set(names[name], value)
        try:
            yield
        finally:
            for name, value in before.items():
                self.client.config_set(name, value)


def tcp() -> tuple[str, list[str]]:
    """Return an address of this process's own, and the options to listen there."""
    number = os.getpid()
    address = f"127.77.{number // 250 % 250 + 1}.{number % 250 + 1}"
    return f"{address}:6379", ["--bind", address, "--port", "6379"]


@contextlib.contextmanager
def running_redis(
    *options: str, program: str = "redis-server"
) -> Iterator[RedisServer]:
    """Run a server."""
    # Not pytest's folder: the path of a socket has at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="redis-"))
    server = RedisServer(folder, options, program=program)
    server.start()
    try:
        yield server
    finally:
        server.client.close()
        server.kill()
        shutil.rmtree(folder)
