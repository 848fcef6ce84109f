# SPDX-License-Identifier: MIT
"""Starts Python programs in processes that have most imports done.

``popen`` replaces ``subprocess.Popen`` where the imports take longer than the test: a
process that has done them forks itself. The child has the arguments, the environment
and the files that a new Python would have, and ends as one does, but for what Python
then does with each imported module. ``start`` runs code as hosts and commands do.
``tests/browser/warm_host.py`` has programs that others than a test start.
"""

import ast
import atexit
import contextlib
import fcntl
import functools
import gc
import importlib
import locale
import os
import pkgutil
import runpy
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
import weakref
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, NoReturn, Self

import native_host
from kortilla.common.limits import die_with_parent

#: Stands for all modules that hosts and commands use.
HOST = ("host",)
#: Modules that they do not use, or that run code on import.
_NOT_IMPORTED = (
    "tools.demo",
    "native_host.browser_testing",
    "native_host.desktop",
    "native_host.gui",
    "native_host.files",
    "native_host.pin_prompt.gui",
    "native_host.platform.windows",
    "native_host.install.registry",
    "native_host.install.windows",
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
# A test may give its processes another folder, which goes with the test. gettempdir()
# would keep this one for all children of this process.
_TEMPORARY = os.environ.get("TMPDIR", "/tmp")  # noqa: S108
_ROOT = Path(__file__).parents[2]
_MESSAGE = 1 << 17  # bytes of a request
_FILES = 16  # of a request, at most
#: Above all file numbers that a child is to have.
_ABOVE = 900
_CREDENTIALS = struct.Struct("3i")  # of SO_PEERCRED: process, user, group
#: Environment variable with the socket and the address of the process for ``HOST``.
_HANDED_ON = "TESTS_FORKING"

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


def popen(
    command: Sequence[object],
    *,
    stdin: int | IO[Any] | None = None,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
    bufsize: int = -1,
    pass_fds: Iterable[int] = (),
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    imports: tuple[str, ...] = HOST,
    ahead: str = "",
) -> WarmProcess:
    """Start a program as ``subprocess.Popen`` does; its pipes are bytes.

    ``command`` is this Python, ``-I`` and ``-W`` options, then ``-m`` and a module,
    ``-c`` and code, or a file, then the program's arguments. The process that forks has
    done ``imports``, and imports ``ahead`` if it can.
    """
    python, *arguments = map(str, command)
    assert python == sys.executable
    files = {number: number for number in pass_fds}
    pipes: list[Any] = [None] * 3
    with contextlib.ExitStack() as theirs:
        for number, stream in enumerate((stdin, stdout, stderr)):
            if stream == subprocess.DEVNULL:
                files[number] = os.open(os.devnull, os.O_RDWR)
                theirs.callback(os.close, files[number])
            elif stream == subprocess.PIPE:
                ends = os.pipe()
                mode = "rb" if number else "wb"
                pipes[number] = os.fdopen(ends[not number], mode, bufsize)
                files[number] = ends[bool(number)]
                theirs.callback(os.close, files[number])
            elif stream is None or isinstance(stream, int):
                files[number] = number if stream is None else stream
            else:
                files[number] = stream.fileno()
        status, their_status = os.pipe()
        theirs.callback(os.close, their_status)
        environment = dict(os.environ if env is None else env)
        asked = (arguments, environment, str(cwd or Path.cwd()), [*files], ahead)
        pid, pidfd = forking(imports).ask(asked, [*files.values(), their_status])
    return WarmProcess(pidfd, pid, status, pipes)


def start(
    code: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    terminal: int | None = None,
    errors: int | None = None,
) -> WarmProcess:
    """Run ``python -I -c CODE`` with arguments; its streams are pipes without buffers.

    With a ``terminal`` that becomes its input, its error output, and what controls it.
    ``errors`` is a file for its error output.
    """
    stdin = stderr = subprocess.PIPE
    if terminal is not None:
        stdin = stderr = terminal
        code = _TAKE_TERMINAL + code
    process = popen(
        [sys.executable, "-I", "-c", code, *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr if errors is None else errors,
        bufsize=0,
        env=environment,
    )
    for name in ("stdin", "stderr"):
        if getattr(process, name) is None:
            nothing = os.open(os.devnull, os.O_RDWR)
            setattr(process, name, os.fdopen(nothing, "r+b", 0))
    return process


class Forking:
    """A Python that forks itself, which ends with this process.

    A relay connects to ``address``. ``base`` are the imports of the one that it is
    forked from itself, if any.
    """

    def __init__(self, imports: tuple[str, ...], base: tuple[str, ...] = ()) -> None:
        self._turn = threading.Lock()
        kind = socket.SOCK_SEQPACKET
        self.control, theirs = socket.socketpair(socket.AF_UNIX, kind)
        folder = tempfile.mkdtemp(prefix="kortilla-test-", dir=_TEMPORARY)
        self.address = f"{folder}/server"
        with theirs, socket.socket(socket.AF_UNIX, kind) as listener:
            listener.bind(self.address)
            listener.listen(16)
            numbers = [theirs.fileno(), listener.fileno()]
            options = ["-I"] if imports == HOST or base else []
            command = [sys.executable, *options, "-m", "tests.support.warm"]
            command += [*map(str, numbers), *imports]
            process: WarmProcess | subprocess.Popen[bytes]
            if base:
                process = popen(command, pass_fds=numbers, cwd=_ROOT, imports=base)
            else:
                process = subprocess.Popen(command, pass_fds=numbers, cwd=_ROOT)

        def end() -> None:
            self.control.close()
            process.wait()
            shutil.rmtree(folder)

        atexit.register(end)

    def ask(self, what: object, files: Sequence[int]) -> tuple[int, int]:
        """Have it fork; return the child and the file that stands for it."""
        with self._turn:
            socket.send_fds(self.control, [repr(what).encode()], files)
            pid, [pidfd], _, _ = socket.recv_fds(self.control, 16, 1)
        return int(pid), pidfd


class _Given(Forking):
    """The one of the process that has started this one, which does not use it now."""

    def __init__(self, number: int, address: str) -> None:
        self._turn = threading.Lock()
        self.control, self.address = socket.socket(fileno=number), address


@functools.cache
def forking(imports: tuple[str, ...], base: tuple[str, ...] = ()) -> Forking:
    """Return the process that forks with these imports."""
    if imports == HOST and (given := os.environ.get(_HANDED_ON)):
        number, _, address = given.partition(" ")
        return _Given(int(number), address)
    return Forking(imports, base)


def handed_on() -> tuple[int, dict[str, str]]:
    """Return a file and variables with which a child shares what forks hosts."""
    given = forking(HOST)
    number = given.control.fileno()
    return number, {_HANDED_ON: f"{number} {given.address}"}


class _Server:
    """Forks for each request and each relay, until the requests end."""

    def __init__(self, control: socket.socket, listener: socket.socket) -> None:
        self._control, self._listener = control, listener
        self._process = os.getpid()
        self._is_over = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ, self._hear)
        self._selector.register(listener, selectors.EVENT_READ, self._accept)

    def serve(self) -> None:
        while not self._is_over:
            # One at a time, since what one does may end what another is about.
            [(key, _), *_] = self._selector.select()
            key.data()

    def _hear(self) -> None:
        message, files, *_ = socket.recv_fds(self._control, _MESSAGE, _FILES)
        if not message:
            self._is_over = True
            return
        asked = ast.literal_eval(message.decode())
        if ahead := asked[-1]:
            with contextlib.suppress(Exception):  # the child raises it again
                importlib.import_module(ahead)
            gc.freeze()
        pid, pidfd = self._fork(asked, files[:-1], files[-1])
        socket.send_fds(self._control, [str(pid).encode()], [pidfd])

    def _accept(self) -> None:
        relay = self._listener.accept()[0]
        message, files, *_ = socket.recv_fds(relay, _MESSAGE, 3)
        if not message:  # it was killed
            relay.close()
            return
        told = relay.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
        )
        launched, *_ = _CREDENTIALS.unpack(told)
        number = relay.detach()
        asked = ast.literal_eval(message.decode())
        _, pidfd = self._fork(asked, files, number, launched)
        pass_on = partial(self._pass_on, number, pidfd)
        self._selector.register(number, selectors.EVENT_READ, pass_on)

    def _fork(
        self, asked: Any, files: Sequence[int], status: int, launched: int = 0
    ) -> tuple[int, int]:
        if not (pid := os.fork()):
            die_with_parent(self._process)
            _become(asked, files, launched)
        for each in files:
            os.close(each)
        pidfd = os.pidfd_open(pid)
        reap = partial(self._reap, pid, pidfd, status)
        self._selector.register(pidfd, selectors.EVENT_READ, reap)
        return pid, pidfd

    def _pass_on(self, relay: int, pidfd: int) -> None:
        """Pass on what a relay says. A relay that has gone takes its child along."""
        try:
            told = os.read(relay, 16)
        except ConnectionError:
            told = b""
        if not told:
            self._selector.unregister(relay)
        with contextlib.suppress(ProcessLookupError):  # it may just have ended
            number = signal.SIGTERM if told else signal.SIGKILL
            signal.pidfd_send_signal(pidfd, number)

    def _reap(self, pid: int, pidfd: int, status: int) -> None:
        """Send the status of a child that has ended to the one that waits for it."""
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self._selector.unregister(pidfd)
        os.close(pidfd)
        with contextlib.suppress(KeyError):  # only a relay is registered
            self._selector.unregister(status)
        with contextlib.suppress(OSError):  # nobody waits any more
            os.write(status, str(code).encode())
        os.close(status)


def _become(asked: Any, received: Sequence[int], launched: int) -> NoReturn:
    """Run a program in this process, which was forked for it, and end as it does.

    ``launched`` is a relay, whose parent counts as the parent.
    """
    arguments, environment, folder, numbers, _ = asked
    status: object = 1
    try:
        moved = [fcntl.fcntl(each, fcntl.F_DUPFD, _ABOVE) for each in received]
        os.closerange(3, _ABOVE)
        for number, each in zip(numbers, moved, strict=True):
            os.dup2(each, number)
        os.closerange(_ABOVE, 2 * _ABOVE)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        locale.setlocale(locale.LC_CTYPE, "")
        if launched:
            with contextlib.suppress(OSError):  # killed already, and soon this too
                fields = Path(f"/proc/{launched}/stat").read_text().rpartition(")")
                browser = int(fields[2].split()[1])
                os.getppid = lambda: browser
        _run(arguments, folder, launched)
        status = 0
    except SystemExit as ended:
        status = ended.code or 0
        if not isinstance(status, int):
            print(status, file=sys.stderr)
            status = 1
    except BaseException:
        traceback.print_exc()
    finally:
        # As Python ends: idle threads of executors end too. There is no public way, so
        # the types do not know it.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        # It is a number, which the type of ``SystemExit.code`` does not say.
        os._exit(int(status))  # type: ignore[call-overload]


def _run(arguments: list[str], folder: str, launched: int) -> None:
    is_isolated = False
    while arguments[0] in ("-I", "-W"):
        if arguments.pop(0) == "-I":
            is_isolated = True
        else:
            # Python refuses an action that it does not know, as with ``-W``.
            warnings.simplefilter(arguments.pop(0))  # type: ignore[arg-type]
    if not is_isolated:
        sys.path.insert(0, folder)
    match arguments:
        case ["-m", module, *rest]:
            sys.argv = [module, *rest]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case ["-c", code, *rest]:
            sys.argv = ["-c", *rest]
            names = {"__name__": "__main__", "LAUNCHED": launched}
            exec(code, names)  # noqa: S102 - a test's own code
        case [file, *_]:
            sys.argv, sys.path[0] = arguments, str(Path(file).parent)
            runpy.run_path(file, run_name="__main__")


def _import_all(names: Iterable[str]) -> None:
    wanted = list(names)
    if wanted == [*HOST]:
        found = pkgutil.walk_packages(native_host.__path__, "native_host.")
        beside = (each for each in _BESIDE if find_spec(each.partition(".")[0]))
        all_names = (*(each.name for each in found), *beside)
        wanted = [n for n in all_names if not any(part in n for part in _NOT_IMPORTED)]
    for name in ("ctypes", *wanted):  # the former is for die_with_parent
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    _control, _listener = (socket.socket(fileno=int(each)) for each in sys.argv[1:3])
    _import_all(sys.argv[3:])
    _Server(_control, _listener).serve()
