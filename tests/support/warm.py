# SPDX-License-Identifier: MIT
"""Starts processes of the program that have all imports done.

``start`` replaces ``python -I -c CODE`` in a test without the quarter of a second for
the imports: a process that has them forks itself.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import locale
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, NoReturn, Self

import native_host
from native_host.hardening import die_with_parent

#: Modules that host and commands do not use, or that run code on import.
_NOT_IMPORTED = (
    "tools.demo",
    "native_host.browser_testing",
    "native_host.desktop",
    "native_host.gui",
    "native_host.files",
    "native_host.pin_prompt.gui",
    "__main__",
)
#: Modules that are imported at their first use, as far as they are installed.
_BESIDE = (
    "asn1crypto.x509",
    "cryptography.hazmat.backends.openssl.backend",
    "cryptography.x509",
    "idna",
    "platformdirs",
    "smartcard.scard",
    "uuid",
)
_ROOT = Path(__file__).parents[2]
_MESSAGE = 1 << 17  # bytes of a request
_FILES = 16  # of a request, at most
_one_at_a_time = threading.Lock()


# As setsid(1) does with --ctty.
_TAKE_TERMINAL = """
import fcntl, os, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
"""


class WarmProcess:
    """The process, with the part of ``subprocess.Popen`` that tests use.

    Pipes are bytes.
    """

    returncode: int | None = None

    def __init__(
        self, pidfd: int, pid: int, status: int, pipes: Sequence[IO[bytes]]
    ) -> None:
        self.pid = pid
        self.stdin, self.stdout, self.stderr = pipes
        self._pidfd, self._status = pidfd, status
        self._ending = threading.Lock()
        # Not at the end of the process: another thread may be waiting for it.
        for each in (pidfd, status):
            weakref.finalize(self, os.close, each).atexit = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the pipes and wait for the exit. Kill the process after an error."""
        if kind is not None:
            self.kill()
        for pipe in (self.stdin, self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()
        self.wait()

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the process to exit. Raises ``subprocess.TimeoutExpired``."""
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._pidfd, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired("a warm process", timeout or 0)
            with self._ending:
                if self.returncode is None:  # it comes when the process is reaped
                    self.returncode = int(os.read(self._status, 16))
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal if the process runs."""
        # It may have been reaped, and its status may not have come yet.
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    def terminate(self) -> None:
        """Ask the process to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process."""
        self.send_signal(signal.SIGKILL)


def start(
    code: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    terminal: int | None = None,
    errors: int | None = None,
) -> WarmProcess:
    """Run Python code with ``sys.argv`` and an environment; its streams are pipes.

    With a ``terminal`` that becomes its input, its error output, and what controls it.
    ``errors`` is a file for its error output.
    """
    control = _control()
    our_out, their_out = os.pipe()
    if terminal is None:
        their_in, our_in = os.pipe()
        our_err, their_err = os.pipe()
    else:
        their_in, their_err = os.dup(terminal), os.dup(terminal)
        our_in, our_err = (os.open(os.devnull, os.O_RDWR) for _ in range(2))
        code = _TAKE_TERMINAL + code
    if errors is not None:
        os.close(their_err)
        their_err = os.dup(errors)
    our_status, their_status = os.pipe()
    theirs = [their_in, their_out, their_err, their_status]
    asked = [code, [*arguments], {**environment}, str(Path.cwd())]
    with _one_at_a_time:
        socket.send_fds(control, [json.dumps(asked).encode()], theirs)
        pid, [pidfd], _, _ = socket.recv_fds(control, 16, 1)
    for each in theirs:
        os.close(each)
    pipes = [
        os.fdopen(our_in, "wb", buffering=0),
        os.fdopen(our_out, "rb", buffering=0),
        os.fdopen(our_err, "rb", buffering=0),
    ]
    return WarmProcess(pidfd, int(pid), our_status, pipes)


#: The socket of the process that forks for the parent process too.
_taken_over: list[socket.socket] = []


def handed_on() -> int:
    """Return the file number that a process gets from this one for ``take_over``."""
    return _control().fileno()


def take_over(control: int) -> None:
    """Let the process that forks for another one do it for this one too.

    ``control`` is the file number of its socket here. One of the two uses it at a time.
    """
    _taken_over.append(socket.socket(fileno=control))


@functools.cache
def _control() -> socket.socket:
    """Return the socket of the process that forks, which ends with this one."""
    if _taken_over:
        return _taken_over[0]
    return start_forking("-I", "-m", "tests.support.warm")


def start_forking(*options: str, modules: Sequence[str] = ()) -> socket.socket:
    """Start a Python that forks, and return its socket; it ends with this process.

    Its arguments are the number of its socket, and ``modules``.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, *options, str(theirs.fileno()), *modules],
        pass_fds=[theirs.fileno()],
        cwd=_ROOT,
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def import_all() -> None:
    """Import all that hosts and commands use."""
    found = pkgutil.walk_packages(native_host.__path__, "native_host.")
    names = [each.name for each in found]
    beside = (each for each in _BESIDE if find_spec(each.partition(".")[0]))
    for name in (*names, *beside):
        if not any(part in name for part in _NOT_IMPORTED):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


def serve(
    control: socket.socket, child: Callable[[Any, Sequence[int]], NoReturn]
) -> None:
    """Fork for each request until the requests end.

    ``child`` runs in each child, with the request and its files.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not control:
                    _reap(selector, key)
                elif not (asked := socket.recv_fds(control, _MESSAGE, _FILES))[0]:
                    return
                elif (pid := os.fork()) == 0:
                    selector.close()
                    control.close()
                    child(json.loads(asked[0]), asked[1])
                else:
                    *ends, status = asked[1]
                    for each in ends:
                        os.close(each)
                    pidfd = os.pidfd_open(pid)
                    selector.register(pidfd, selectors.EVENT_READ, (pid, status))
                    socket.send_fds(control, [str(pid).encode()], [pidfd])


def _reap(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    pid, status = key.data
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    selector.unregister(key.fd)
    os.close(key.fd)
    with contextlib.suppress(BrokenPipeError):  # nobody waits for the process any more
        os.write(status, str(code).encode())
    os.close(status)


def become(
    code: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: str,
    streams: Sequence[int],
    **names: object,
) -> NoReturn:
    """Run Python code in a process that was forked, and end the process.

    ``streams`` begin with the three standard streams. The code also finds ``names``. As
    in any Python, the end waits for threads. It leaves out what Python then does with
    each imported module, which takes as long as a short test.
    """
    status = 1
    try:
        for number, each in enumerate(streams[:3]):
            os.dup2(each, number)
        os.closerange(3, 256)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        locale.setlocale(locale.LC_CTYPE, "")
        sys.argv = ["-c", *arguments]
        exec(code, {"__name__": "__main__", **names})  # noqa: S102 - a test's own code
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except BaseException:
        traceback.print_exc()
    finally:
        finish(status)


def finish(status: int) -> NoReturn:
    """End a process that was forked, after its threads and with all it has written."""
    # As Python ends: idle threads of executors end too. There is no public way, so the
    # types do not know it.
    threading._shutdown()  # type: ignore[attr-defined]
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(status)


def _become(parent: int, asked: Any, streams: Sequence[int]) -> NoReturn:
    die_with_parent(parent)
    code, arguments, environment, folder = asked
    become(code, arguments, environment, folder, streams)


if __name__ == "__main__":
    import_all()
    serve(socket.socket(fileno=int(sys.argv[1])), partial(_become, os.getpid()))
