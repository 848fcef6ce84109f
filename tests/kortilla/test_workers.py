# SPDX-License-Identifier: MIT
"""A warning where the stores are in memory and several processes serve."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kortilla import LoginService, Trust
from kortilla.errors import ConfigurationError
from kortilla.redis import RedisStores
from kortilla.web import workers
from kortilla.web.routes import LoginRoutes
from kortilla.web.workers import WorkerCheck, configured_workers, siblings
from tests.kortilla.pki import ORIGIN

WARNING = "Challenges or sessions are in the memory of one process"


@pytest.mark.parametrize(
    ("arguments", "environment", "wanted"),
    [
        ("/usr/bin/gunicorn -w 4 app:app", {}, 4),
        ("/usr/bin/gunicorn -w4 app:app", {}, 4),
        ("/venv/bin/uvicorn app:app --workers 2", {}, 2),
        ("/venv/bin/uvicorn app:app --workers=2", {}, 2),
        ("/lib/gunicorn/__main__.py --workers 3 app", {}, 3),
        ("gunicorn app", {"WEB_CONCURRENCY": "5"}, 5),
        ("gunicorn --workers 1 app", {"WEB_CONCURRENCY": "5"}, 1),
        ("gunicorn app", {"GUNICORN_CMD_ARGS": "--workers 6 --bind 'x y'"}, 6),
        ("gunicorn app", {"GUNICORN_CMD_ARGS": "'"}, 0),
        ("gunicorn --workers", {"WEB_CONCURRENCY": "many"}, 0),
        ("gunicorn -w ²", {}, 0),
        ("uvicorn app:app", {}, 0),
        # No server that heeds them.
        ("service.py -w 4", {"WEB_CONCURRENCY": "5"}, 0),
        ("", {}, 0),
    ],
)
def test_the_number_of_workers_is_read_as_the_server_does(
    arguments: str, environment: dict[str, str], wanted: int
) -> None:
    assert configured_workers(arguments.split(), environment) == wanted


async def test_stores_are_all_in_memory_of_one_process_or_all_shared(
    trust: Trust, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each login would fail at the worker that did not issue its challenge."""
    monkeypatch.setattr(sys, "argv", ["uvicorn", "--workers", "2"])
    stores = RedisStores.from_url("redis://unused.example")
    shared = LoginService(origin=ORIGIN, trust=trust, challenges=stores.challenges)
    own = LoginService(origin=ORIGIN, trust=trust)
    for service, sessions in ((shared, None), (own, stores.sessions)):
        # The application's own session does not replace the challenge's.
        for keep in (True, False):
            with pytest.raises(ConfigurationError, match=r"stores\.challenges and"):
                LoginRoutes(service, sessions=sessions, keep_identity=keep)
    LoginRoutes(shared, sessions=stores.sessions)
    assert WARNING not in caplog.text
    LoginRoutes(own)
    assert "is set to 2 workers" in caplog.text
    await stores.close()


def test_stores_that_were_made_before_a_fork(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The number of the first process is in memory that a fork shares."""
    check = WorkerCheck(in_memory=True)
    check.check()
    check.check()
    assert not caplog.text
    monkeypatch.setattr(os, "getpid", lambda: 1)
    check.check()
    check.check()
    assert caplog.text.count("two processes serve requests") == 1
    nothing = WorkerCheck(in_memory=False)
    nothing.check()
    assert caplog.text.count(WARNING) == 1


@pytest.mark.parametrize(
    ("environ", "warned"),
    [
        ({"wsgi.multiprocess": True, "SERVER_NAME": "x"}, True),
        ({"wsgi.multiprocess": False}, False),
        ({"wsgi.multiprocess": True, "SERVER_NAME": "testserver"}, False),
        ({}, False),
    ],
)
def test_wsgi_says_it(
    environ: dict[str, object], warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    check = WorkerCheck(in_memory=True)
    check.check_environ(environ)
    check.check_environ(environ)
    assert caplog.text.count(WARNING) == warned


SIBLING = """
import os, sys
sys.stdin.readline()
from kortilla.web.workers import siblings
print(os.getpid(), siblings(), flush=True)
sys.stdin.readline()
"""
PARENT = """
import json, subprocess, sys
pipes = {"stdin": -1, "stdout": -1, "text": True, "bufsize": 1}
run = [sys.executable, "-c"]
children = [subprocess.Popen([*run, code], **pipes) for code in json.loads(sys.argv[1])]
for each in children:
    each.stdin.write("\\n")
print(json.dumps([list(map(int, each.stdout.readline().split())) for each in children]))
for each in children:
    each.communicate("\\n")
"""


def test_a_process_of_the_same_program_beside_this_one_is_found() -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}

    def found(*programs: str) -> list[list[int]]:
        done = subprocess.run(
            [sys.executable, "-c", PARENT, json.dumps(programs)],
            capture_output=True,
            env=environment,
            check=True,
        )
        result: list[list[int]] = json.loads(done.stdout)
        return result

    (one, beside_one), (other, beside_other) = found(SIBLING, SIBLING)
    assert (beside_one, beside_other) == (other, one)
    assert [beside for _, beside in found(SIBLING, SIBLING + "# another")] == [0, 0]


def test_workers_of_multiprocessing_are_one_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Uvicorn starts its workers so; only numbers of pipes differ."""
    lines = {
        n: b"python\0-c\0from multiprocessing.spawn import spawn_main; "
        b"spawn_main(tracker_fd=%d, pipe_handle=%d)\0--multiprocessing-fork" % (n, n)
        for n in (7, 12)
    }

    def read(path: Path) -> bytes:
        return lines[int(path.parts[2])]

    monkeypatch.setattr(Path, "read_bytes", read)
    monkeypatch.setattr(workers, "_read", lambda *_: "/usr/bin/python3")
    assert workers._program(7) == workers._program(12)


def test_a_test_suite_in_several_processes_is_no_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    monkeypatch.setattr(os, "getppid", lambda: pytest.fail("it looks"))
    assert siblings() == 0
