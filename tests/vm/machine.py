# SPDX-License-Identifier: MIT
"""A Debian in QEMU with a shell at a serial line, as ``tests/vm/run`` has made it."""

import contextlib
import json
import os
import re
import select
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.patience import patience

_PROMPT = re.compile(rb"\[(\d+)\] ready> $")
_BOOT = 120  # seconds, which a kernel that hangs under KVM is given
_EMULATED = 600


class UnusableError(Exception):
    """The machine has stopped before its shell was ready."""


class Machine:
    """A machine that has been switched on, with one way to run its instructions.

    ``accelerator`` is QEMU's name of it, ``kvm`` or ``tcg``.
    """

    def __init__(self, folder: Path, accelerator: str) -> None:
        self.folder, self.accelerator = folder, accelerator
        self._shell, shell = socket.socketpair()
        self._monitor, monitor = socket.socketpair()
        self._monitor.settimeout(patience())
        self._lines = self._monitor.makefile("rwb")
        self._come = b""
        self._deleted: set[str | None] = set()
        said = (folder / "qemu").open("wb")
        kernel = "root=/dev/vda rw init=/sbin/vm-init console=ttyS0 panic=-1 quiet"
        self.process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", "--", "qemu-system-x86_64"),
                *("-nodefaults", "-no-reboot", "-display", "none"),
                *("-machine", "q35", "-accel", accelerator, "-cpu", "max"),
                *("-smp", "2", "-m", "1024"),
                *("-kernel", folder / "kernel", "-initrd", folder / "initrd"),
                *("-append", f"{kernel} apparmor=0 mitigations=off"),
                "-drive",
                f"file={folder}/disk,format=raw,if=virtio,snapshot=on",
                *("-serial", f"file:{folder}/console"),
                *("-chardev", f"socket,id=shell,fd={shell.fileno()}"),
                *("-serial", "chardev:shell"),
                *("-chardev", f"socket,id=monitor,fd={monitor.fileno()}"),
                *("-mon", "chardev=monitor,mode=control"),
                *("-device", "qemu-xhci,id=usb"),
                "-chardev",
                f"socket,id=card,path={self.card_path},server=on,wait=off",
            ],
            env=os.environ | {"TMPDIR": str(folder)},
            pass_fds=[shell.fileno(), monitor.fileno()],
            stdin=subprocess.DEVNULL,
            stderr=said,
        )
        for each in (shell, monitor, said):
            each.close()

    @property
    def card_path(self) -> Path:
        """The socket on which QEMU's reader takes a card."""
        return self.folder / "card"

    def wait_ready(self) -> None:
        """Wait for the shell. Raises ``UnusableError`` if there will be none."""
        try:
            self._lines.readline()  # the greeting
            self.order("qmp_capabilities")
            seconds = _BOOT if self.accelerator == "kvm" else _EMULATED
            end = time.monotonic() + patience(seconds)
            while not _PROMPT.search(self._come):
                if time.monotonic() > end:
                    raise UnusableError(f"no shell in {seconds} s")
                if not self._read(1):
                    status = self.order("query-status")["status"]
                    if status != "running":
                        raise UnusableError(f"it is in the state {status}")
        except (OSError, ValueError) as error:
            raise UnusableError(f"QEMU ended: {error}") from error
        self._come = b""

    def order(self, command: str, **arguments: object) -> Any:
        """Give QEMU an order (QMP), and return its answer."""
        asked = {"execute": command, "arguments": arguments}
        self._lines.write(json.dumps(asked).encode() + b"\n")
        self._lines.flush()
        while "return" not in (answer := self._message()):
            assert "error" not in answer, answer
        return answer["return"]

    def wait_deleted(self, device: str) -> None:
        """Wait until QEMU has let go of a device, which comes after ``device_del``."""
        while device not in self._deleted:
            self._message()
        self._deleted.remove(device)

    def _message(self) -> dict[str, Any]:
        """Return what QEMU tells next, which may be an event."""
        told: dict[str, Any] = json.loads(self._lines.readline())
        if told.get("event") == "DEVICE_DELETED":
            self._deleted.add(told["data"].get("device"))
        return told

    def type(self, text: str) -> None:
        """Type at the terminal, which echoes nothing."""
        self._shell.sendall(text.encode())

    def wait_for(self, words: str) -> str:
        """Read until the terminal shows these words; return what came before."""
        while words.encode() not in self._come:
            assert self._read(patience(40)), f"no {words!r} in {self._come!r}"
        before, _, self._come = self._come.partition(words.encode())
        return _text(before)

    def ended(self) -> tuple[int, str]:
        """Wait until a command ends; return its status, and what it showed since."""
        while not (prompt := _PROMPT.search(self._come)):
            assert self._read(patience(40)), f"no end of {self._come!r}"
        shown, self._come = _text(self._come[: prompt.start()]), b""
        return int(prompt[1]), shown

    def run(self, command: str) -> tuple[int, str]:
        """Run a command of the shell; return its status, and what it showed."""
        self.type(f"{command}\n")
        return self.ended()

    def destroy(self) -> None:
        """Leave nothing of it running. Its disk is as it was before it was on."""
        self.process.kill()
        self.process.wait()
        self._lines.close()
        self._monitor.close()
        self._shell.close()

    def _read(self, seconds: float) -> bool:
        """Take over what the terminal shows next; False if that takes longer."""
        if not select.select([self._shell], [], [], seconds)[0]:
            return False
        part = self._shell.recv(4096)
        if not part:
            raise OSError("the terminal is gone")
        self._come += part
        return True


def _text(shown: bytes) -> str:
    return shown.decode().replace("\r\n", "\n")


@contextlib.contextmanager
def boot(folder: Path) -> Iterator[Machine]:
    """Switch the machine on, with KVM where that works, and off at exit.

    The file ``booted`` in the folder then tells how, and why not with KVM.
    """
    said: dict[str, str] = {}
    for accelerator in ("kvm", "tcg"):
        began = time.monotonic()
        machine = Machine(folder, accelerator)
        try:
            try:
                machine.wait_ready()
            except UnusableError as error:
                said[accelerator] = f"{error} {(folder / 'qemu').read_text()[-300:]}"
                continue
            took = f"{accelerator} booted in {time.monotonic() - began:.0f} s"
            reasons = [f"not {name}: {why.strip()}" for name, why in said.items()]
            (folder / "booted").write_text("\n".join([took, *reasons]))
            yield machine
            return
        finally:
            machine.destroy()
    console = (folder / "console").read_text(errors="replace")
    raise AssertionError(f"it does not boot: {said} {console[-2000:]}")
