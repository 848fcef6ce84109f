# SPDX-License-Identifier: MIT
"""What other programs try against Kortilla's on Windows. Runs under Wine.

``python attacks.py NAME`` runs the function of that name, and prints what it returns.
"""

import _winapi
import asyncio
import ctypes
import json
import os
import subprocess
import sys
import time
from contextlib import closing, suppress
from ctypes import wintypes
from pathlib import Path
from typing import IO, Any, cast

if sys.platform != "win32":  # mypy reads on only for Windows
    raise ImportError("This program is for Windows.")

from kortilla.common import windows_jobs
from kortilla.common.limits import limit_resources
from native_host.desktop.single_window import Handover, SingleWindow
from native_host.install.calling_program import program_in_place_of_browser
from native_host.pin_prompt import decode
from native_host.pin_prompt.spawn import spawn
from native_host.platform import protection
from native_host.platform.hardening import harden
from native_host.platform.paths import runtime_folder
from native_host.platform.process_tree import parent_program
from native_host.platform.windows import protection as windows_protection
from native_host.platform.windows import sockets as windows_sockets
from native_host.state import remembered_can

#: PROCESS_…: rights that give memory, handles or code in a process, and harmless ones.
_HARMFUL = {
    "CREATE_THREAD": 0x2,
    "VM_OPERATION": 0x8,
    "VM_READ": 0x10,
    "VM_WRITE": 0x20,
    "DUP_HANDLE": 0x40,
    "SET_INFORMATION": 0x200,
    "QUERY_INFORMATION": 0x400,
    "SUSPEND_RESUME": 0x800,
}
_HARMLESS = {"TERMINATE": 0x1, "QUERY_LIMITED_INFORMATION": 0x1000}
_SYNCHRONIZE = 0x10_0000
_SECONDS = 30
_PIPE = Path("attacked.sock")

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.OpenProcess.restype = wintypes.HANDLE
_advapi = ctypes.WinDLL("advapi32")


def _again(name: str, *words: str) -> "subprocess.Popen[str]":
    """Run a function of this program in another process."""
    return subprocess.Popen(
        [sys.executable, "-I", __file__, name, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


def open_process(pid: str) -> list[str]:
    """Return the rights to a process that this one gets."""
    rights = _HARMFUL | _HARMLESS
    return [
        name
        for name, right in rights.items()
        if _kernel.OpenProcess(right, False, int(pid))
    ]


def memory() -> list[list[str]]:
    """Have another program open this process before and after it protects itself."""

    def attack() -> list[str]:
        output, _ = _again("open_process", str(os.getpid())).communicate()
        return list(json.loads(output))

    before = attack()
    harden()
    return [before, attack()]


def hardened() -> str:
    """Import all of the host, and run a program, after all protections."""
    harden()
    protection.make_no_code()
    print("protected", file=sys.stderr, flush=True)
    import native_host.messaging.requests  # noqa: F401, PLC0415

    ran = subprocess.run(["cmd", "/c", "echo done"], capture_output=True, check=True)
    return ran.stdout.decode().strip()


def sleep() -> None:
    time.sleep(10 * _SECONDS)


def window_with_viewer() -> None:
    """Start what is to stay, and wait."""
    viewer = _again("sleep")
    print(json.dumps([os.getpid(), viewer.pid]), flush=True)
    sleep()


def host() -> None:
    """Start a window, and crash when it runs."""
    shown = spawn([sys.executable, "-I", __file__, "window_with_viewer"])
    print(cast(IO[bytes], shown.stdout).readline().decode(), flush=True)
    os._exit(1)


def children() -> list[bool]:
    """Return whether a window ends with its host, and what the window had started."""
    crashes = _again("host")
    handles = [
        wintypes.HANDLE(_kernel.OpenProcess(_SYNCHRONIZE | 1, False, pid))
        for pid in json.loads(cast(IO[str], crashes.stdout).readline())
    ]
    crashes.wait()
    window, viewer = handles
    first = _kernel.WaitForSingleObject(window, 1000 * _SECONDS)
    second = _kernel.WaitForSingleObject(viewer, 0)
    _kernel.TerminateProcess(viewer, 1)
    return [first == 0, second == 0]


def worker(parent: str) -> None:
    limit_resources(int(parent), memory=1 << 30, seconds=_SECONDS)
    print("null", flush=True)
    sleep()


def starter() -> None:
    """Start a limited process, and crash when it runs."""
    process = _again("worker", str(os.getpid()))
    cast(IO[str], process.stdout).readline()
    print(json.dumps(process.pid), flush=True)
    os._exit(1)


def limited() -> bool:
    """Return whether a limited process ends when its parent crashes."""
    crashes = _again("starter")
    line = crashes.stdout.readline() if crashes.stdout else ""
    process = wintypes.HANDLE(
        _kernel.OpenProcess(_SYNCHRONIZE, False, json.loads(line))
    )
    return process.value is None or (
        _kernel.WaitForSingleObject(process, 1000 * _SECONDS) == 0
    )


def limits() -> list[list[int]]:
    """Return the limits that each program which reads hostile data asks for.

    They are those of a job: memory, seconds and processes. Wine forgets them.
    """
    from kortilla.signing import worker as pdf_worker  # noqa: PLC0415 - slow
    from kortilla.signing.processes import MEMORY, SECONDS  # noqa: PLC0415 - slow

    asked: list[list[int]] = []
    set_limits = windows_jobs._kernel.SetInformationJobObject

    def note(job: object, kind: int, place: Any, size: int) -> int:
        given = ctypes.cast(place, ctypes.POINTER(windows_jobs._Limits)).contents
        seconds = given.basic.process_time // windows_jobs._SECOND
        asked.append([given.process_memory, seconds, given.basic.processes])
        return int(set_limits(job, kind, place, size))

    vars(windows_jobs._kernel)["SetInformationJobObject"] = note
    output = os.dup(1)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    pdf_worker.main(memory=MEMORY, seconds=SECONDS)
    sys.argv[1:] = ["png", str(os.getpid())]
    decode.main()
    os.dup2(output, 1)
    return asked


def _ask(message: bytes) -> str:
    """Ask until the pipe is free; return the answer or the error."""
    end = time.monotonic() + _SECONDS
    while True:
        try:
            return windows_sockets.ask_locally(
                _PIPE, message, most=10, seconds=_SECONDS
            ).decode()
        except FileNotFoundError:
            return "nobody"
        except PermissionError:
            return "not asked"
        except OSError as error:
            if error.winerror != 231 or time.monotonic() > end:  # ERROR_PIPE_BUSY
                return "refused"
        time.sleep(0.05)


async def _pipe() -> dict[str, object]:
    got: list[bytes] = []

    def answer(message: bytes) -> bytes:
        got.append(message)
        if message == b"bad":
            raise ValueError
        return b"shown"

    async def ask(message: bytes) -> str:
        return await asyncio.to_thread(_ask, message)

    address = windows_sockets._address(_PIPE)
    serving = asyncio.create_task(
        windows_sockets.answer_locally(_PIPE, answer, most=1000, seconds=0.5)
    )
    await asyncio.sleep(0)
    found: dict[str, object] = {
        each.decode(): await ask(each) for each in (b"first", b"bad", b"good")
    }
    found["long"] = await ask(1001 * b"x")
    # A program that connects and says nothing, and one that takes the name.
    silent = None
    while silent is None:
        with suppress(OSError):
            silent = _winapi.CreateFile(address, 0xC000_0000, 0, 0, 3, 0, 0)
        await asyncio.sleep(0.05)
    found["rights"] = _rights(silent)
    try:
        windows_sockets._create(address)
        found["taken"] = True
    except OSError:
        found["taken"] = False
    found["after silence"] = await ask(b"later")
    _winapi.CloseHandle(silent)
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving
    await asyncio.to_thread(_wait_for_end)
    found["got"] = [each.decode() for each in got]
    # Another one's pipe of that name, which all may use.
    windows_sockets._OWN = "O:BAD:P(A;;GA;;;WD)"
    windows_sockets._create(address)
    found["another owner"] = await ask(b"secret")
    return found


def _wait_for_end() -> None:
    """Wait until no pipe has the name."""
    while _ask(b"bad") != "nobody":
        time.sleep(0.05)


def _rights(pipe: int) -> str:
    """Return owner and DACL of a pipe in SDDL, with USER for the user."""
    descriptor, text = ctypes.c_void_p(), wintypes.LPWSTR()
    handle = wintypes.HANDLE(pipe)
    at = ctypes.byref(descriptor)
    _advapi.GetSecurityInfo(handle, 6, 5, None, None, None, None, at)
    _advapi.ConvertSecurityDescriptorToStringSecurityDescriptorW(
        descriptor, 1, 5, ctypes.byref(text), None
    )
    return str(text.value).replace(windows_protection.user_sid(), "USER")


def pipe() -> dict[str, object]:
    return asyncio.run(_pipe())


def window() -> list[object]:
    """Return what the first window hears of a second start, and what remains then."""
    heard: list[object] = []

    async def go() -> None:
        shown = asyncio.Event()

        def show(token: str, handover: Handover | None) -> None:
            heard.extend([token, handover and handover.encode()])
            shown.set()

        listening = asyncio.create_task(claim.listen(show))
        second = _again("second_window")
        await asyncio.wait_for(shown.wait(), _SECONDS)
        heard.append(await asyncio.to_thread(second.wait))
        listening.cancel()

    with closing(SingleWindow()) as claim:
        heard.append(claim.claim())
        asyncio.run(go())
    folder = runtime_folder()
    return [*heard, [each.name for each in folder.iterdir()] if folder else []]


def second_window() -> None:
    sys.exit(2 if SingleWindow().claim(Handover("check", (Path("C:\\ä.pdf"),))) else 0)


def can() -> list[object]:
    """Remember a CAN, recall it, spoil the file, and forget it."""
    remember, file = remembered_can, remembered_can._file()

    async def state() -> list[object]:
        found = await remember.recall()
        return [await remember.state(), None if found is None else found.decode()]

    async def go() -> list[object]:
        said: list[object] = [await state()]
        await remember.remember(bytearray(b"123456"))
        said += [await state(), b"123456" in file.read_bytes()]
        file.write_bytes(b"AAAA")
        said += [await state(), await remember.forget(), await state()]
        return said

    return asyncio.run(go())


def capture() -> list[bool]:
    """Return whether the window for PINs is hidden, before and after a switch."""
    from PySide6.QtWidgets import QApplication, QCheckBox  # noqa: PLC0415

    from native_host.config import config_path, load_config  # noqa: PLC0415
    from native_host.desktop.background import Background  # noqa: PLC0415
    from native_host.desktop.window import Window  # noqa: PLC0415
    from native_host.pin_prompt.gui.input_guard import InputGuard  # noqa: PLC0415
    from native_host.pin_prompt.gui.page_window import PageWindow  # noqa: PLC0415

    application = QApplication(["kortilla"])
    hidden: list[int] = []
    vars(windows_protection)["hide_from_capture"] = hidden.append
    desktop = Window(load_config(), "en", Background())
    desktop.show_page("settings")
    words = desktop.services.texts("settings.capture.switch")

    def is_hidden() -> bool:
        hidden.clear()
        window = PageWindow(InputGuard())
        window.show()
        window.close()
        return bool(hidden)

    def press() -> bool:
        for box in desktop.findChildren(QCheckBox):
            if box.text() == words and box.isVisibleTo(desktop):
                box.click()
                return True
        return False

    said = [is_hidden()]
    for done in (press, lambda: load_config().show_to_screen_capture):
        end = time.monotonic() + _SECONDS
        while not done() and time.monotonic() < end:
            application.processEvents()
    said.append(is_hidden())
    config_path().unlink()
    print(json.dumps(said), flush=True)
    os._exit(0)


def who_asks() -> str:
    """Return the program that the window would warn of."""
    return program_in_place_of_browser(parent_program())


def by_browser(*between: str) -> str:
    """Have this process start a program as a browser starts the host."""
    command = [*between, sys.executable, "-I", __file__, "who_asks"]
    return str(
        json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    )


def environment() -> list[list[str]]:
    """Return the variables that any child process gets, and those of the window."""
    os.environ["QT_PLUGIN_PATH"] = r"C:\evil"
    output, _ = _again("variables").communicate()
    window = spawn([sys.executable, "-I", __file__, "variables"])
    return [json.loads(output), json.loads(window.communicate()[0])]


def variables() -> list[str]:
    return [*os.environ]


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
