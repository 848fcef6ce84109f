# SPDX-License-Identifier: MIT
"""The services of ``serving.py``, each started at its first use."""

import json
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from yarl import URL

import kortilla
from tests.kortilla.redis_server import RedisServer
from tests.support import warm_python
from tests.support.patience import patience

#: Under gunicorn a service has several processes, so it can't use memory.
WSGI = {"sync": "sync", "gthread": "gthread", "flask": "sync"}
WSGI_NAMES = [f"{name}-redis" for name in WSGI]
#: A process can have several services, but one Django.
TOGETHER = [f"{a}-{s}" for a in ("aiohttp", "starlette") for s in ("memory", "redis")]
NAMES = [*TOGETHER, "django-memory", "django-redis", *WSGI_NAMES]


@dataclass(frozen=True)
class RunningSite:
    """A service that listens on loopback."""

    port: int
    name: str = ""

    def make_url(self, path: str) -> URL:
        """Return the URL of a path."""
        return URL(f"http://127.0.0.1:{self.port}{path}")


@contextmanager
def process(folder: Path, *wanted: str) -> Iterator[list[RunningSite]]:
    """Run services in one process, and check that none of them logs an error."""
    with tempfile.TemporaryFile("w+") as log:
        running = warm_python.popen(
            [sys.executable, "-m", "tests.kortilla.serving", folder, *wanted],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        try:
            ports = running.stdout.readline()
            if ports:
                yield [RunningSite(port) for port in json.loads(ports)]
        finally:
            running.stdin.close()
            running.wait(patience())
            running.stdout.close()
        log.seek(0)
        text = log.read()
        assert running.returncode == 0, text
        # Servers log tracebacks of invalid HTTP; none may come from our code.
        assert f"{Path(kortilla.__file__).parent}/" not in text, text


@contextmanager
def listening(
    command: Sequence[object], *never: str, **options: Any
) -> Iterator[RunningSite]:
    """Run a server on a socket; it must end at SIGTERM, and never log some words.

    ``LISTENER`` in the command stands for the socket's number.
    """
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        tempfile.TemporaryFile("w+") as log,
    ):
        number = listener.fileno()
        running = warm_python.popen(
            [str(each).replace("LISTENER", str(number)) for each in command],
            pass_fds=[number],
            stdout=log,
            stderr=log,
            **options,
        )
        try:
            yield RunningSite(listener.getsockname()[1])
        finally:
            running.terminate()
            running.wait(patience())
            log.seek(0)
            text = log.read()
        # uvicorn ends by the signal that it got.
        assert running.returncode in {0, -signal.SIGTERM}, text
        for words in ("Traceback", *never):
            assert words not in text, text


@contextmanager
def gunicorn(
    application: str, folder: Path, redis: RedisServer, *options: str, by: str = ""
) -> Iterator[RunningSite]:
    """Run two workers, which check revocation in one way."""
    arguments = f"({str(folder)!r}, {redis.url!r}, {by or None!r})"
    command = [
        *(sys.executable, "-m", "gunicorn", "--workers=2", "--no-control-socket"),
        *("--bind", "fd://LISTENER", *options),
        f"tests.kortilla.{application}_service:wsgi{arguments}",
    ]
    with listening(command, "closed") as site:
        yield site


class Sites:
    """All services, in as few processes as Django allows."""

    def __init__(self, folder: Path, redis: RedisServer) -> None:
        self._folder = folder
        self.redis = redis
        self._running: dict[str, RunningSite] = {}
        #: Ends the processes.
        self.stack = ExitStack()

    def start(self, name: str) -> RunningSite:
        """Return a running service."""
        if name not in self._running:
            names = TOGETHER if name in TOGETHER else [name]
            sites = self.stack.enter_context(self._run(names))
            for known, site in zip(names, sites, strict=True):
                self._running[known] = replace(site, name=known)
        return self._running[name]

    @contextmanager
    def _run(self, names: list[str]) -> Iterator[list[RunningSite]]:
        kind = names[0].partition("-")[0]
        if kind in WSGI:
            application = "flask" if kind == "flask" else "django"
            options = ("--worker-class", WSGI[kind], "--threads=4")
            with gunicorn(application, self._folder, self.redis, *options) as site:
                yield [site]
            return
        url = self.redis.url
        wanted = [
            name.replace("-memory", "=").replace("-redis", f"={url}") for name in names
        ]
        with process(self._folder, *wanted) as sites:
            yield sites
