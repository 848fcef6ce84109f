# SPDX-License-Identifier: MIT
"""Runs Python programs in processes that have most imports done.

``popen`` replaces ``subprocess.Popen`` where the imports take longer than the test: a
process that has done them forks itself. The child has the arguments, the environment
and the files that a new Python would have, and ends as one does.
"""

import atexit
import contextlib
import fcntl
import functools
import gc
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

from native_host.hardening import die_with_parent
from tests.support.patience import patience
from tests.support.warm import WarmProcess, finish, serve, start_forking

#: What services on any framework import, and the servers that run them.
_LIBRARY = (
    *("django.core.asgi", "django.core.wsgi", "django.test", "fastapi"),
    # Not gunicorn.config: it looks where it is, once.
    *("gunicorn.workers.gthread", "gunicorn.workers.sync"),
    *("kortilla.aiohttp", "kortilla.cli.openid", "kortilla.django", "kortilla.flask"),
    *("kortilla.openid.serving", "kortilla.openid.setup", "kortilla.prometheus"),
    *("kortilla.openid.simulator", "kortilla.revocation"),
    *("kortilla.starlette", "redis.asyncio", "tests.kortilla.django_service"),
    *("tests.kortilla.flask_service", "uvicorn.lifespan.on", "uvicorn.loops.auto"),
    *("uvicorn.main", "uvicorn.protocols.http.auto"),
    "uvicorn.protocols.websockets.auto",
)
#: What a process of ``kortilla.signing.processes`` imports, and nothing more: its
#: memory is limited.
PDF_PROCESS = (
    "kortilla.signing.worker",
    "kortilla.signing.verification.container",
    "kortilla.signing.verification.pdf",
)

#: Above all file numbers that a child is to have.
_ABOVE = 900

_one_at_a_time = threading.Lock()


def popen(
    command: Sequence[object],
    *,
    stdin: int | IO[Any] | None = None,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
    pass_fds: Iterable[int] = (),
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    imports: tuple[str, ...] = _LIBRARY,
) -> WarmProcess:
    """Start a program as ``subprocess.Popen`` does; its pipes are bytes.

    ``command`` is this Python, ``-W`` options, then ``-m`` and a module, ``-c`` and
    code, or a file, then the program's arguments.
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
                pipes[number] = os.fdopen(ends[not number], "rb" if number else "wb")
                files[number] = ends[bool(number)]
                theirs.callback(os.close, files[number])
            elif stream is None or isinstance(stream, int):
                files[number] = number if stream is None else stream
            else:
                files[number] = stream.fileno()
        status, their_status = os.pipe()
        theirs.callback(os.close, their_status)
        environment = dict(os.environ if env is None else env)
        asked = [arguments, environment, str(cwd or Path.cwd()), [*files]]
        with _one_at_a_time:
            control = _control(imports)
            sent = [*files.values(), their_status]
            socket.send_fds(control, [json.dumps(asked).encode()], sent)
            pid, [pidfd], _, _ = socket.recv_fds(control, 16, 1)
    return WarmProcess(pidfd, int(pid), status, pipes)


def run(command: Sequence[object], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, as ``subprocess.run`` does with ``capture_output``."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, **options
        )
        try:
            returned = process.wait(patience())
        finally:
            process.kill()  # it has ended, unless this failed
        for each in (out, errors):
            each.seek(0)
        arguments = [str(each) for each in command]
        return subprocess.CompletedProcess(
            arguments, returned, out.read(), errors.read()
        )


def start_pdf_process(command: Sequence[str | bytes], **options: Any) -> Any:
    """Replace ``subprocess.Popen`` in ``kortilla.signing.processes``."""
    python, *others = map(os.fsdecode, command)
    if python != sys.executable:
        return subprocess.Popen(command, **options)
    return popen([python, *others], imports=PDF_PROCESS, **options)


@functools.cache
def _control(imports: tuple[str, ...]) -> socket.socket:
    """Return the socket of the process that forks, which ends with this one."""
    return start_forking("-m", __name__, modules=imports)


def _become(parent: int, asked: Any, received: Sequence[int]) -> NoReturn:
    """Run a program in this process, which was forked for it, and end as it does."""
    die_with_parent(parent)
    arguments, environment, folder, numbers = asked
    moved = [fcntl.fcntl(each, fcntl.F_DUPFD, _ABOVE) for each in received]
    os.closerange(3, _ABOVE)
    for number, each in zip(numbers, moved, strict=False):  # the last is the status
        os.dup2(each, number)
    os.closerange(_ABOVE, 2 * _ABOVE)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    status: object = 1
    try:
        _run(arguments, folder)
        status = 0
    except SystemExit as ended:
        status = ended.code or 0
        if not isinstance(status, int):
            print(status, file=sys.stderr)
            status = 1
    except BaseException:
        traceback.print_exc()
    finally:
        # As Python ends. There is no public way, so the types do not know it.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        # It is a number, which the type of ``SystemExit.code`` does not say.
        finish(int(status))  # type: ignore[call-overload]


def _run(arguments: list[str], folder: str) -> None:
    while arguments[0] == "-W":
        # Python refuses an action that it does not know, as with ``-W``.
        warnings.simplefilter(arguments[1])  # type: ignore[arg-type]
        del arguments[:2]
    sys.path.insert(0, folder)
    match arguments:
        case ["-m", module, *rest]:
            sys.argv = [module, *rest]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case ["-c", code, *rest]:
            sys.argv = ["-c", *rest]
            exec(code, {"__name__": "__main__"})  # noqa: S102 - a test's own code
        case [file, *_]:
            sys.argv, sys.path[0] = arguments, str(Path(file).parent)
            runpy.run_path(file, run_name="__main__")


if __name__ == "__main__":
    for each in ("ctypes", *sys.argv[2:]):  # the former is for die_with_parent
        importlib.import_module(each)
    gc.collect()
    gc.freeze()
    become = functools.partial(_become, os.getpid())
    serve(socket.socket(fileno=int(sys.argv[1])), become)
