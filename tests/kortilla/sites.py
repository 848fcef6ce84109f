# SPDX-License-Identifier: MIT
"""Services on real servers, each in a process of its own."""

import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
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
NAMES = [
    *("aiohttp-memory", "aiohttp-redis", "starlette-memory", "starlette-redis"),
    *("django-memory", "django-redis", *WSGI_NAMES),
]


@dataclass(frozen=True)
class RunningSite:
    """A service that listens on loopback."""

    port: int
    name: str = ""

    def make_url(self, path: str) -> URL:
        """Return the URL of a path."""
        return URL(f"http://127.0.0.1:{self.port}{path}")


#: A service, which ends with the context.
Running = AbstractContextManager[RunningSite]


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
        for words in never:
            assert words not in text, text


def serving(adapter: str, folder: Path, redis: str) -> Running:
    """Run a service of ``serving.py``, with a Redis at a URL, or in memory."""
    module = "tests.kortilla.serving"
    command = [sys.executable, "-m", module, adapter, "LISTENER", folder, redis]
    # Servers log tracebacks of invalid HTTP; none may come from our code.
    return listening(command, f"{Path(kortilla.__file__).parent}/")


def gunicorn(
    application: str, folder: Path, redis: RedisServer, *options: str, by: str = ""
) -> Running:
    """Run two workers, which check revocation in one way."""
    arguments = f"({str(folder)!r}, {redis.url!r}, {by or None!r})"
    command = [
        *(sys.executable, "-m", "gunicorn", "--workers=2", "--no-control-socket"),
        *("--bind", "fd://LISTENER", *options),
        f"tests.kortilla.{application}_service:wsgi{arguments}",
    ]
    return listening(command, "Traceback", "closed")


class Sites:
    """All services, each started at its first use; ``stack`` ends them."""

    def __init__(self, folder: Path, redis: RedisServer) -> None:
        self._folder = folder
        self._redis = redis
        self._running: dict[str, RunningSite] = {}
        self.stack = ExitStack()

    def start(self, name: str) -> RunningSite:
        """Return a running service."""
        if name not in self._running:
            site = self.stack.enter_context(self._run(*name.split("-")))
            self._running[name] = replace(site, name=name)
        return self._running[name]

    def _run(self, kind: str, store: str) -> Running:
        if kind not in WSGI:
            url = self._redis.url if store == "redis" else ""
            return serving(kind, self._folder, url)
        application = "flask" if kind == "flask" else "django"
        options = ("--worker-class", WSGI[kind], "--threads=4")
        return gunicorn(application, self._folder, self._redis, *options)
