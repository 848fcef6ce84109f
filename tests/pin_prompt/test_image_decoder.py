# SPDX-License-Identifier: MIT
"""A separate process decodes pictures; it can be ended and has no secrets."""

import contextlib
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QBuffer, QEventLoop, QObject
from PySide6.QtGui import QImage, QImageWriter, qRgb
from PySide6.QtWidgets import QApplication

from native_host.pin_prompt.decode import HEAD, MOST_PIXELS
from native_host.pin_prompt.gui import document_viewer
from native_host.pin_prompt.gui.document_viewer import ImageDecoder
from tests.support.patience import patience


def picture(form: str, width: int = 40, height: int = 20) -> bytes:
    """Return a picture of one colour, ``PNG`` or ``JPEG``."""
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(qRgb(120, 30, 60))
    return written(image, form)


def written(image: QImage, form: str) -> bytes:
    """Return an image as the bytes of a file."""
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    assert QImageWriter(buffer, form.encode()).write(image)
    return bytes(buffer.data().data())


def slow_jpeg(side: int = 8000, scans: int = 6300) -> bytes:
    """Return a progressive JPEG of 600 kB that takes minutes to decode (ITU-T T.81).

    Each scan states in some sixty bytes that no coefficient of the blocks changes. A
    decoder must visit all coefficients of all blocks to process it.
    """
    blocks = (side // 8) ** 2
    # The code "0" stands for EOB14: fourteen bits follow, and a run of at most 32,767
    # blocks ends (G.1.2.2).
    bits = ("0" + "1" * 14) * -(-blocks // 32767)
    bits += "1" * (-len(bits) % 8)
    run = int(bits, 2).to_bytes(len(bits) // 8).replace(b"\xff", b"\xff\0")

    def scan(high: int, low: int) -> bytes:
        return _segment(0xDA, bytes((1, 1, 0, 1, 63, high << 4 | low))) + run

    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xDB, b"\0" + b"\1" * 64),
            _segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0"),
            _segment(0xC4, b"\x10\1" + bytes(15) + b"\xe0"),
            scan(0, 1),
            scan(1, 0) * scans,
            b"\xff\xd9",
        )
    )


def huge_png(side: int) -> bytes:
    """Return a PNG that unpacks to a black square of many pixels (RFC 2083).

    ``side`` is a multiple of 100. A full flush forgets all before it, so that the same
    bytes again unpack to the next rows (RFC 1950, RFC 1951).
    """
    assert side % 100 == 0
    row = 1 + 3 * side
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    rows = packer.compress(bytes(100 * row)) + packer.flush(zlib.Z_FULL_FLUSH)
    adler = (side * row % 65521) << 16 | 1  # of zeros only
    end = b"\x03\x00" + struct.pack(">I", adler)  # an empty last block before it
    pixels = b"\x78\x01" + rows * (side // 100) + end
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
        for data in (b"IHDR" + head, b"IDAT" + pixels, b"IEND")
    )


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


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


Open = Callable[[bytes, str], Opened]


@pytest.mark.parametrize("form", ["png", "jpeg"])
def test_the_pixels_come_back(opened: Open, form: str) -> None:
    shown = opened(picture(form.upper(), 41, 23), form).wait()
    assert shown is not None
    assert (shown.width(), shown.height()) == (41, 23)
    colour = shown.pixelColor(40, 22)
    assert abs(colour.red() - 120) < 4 and abs(colour.green() - 30) < 4
    assert colour.alpha() == 255


def test_a_very_large_picture_comes_back_smaller_in_its_shape(opened: Open) -> None:
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


def test_a_decoder_that_takes_too_much_memory_gives_no_picture(opened: Open) -> None:
    greedy = opened(picture("JPEG", 8000, 8000), "jpeg")
    # Below the decoder's own limit. No picture within Qt's own limit reaches that.
    resource.prlimit(greedy.pid, resource.RLIMIT_AS, (300 << 20, 300 << 20))
    assert greedy.wait() is None


@pytest.mark.parametrize(
    ("data", "form"),
    [
        *((picture("PNG")[:kept], "png") for kept in (0, 4, 11, 30, 60)),
        *((picture("JPEG")[:kept], "jpeg") for kept in (0, 4, 11, 30, 60)),
        (b"\x89PNG\r\n\x1a\n" + picture("JPEG"), "png"),  # another form
        (picture("JPEG"), "png"),
        (huge_png(20_000), "png"),  # would fill the memory
    ],
    ids=map(str, range(13)),
)
def test_a_faulty_picture_is_none(opened: Open, data: bytes, form: str) -> None:
    assert opened(data, form).wait() is None


def answering(data: bytes) -> str:
    """Return a decoder that answers with these bytes."""
    return f"import sys; sys.stdout.buffer.write({data!r})"


ONE = HEAD.pack(1, 1) + bytes(4)
FAULTY = {
    "no answer": answering(b""),
    "head cut": answering(HEAD.pack(1, 1)[:-1]),
    "too few pixels": answering(HEAD.pack(2, 2) + bytes(15)),
    "too many pixels": answering(HEAD.pack(2, 2) + bytes(17)),
    "empty": answering(HEAD.pack(0, 0)),
    "no width": answering(HEAD.pack(0, 2**32 - 1)),
    "huge": answering(HEAD.pack(2**31, 2**31)),
    "product overflows": answering(HEAD.pack(2**32 - 1, 2**32 - 1) + bytes(4)),
    "width overflows": answering(HEAD.pack(2**31 + 1, 1) + bytes(4)),
    "fails after its answer": answering(ONE) + "; sys.exit(3)",
    "never stops": "import os\nwhile True: os.write(1, bytes(65536))",
    "hangs": "import time; time.sleep(3600)",
    "is not there": "",
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_decoder_that_is_faulty_gives_no_picture(
    opened: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: str
) -> None:
    program = [sys.executable, "-I", "-c", FAULTY[fault]]
    if fault == "is not there":
        program = [str(tmp_path / "missing")]
    monkeypatch.setattr(document_viewer, "_PROGRAM", program)
    monkeypatch.setattr(document_viewer, "_MOST_BYTES", 1 << 20)
    if fault == "hangs":
        monkeypatch.setattr(document_viewer, "_WITHIN", 1)
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
