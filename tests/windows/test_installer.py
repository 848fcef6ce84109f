# SPDX-License-Identifier: MIT
"""The installer: how browsers find the host that it brings, and start it."""

import json
import os
import pwd
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from native_host import VERSION
from tests.support.patience import patience
from tests.support.screen import Screen
from tests.windows.wine import Wine, windows_path

REPOSITORY = Path(__file__).parents[2]
HOST = "fi.kortilla.host"
#: What browsers give the host, Chromium's and Firefox's.
STARTED_BY = (
    ("chrome-extension://eeofbendeddpgakkpoeccckfnfplkhcb/", "--parent-window=0"),
    (r"C:\manifest.json", "{48e30dea-567c-4965-9e98-7118cfcaca7e}"),
)
#: The first build takes a minute and a half of processor time.
pytestmark = pytest.mark.timeout(1800)


def build(folder: Path) -> Path:
    """Build the installer, with the settings of pip that this user has."""
    home = pwd.getpwuid(os.getuid()).pw_dir
    command = [REPOSITORY / "packaging/windows/build", folder]
    subprocess.run(command, env=os.environ | {"HOME": home}, check=True)
    [installer] = folder.glob("Kortilla-*-setup.exe")
    return installer


@pytest.fixture(scope="module")
def installer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("installer"))


class Computer:
    """A computer with Windows, as the installer and browsers see it."""

    def __init__(self, wine: Wine, screen: Screen, installer: Path) -> None:
        self._wine, self._screen, self._installer = wine, screen, installer
        self.local = wine.home / "AppData/Local"
        self.program = self.local / "Programs/Kortilla"

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            ["wine", *words],
            env=self._wine.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(self, *words: str, check: bool = True) -> bytes:
        return subprocess.run(
            ["wine", *words],
            env=self._wine.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=patience(),
            check=check,
        ).stdout

    def install(self) -> int:
        """Install without windows, and return the exit status."""
        with self.start(str(self._installer), "/S") as process:
            return process.wait(patience(180))

    def remove(self) -> None:
        """Remove it as *Apps* does. NSIS leaves a copy of the uninstaller in Temp."""
        self.run(str(self.program / "uninstall.exe"), "/S")
        temp = self._wine.temp
        self._screen.wait_until(
            lambda: not (self.program.exists() or [*temp.glob("ns*.tmp")])
        )
        for copy in temp.glob("~nsu*"):
            assert [each.name for each in copy.iterdir()] == ["Un.exe"]
            shutil.rmtree(copy)

    def value(self, key: str, name: str = "") -> str | None:
        """Return a text of the registry, or None."""
        words = ("/v", name) if name else ("/ve",)
        lines = self.run("reg", "query", key, *words, check=False).decode().splitlines()
        found = [each.partition("REG_SZ")[2].strip() for each in lines]
        return next((each for each in found if each), None)

    def here(self, path: str) -> Path:
        """Return a path of Windows as this system has it."""
        drive, _, rest = path.partition(":\\")
        assert drive == "C", path
        return self._wine.home.parents[1].joinpath(*rest.split("\\"))


@pytest.fixture
def computer(wine: Wine, screen: Screen, installer: Path) -> Computer:
    return Computer(wine, screen, installer)


@pytest.fixture
def installed(computer: Computer) -> Iterator[Computer]:
    assert computer.install() == 0
    yield computer
    computer.remove()


def key_of(browser: str, host: str) -> str:
    return rf"HKCU\Software\{browser}\NativeMessagingHosts\{host}"


def test_the_installer_is_small(installer: Path) -> None:
    assert installer.stat().st_size < 30_000_000


def test_browsers_find_the_host_and_start_it(
    installed: Computer, tmp_path: Path
) -> None:
    keys = {each["windows_key"] for each in table().values()}
    assert len(keys) == 6
    programs = set()
    for key in keys:
        manifest = json.loads(
            installed.here(installed.value(key_of(key, HOST)) or "").read_bytes()
        )
        assert manifest["name"] == HOST
        programs.add(manifest["path"])
    [program] = programs
    for words in STARTED_BY:
        with installed.start(program, *words) as host:
            said, _ = host.communicate(timeout=patience())
        assert (hello(said), host.returncode) == (VERSION, 0)
    # Older Chromium starts it through the shell, which redirects.
    question, answer = tmp_path / "question", tmp_path / "answer"
    question.touch()
    redirected = ("<", windows_path(question), ">", windows_path(answer))
    installed.run("cmd", "/d", "/c", program, *STARTED_BY[0], *redirected)
    assert hello(answer.read_bytes()) == VERSION


def table() -> dict[str, dict[str, str]]:
    return tomllib.loads((REPOSITORY / "manifests/browsers.toml").read_text())


def hello(said: bytes) -> str:
    """Return Kortilla's version, which follows Web eID's in the hello."""
    length = int.from_bytes(said[:4], "little")
    assert length == len(said) - 4
    version: str = json.loads(said[4:])["version"]
    return version.partition("+kortilla.")[2]
