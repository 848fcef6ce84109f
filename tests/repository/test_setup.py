# SPDX-License-Identifier: MIT
"""The messages of the Makefile and its tools before any download or installation."""

import http.server
import json
import os
import pty
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

#: Replaces a Python that is too old.
OLD_PYTHON = f"""#!/bin/sh
python={shlex.quote(sys.executable)}
exec "$python" -c "import sys; sys.version_info = (3, 9, 2, 'final', 0); $2"
"""
#: An ordinary user needs no rights for apt's folders here.
SUDO = """#!/bin/sh
while :; do case $1 in -*) shift ;; *) exec "$@" ;; esac done
"""
MISSING = "program no-such-package command no-such-command\n"


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    """A function that copies the tools into a folder with this environment."""
    folder = tmp_path / "checkout"
    shutil.copytree(root / "tools", folder / "tools")
    (folder / ".venv").symlink_to(sys.prefix)
    lock = f"kortilla-no-such-package==1 \\\n    --hash=sha256:{'0' * 64}\n"
    (folder / "lock.txt").write_text(lock)
    return folder


@pytest.fixture
def unreachable() -> Iterator[str]:
    """Return an address on loopback where no program listens during the test."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


class OneName(http.server.BaseHTTPRequestHandler):
    """Has one page for npm, and 404 for pip."""

    def do_GET(self) -> None:
        """Respond with a package that has one version."""
        if self.path != "/typescript":
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        named = {"name": "typescript", "version": "1.0.0"}
        page = {"name": "typescript", "versions": {"1.0.0": named}}
        page["dist-tags"] = {"latest": "1.0.0"}
        self.wfile.write(json.dumps(page).encode())
        return None

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def responding() -> Iterator[str]:
    """The address of a registry that responds."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), OneName) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def run(
    checkout: Path, *command: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a tool with a separate home and without this machine's settings."""
    kept = {"PATH": os.environ["PATH"], "HOME": str(checkout), "LC_ALL": "C.UTF-8"}
    kept["TMPDIR"] = str(checkout)
    return subprocess.run(
        [f"tools/{command[0]}", *command[1:]],
        cwd=checkout,
        env=kept | {"PIP_CONFIG_FILE": os.devnull} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def registry(checkout: Path, address: str, *command: str) -> tuple[int, str]:
    """Look for a registry at an address; return the status and the output."""
    names = ("PIP_INDEX_URL", "npm_config_registry")
    ran = run(checkout, "registry", *command, **dict.fromkeys(names, address))
    assert ran.stdout == ""
    assert [*checkout.glob("tmp.*")] == [], "nothing of npm's cache is left"
    return ran.returncode, ran.stderr


@pytest.mark.parametrize("command", [("pip", "lock.txt"), ("npm",)])
def test_no_network_alone_is_said_in_one_sentence(
    checkout: Path, unreachable: str, responding: str, command: tuple[str, ...]
) -> None:
    said = (
        f"There is no network: {command[0]} can't reach its registry, and packages "
        "have to be downloaded from there.\n"
    )
    assert registry(checkout, unreachable, *command) == (1, said)
    # Any other fault is left to the installation.
    assert registry(checkout, responding, *command) == (0, "")


def test_no_question_is_asked_on_a_terminal(
    checkout: Path, responding: str, tmp_path: Path
) -> None:
    # Debian's npm makes files of its cache read-only. Root may write these, so that rm
    # would not ask about them.
    as_others = ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-all")
    (tmp_path / "temporary").mkdir()
    master, terminal = pty.openpty()
    os.write(master, b"n\n" * 100)
    try:
        ran = subprocess.run(
            [*(() if os.geteuid() else as_others), "tools/registry", "npm"],
            cwd=checkout,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(checkout),
                "TMPDIR": str(tmp_path / "temporary"),
                "npm_config_registry": responding,
            },
            stdin=terminal,
            capture_output=True,
            check=False,
        )
    finally:
        os.close(master)
        os.close(terminal)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    assert list((tmp_path / "temporary").iterdir()) == []


def test_nobody_is_asked_where_everything_is_there(
    checkout: Path, unreachable: str
) -> None:
    lock = "tools/requirements/build.txt"
    assert registry(checkout, unreachable, "pip", lock) == (0, "")


@pytest.fixture
def bare(checkout: Path, unreachable: str) -> Path:
    """A machine without an environment that lacks one package."""
    (checkout / ".venv").unlink()
    script = checkout / "tools/system-packages"
    first = "program make "
    script.write_text(script.read_text().replace(first, MISSING + first, 1))
    programs = checkout / "bin"
    programs.mkdir()
    for name, content in (("old-python", OLD_PYTHON), ("sudo", SUDO)):
        (programs / name).write_text(content)
        (programs / name).chmod(0o755)
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (checkout / "apt" / folder).mkdir(parents=True)
    (checkout / "apt/sources.list").write_text(f"deb {unreachable} stable main\n")
    (checkout / "apt/apt.conf").write_text(
        f'Dir::State "{checkout}/apt/state";\nDir::Cache "{checkout}/apt/cache";\n'
        f'Dir::Etc::SourceList "{checkout}/apt/sources.list";\n'
        'Dir::Etc::SourceParts "/dev/null";\nAPT::Sandbox::User "";\n'
    )
    return checkout


def system_packages(bare: Path, python: str) -> tuple[int, str, str]:
    """Install the system's packages; return the status and the output."""
    ran = run(
        bare,
        *("system-packages", "program"),
        PATH=f"{bare}/bin:{os.environ['PATH']}",
        PYTHON=python,
        APT_CONFIG=str(bare / "apt/apt.conf"),
    )
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("old-python", "Kortilla needs Python 3.11 or newer; old-python is 3.9.2."),
        ("python3.99", "There is no python3.99 here."),
    ],
)
def test_python_is_looked_at_before_apt_installs(
    bare: Path, python: str, said: str
) -> None:
    status, output, error = system_packages(bare, python)
    assert (status, output) == (1, "")
    assert error.startswith(said)
    assert error.count("\n") == 1


def test_apt_without_a_network_is_not_tried_again(bare: Path) -> None:
    status, _, error = system_packages(bare, sys.executable)
    assert status == 1
    assert error == (
        "There is no network: apt can't reach Debian's packages. "
        "These are missing, by their names in Debian:\n  no-such-package\n"
    )


def test_one_thing_is_installed_at_a_time(root: Path, checkout: Path) -> None:
    shutil.copy(root / "Makefile", checkout)
    tools = checkout / "tools"
    (tools / "system-packages").rename(tools / "system-packages-itself")
    (tools / "system-packages").write_text(
        '#!/bin/sh\nmkdir busy && tools/system-packages-itself "$@" && rmdir busy\n'
    )
    (tools / "system-packages").chmod(0o755)
    sets = ("python", "program", "card", "demo", "test", "check")
    ran = subprocess.run(
        ["make", "-j4", *(f"packages-{each}" for each in sets)],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_a_package_that_cannot_be_tested_fails(root: Path, tmp_path: Path) -> None:
    said = subprocess.check_output(
        ["make", "--dry-run", "--always-make", "test-packaging"], cwd=root, text=True
    )
    assert re.search(r"tools/system-packages .*\bpackaging$", said, re.MULTILINE)
    (tmp_path / "dirname").symlink_to(str(shutil.which("dirname")))
    ran = subprocess.run(
        [str(shutil.which("bash")), "tests/packaging/run"],
        cwd=root,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    reason = "only root can make" if os.geteuid() else "there is no debootstrap here"
    assert ran.stderr.startswith(f"FAILED: The package is not tested: {reason}")
