# SPDX-License-Identifier: MIT
"""Running browsers are noticed before their databases are changed."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from native_host.browsers.pkcs11 import nss
from native_host.browsers.pkcs11.setup import disable, enable, status
from tests.browsers_install.nss_databases import make_profile
from tests.browsers_install.test_pkcs11 import done
from tests.support.patience import patience


@contextlib.contextmanager
def process(script: str, *arguments: object) -> Iterator[int]:
    """Run a script until the context ends; it has printed a line by then."""
    command = [sys.executable, "-I", "-c", f"{script}\nprint(flush=True)\ninput()"]
    with subprocess.Popen(
        [*command, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdin and running.stdout
        running.stdout.readline()
        yield running.pid
        running.communicate(b"\n", timeout=patience())


LOCK = "import fcntl, sys\nfile = open(sys.argv[1], 'w')\nfcntl.lockf(file, 2 | 4)"
OPEN = "import sys\nfile = open(sys.argv[1])"


def test_a_firefox_that_runs_is_noticed_by_its_lock(home: Path, system: Path) -> None:
    profile = make_profile(home / ".mozilla/firefox")
    (profile / "lock").symlink_to(f"127.0.0.1:+{os.getpid()}")  # left by a crash
    (profile / ".parentlock").touch()
    assert enable(["firefox"], root=system).report.running == ()
    with process(LOCK, profile / ".parentlock"):
        assert enable(["firefox"], root=system).report.running == ("Firefox",)
        assert enable(["chromium"], root=system).report.running == ()
        assert status(root=system)["browsers"][0]["databases"][0]["running"]
    (profile / "lock").unlink()
    (profile / "lock").symlink_to(f"127.0.0.1:{os.getpid()}")  # without a network
    assert enable(["firefox"], root=system).report.running == ("Firefox",)


def test_a_chromium_that_runs_is_noticed_by_its_lock(home: Path, system: Path) -> None:
    lock = home / ".config/google-chrome/SingletonLock"
    lock.parent.mkdir(parents=True)
    host = os.uname().nodename
    with process("") as pid:
        lock.symlink_to(f"{host}-{pid}")
        assert enable(["chromium"], root=system).report.running == ("Chromium",)
        assert enable(["firefox"], root=system).report.running == ()
    assert enable(["chromium"], root=system).report.running == ()
    lock.unlink()
    lock.symlink_to(f"another-host-{os.getpid()}")
    assert enable(["chromium"], root=system).report.running == ("Chromium",)


def test_whoever_has_the_database_open_is_noticed(home: Path, system: Path) -> None:
    done(enable(["chromium"], root=system))
    with process(OPEN, home / ".pki/nssdb/cert9.db"):
        # There is nothing to write.
        assert enable(["chromium"], root=system).report.running == ()
        plan = disable(root=system)
        assert plan.report.running == ("Chromium",)
        # The open database must not be changed.
        assert ("database", "nssdb") not in done(plan)
    assert done(disable(root=system)) == {}
    assert nss.exists(home / ".pki/nssdb")


def test_links_that_say_nothing_true_are_no_browser(home: Path, system: Path) -> None:
    profile = make_profile(home / ".mozilla/firefox")
    lock = home / ".config/chromium/SingletonLock"
    lock.parent.mkdir(parents=True)
    host = os.uname().nodename
    for said in ("", "-", f"{host}-", f"{host}-x", f"{host}-0", f"{host}-{2**80}"):
        for path, text in ((lock, said), (profile / "lock", said.replace("-", ":"))):
            path.unlink(missing_ok=True)
            path.symlink_to(text or "nothing")
        assert enable(root=system).report.running == (), said
