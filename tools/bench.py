# SPDX-License-Identifier: MIT
"""Measures Kortilla's performance figures, and prints each beside its goal.

Each figure is the median of several runs on the mock card, which responds without
delay. Run it on an idle machine: ``make bench``. No test depends on a time.
"""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kortilla.mock_card.card_data import CAN
from kortilla.mock_card.state import MockCardState
from native_host.card.contactless.pace import open_channel
from native_host.card.fineid import FineidCard, KeyRole, PinRole
from native_host.card.mock_source import MockCardConnection
from native_host.card.source import CardConnection
from tests.support.offscreen import OFFSCREEN
from tools import (
    bench_desktop,
    bench_encryption,
    bench_login,
    bench_tls,
    bench_validation,
)
from tools.bench_login import peak
from tools.bench_page import TYPIST, measure, show

RUNS = 15
ORIGIN = "https://service.example"
NONCE = "A" * 43 + "="
REQUEST = {
    "id": "1",
    "command": "authenticate",
    "arguments": {"challengeNonce": NONCE, "origin": ORIGIN, "userActivation": True},
}


class Host:
    """A host as a separate process."""

    def __init__(self, home: Path, prompt_command: list[str] | None = None) -> None:
        code = (
            "import sys; from native_host.__main__ import main; "
            f"sys.exit(main([], prompt_command={prompt_command or OFFSCREEN!r}))"
        )
        self.started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={
                "HOME": str(home),
                "PATH": os.environ["PATH"],
                "KORTILLA_CONFIG": str(home / "config.toml"),
            },
        )

    def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        body = json.dumps(message).encode()
        assert self.process.stdin  # noqa: S101 - for the type checker
        self.process.stdin.write(len(body).to_bytes(4, sys.byteorder) + body)

    def receive(self) -> dict[str, Any]:
        """Return the next message."""
        stream = self.process.stdout
        assert stream  # noqa: S101 - for the type checker
        length = int.from_bytes(stream.read(4), sys.byteorder)
        body = b""
        while len(body) < length:
            body += stream.read(length - len(body))
        message: dict[str, Any] = json.loads(body)
        return message

    def until(self, key: str) -> dict[str, Any]:
        """Return the next message that has a key."""
        while key not in (message := self.receive()):
            if "error" in message:
                raise SystemExit(f"bench: {message}")
        return message

    def end(self) -> None:
        """End the host."""
        assert self.process.stdin and self.process.stdout  # noqa: S101
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def main() -> None:
    """Measure and print everything."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "config.toml").write_text('card = "mock"\nlanguage = "fi"\n')
        folder = home / ".local/share/kortilla/mock-card"
        state = MockCardState.create(folder)
        show("start → version", hello(home), "70 ms")
        page = asyncio.run(measure(RUNS))
        show("click in the page → window, host cold", page["cold"], "350 ms")
        show("  of it, from the host's start", window(home))
        show("click in the page → window, host warmed", page["warm"], "100 ms")
        show("  of it, in the host", window(home, prepared=True))
        show("Enter → token in the page", page["enter"], "40 ms")
        show("  of it, to leave the host", enter(home))
        for face, goal in (False, 8), (True, 16):
            what = "commands from Enter to token" + ", contactless" * face
            count = commands(state, contactless=face)
            print(f"{what:44} {count:7d}       goal {goal}")
        show("contactless card → channel, processor time", channel(state), "300 ms")
        memory(home)
        agent()
        desktop(home)
    bench_encryption.main()
    bench_validation.main()
    bench_tls.main()
    bench_login.measure(bench_login.LOGINS)


def hello(home: Path) -> list[float]:
    """From the start of the process to its version."""
    times = []
    for _ in range(RUNS):
        host = Host(home)
        host.receive()
        times.append(time.monotonic() - host.started)
        host.end()
    return times


def window(home: Path, *, prepared: bool = False) -> list[float]:
    """From the request (and the host's start, when cold) to the visible window."""
    times = []
    for _ in range(RUNS):
        host = Host(home)
        begun = host.started
        if prepared:
            host.send({"id": "0", "command": "prepare"})
            host.until("result")
            time.sleep(1)  # a person moves the pointer to the button
            begun = time.monotonic()
        host.send(REQUEST)
        host.until("progress")
        times.append(time.monotonic() - begun)
        host.end()
    return times


def enter(home: Path) -> list[float]:
    """From the typed PIN to the token."""
    file = home / "enter"
    typist = [sys.executable, "-I", "-c", TYPIST, str(file)]
    times = []
    host = Host(home, typist)
    for _ in range(RUNS):
        host.send(REQUEST)
        host.until("result")
        times.append(time.time() - float(file.read_text()))
    host.end()
    return times


def commands(state: MockCardState, *, contactless: bool) -> int:
    """Count the commands from the typed PIN to the signature, with those of PACE."""

    class Counting(MockCardConnection):
        count = 0

        def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
            Counting.count += 1
            return super().send_and_receive(apdu)

    def connect() -> CardConnection:
        connection = Counting(state, contactless=contactless)
        if contactless:
            return open_channel(connection, bytearray(CAN.encode()))
        return connection

    connection = connect()
    card = FineidCard(connection)
    key = card.key(KeyRole.AUTHENTICATION)
    algorithm = card.certificate(key).algorithm
    card.pin_info(PinRole.PIN1)
    card.remember()
    connection.close()
    Counting.count = 0
    connection = connect()
    card.resume(connection)
    card.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    card.sign(key, hashlib.sha384(b"").digest(), algorithm)
    connection.close()
    return Counting.count


def channel(state: MockCardState) -> list[float]:
    """The processor time of PACE, without what the mock card computes."""

    class Timed(MockCardConnection):
        used = 0.0

        def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
            begun = time.process_time()
            try:
                return super().send_and_receive(apdu)
            finally:
                self.used += time.process_time() - begun

    times = []
    for _ in range(RUNS):
        connection = Timed(state, contactless=True)
        begun = time.process_time()
        open_channel(connection, bytearray(CAN.encode()))
        times.append(time.process_time() - begun - connection.used)
        connection.close()
    return times


def memory(home: Path) -> None:
    """Print the peak memory of host and window while the window asks for the PIN."""
    host = Host(home)
    host.send(REQUEST)
    host.until("progress")
    time.sleep(1)
    pid = host.process.pid
    children = [
        child
        for thread in Path(f"/proc/{pid}/task").iterdir()
        for child in (thread / "children").read_text().split()
    ]
    peaks = [peak(each) for each in (pid, *map(int, children))]
    parts = " + ".join(f"{each:.0f}" for each in peaks)
    host.end()
    print(
        f"{'peak memory, host + window':44} {sum(peaks):7.0f} MB    goal 130 MB   "
        f"({parts})"
    )


def agent() -> None:
    """Print the agent's figures, measured beside a separate pcscd.

    This takes a minute.
    """
    measured = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, Path(__file__).with_name("bench_agent.py")],
        stdout=subprocess.PIPE,
        check=True,
    )
    found = json.loads(measured.stdout)
    show("new card in the reader → activation window", found["window"], "2000 ms")
    used = found["ticks"] * 10
    print(f"{'processor time of the agent in a minute':44} {used:5d} ms      goal 0 ms")


def desktop(home: Path) -> None:
    """Print the figures of the window of ``kortilla open``."""
    times, memory, used = bench_desktop.measure(home)
    show("kortilla open → usable window", times, "600 ms")
    print(f"{'peak memory of that window':44} {memory:7.0f} MB    goal 150 MB")
    idle = f"processor time in {bench_desktop.IDLE} idle seconds"
    print(f"{idle:44} {used * 10:7d} ms    goal 0 ms")
    before, after = bench_desktop.measure_batch(home)
    show(f"{bench_desktop.BATCH} PDFs in the window → PIN2", before, "none")
    show("each of these PDFs after PIN2", after, "100 ms")


if __name__ == "__main__":
    main()
