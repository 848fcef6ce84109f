# SPDX-License-Identifier: MIT
"""A separate process decodes pictures; it can be ended and has no secrets."""

import contextlib
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEventLoop, QObject
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from native_host.pin_prompt.decode import HEAD, MOST_PIXELS
from native_host.pin_prompt.gui import document_viewer
from native_host.pin_prompt.gui.document_viewer import ImageDecoder
from tests.pin_prompt.pictures import huge_png, picture, slow_jpeg
from tests.support.patience import patience

WAIT = QEventLoop.ProcessEventsFlag.WaitForMoreEvents


class Opened:
    """A picture in the decoder, and the result."""

    def __init__(self, data: bytes, form: str) -> None:
        self.came: list[QImage | None] = []
        self.gone = False
        self.decoding = ImageDecoder(data, form)
        self.decoding.done.connect(self.came.append)
        self.decoding.destroyed.connect(self._go)

    def _go(self, _gone: QObject) -> None:
        self.gone = True

    @property
    def pid(self) -> int:
        """The id of the decoder's process, once it runs."""
        while not (pid := self.decoding._process.processId()):
            QApplication.processEvents(WAIT)
        return pid

    def wait(self) -> QImage | None:
        """Wait for the end; return the picture, or None after a failure."""
        while not self.gone:
            QApplication.processEvents(WAIT)
        [came] = self.came
        return came


@pytest.fixture
def opened(application: QApplication) -> Iterator[Callable[[bytes, str], Opened]]:
    """A function that opens a picture as the window does."""
    made: list[Opened] = []

    def open_(data: bytes, form: str) -> Opened:
        made.append(Opened(data, form))
        return made[-1]

    yield open_
    for one in made:
        if not one.gone:
            one.decoding.stop()
        while not one.gone:
            application.processEvents(WAIT)


def lying(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A function that replaces the decoder by a Python script."""
    monkeypatch.setattr(
        document_viewer, "_PROGRAM", [sys.executable, "-I", "-c", script]
    )


Open = Callable[[bytes, str], Opened]


@pytest.mark.parametrize("form", ["png", "jpeg"])
def test_the_pixels_come_back(opened: Open, form: str) -> None:
    shown = opened(picture(form.upper(), 41, 23), form).wait()
    assert shown is not None
    assert (shown.width(), shown.height()) == (41, 23)
    colour = shown.pixelColor(40, 22)
    assert abs(colour.red() - 120) < 4 and abs(colour.green() - 30) < 4
    assert colour.alpha() == 255


def test_a_very_large_picture_comes_back_smaller_in_the_same_shape(
    opened: Open,
) -> None:
    shown = opened(picture("JPEG", 7200, 4800), "jpeg").wait()
    assert shown is not None
    assert 0.99 * MOST_PIXELS < shown.width() * shown.height() <= MOST_PIXELS
    assert abs(shown.width() / shown.height() - 1.5) < 0.01


def test_a_picture_of_thousands_of_scans_is_given_up(opened: Open) -> None:
    data = slow_jpeg()
    assert len(data) < 620_000
    slow = opened(data, "jpeg")
    # The decoder's own limit of ten seconds of processor time is too long for a test.
    resource.prlimit(slow.pid, resource.RLIMIT_CPU, (1, 1))
    assert slow.wait() is None


# Starts a decoder, and tells its process.
WINDOW = """
import os, subprocess, sys
program = [sys.executable, "-I", "-m", "native_host.pin_prompt.decode"]
decoder = subprocess.Popen([*program, "jpeg", str(os.getpid())], stdin=0)
print(decoder.pid, flush=True)
decoder.wait()
"""


def test_a_decoder_ends_with_its_window(tmp_path: Path) -> None:
    file = tmp_path / "slow.jpeg"
    file.write_bytes(slow_jpeg())
    with file.open("rb") as data:
        window = subprocess.Popen(
            [sys.executable, "-I", "-c", WINDOW], stdin=data, stdout=subprocess.PIPE
        )
    assert window.stdout
    with window.stdout:
        decoder = int(window.stdout.readline())
    ends = os.pidfd_open(decoder)
    try:
        loaded = Path(f"/proc/{decoder}/maps")
        while "QtGui" not in loaded.read_text():
            os.sched_yield()
        # Now its limit of processor time can't be what ends it.
        os.kill(decoder, signal.SIGSTOP)
        window.kill()
        window.wait()
        assert select.select([ends], [], [], patience())[0], "it is still there"
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(ends, signal.SIGKILL)
        os.close(ends)


def test_a_decoder_that_starts_after_the_end_of_its_window_ends() -> None:
    program = [sys.executable, "-I", "-m", "native_host.pin_prompt.decode"]
    # This process started the decoder, and is not the window that it is given.
    done = subprocess.run(
        [*program, "png", str(os.getppid())],
        input=picture("PNG", 8, 8),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"")


def test_a_picture_is_given_up_by_the_clock_too(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_viewer, "_WITHIN", 1)
    lying(monkeypatch, "import time; time.sleep(3600)")
    assert opened(b"", "png").wait() is None


def test_a_picture_that_unpacks_to_too_much_is_not_decoded(opened: Open) -> None:
    data = huge_png(20_000)
    assert len(data) < 20_000**2 // 50
    assert opened(data, "png").wait() is None


def test_a_decoder_that_takes_too_much_memory_gives_no_picture(opened: Open) -> None:
    greedy = opened(picture("JPEG", 8000, 8000), "jpeg")
    # Below the decoder's own limit. No picture within Qt's own limit reaches that.
    resource.prlimit(greedy.pid, resource.RLIMIT_AS, (300 << 20, 300 << 20))
    assert greedy.wait() is None


@pytest.mark.parametrize("form", ["png", "jpeg"])
@pytest.mark.parametrize("kept", [0, 4, 11, 30, 60])
def test_a_picture_that_is_cut_off_is_none(opened: Open, form: str, kept: int) -> None:
    assert opened(picture(form.upper())[:kept], form).wait() is None


def test_a_decoder_that_is_killed_gives_no_picture(opened: Open) -> None:
    slow = opened(slow_jpeg(), "jpeg")
    os.kill(slow.pid, signal.SIGKILL)
    assert slow.wait() is None


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        HEAD.pack(1, 1)[:-1],
        HEAD.pack(2, 2) + bytes(15),
        HEAD.pack(2, 2) + bytes(17),
        HEAD.pack(0, 0),
        HEAD.pack(0, 2**32 - 1),
        HEAD.pack(2**31, 2**31),
        HEAD.pack(2**32 - 1, 2**32 - 1) + bytes(4),
        HEAD.pack(2**31 + 1, 1) + bytes(4),
    ],
    ids=lambda answer: answer[:9].hex() or "nothing",
)
def test_a_decoder_that_lies_gives_no_picture(
    opened: Open, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    lying(monkeypatch, f"import sys; sys.stdout.buffer.write({answer!r})")
    assert opened(picture("PNG"), "png").wait() is None


def test_a_decoder_that_fails_after_its_answer_gives_no_picture(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = HEAD.pack(1, 1) + bytes(4)
    lying(monkeypatch, f"import sys; sys.stdout.buffer.write({answer!r}); sys.exit(3)")
    assert opened(picture("PNG"), "png").wait() is None


def test_a_decoder_that_never_stops_answering_is_ended(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_viewer, "_MOST_BYTES", 1 << 20)
    lying(monkeypatch, "import os\nwhile True: os.write(1, bytes(65536))")
    assert opened(picture("PNG"), "png").wait() is None


def test_a_decoder_that_is_not_there_gives_no_picture(
    opened: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(document_viewer, "_PROGRAM", [str(tmp_path / "missing")])
    assert opened(picture("PNG"), "png").wait() is None


def test_a_decoder_that_is_stopped_ends_without_a_word(opened: Open) -> None:
    slow = opened(slow_jpeg(), "jpeg")
    pid = slow.pid
    slow.decoding.stop()
    while not slow.gone:
        QApplication.processEvents(WAIT)
    assert slow.came == []
    assert not Path(f"/proc/{pid}").exists()


def test_a_decoder_has_limits_and_neither_the_windows_variables_nor_its_files(
    opened: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SECRET", "1234")
    secret = tmp_path / "secret"
    with secret.open("wb") as file:
        os.set_inheritable(file.fileno(), True)
        slow = opened(slow_jpeg(), "jpeg")
        proc = Path(f"/proc/{slow.pid}")
        # The decoder has started when it reads the picture.
        while slow.decoding._process.bytesToWrite():
            QApplication.processEvents(WAIT)
        assert b"SECRET" not in (proc / "environ").read_bytes()
        assert secret not in [link.readlink() for link in (proc / "fd").iterdir()]
        assert Path(sys.executable).resolve() == (proc / "exe").readlink()
        limits = {
            resource.RLIMIT_AS: 1 << 30,
            resource.RLIMIT_CPU: 10,
            resource.RLIMIT_FSIZE: 0,
            resource.RLIMIT_NOFILE: 64,
            resource.RLIMIT_CORE: 0,
        }
        for what, most in limits.items():
            assert resource.prlimit(slow.pid, what) == (most, most)
