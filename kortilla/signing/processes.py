# SPDX-License-Identifier: MIT
"""A pool of processes that handle PDF files, and its queue.

A malicious file can take unlimited time or memory. So a separate process reads it,
which the system kills at its limits. There are ``PROCESSES`` of them for the whole
service. The event loop and its threads, which resolve host names, stay free.

The processes start with the first PDF, and end with the service or after some idle
minutes. ``multiprocessing`` is not used: it would run the service's main module again.
"""

import asyncio
import atexit
import contextlib
import functools
import itertools
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import asdict
from multiprocessing.spawn import get_executable
from queue import Empty, PriorityQueue
from typing import BinaryIO, cast

from kortilla.common import JsonObject, own_python
from kortilla.errors import (
    DocumentNotSignableError,
    RelyingPartyError,
    SignatureValidationError,
    SigningUnavailableError,
)
from kortilla.signing.exchange import (
    OUT_OF_MEMORY,
    OUT_OF_TIME,
    TOO_SLOW,
    Placeholder,
    read_message,
    write_message,
)
from kortilla.signing.state import PreparedSignature
from kortilla.signing.validation_data import ValidationData

logger = logging.getLogger(__name__)

PROCESSES = 2
#: The limits of one PDF: seconds of processor time, and bytes of memory. macOS has no
#: limit of memory. A file of 20 MB with 100,000 pages takes 3 seconds and 200 MB.
SECONDS = 10
MEMORY = 512 * 1024 * 1024
#: How many PDF files may be under way or waiting when another comes to be prepared, and
#: when one comes to be finished, for which a user has given PIN2 already.
MOST_PREPARING = 12
MOST_FINISHING = 24
_IDLE_SECONDS = 300.0

_PROGRAM = """\
import sys
memory, seconds, *sys.path = sys.argv[1:]
from kortilla.signing.worker import main
main(memory=int(memory), seconds=float(seconds))
"""
_ERRORS: dict[str, type[RelyingPartyError]] = {
    each.code: each for each in (DocumentNotSignableError, SignatureValidationError)
}

_Answer = tuple[JsonObject, bytes]


class _Process:
    """A process that runs one job at a time. It starts with the first job.

    One thread uses it; any thread may call ``kill``.
    """

    def __init__(self, *, memory: int, seconds: float) -> None:
        self._limits = str(memory), str(seconds)
        self._popen: subprocess.Popen[bytes] | None = None

    def ask(self, head: Mapping[str, object], document: bytes) -> _Answer:
        """Run a job.

        Raises ``SigningUnavailableError`` if the process can't be started, and
        ``DocumentNotSignableError`` if it dies during the job.
        """
        if self._popen is None or self._popen.poll() is not None:
            self.end()
            self._popen = self._start()
        try:
            write_message(cast(BinaryIO, self._popen.stdin), head, document)
            return read_message(cast(BinaryIO, self._popen.stdout))
        except (OSError, EOFError) as error:
            raise _ended(self.end()) from error
        except BaseException:
            self.end()
            raise

    def kill(self) -> None:
        """Kill the process."""
        if (popen := self._popen) is not None:
            popen.kill()

    def end(self) -> int | None:
        """End the process, if it runs. Returns its exit status, or −signal."""
        popen, self._popen = self._popen, None
        if popen is None:
            return None
        popen.kill()
        for pipe in (popen.stdin, popen.stdout):
            with contextlib.suppress(OSError):  # there may be something left to write
                cast(BinaryIO, pipe).close()
        return popen.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        # The new Python does not have this service's sys.path.
        folders = [each for each in sys.path if isinstance(each, str)]
        words = ("-c", _PROGRAM, *self._limits, *folders)
        try:
            self._popen = subprocess.Popen(  # noqa: S603 - this very Python
                own_python(*words, program=get_executable()),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            state, _ = read_message(cast(BinaryIO, self._popen.stdout))
        except (OSError, EOFError) as error:
            self.end()
            raise SigningUnavailableError(
                "The process that works on PDF files can't be started."
            ) from error
        if state["apart"] is False:
            _warn_of_network()
        return self._popen


@functools.cache
def _warn_of_network() -> None:
    logger.warning(
        "This system lets no process leave the network (unshare(2), CLONE_NEWNET). A "
        "file that takes over the process that reads it can send what it finds there."
    )


def _ended(status: int | None) -> DocumentNotSignableError:
    if status == OUT_OF_MEMORY:
        return DocumentNotSignableError(
            "The PDF takes too much memory to read.", reason="too-much-memory"
        )
    if status is not None and (status == OUT_OF_TIME or -status in TOO_SLOW):
        return DocumentNotSignableError(
            "The PDF takes too long to read.", reason="too-slow"
        )
    return DocumentNotSignableError(
        f"The process that read the PDF has ended (status {status})."
    )


def _with_space(
    answer: JsonObject, document: bytes
) -> tuple[tuple[int, int], bytes, bytes]:
    begin, end = answer["gap"]
    return (begin, end), answer["digest"], document


class _Job:
    """A job, and the future of its result."""

    def __init__(self, head: Mapping[str, object], document: bytes) -> None:
        self.future: Future[_Answer] = Future()
        self._message = head, document
        self._lock = threading.Lock()
        self._process: _Process | None = None

    def do(self, process: _Process) -> None:
        """Run the job in a process, unless its caller was cancelled."""
        if not self.future.set_running_or_notify_cancel():
            return
        with self._lock:
            self._process = process
        try:
            answer = process.ask(*self._message)
        except Exception as error:
            self._done()
            self.future.set_exception(error)
        else:
            self._done()
            self.future.set_result(answer)

    def _done(self) -> None:
        with self._lock:
            self._process = None  # it is another's from now on

    def cancel(self) -> None:
        """Cancel the job, or kill the process that runs it."""
        if self.future.cancel():
            self._message = {}, b""  # it stays in the queue for a while
            return
        with self._lock:
            if self._process is not None:
                self._process.kill()


class PdfProcesses:
    """Processes that put signatures into PDF files, for any number of event loops.

    ``memory`` is in bytes; ``seconds`` is the processor time for one PDF.
    """

    def __init__(self, *, memory: int = MEMORY, seconds: float = SECONDS) -> None:
        self._lock = threading.Lock()
        self._pending = 0
        self._processes = [
            _Process(memory=memory, seconds=seconds) for _ in range(PROCESSES)
        ]
        self._threads: list[threading.Thread] = []
        # Finish calls have priority; otherwise the order is first in, first out.
        self._jobs: PriorityQueue[tuple[int, int, _Job | None]] = PriorityQueue()
        self._numbers = itertools.count()

    async def prepare(
        self, placeholder: Placeholder, pdf: bytes
    ) -> tuple[tuple[int, int], bytes, bytes]:
        """Return the signature's place, the digest, and the PDF with space for it.

        Raises ``DocumentNotSignableError``, and ``SigningUnavailableError`` while the
        queue is full.
        """
        head = {"placeholder": asdict(placeholder)}
        return _with_space(*await self._run(head, pdf))

    async def put_timestamp(
        self, pdf: bytes, hash_function: str
    ) -> tuple[tuple[int, int], bytes, bytes]:
        """Return the timestamp's place, the digest, and the PDF with space for it.

        Raises as ``embed``.
        """
        head = {"timestamp": hash_function}
        return _with_space(*await self._run(head, pdf, finishing=True))

    async def embed(
        self, state: PreparedSignature, signature: bytes, data: ValidationData | None
    ) -> bytes:
        """Return the signed PDF, with revocation data.

        Raises ``SignatureValidationError`` if the signature is of another PDF,
        ``DocumentNotSignableError``, and ``SigningUnavailableError`` as ``prepare``.
        """
        validation_data = None if data is None else asdict(data)
        head = {"signature": signature, "validation_data": validation_data}
        _, document = await self._run(head, state.to_bytes(), finishing=True)
        return document

    async def examine(
        self, content: bytes | None, signature: bytes | None = None
    ) -> object:
        """Return what is found in a signed file, for ``findings.read_findings``.

        ``signature`` is a detached one of the file. Raises ``DocumentNotSignableError``
        for a file that takes too much time or memory, and ``SigningUnavailableError``
        as ``prepare``.
        """
        head = {"examine": signature, "has_content": content is not None}
        answer, _ = await self._run(head, content or b"")
        return answer.get("findings")

    async def read_trust_list(self, document: bytes) -> object:
        """Return what a trusted list says, for ``trust_lists.entries.read_message``.

        Raises as ``examine``.
        """
        answer, _ = await self._run({"trust_list": True}, document)
        return answer.get("trust_list")

    def close(self) -> None:
        """Kill the processes."""
        with self._lock:
            threads, self._threads = self._threads, []
        for _ in threads:
            self._jobs.put((-1, next(self._numbers), None))
        for process in self._processes:
            process.kill()
        for thread in threads:
            thread.join()

    async def _run(
        self, head: Mapping[str, object], document: bytes, *, finishing: bool = False
    ) -> _Answer:
        job = _Job(head, document)
        with self._lock:
            if self._pending >= (MOST_FINISHING if finishing else MOST_PREPARING):
                raise SigningUnavailableError(
                    f"{self._pending} PDF files are under way or waiting already."
                )
            running = len(self._threads)
            # A process takes half a second to load, so one that is free goes first.
            if running <= self._pending and running < len(self._processes):
                self._threads.append(self._start(self._processes[running]))
            self._pending += 1
        job.future.add_done_callback(self._release)
        self._jobs.put((not finishing, next(self._numbers), job))
        try:
            answer, document = await asyncio.wrap_future(job.future)
        except asyncio.CancelledError:
            job.cancel()
            raise
        if "refused" in answer:
            cause = answer["cause"]
            error = _ERRORS[answer["refused"]](answer["message"])
            if isinstance(error, DocumentNotSignableError):
                error.reason = answer["reason"]
            raise error from (RuntimeError(cause) if cause else None)
        return answer, document

    def _release(self, _: Future[_Answer]) -> None:
        with self._lock:
            self._pending -= 1

    def _start(self, process: _Process) -> threading.Thread:
        thread = threading.Thread(
            target=self._serve,
            args=(process,),
            name="kortilla-pdf",
            daemon=True,  # the service may end at any time
        )
        thread.start()
        return thread

    def _serve(self, process: _Process) -> None:
        """Run one job after the other, in a thread."""
        while True:
            try:
                *_, job = self._jobs.get(timeout=_IDLE_SECONDS)
            except Empty:
                process.end()
                continue
            if job is None:
                process.end()
                return
            job.do(process)
            del job  # and its document


_seconds: float = SECONDS
_shared = PdfProcesses()


def shared_processes() -> PdfProcesses:
    """Return the pool of this process."""
    return _shared


def set_seconds(seconds: float) -> None:
    """Limit the processor time for one file, in place of ``SECONDS``.

    A service calls it in each of its processes, before the first file comes.
    """
    global _seconds  # noqa: PLW0603 - a setting of the process
    _seconds = seconds
    _end()
    _begin_anew()


@atexit.register
def _end() -> None:
    _shared.close()


def _begin_anew() -> None:
    global _shared  # noqa: PLW0603 - a forked process has no threads, and needs others
    _shared = PdfProcesses(seconds=_seconds)


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_begin_anew)
