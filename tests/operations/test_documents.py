# SPDX-License-Identifier: MIT
"""Documents are accepted whole and in order only, and no copy remains."""

import asyncio
import errno
import hashlib
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from native_host.errors import InvalidArgumentError, KortillaError
from native_host.operations.documents import (
    MAX_CHUNK,
    MAX_TOTAL_SIZE,
    DocumentHeader,
    DocumentInbox,
    check_names,
    sweep_leftovers,
)

CONTENT = bytes(range(256)) * 300  # three chunks
TEXT = DocumentHeader("a.txt", "text/plain", len(CONTENT))


@pytest.fixture
def inbox() -> Iterator[DocumentInbox]:
    with closing(DocumentInbox([TEXT])) as inbox:
        yield inbox


def header(name: str = "a", size: int = 1, media_type: str = "") -> DocumentHeader:
    return DocumentHeader(name, media_type, size)


def fill(inbox: DocumentInbox, *contents: bytes) -> None:
    for document, content in enumerate(contents):
        for number, start in enumerate(range(0, len(content), MAX_CHUNK)):
            inbox.put(document, number, content[start : start + MAX_CHUNK])


def inside(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def nothing(_done: int, _total: int) -> None:
    pass


async def test_documents_come_whole_and_are_hashed(place: Path) -> None:
    headers = [TEXT, header("empty", 0), header("b", 5)]
    seen: list[tuple[int, int]] = []
    with closing(DocumentInbox(headers)) as inbox:
        complete = asyncio.create_task(
            inbox.complete(lambda done, total: seen.append((done, total)))
        )
        await asyncio.sleep(0)
        fill(inbox, CONTENT, b"", b"hello")
        await complete
        total = len(CONTENT) + 5
        assert (seen[0], seen[-1]) == ((0, total), (total, total))
        assert inbox.path(0).read_bytes() == CONTENT
        assert inbox.path(1).read_bytes() == b""
        assert inbox.digest(0, "SHA-384") == hashlib.sha384(CONTENT).digest()
        assert inbox.digest(1, "SHA-256") == hashlib.sha256(b"").digest()
        assert inbox.digest(2, "SHA3-512") == hashlib.sha3_512(b"hello").digest()
        # What stands under its name by then is not signed.
        inbox.path(0).unlink()
        inbox.path(0).write_bytes(b"something else")
        assert inbox.digest(0, "SHA-256") == hashlib.sha256(CONTENT).digest()
    assert not inside(place)
    with closing(DocumentInbox([header(size=0)])) as empty:
        await empty.complete(nothing)


async def test_folder_and_files_are_private_and_their_names_say_nothing(
    place: Path,
) -> None:
    hostile = ["../../x", "/etc/passwd", "a\u202egnp.exe", "\x00\x1b[2J", "A", "a", " "]
    named = header("SPECIMEN-KORHONEN.pdf", 1, "application/pdf")
    headers = [named, *(header(name) for name in hostile)]
    with closing(DocumentInbox(headers)) as inbox:
        assert [each.name for each in inbox.headers[1:]] == hostile
        [folder] = inside(place)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {path.name for path in inside(folder)} == {"0.pdf", *"1234567"}
        assert {stat.S_IMODE(p.stat().st_mode) for p in inside(folder)} == {0o600}
        fill(inbox, *[b"x"] * 8)
        await inbox.complete(nothing)
        assert {stat.S_IMODE(p.stat().st_mode) for p in inside(folder)} == {0o400}
    check_names(["x" * 255])


@pytest.mark.parametrize("unusable", ["open", "missing", "relative", "file"])
def test_a_runtime_folder_that_is_not_private_is_not_used(
    unusable: str,
    place: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    (place / "file").touch(0o700)
    runtime = {
        "open": place,
        "missing": place / "missing",
        "relative": ".",
        "file": place / "file",
    }
    if unusable == "open":
        place.chmod(0o755)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime[unusable]))
    with closing(DocumentInbox([TEXT])) as inbox:
        assert inbox.path(0).is_relative_to(elsewhere)
    assert not list(elsewhere.iterdir())


FIRST = CONTENT[:MAX_CHUNK]
WHOLE = [(0, 0, FIRST), (0, 1, FIRST), (0, 2, CONTENT[2 * MAX_CHUNK :])]
WRONG = {
    "a number left out": [(0, 1, FIRST)],
    "a document left out": [(1, 0, b"x")],
    "twice the same": [(0, 0, FIRST), (0, 0, FIRST)],
    "the next document too early": [(0, 0, FIRST), (1, 0, b"x")],
    "no such document": [(-1, 0, b"x")],
    "a number below zero": [(0, -1, b"x")],
    "an empty chunk": [(0, 0, b"")],
    "a chunk too long": [(0, 0, bytes(MAX_CHUNK + 1))],
    "a document too long": [*WHOLE[:2], (0, 2, WHOLE[2][2] + b"x")],
    "more after a document's end": [*WHOLE, (0, 3, b"x")],
    "the numbers of the document before": [*WHOLE, (1, 3, b"x")],
    "after the end": [*WHOLE, (1, 0, b"x"), (1, 1, b"x")],
    "a third document of two": [*WHOLE, (1, 0, b"x"), (2, 0, b"x")],
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_chunk_ends_it_all_with_one_error(
    wrong: str, place: Path
) -> None:
    with closing(DocumentInbox([TEXT, header("b")])) as inbox:
        *good, bad = WRONG[wrong]
        for chunk in good:
            inbox.put(*chunk)
        with pytest.raises(InvalidArgumentError) as first:
            inbox.put(*bad)
        assert not inside(place)
        for again in (
            lambda: inbox.put(0, 0, b"x"),
            lambda: inbox.path(0),
            lambda: inbox.digest(0, "SHA-256"),
        ):
            with pytest.raises(InvalidArgumentError, match=str(first.value)):
                again()
        with pytest.raises(InvalidArgumentError, match=str(first.value)):
            await inbox.complete(nothing)


def wrong_chunk(inbox: DocumentInbox) -> None:
    with pytest.raises(InvalidArgumentError):
        inbox.put(0, 7, b"x")


def close_twice(inbox: DocumentInbox) -> None:
    inbox.close()
    inbox.close()


@pytest.mark.parametrize(
    ("end", "patience", "why"),
    [
        (wrong_chunk, 20.0, "out of order"),
        (close_twice, 20.0, "deleted"),
        (lambda inbox: inbox.put(0, 0, FIRST), 0.001, "stopped coming"),
    ],
)
async def test_whoever_waits_hears_of_the_end(
    end: Callable[[DocumentInbox], object], patience: float, why: str, place: Path
) -> None:
    with closing(DocumentInbox([TEXT], patience=patience)) as inbox:
        complete = asyncio.create_task(inbox.complete(nothing))
        await asyncio.sleep(0)
        end(inbox)
        with pytest.raises(InvalidArgumentError, match=why):
            await complete
        assert not inside(place)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [header(str(number)) for number in range(21)],
        [header("")],
        [header("x" * 256)],
        [header("half a pair \ud83d")],
        [header("a"), header("a")],
        [header("\u00e4.pdf"), header("a\u0308.pdf")],
        [header(media_type="x" * 256)],
        [header(size=-1)],
        [header(size=MAX_TOTAL_SIZE + 1)],
        [header("a", MAX_TOTAL_SIZE), header("b", 1)],
        [header("a", MAX_TOTAL_SIZE + 1), header("b", -1)],
    ],
)
def test_documents_over_the_limits_are_refused(
    headers: list[DocumentHeader], place: Path
) -> None:
    with pytest.raises(InvalidArgumentError):
        DocumentInbox(headers)
    assert not inside(place)


@pytest.mark.parametrize("size", [len(FIRST), 5], ids=["at once", "at the end"])
async def test_a_disk_that_is_full_is_said_and_nothing_stays(
    size: int, place: Path
) -> None:
    with closing(DocumentInbox([header(size=size)])) as inbox:
        full = os.open("/dev/full", os.O_RDWR)
        os.dup2(full, inbox._files[0].fileno())
        os.close(full)
        with pytest.raises(KortillaError, match="No space left"):
            inbox.put(0, 0, FIRST[:size])
            await inbox.complete(nothing)
        assert not inside(place)


def test_a_place_that_takes_no_folder_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refused)
    with pytest.raises(KortillaError, match="Permission denied"):
        DocumentInbox([TEXT])


HOLD = """
import sys
from native_host.operations.documents import DocumentHeader, DocumentInbox
inbox = DocumentInbox([DocumentHeader("a", "text/plain", 1)])
print("ready", flush=True)
sys.stdin.read()
"""


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_has_is_not(
    place: Path,
) -> None:
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    living, killed = holders
    try:
        for holder in holders:
            assert holder.stdout and holder.stdout.readline() == b"ready\n"
        assert len(inside(place)) == 2
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        sweep_leftovers()
        assert len(inside(place)) == 1
    finally:
        for holder in holders:
            holder.kill()
            holder.communicate()
    sweep_leftovers()
    assert not inside(place)
    assert living.returncode


def test_only_folders_of_ones_own_are_swept(place: Path) -> None:
    kept = place / "kept"
    kept.mkdir()
    (kept / "file").touch()
    (place / "kortilla-documents-link").symlink_to(kept)
    (place / "kortilla-documents-file").touch()
    (place / "kortilla-documents-dead").mkdir()
    sweep_leftovers()
    assert (kept / "file").exists()
    assert not (place / "kortilla-documents-dead").exists()
    assert (place / "kortilla-documents-file").exists()


def test_processes_that_start_at_once_do_not_sweep_each_other(place: Path) -> None:
    faults: list[BaseException] = []

    def use() -> None:
        try:
            for _ in range(20):
                sweep_leftovers()
                with closing(DocumentInbox([header(size=1)])) as inbox:
                    inbox.put(0, 0, b"x")
                    assert inbox.path(0).exists()
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert not inside(place)


async def test_closing_while_a_hash_is_computed_does_no_harm(
    inbox: DocumentInbox, place: Path
) -> None:
    fill(inbox, CONTENT)
    await inbox.complete(nothing)
    hashing = asyncio.create_task(asyncio.to_thread(inbox.digest, 0, "SHA-256"))
    await asyncio.sleep(0)
    hashing.cancel()
    inbox.close()
    await asyncio.wait({hashing})
    assert not inside(place)
