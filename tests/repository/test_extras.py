# SPDX-License-Identifier: MIT
"""A wheel in fresh environments: a missing extra is named in the error."""

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from kortilla import cli as rp_cli
from native_host.cli import program
from tests.support.guide import blocks
from tests.support.patience import patience

#: Runs a command of an environment: its arguments, then exit status, standard output
#: and standard error.
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def environment(
    wheel_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Run]:
    """A function that creates an environment with the wheel, and an extra or none."""
    made: dict[str, Path] = {}

    def make(extra: str) -> Run:
        if extra not in made:
            made[extra] = tmp_path_factory.mktemp(f"with-{extra or 'nothing'}")
            install(wheel_file, extra, made[extra])
        folder = made[extra]

        def run(program: str, *arguments: str) -> tuple[int, str, str]:
            finished = subprocess.run(
                [folder / "bin" / program, *arguments],
                cwd=folder,
                env={"HOME": str(folder), "PATH": os.environ["PATH"]},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=patience(),
                check=False,
            )
            return finished.returncode, finished.stdout, finished.stderr

        return run

    return make


def install(wheel: Path, extra: str, folder: Path) -> None:
    """Install the wheel and link to its extra's packages, without any registry."""
    uv = (sys.executable, "-m", "uv")
    python = str(folder / "bin" / "python")
    run = functools.partial(subprocess.run, check=True)
    run([*uv, "venv", "-q", "--clear", "--python", sys.executable, str(folder)])
    pip = (*uv, "pip", "install", "-q", "--offline", "--no-deps", "--python", python)
    run([*pip, str(wheel)])
    [packages] = folder.glob("lib/python*/site-packages")
    [installed] = packages.glob("kortilla-*.dist-info")
    for distribution in brought(metadata.PathDistribution(installed), extra):
        for file in distribution.files or ():
            top = file.parts[0]
            if top not in {"..", "__pycache__"} and not (packages / top).exists():
                (packages / top).symlink_to(str(distribution.locate_file(top)))


def brought(
    distribution: metadata.Distribution, extra: str
) -> list[metadata.Distribution]:
    """Return the requirements of a distribution's extra, transitively."""
    found: dict[str, metadata.Distribution] = {}
    wanted = [(distribution, extra)]
    while wanted:
        needing, extra = wanted.pop()
        for needed in map(Requirement, needing.requires or ()):
            if needed.marker and not needed.marker.evaluate({"extra": extra}):
                continue
            if needed.name not in found:
                found[needed.name] = metadata.distribution(needed.name)
                wanted += [(found[needed.name], each) for each in ("", *needed.extras)]
    return list(found.values())


TOKEN = ("--origin", "https://service.example", "--nonce", "A" * 43 + "=")
#: One way to call each command, and the extra that it needs.
COMMANDS = {
    ("kortilla", "agent"): "host",
    ("kortilla", "card", "status"): "host",
    ("kortilla", "demo", "--headless"): "",  # it is in no package
    ("kortilla", "decrypt", "pyvenv.cfg"): "host",  # an existing file
    ("kortilla", "doctor"): "host",
    ("kortilla", "encrypt", "--own-card", "pyvenv.cfg"): "host",
    ("kortilla", "identify", *TOKEN): "host",
    ("kortilla", "install", "--browser", "firefox"): "host",
    ("kortilla", "mock-card", "new", "--force"): "testing",
    ("kortilla", "open"): "host",
    ("kortilla", "pkcs11"): "host",
    ("kortilla", "recipients", "list"): "host",
    ("kortilla", "sign", *TOKEN[:2], "pyvenv.cfg"): "host",
    ("kortilla", "sign", "pyvenv.cfg"): "host,signing",
    ("kortilla", "uninstall"): "host",
    ("kortilla", "verify", "pyvenv.cfg"): "host,signing",
    ("kortilla-server", "openid", "check"): "openid",
    ("kortilla-server", "token", *TOKEN): "testing",
    ("kortilla-server", "trust", "show"): "",
}


def test_no_command_is_forgotten() -> None:
    assert {command[1] for command in COMMANDS} == {
        *program._COMMANDS,
        *rp_cli._COMMANDS,
    }


@pytest.mark.parametrize(
    ("command", "extra"), [item for item in COMMANDS.items() if item[1]]
)
def test_without_an_extra_each_command_names_its_own(
    environment: Callable[[str], Run], command: tuple[str, ...], extra: str
) -> None:
    status, printed, said = environment("")(*command)
    program = "pipx" if extra.startswith("host") else "pip"
    assert status == 1
    assert said.endswith(f"type: {program} install '.[{extra}]'\n")
    if command == ("kortilla", "pkcs11"):  # its standard output is a protocol
        assert printed == ""
    # These are for scripts without being told.
    elif command[1] == "identify" or "--origin" in command:
        error = json.loads(printed)["error"]
        assert (error["code"], error["message"]) == ("TOOL_MISSING", said.strip())
    # With a part of what it needs, it breaks no more than without.
    _, printed, said = environment("testing")(*command)
    assert "should not happen" not in said
    assert "Traceback" not in said
    assert "No module named" not in printed + said


def test_without_an_extra_the_library_is_there(
    environment: Callable[[str], Run],
) -> None:
    run = environment("")
    for module in ("native_host", "kortilla", "kortilla.aiohttp", "kortilla.testing"):
        assert run("python", "-c", f"import {module}") == (0, "", "")
    assert run("kortilla-server", "--help")[0] == 0
    status, printed, _ = run("kortilla", "--help")
    assert (status, "need the extra host" in printed) == (0, True)


def test_a_tester_makes_a_mock_card_and_lacks_reader_and_window(
    environment: Callable[[str], Run],
) -> None:
    run = environment("testing")
    status, printed, said = run("kortilla", "mock-card", "new", "--force", "--json")
    assert status == 0, said
    assert json.loads(printed)["state"] == "active"
    status, printed, _ = run("kortilla", "card", "status", "--card", "pcsc", "--json")
    assert status == 1
    assert "smartcard is missing." in printed
    script = (
        "import os, sys; os.environ['DISPLAY'] = ':7';"
        "from native_host.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = ("identify", "--card", "mock", *TOKEN)
    status, printed, _ = run("python", "-c", script, *arguments)
    assert status == 1
    assert "PySide6 is missing." in printed


def test_browsers_start_the_program_of_a_wheel_until_it_is_uninstalled(
    environment: Callable[[str], Run],
) -> None:
    """As with `pipx install '.[host]'`, whose environment is one like this."""
    run = environment("host")
    folder = Path(run("python", "-c", "import sys; print(sys.prefix)")[1].strip())
    before = set(folder.rglob("*"))
    status, told, said = run("kortilla", "install", "--browser", "firefox")
    assert status == 0, said
    assert "load the folder extension/ of Kortilla's sources" in told
    place = folder / ".mozilla/native-messaging-hosts/fi.kortilla.host.json"
    launcher = json.loads(place.read_bytes())["path"]
    assert Path(launcher).is_file()
    # It starts the host as a browser does.
    findings = json.loads(run("kortilla", "doctor", "--json")[1])["findings"]
    assert "HOST_WORKS" in {each["code"] for each in findings}
    assert run("kortilla", "uninstall")[0] == 0
    after = {each for each in folder.rglob("*") if "__pycache__" not in str(each)}
    assert after - before == set()


@pytest.mark.parametrize("extra", ["", "host"])
def test_the_demo_says_that_it_runs_in_a_checkout(
    environment: Callable[[str], Run], extra: str
) -> None:
    run = environment(extra)
    status, printed, _ = run("kortilla", "demo", "--headless")
    error = json.loads(printed)["error"]
    assert (status, error["code"]) == (1, "TOOL_MISSING")
    assert "a checkout of Kortilla's repository" in error["message"]
    described = " ".join(run("kortilla", "demo", "--help")[1].split())
    assert "a checkout of Kortilla's repository" in described


#: Playwright gives up after half a minute, and its assertions after five seconds.
WITHOUT_LIMITS = """
import pytest
from playwright.sync_api import expect

expect.set_options(timeout=0)

@pytest.fixture
def kortilla_chromium_options():
    return {"timeout": 0}

@pytest.fixture(autouse=True)
def without_limits(kortilla_chromium):
    kortilla_chromium.set_default_timeout(0)
"""


@pytest.mark.browser
@pytest.mark.timeout(0)  # its verdict is not one by elapsed time
def test_the_example_of_a_browser_test_passes_with_the_wheel(
    wheel_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One installation gives a tester a browser in which the mock card logs in."""
    folder = tmp_path_factory.mktemp("tester")  # Chromium's sockets need a short path
    install(wheel_file, "testing-browser", folder / "venv")
    *_, example, _ = blocks("testers.md", "python")
    (folder / "test_service.py").write_text(example)
    (folder / "conftest.py").write_text(WITHOUT_LIMITS)
    python = folder / "venv/bin/python"
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"],
        cwd=folder,
        env={
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
            "TMPDIR": str(folder),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout
    # Neither the window nor a reader can have had a part in it.
    for module in ("PySide6", "smartcard"):
        found = subprocess.run(
            [python, "-c", f"import {module}"], capture_output=True, check=False
        )
        assert b"ModuleNotFoundError" in found.stderr
