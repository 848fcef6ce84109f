# SPDX-License-Identifier: MIT
"""A few processes with limits read PDF files, and the service stays responsive."""

import asyncio
import contextlib
import fcntl
import functools
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self, cast
from unittest.mock import Mock

import pytest

from kortilla import Trust
from kortilla.errors import DocumentNotSignableError, SigningUnavailableError
from kortilla.signing import pades, processes, verify_signatures
from kortilla.signing.exchange import write_message
from kortilla.signing.pades import finish_pdf
from kortilla.signing.processes import PdfProcesses
from kortilla.signing.state import PreparedSignature
from kortilla.signing.verification import (
    TrustedCAs,
    Verdict,
    document,
    verify_document,
)
from kortilla.web.http import Headers
from kortilla.web.refusals import error_response
from tests.kortilla.pki import NOW, Leaf
from tests.kortilla.signing_parts import (
    answer_to,
    digest,
    make_pdf,
    page_answer,
    pdf_of,
    prepared_pdf,
)
from tests.support import warm_python
from tests.support.namespaces import REFUSED, may_leave_network

Prepare = Callable[..., Coroutine[Any, Any, PreparedSignature]]
ROOT = Path(__file__).parents[3]


def numbers(count: int) -> bytes:
    """Return a PDF with a list of numbers, each of which takes 7 µs and 250 octets."""
    return make_pdf(catalog="/A[" + "0 " * count + "]")


def objects(count: int) -> bytes:
    """Return a PDF with objects, each of which takes 10 µs and 600 octets to verify."""
    return pdf_of(["<</Type/Catalog>>", *count * ["<</A 1>>"]])


@pytest.fixture
def prepare(signer: Leaf, trust: Trust) -> Prepare:
    """Prepare the signature of a PDF."""
    return functools.partial(prepared_pdf, signer, trust)


class Pool(PdfProcesses):
    """Processes that a test can inspect and stop."""

    def there(self) -> list[int]:
        """Return the ids of the running processes."""
        return [
            each._popen.pid
            for each in self._processes
            if each._popen is not None and each._popen.poll() is None
        ]

    async def start(self, prepare: Prepare) -> Self:
        """Start all processes."""
        while len(self.there()) < len(self._processes):
            await asyncio.gather(*(prepare() for _ in range(4)))
        return self

    def signal(self, number: int) -> None:
        """Send a signal to each process."""
        for each in self.there():
            os.kill(each, number)
            if number == signal.SIGSTOP:  # otherwise it may still read the next job
                stat = Path(f"/proc/{each}/stat")
                end = time.monotonic() + 60
                while stat.read_text().rpartition(")")[2].split()[0] != "T":
                    assert time.monotonic() < end, "It has not stopped."
                    time.sleep(0.001)

    async def has(self, count: int) -> None:
        """Wait until so many jobs are pending, one of them in each process."""
        while (  # noqa: ASYNC110 - a pipe tells nobody
            self._pending < count
            or self._jobs.qsize() > count - len(self._processes)
            or not all(map(unread, self._processes))
        ):
            await asyncio.sleep(0)


def unread(process: Any) -> int:
    """Return how many octets a stopped process has not read."""
    answer = fcntl.ioctl(process._popen.stdin, termios.FIONREAD, bytes(4))
    return int(struct.unpack("i", answer)[0])


def network_of(process: int | str) -> Path:
    return Path(f"/proc/{process}/ns/net").readlink()


Use = Callable[..., Pool]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Use]:
    """Provide a test with separate processes, for verification too."""
    used: list[Pool] = []

    def make(*, count: int = processes.PROCESSES, **limits: Any) -> Pool:
        monkeypatch.setattr(processes, "PROCESSES", count)
        pool = Pool(**limits)
        used.append(pool)
        for module in (pades, document):
            monkeypatch.setattr(module, "shared_processes", lambda: pool)
        return pool

    yield make
    for each in used:
        each.close()
        assert each.there() == []


async def test_twelve_pdf_files_are_worked_on_and_the_thirteenth_is_refused(
    signer: Leaf,
    trust: Trust,
    prepare: Prepare,
    use: Use,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    run = Mock(wraps=loop.run_in_executor)
    monkeypatch.setattr(loop, "run_in_executor", run)
    pool = await use().start(prepare)
    pool.signal(signal.SIGSTOP)
    pdf = make_pdf("Sopimus) Tj (" * 80_000)  # 1 MB
    waiting = [asyncio.create_task(prepare(pdf)) for _ in range(12)]
    await pool.has(12)
    with pytest.raises(SigningUnavailableError) as caught:
        await prepare(pdf)
    # They wait for stopped processes, and names are resolved all the same.
    assert await loop.getaddrinfo("localhost", 80)
    assert not any(each.done() for each in waiting)
    pool.signal(signal.SIGCONT)
    for state in (await asyncio.gather(*waiting))[:3]:
        answer = answer_to(state, signer)
        signed = await finish_pdf(state, answer, trust=trust, at=NOW)
        assert signed.content.startswith(pdf)
    # Nor does hashing take the event loop's own threads, as the names did.
    answer = page_answer(signer, {"a": digest(pdf)})
    await verify_signatures(answer, {"a": pdf}, trust=trust, at=NOW)
    assert [each.args[0] for each in run.call_args_list].count(None) == 1
    refused = error_response(caught.value, Headers())
    assert refused.status == 503
    assert "Retry-After" in dict(refused.headers)


async def test_one_pdf_after_the_other_needs_one_process(
    prepare: Prepare, use: Use
) -> None:
    pool = use()
    for _ in range(3):
        await prepare()
        assert len(pool.there()) == 1
    await pool.start(prepare)  # two at a time need two
    assert len(pool.there()) == processes.PROCESSES == 2


async def test_who_goes_away_makes_room(prepare: Prepare, use: Use) -> None:
    pool = await use(count=1).start(prepare)
    pool.signal(signal.SIGSTOP)
    waiting = [asyncio.create_task(prepare()) for _ in range(12)]
    await pool.has(12)
    waiting.pop().cancel()
    with pytest.raises(SigningUnavailableError):
        while True:
            waiting.append(asyncio.create_task(prepare()))
            await asyncio.sleep(0)
            if waiting[-1].done():
                await waiting.pop()
    assert len(waiting) == 12
    pool.signal(signal.SIGCONT)
    await asyncio.gather(*waiting)


async def test_a_pdf_that_nobody_waits_for_any_more_is_given_up(
    prepare: Prepare, use: Use
) -> None:
    pool = await use(count=1).start(prepare)
    [busy] = pool.there()
    pool.signal(signal.SIGSTOP)  # it would never respond
    request = asyncio.create_task(prepare())
    await pool.has(1)
    request.cancel()
    assert await prepare()
    assert busy not in pool.there()


async def test_who_has_signed_comes_before_who_prepares_and_is_let_in(
    signer: Leaf, trust: Trust, prepare: Prepare, use: Use
) -> None:
    pool = use(count=1)
    state = await prepare()
    pool.signal(signal.SIGSTOP)
    done: list[str] = []
    preparing = [asyncio.create_task(prepare()) for _ in range(12)]
    await pool.has(12)
    finishing = asyncio.create_task(
        finish_pdf(state, answer_to(state, signer), trust=trust, at=NOW)
    )
    await pool.has(13)
    finishing.add_done_callback(lambda _: done.append("finished"))
    for each in preparing:
        each.add_done_callback(lambda _: done.append("prepared"))
    pool.signal(signal.SIGCONT)
    await asyncio.gather(finishing, *preparing)
    assert done.index("finished") == 1


@pytest.mark.parametrize(
    ("limits", "pdf", "reason"),
    [
        ({"seconds": 0.5}, numbers(600_000), "too-slow"),
        ({"memory": 128 << 20, "seconds": 60}, numbers(300_000), "too-much-memory"),
    ],
    ids=["time", "memory"],
)
async def test_a_pdf_that_takes_too_much_is_given_up_and_named(
    prepare: Prepare, use: Use, limits: dict[str, Any], pdf: bytes, reason: str
) -> None:
    use(count=1, **limits)
    with pytest.raises(DocumentNotSignableError) as caught:
        await prepare(pdf)
    assert caught.value.reason == reason
    # The next caller has a process again.
    assert await asyncio.gather(*(prepare() for _ in range(10)))
    report = await verify_document(objects(250_000), trusted=TrustedCAs())
    assert report.verdict is Verdict.CANT_SAY
    assert [each.code for each in report.problems] == [reason.replace("-", "_").upper()]


async def test_a_service_sets_the_time_that_one_file_may_take(
    prepare: Prepare,
) -> None:
    processes.set_seconds(0.5)
    try:
        with pytest.raises(DocumentNotSignableError) as caught:
            await prepare(numbers(600_000))
        assert caught.value.reason == "too-slow"
    finally:
        processes.set_seconds(processes.SECONDS)
    assert await prepare(numbers(100_000))


async def test_a_process_that_ends_is_named_and_replaced(
    prepare: Prepare, use: Use
) -> None:
    pool = await use(count=1).start(prepare)
    pool.signal(signal.SIGSTOP)
    under_way = asyncio.create_task(prepare())
    await pool.has(1)
    pool.signal(signal.SIGKILL)
    with pytest.raises(DocumentNotSignableError, match=r"has ended \(status -9\)"):
        await under_way
    assert await prepare()
    # A process that ends while idle fails no caller.
    [idle] = pool.there()
    watched = os.pidfd_open(idle)
    pool.signal(signal.SIGKILL)
    select.select([watched], [], [])
    os.close(watched)
    assert await prepare()


@pytest.mark.parametrize("change", ["", REFUSED, "sys.platform = 'darwin'\n"])
async def test_the_process_that_reads_files_has_no_network_or_the_service_says_so(
    prepare: Prepare,
    use: Use,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    change: str,
) -> None:
    """On systems where no process can leave the network, it says nothing."""
    *first, last = processes._PROGRAM.splitlines(keepends=True)
    program = f"{''.join(first)}{change}{last}"
    monkeypatch.setattr(processes, "_PROGRAM", program)
    processes._warn_of_network.cache_clear()
    pool = use(count=1)
    assert await prepare()
    assert await prepare()
    [number] = pool.there()
    apart = not change and may_leave_network()
    assert (network_of(number) != network_of("self")) is apart
    said = [each for each in caplog.messages if "leave the network" in each]
    assert len(said) == (0 if apart or "darwin" in change else 1)


async def test_a_python_that_cannot_be_started_is_said(
    prepare: Prepare, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    use()
    for program in ("/nowhere/python", "/bin/true"):
        monkeypatch.setattr(processes, "get_executable", lambda each=program: each)
        with pytest.raises(SigningUnavailableError, match="can't be started"):
            await prepare()


async def test_signals_for_the_service_do_not_end_what_is_under_way(
    prepare: Prepare, use: Use
) -> None:
    pool = await use(count=1).start(prepare)
    [child] = pool.there()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        pool.signal(number)
    assert await prepare()
    assert pool.there() == [child]


def test_a_process_whose_service_has_been_killed_says_nothing() -> None:
    program = ["-c", processes._PROGRAM, str(processes.MEMORY), "10", *sys.path]
    process = warm_python.popen(
        [sys.executable, *program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        imports=warm_python.PDF_PROCESS,
    )
    process.stdout.close()
    with contextlib.suppress(BrokenPipeError):  # it may have ended before
        try:
            write_message(
                cast(BinaryIO, process.stdin), {"timestamp": "SHA-256"}, b"no PDF"
            )
        finally:
            process.stdin.close()  # what was not written fails again here
    with process:
        assert process.wait(60) == 0
        assert process.stderr.read() == b""


def test_what_verifies_does_not_load_what_reads_files() -> None:
    """It would wait half a second for pyHanko, which only these processes use."""
    code = (
        "import sys, kortilla.signing.verification.document; "
        "assert 'aiohttp' in sys.modules and 'pyhanko.sign' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# A service without the guard that multiprocessing requires. It imports from a folder
# that only it knows, and blocks the signals that end a process. It forks, and ends or
# is killed while a PDF is under way.
SERVICE = """\
import asyncio, os, signal, sys
sys.path.insert(0, os.environ.pop("ROOT"))
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGPROF})
from kortilla.signing.exchange import Placeholder
from kortilla.signing.processes import shared_processes

print("begins", flush=True)
certificate, pdf, slow = (open(each, "rb").read() for each in sys.argv[1:4])
empty = dict.fromkeys(("reason", "location", "field_name", "box"))
wanted = Placeholder(
    certificate=certificate, chain=(), hash_function="SHA-256", page=0, text="", **empty
)
prepare = shared_processes().prepare
for _ in range(2):
    print(len(asyncio.run(prepare(wanted, pdf))[1]), flush=True)
if not (child := os.fork()):
    print(len(asyncio.run(shared_processes().prepare(wanted, pdf))[1]), flush=True)
    sys.exit()
os.waitpid(child, 0)

async def give_up():
    asyncio.ensure_future(prepare(wanted, slow))
    while not (there := [p for p in shared_processes()._processes if p._popen]):
        await asyncio.sleep(0)
    print(*(each._popen.pid for each in there), flush=True)
    await asyncio.sleep(int(sys.argv[4]))

asyncio.run(give_up())
"""


@pytest.mark.parametrize("kill", [False, True], ids=["by itself", "SIGKILL"])
def test_a_service_without_a_guard_may_fork_and_no_process_is_left_when_it_ends(
    tmp_path: Path, signer: Leaf, kill: bool
) -> None:
    names = ("service.py", "certificate", "pdf", "slow")
    contents = (SERVICE.encode(), signer.der, make_pdf(), numbers(5_000_000))
    files = [tmp_path / name for name in names]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    with warm_python.popen(
        # Python 3.12 warns of each fork beside threads.
        [sys.executable, "-W", "ignore", *files, str(1_000_000 * kill)],
        cwd=tmp_path,
        env={"ROOT": str(ROOT), "PATH": os.defpath},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        imports=warm_python.PDF_PROCESS,
    ) as running:
        *lines, processes_there = (running.stdout.readline() for _ in range(5))
        assert lines == [b"begins\n", b"32\n", b"32\n", b"32\n"]
        watched = []
        for number in processes_there.split():
            with contextlib.suppress(ProcessLookupError):  # it has ended already
                watched.append(os.pidfd_open(int(number)))
        if kill:
            running.kill()
        for each in watched:  # even one whose PDF takes for ever
            select.select([each], [], [])
            os.close(each)
        # Root without capabilities can't take the network from a process.
        said = running.stderr.read().splitlines()
        assert [each for each in said if b"CLONE_NEWNET" not in each] == []
