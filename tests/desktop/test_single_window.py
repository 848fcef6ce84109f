# SPDX-License-Identifier: MIT
"""One window for each person, on a socket that others can do nothing with."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from native_host.desktop import single_window
from native_host.desktop.single_window import MOST_FILES, Handover, SingleWindow
from native_host.errors import KortillaError


def folder() -> Path:
    return Path(os.environ["XDG_RUNTIME_DIR"]) / "kortilla"


@pytest.fixture
def first() -> Iterator[SingleWindow]:
    with closing(SingleWindow()) as first:
        assert first.claim()
        yield first


@asynccontextmanager
async def listening(
    first: SingleWindow,
) -> AsyncIterator[list[tuple[str, Handover | None]]]:
    """Listen for later starts, and collect their tokens and files."""
    heard: list[tuple[str, Handover | None]] = []
    task = asyncio.create_task(first.listen(lambda *given: heard.append(given)))
    path = folder() / "window.sock"
    while not (path.exists() and path.stat().st_mode & 0o777 == 0o600):
        assert not task.done()
        await asyncio.sleep(0.01)
    yield heard
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not path.exists()


async def test_a_second_start_raises_the_first_ones_window(
    first: SingleWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(first) as heard:
        monkeypatch.setenv("XDG_ACTIVATION_TOKEN", "token-1")
        assert not await asyncio.to_thread(lambda: SingleWindow().claim())
        monkeypatch.setenv("XDG_ACTIVATION_TOKEN", "a token\nof two lines")
        assert not await asyncio.to_thread(lambda: SingleWindow().claim())
        given = Handover("check", (Path("/a b.pdf"), Path("/\udcffä\n.asice")))
        assert not await asyncio.to_thread(lambda: SingleWindow().claim(given))
        assert heard == [("token-1", None), ("", None), ("", given)]


SENT = {
    "nothing": b"",
    "lines": b"\n" * 9,
    "long": b"x" * 100_000 + b"\n",
    "no text": b"\xff\n",
    "no end": b"no end",
    "space": b"a b\n",
    "longer": b"x" * 5_000_000 + b"\n",
    "deep": b" " + b"[" * 100_000 + b"\n",
    "null": b" null\n",
    "other page": b' {"page": "card", "files": ["/a"]}\n',
    "no page": b' {"page": ["check"], "files": ["/a"]}\n',
    "not absolute": b' {"page": "check", "files": ["a"]}\n',
    "NUL": b' {"page": "check", "files": ["/a\\u0000"]}\n',
    "number": b' {"page": "check", "files": [1]}\n',
    "many": b' {"page": "check", "files": ["/a"' + b', "/a"' * MOST_FILES + b"]}\n",
}


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
async def test_what_a_program_sends_there_has_no_effect(
    first: SingleWindow, sent: bytes
) -> None:
    async with listening(first) as heard:
        reader, writer = await asyncio.open_unix_connection(folder() / "window.sock")
        writer.write(sent)
        writer.write_eof()
        answer = b""
        with suppress(ConnectionResetError), closing(writer):
            answer = await reader.read()
        assert all(given == ("", None) for given in heard)
        assert answer in (b"", b"shown\n")
        assert len(heard) <= 1
        assert not await asyncio.to_thread(lambda: SingleWindow().claim())


async def test_files_of_a_process_that_was_killed_do_not_matter() -> None:
    folder().mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder() / "window.sock"))
    (folder() / "window.lock").touch()
    first = SingleWindow()
    assert first.claim()
    async with listening(first):
        assert not await asyncio.to_thread(lambda: SingleWindow().claim())
    first.close()


def test_one_that_does_not_answer_is_an_error(
    first: SingleWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_window, "_PATIENCE", 0.2)
    with pytest.raises(KortillaError):
        SingleWindow().claim()


def test_a_folder_where_others_may_write_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder().mkdir(mode=0o700)
    folder().chmod(0o777)
    assert SingleWindow().claim()
    assert SingleWindow().claim()
    assert list(folder().iterdir()) == []
    # Nor is there a way to know without a runtime folder.
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert SingleWindow().claim()
    assert SingleWindow().claim()


def test_without_a_screen_the_command_says_so(tmp_path: Path) -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DISPLAY", "WAYLAND_DISPLAY")
    }
    done = subprocess.run(
        [sys.executable, "-I", "-m", "native_host.cli", "open", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert '"PROMPT_FAILED"' in done.stdout
