# SPDX-License-Identifier: MIT
"""The audit log: one line for each event, its owner's alone, through rotations."""

import json
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kortilla.audit import AuditLog
from kortilla.errors import ConfigurationError
from kortilla.events import ChallengeIssued, LoggedIn, Refused
from tests.kortilla.pki import NOW


def event(request: str = "r") -> ChallengeIssued:
    return ChallengeIssued(time=NOW, request=request)


def requests(file: Path) -> list[str]:
    """Return the request of each line; each line must be whole."""
    return [json.loads(line)["request"] for line in file.read_text().splitlines()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "login.jsonl"


@pytest.fixture
def log(file: Path) -> Iterator[AuditLog]:
    log = AuditLog(file)
    yield log
    log.close()


def test_a_line_has_all_fields_of_the_event(file: Path, log: AuditLog) -> None:
    fields: dict[str, Any] = {
        "request": "r",
        "client": "192.0.2.7",
        "person": "p",
        "issuer": "SPECIMEN CA",
        "assurance": "test",
        "seconds": 0.25,
    }
    log(LoggedIn(time=NOW, **fields))
    log(Refused(time=NOW, request="s", action="login", code="X", seconds=1))
    one, other = map(json.loads, file.read_text().splitlines())
    time = "2026-06-01T12:00:00.000+00:00"
    assert one == {"event": "login", "time": time, **fields}
    assert (other["event"], other["code"], other["person"]) == ("refusal", "X", None)


def test_nothing_in_a_value_begins_a_line(file: Path, log: AuditLog) -> None:
    nasty = 'a\n{"event":"login"}\r\v\f\x1c\x85\u2028\u2029\x00"\\\ud800\x1b[2J'
    log(event(nasty))
    log(event("next"))
    content = file.read_bytes()
    assert content.isascii()
    assert content.count(b"\n") == 2
    assert b"\x1b" not in content
    assert requests(file) == [nasty, "next"]


def test_the_file_is_its_owners_alone(file: Path) -> None:
    old = os.umask(0)
    try:
        AuditLog(file).close()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        file.chmod(0o644)
        AuditLog(file).close()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    finally:
        os.umask(old)


def test_a_rotated_or_removed_file_is_opened_anew(
    file: Path, log: AuditLog, tmp_path: Path
) -> None:
    log(event("0"))
    old = file.rename(tmp_path / "login.jsonl.1")
    log(event("1"))
    log(event("2"))
    file.unlink()
    log(event("3"))
    assert requests(old) == ["0"]
    assert requests(file) == ["3"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    os.truncate(file, 0)  # logrotate's copytruncate
    log(event("4"))
    assert requests(file) == ["4"]
    log.close()
    log(event("5"))
    assert requests(file) == ["4", "5"]


def test_where_there_can_be_no_new_file_the_old_one_goes_on(
    file: Path, log: AuditLog, tmp_path: Path
) -> None:
    old = file.rename(tmp_path / "old")
    file.mkdir()
    with pytest.raises(OSError, match="directory"):
        log(event("1"))
    assert requests(old) == ["1"]
    file.rmdir()
    log(event("2"))
    assert requests(file) == ["2"]


def test_a_wrong_place_is_refused_at_the_start(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.touch()
    file.symlink_to(target)
    os.mkfifo(pipe := tmp_path / "pipe")
    for wrong in (file, pipe, tmp_path, tmp_path / "none" / "log", Path("/dev/null")):
        with pytest.raises(ConfigurationError, match="audit log"):
            AuditLog(wrong)
    # Replaced by a link later, it is not followed either.
    log = AuditLog(tmp_path / "other")
    (tmp_path / "other").unlink()
    (tmp_path / "other").symlink_to(target)
    with pytest.raises(OSError, match="symbolic"):
        log(event())
    assert target.read_bytes() == b""
    log.close()


def test_after_a_part_of_a_line_the_next_event_has_its_own(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(b'{"request": "killed')
    log = AuditLog(file)
    log(event("1"))
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda fd, content: write(fd, content[:7]))
        with pytest.raises(OSError, match="part of a line"):
            log(event("2"))
    log(event("3"))
    lines = file.read_bytes().splitlines()
    assert [len(lines), lines[0], lines[2]] == [4, b'{"request": "killed', b'{"event']
    assert [json.loads(lines[n])["request"] for n in (1, 3)] == ["1", "3"]
    log.close()


def test_several_writers_share_a_file(file: Path) -> None:
    logs = [AuditLog(file) for _ in range(4)]

    def write(log: AuditLog, number: int) -> None:
        for each in range(50):
            log(event(f"{number}-{each}-{'x' * 2000}"))

    threads = [
        threading.Thread(target=write, args=(log, number))
        for number, log in enumerate(logs * 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(requests(file))) == 400
    for log in logs:
        log.close()


def test_a_full_disk_is_an_error(file: Path, log: AuditLog) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, log._opened)
    os.close(full)
    with pytest.raises(OSError, match="space"):
        log(event("1"))


def test_another_process_has_a_lock_of_its_own(
    file: Path, log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log._lock.acquire()  # as if the fork came in the midst of a line
    monkeypatch.setattr(os, "getpid", lambda: 1)
    log(event("1"))
    assert requests(file) == ["1"]
