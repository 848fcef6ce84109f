# SPDX-License-Identifier: MIT
"""The places of signed files: whole or not there, and never another's."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from native_host.files import targets
from native_host.files.sources import FileNotWritableError
from native_host.files.targets import Target
from native_host.platform import system

CONTENT = b"signed" * 1000
KILLED = """
import sys, time
from pathlib import Path
from native_host.files import targets
kind, wanted = sys.argv[1:]
if kind == "hidden":
    targets.system.open_unnamed = lambda *_: None
target = targets.Target.reserve(Path(wanted), 100, set())
target.open().write(b"half")
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def refuse(*_: object, **__: object) -> None:
    raise PermissionError(1, "not here")


def _hidden(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(system, "open_unnamed", lambda *_: None)


def _no_link(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(os, "link", refuse)


def _no_lock(patch: pytest.MonkeyPatch) -> None:
    _hidden(patch)
    patch.setattr(targets, "lock_file", refuse)


@pytest.fixture(params=[None, _hidden, _no_link, _no_lock])
def file_system(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """File systems with and without files that have no name, links or locks."""
    lacks: Callable[[pytest.MonkeyPatch], None] | None = request.param
    if lacks is not None:
        lacks(monkeypatch)
    yield


@pytest.mark.usefixtures("file_system")
def test_a_file_appears_whole_and_on_the_disk_under_a_free_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target.reserve(folder / "a.pdf", len(CONTENT) + 100, set())
    (folder / "a.pdf").write_bytes(b"another's")
    before: list[bool] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        before.append(not (folder / "a-2.pdf").exists())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    assert target.publish(CONTENT) == folder / "a-2.pdf"
    *contents, name = before
    assert contents
    assert all(contents)
    assert not name
    assert (folder / "a.pdf").read_bytes() == b"another's"
    assert (folder / "a-2.pdf").read_bytes() == CONTENT
    target.discard()
    assert names(folder) == {"a.pdf", "a-2.pdf"}
    mode = (folder / "a-2.pdf").stat().st_mode & 0o777
    assert mode == (folder / "a.pdf").stat().st_mode & 0o777


@pytest.mark.usefixtures("file_system")
def test_what_is_not_published_leaves_nothing(folder: Path) -> None:
    Target.reserve(folder / "a.pdf", 10, set()).discard()
    assert names(folder) == set()


@pytest.mark.usefixtures("file_system")
def test_a_disk_that_is_full_at_the_end_leaves_nothing(folder: Path) -> None:
    target = Target.reserve(folder / "a.pdf", 10, set())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT) - 1, hard))
    try:
        with pytest.raises(FileNotWritableError, match=r"a\.pdf can't be written"):
            target.publish(CONTENT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(folder) == set()


@pytest.mark.parametrize(
    ("wanted", "made"),
    [
        ("a\u202efdp\x1b[2J.pdf", "a_fdp_[2J.pdf"),
        ("a\n\u2066b\u2028\u200b.pdf", "a__b__.pdf"),
        ("a\u2215b\\c.pdf", "a_b_c.pdf"),
        (os.fsdecode(b"sopimus\xe4.pdf"), "sopimus_.pdf"),
        ("klo\xa03.pdf", "klo 3.pdf"),
        ("äiti ja isä.pdf", "äiti ja isä.pdf"),
    ],
)
def test_a_new_file_has_a_name_that_is_shown_as_it_is(
    folder: Path, wanted: str, made: str
) -> None:
    Target.reserve(folder / wanted, 10, set()).publish(b"signed")
    assert names(folder) == {made}


def test_a_name_is_shortened_to_what_the_disk_can_hold(folder: Path) -> None:
    (folder / f"{'ä' * 125}.pdf").touch()
    target = Target.reserve(folder / f"{'ä' * 140}.pdf", 10, set())
    assert target.publish(b"signed").exists()
    assert len(names(folder)) == 2


@pytest.mark.parametrize("kind", ["unnamed", "hidden"])
def test_a_killed_program_leaves_nothing_for_longer_than_to_the_next_signing(
    folder: Path, kind: str
) -> None:
    command = [sys.executable, "-c", KILLED, kind, str(folder / "a.pdf")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        # The other program is alive, so its file stays.
        Target.reserve(folder / "b.pdf", 10, set()).discard()
        assert len(names(folder)) == (kind == "hidden")
        process.send_signal(signal.SIGKILL)
    assert len(names(folder)) == (kind == "hidden")
    Target.reserve(folder / "b.pdf", 10, set()).discard()
    assert names(folder) == set()


def test_only_own_files_of_that_kind_are_swept(folder: Path) -> None:
    (folder / "mine").write_text("mine")
    (folder / ".kortilla-1.part").symlink_to(folder / "mine")
    os.mkfifo(folder / ".kortilla-2.part")
    (folder / ".kortilla-3.part").mkdir()
    (folder / ".kortilla-4.part").touch()
    (folder / "kortilla-5.part").touch()
    (folder / ".kortilla-6.pdf").touch()
    before = names(folder)
    Target.reserve(folder / "a.pdf", 10, set()).discard()
    assert names(folder) == before - {".kortilla-4.part"}
