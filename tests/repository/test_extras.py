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
from native_host import cli
from tests.support.patience import patience

#: Runs a command of an environment: its arguments, then exit status, standard output
#: and standard error.
Run = Callable[..., tuple[int, str, str]]
#: Those of all commands, by an extra.
Outcomes = Callable[[str], dict[tuple[str, ...], tuple[int, str, str]]]


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


#: Runs each command as its script in ``bin`` does, in a process of its own that has
#: the common imports done, and prints the results.
_RUN_EACH = """
import gc, json, os, sys, tempfile, traceback
from importlib import metadata
import aiohttp, asyncio, cryptography.x509, kortilla.cli, native_host.cli, pydantic
scripts = metadata.entry_points(group="console_scripts")
results = []

def run(main):
    status = 1
    try:
        status = main()
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status or 0)  # without the work of Python's end

gc.freeze()
for name, *arguments in json.loads(sys.argv[1]):
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as said:
        if not (child := os.fork()):
            os.dup2(printed.fileno(), 1)
            os.dup2(said.fileno(), 2)
            sys.argv = [name, *arguments]
            run(scripts[name].load())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        outputs = [os.pread(file.fileno(), 1 << 20, 0) for file in (printed, said)]
        results.append([status, *map(bytes.decode, outputs)])
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def outcomes(
    environment: Callable[[str], Run],
) -> Outcomes:
    """A function that runs all commands in the environment of an extra, once."""

    @functools.cache
    def run_all(extra: str) -> dict[tuple[str, ...], tuple[int, str, str]]:
        run = environment(extra)
        status, printed, said = run("python", "-c", _RUN_EACH, json.dumps([*COMMANDS]))
        assert (status, said) == (0, "")
        results = json.loads(printed)
        return dict(zip(COMMANDS, map(tuple, results), strict=True))

    return run_all


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
    ("kortilla", "doctor"): "host",
    ("kortilla", "identify", *TOKEN): "host",
    ("kortilla", "install", "--browser", "firefox"): "host",
    ("kortilla", "mock-card", "new", "--force"): "testing",
    ("kortilla", "open"): "host",
    ("kortilla", "pkcs11"): "host",
    ("kortilla", "sign", *TOKEN[:2], "pyvenv.cfg"): "host",  # an existing file
    ("kortilla", "sign", "pyvenv.cfg"): "host,signing",
    ("kortilla", "uninstall"): "host",
    ("kortilla", "verify", "pyvenv.cfg"): "host,signing",
    ("kortilla-server", "openid", "check"): "openid",
    ("kortilla-server", "token", *TOKEN): "testing",
    ("kortilla-server", "trust", "show"): "",
}


def test_no_command_is_forgotten() -> None:
    assert {command[1] for command in COMMANDS} == {*cli._COMMANDS, *rp_cli._COMMANDS}


@pytest.mark.parametrize(
    ("command", "extra"), [item for item in COMMANDS.items() if item[1]]
)
def test_without_an_extra_each_command_names_its_own(
    outcomes: Outcomes, command: tuple[str, ...], extra: str
) -> None:
    status, printed, said = outcomes("")[command]
    program = "pipx" if extra.startswith("host") else "pip"
    install = f"type: {program} install '.[{extra}]'"
    assert status == 1
    assert said.endswith(install + "\n")
    if command == ("kortilla", "pkcs11"):  # its standard output is a protocol
        assert printed == ""
        return
    # These are for scripts without being told.
    if command[:2] == ("kortilla", "identify") or "--origin" in command:
        error = json.loads(printed)["error"]
        assert (error["code"], error["message"]) == ("TOOL_MISSING", said.strip())


def test_without_an_extra_the_library_is_there(
    environment: Callable[[str], Run],
) -> None:
    run = environment("")
    for module in ("native_host", "kortilla", "kortilla.aiohttp", "kortilla.testing"):
        assert run("python", "-c", f"import {module}") == (0, "", "")
    assert run("kortilla-server", "--help")[0] == 0
    status, printed, _ = run("kortilla", "--help")
    assert (status, "need the extra host" in printed) == (0, True)


@pytest.mark.parametrize("command", COMMANDS)
def test_with_a_servers_extra_no_command_breaks(
    outcomes: Outcomes, command: tuple[str, ...]
) -> None:
    _, printed, said = outcomes("testing")[command]
    assert "should not happen" not in said
    assert "Traceback" not in said
    assert "No module named" not in printed + said


def test_a_tester_makes_a_mock_card(environment: Callable[[str], Run]) -> None:
    run = environment("testing")
    status, printed, said = run("kortilla", "mock-card", "new", "--force", "--json")
    assert status == 0, said
    assert json.loads(printed)["state"] == "active"
    status, printed, _ = run("kortilla", "card", "status", "--card", "pcsc", "--json")
    assert status == 1
    assert "smartcard is missing." in printed


def test_a_window_without_qt_names_the_extra(
    environment: Callable[[str], Run],
) -> None:
    run = environment("testing")
    assert run("kortilla", "mock-card", "new", "--force")[0] == 0
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
