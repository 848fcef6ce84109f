# SPDX-License-Identifier: MIT
"""Files, locks and processes of the room for systems, on Windows under Wine.

All of the program imports there but what only Linux has.
"""

import json
from typing import Any

from tests.windows.wine import Wine

#: Says what came of each line that is tried, in the order of the script.
_SAY = """
import json, os, subprocess, sys, tempfile
from contextlib import suppress
from pathlib import Path
said = {}
def refused(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
def other(code):
    words = [sys.executable, "-I", "-c", code]
    return subprocess.run(words, capture_output=True, text=True).stdout.strip()
"""
_FOLDERS = """
from native_host.platform import system
path = Path(tempfile.mkdtemp())
folder = system.Folder(path)
said["private"] = folder.is_private()
os.close(folder.open("a", os.O_WRONLY | os.O_CREAT))
opened = folder.open("a", os.O_RDWR)
os.write(opened, b"a\\r\\nb")
folder.replace("a", "b")  # while it is open
said["names"] = folder.names()
said["renamed"] = refused(lambda: path.rename(f"{path}-2"))
said["no file"] = refused(lambda: folder.open("c", os.O_RDONLY))
said["no folder"] = refused(lambda: system.Folder("b", folder))
os.close(opened)
said["content"] = (path / "b").read_bytes().decode()
system.set_mode(made := folder.open("c", os.O_WRONLY | os.O_CREAT), 0o400)
os.close(made)
said["read only"] = bool((path / "c").stat().st_file_attributes & 1)
folder.close()
folder = system.Folder(path)
folder.lock()
said["locked"] = refused(lambda: system.Folder(path))
system.delete_locked(path, folder)
said["left"] = path.exists()
"""
_DOCUMENTS = """
import asyncio
from native_host.operations import documents
async def receive():
    header = documents.DocumentHeader("a", "application/pdf", 3)
    inbox = documents.DocumentInbox([header])
    inbox.put(0, 0, b"abc")
    await inbox.complete(lambda *_: None)
    documents.sweep_leftovers()
    said["alive"] = inbox.content(0).decode()
    folder = inbox.path(0).parent
    inbox.close()
    said["closed"] = folder.exists()
asyncio.run(receive())
left = Path(tempfile.mkdtemp(prefix="kortilla-documents-"))
(left / "0").write_text("left behind")
(left / "0").chmod(0o400)
documents.sweep_leftovers()
said["swept"] = left.exists()
"""
_LOCKS = """
from native_host.agent import presence
from native_host.desktop.single_window import SingleWindow
code = "from native_host.agent.presence import *\\nwith only_one() as one: print(one)"
with presence.only_one() as one:
    said["agent"] = [one, presence.is_running(), other(code)]
said["agent ended"] = [presence.is_running(), other(code)]
first = SingleWindow()
code = "from native_host.desktop.single_window import *\\nprint(SingleWindow().claim())"
async def listen():
    shown = []
    task = asyncio.create_task(first.listen(lambda *given: shown.append(given)))
    said["second window"] = await asyncio.to_thread(other, code)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    said["shown"] = len(shown)
import asyncio
said["window"] = first.claim()
asyncio.run(listen())
first.close()
"""
_PROCESSES = """
from native_host.platform import processes
code = "from native_host.platform import processes; print(processes.own_parent())"
said["parent"] = other(code) == str(os.getpid())
child = subprocess.Popen([sys.executable, "-I", "-c", "input()"], stdin=subprocess.PIPE)
said["executable"] = processes.executable_of(child.pid) == Path(sys.executable)
processes.end_process(child.pid, lambda: False, 1)
said["asked"] = child.poll()
processes.end_process(child.pid, lambda: True, 5)
said["ended"] = child.poll()
"""
_REQUESTS = """
from native_host.platform import processes
code = '''
import asyncio, sys, threading
from native_host.cli.options import run_until_signal
from native_host.platform.windows import signals
async def work():
    print("works", flush=True)
    if "closed" in sys.argv:  # Windows calls it in a thread of its own
        [routine] = signals._routines
        threading.Thread(target=routine, args=(2,), daemon=True).start()
    await asyncio.sleep(600)
try:
    run_until_signal(work)
except KeyboardInterrupt:
    print("what is done")
'''
def start(*words):
    command = [sys.executable, "-I", "-c", code, *words]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    child.stdout.readline()
    return child
child = start()
processes.ask_to_end(child)
said["child"] = [child.communicate()[0], child.returncode]
child = start()
processes.end_process(child.pid, lambda: True, 60)
said["another"] = [child.communicate()[0], child.returncode]
child = start("closed")
said["console"] = [child.communicate()[0], child.returncode]
child = subprocess.Popen([sys.executable, "-I", "-c", "input()"], stdin=subprocess.PIPE)
processes.ask_to_end(child)
said["deaf"] = child.wait()
"""


def say(wine: Wine, script: str) -> dict[str, Any]:
    finished = wine.run("-I", "-c", f"{_SAY}{script}print(json.dumps(said))")
    said: dict[str, Any] = json.loads(finished.stdout)
    return said


def test_a_folder_keeps_its_place_and_its_lock(wine: Wine) -> None:
    assert say(wine, _FOLDERS) == {
        "private": True,
        "names": ["b"],
        "renamed": "PermissionError",
        "no file": "FileNotFoundError",
        "no folder": "NotADirectoryError",
        "content": "a\r\nb",
        "read only": True,
        "locked": "BlockingIOError",
        "left": False,
    }


def test_documents_leave_nothing(wine: Wine) -> None:
    wanted = {"alive": "abc", "closed": False, "swept": False}
    assert say(wine, _DOCUMENTS) == wanted


def test_there_is_one_agent_and_one_window(wine: Wine) -> None:
    assert say(wine, _LOCKS) == {
        "agent": [True, True, "False"],
        "agent ended": [False, "True"],
        "window": True,
        "second window": "False",
        "shown": 1,
    }


def test_processes_are_found_and_ended(wine: Wine) -> None:
    assert say(wine, _PROCESSES) == {
        "parent": True,
        "executable": True,
        "asked": None,
        "ended": 1,
    }


def test_a_process_that_is_asked_to_end_says_what_it_has_done(wine: Wine) -> None:
    """So does one whose console is closed. Wine ends it without a word."""
    ended = ["what is done\n", 0]
    ends = dict.fromkeys(("child", "another", "console"), ended)
    assert say(wine, _REQUESTS) == {**ends, "deaf": 1}


def test_the_self_check_asks_for_nothing_that_only_linux_has(wine: Wine) -> None:
    finished = wine.run("doctor", "--json", check=False)
    told = json.loads(finished.stdout)
    found = {each["code"] for each in told["findings"]}
    assert "AGENT_NOT_INSTALLED" in found or "AGENT_NOT_RUNNING" in found
    assert not {code for code in found if code.startswith(("PCSCD", "PKCS11"))}
    assert not found & {"CHECK_FAILED", "NO_SCREEN", "TIME_ZONE_UNKNOWN"}
    assert told["system"].startswith("Windows")


#: What only Linux has: D-Bus and inotify, p11-kit's token, and the room's other side.
_OF_LINUX = {
    "native_host.agent.notification",
    "native_host.agent.package_watch",
    "native_host.pkcs11.connection",
    "native_host.pkcs11.control",
    "native_host.pkcs11.service",
    "native_host.pkcs11.session_watch",
    "native_host.platform.posix",
    "native_host.platform.posix.processes",
    "native_host.platform.posix.protection",
    "native_host.platform.posix.sockets",
}
_IMPORT_ALL = """
import importlib, json, pkgutil
tried, failed = 0, {}
for root in map(importlib.import_module, ("native_host", "kortilla")):
    for each in pkgutil.walk_packages(root.__path__, root.__name__ + "."):
        if not each.name.endswith(".__main__"):  # it runs
            tried += 1
            try:
                importlib.import_module(each.name)
            except Exception as error:
                failed[each.name] = repr(error)
print(json.dumps([tried, failed]))
"""


def test_each_module_imports(wine: Wine) -> None:
    tried, failed = json.loads(wine.run("-I", "-c", _IMPORT_ALL).stdout)
    assert tried > 300
    assert {name: why for name, why in failed.items() if name not in _OF_LINUX} == {}
    assert failed.keys() == _OF_LINUX
