# SPDX-License-Identifier: MIT
"""The installer: what it writes, how browsers start the host, upgrade and removal."""

import json
import os
import pwd
import shutil
import subprocess
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from native_host import VERSION
from tests.support.patience import patience
from tests.support.screen import Screen
from tests.windows.wine import Wine, windows_path

REPOSITORY = Path(__file__).parents[2]
APPS = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\Kortilla"
PERSON = "HKEY_CURRENT_USER"
PATH = (r"HKCU\Environment", "/v", "Path")
RUN = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run"
OLDER = "0.0.9"
#: What an installer is marked with that is no release.
PREVIEW = f"{VERSION}-preview"
#: The oldest Python that a release may have.
FIXED = "3.13.16"
HOST, WEB_EID = "fi.kortilla.host", "eu.webeid"
#: What browsers give the host, Chromium's and Firefox's.
STARTED_BY = (
    ("chrome-extension://eeofbendeddpgakkpoeccckfnfplkhcb/", "--parent-window=0"),
    (r"C:\manifest.json", "{48e30dea-567c-4965-9e98-7118cfcaca7e}"),
)
#: What the person's use leaves, also with the names of others.
USED = ("history.jsonl", "recipients.json", "recipients.lock", "last-folder")
#: A command that waits for a key.
WAITS = "print(1, flush=True); input()"
#: The first build takes a minute and a half of processor time.
pytestmark = pytest.mark.timeout(1800)


def build(folder: Path, sources: Path, *archive: Path) -> Path:
    """Build the installer, with the settings of pip that this user has."""
    run_build(sources / "packaging/windows/build", folder, *archive)
    [installer] = folder.glob("Kortilla-*-setup.exe")
    return installer


def run_build(*command: Path) -> None:
    """Run a script of the build. Its errors are in the exception."""
    home = pwd.getpwuid(os.getuid()).pw_dir
    environment = os.environ | {"HOME": home, "SOURCE_DATE_EPOCH": "1700000000"}
    subprocess.run(
        command, env=environment, check=True, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of the lock, packed as python.org packs its own. It is 3.13.2."""
    unpacked = REPOSITORY / "build/windows-python"
    python = REPOSITORY / ".venv/bin/python"
    run_build(REPOSITORY / "packaging/windows/python", python, unpacked)
    archive = tmp_path_factory.mktemp("archive") / "python-3.13.2-embed-amd64.zip"
    with zipfile.ZipFile(archive, "w") as content:
        for each in unpacked.iterdir():
            if each.is_file() and each.name != "windows.txt":
                content.write(each, each.name)
    return archive


@pytest.fixture(scope="module")
def installer() -> Path:
    return Path(os.environ["INSTALLER"])


@pytest.fixture(scope="module")
def older(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installer of version 0.0.9, which had a module that is gone now.

    It was a release, when the interpreter had no known fault.
    """
    folder = tmp_path_factory.mktemp("older")
    sources = folder / "sources"
    sources.mkdir()
    for each in REPOSITORY.iterdir():
        (sources / each.name).symlink_to(each)
    module = sources / "native_host"
    module.unlink()
    shutil.copytree(REPOSITORY / module.name, module)
    start = module / "__init__.py"
    start.write_text(start.read_text().replace(VERSION, OLDER))
    (module / "older.py").touch()
    packaging = sources / "packaging"
    packaging.unlink()
    shutil.copytree(REPOSITORY / packaging.name, packaging)
    script = packaging / "windows/build"
    text = script.read_text()
    assert text.count(f"fixed={FIXED}\n") == 1
    script.write_text(text.replace(f"fixed={FIXED}\n", "fixed=3.13.2\n"))
    return build(folder, sources, archive)


class Computer:
    """A computer with Windows, as the installer and browsers see it."""

    def __init__(self, wine: Wine, screen: Screen, installer: Path) -> None:
        self._wine, self._screen, self._installer = wine, screen, installer
        self.program, self.data = wine.program, wine.data
        self.shortcut = (
            wine.home
            / "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Kortilla.lnk"
        )

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

    def install(self, installer: Path | None = None, largest: int = 0) -> int:
        """Install without windows, and return the exit status.

        ``largest`` is how many bytes a file may have. Then writing to it fails, as on a
        full disk.
        """
        words = ["wine", str(installer or self._installer), "/S"]
        if largest:
            limit = f"trap '' XFSZ; ulimit -f {largest // 512}; exec \"$@\""
            words = ["sh", "-c", limit, "sh", *words]
        return subprocess.run(
            words,
            env=self._wine.environment,
            stdin=subprocess.DEVNULL,
            timeout=patience(180),
            check=False,
        ).returncode

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
        said = self.run("reg", "query", key, *words, check=False).decode("cp437")
        found = [each.partition("REG_SZ")[2].strip() for each in said.splitlines()]
        return next((each for each in found if each), None)

    def registry(self, folder: Path) -> set[str]:
        """Return the person's keys with values, and the machine's that name Kortilla.

        Wine itself writes of its screen and of network cards.
        """
        texts = []
        for root in ("HKCU", "HKLM"):
            file = folder / f"{root}.reg"
            self.run("reg", "export", root, windows_path(file), "/y")
            texts.append(file.read_text("utf-16").split("\n\n"))
        own = r"[HKEY_CURRENT_USER\Software\Wine"
        person, machine = texts
        return {each for each in person if not each.startswith(own)} | {
            each for each in machine if "kortilla" in each.lower()
        }

    def files(self) -> set[Path]:
        drive = self._wine.home.parents[1]
        return {each.relative_to(drive) for each in drive.rglob("*")}

    def here(self, path: str) -> Path:
        """Return a path of Windows as this system has it."""
        drive, _, rest = path.partition(":\\")
        assert drive == "C", path
        return self._wine.home.parents[1].joinpath(*rest.split("\\"))


@pytest.fixture(scope="module")
def before(screen: Screen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wine]:
    """A Wine prefix of its own, where nobody has installed Kortilla."""
    prefix = tmp_path_factory.mktemp("prefix")
    environment = screen.environment | {"WINEPREFIX": str(prefix)}
    try:
        subprocess.run(["wineboot", "--init"], env=environment, check=True)
        yield Wine(environment)
    finally:
        subprocess.run(["wineserver", "--kill"], env=environment, check=False)


@pytest.fixture
def computer(before: Wine, screen: Screen, installer: Path) -> Computer:
    shutil.rmtree(before.data, ignore_errors=True)
    return Computer(before, screen, installer)


@pytest.fixture
def installed(computer: Computer) -> Iterator[Computer]:
    assert computer.install() == 0
    yield computer
    computer.remove()


@pytest.fixture
def outdated(computer: Computer, older: Path) -> Iterator[Computer]:
    assert computer.install(older) == 0
    yield computer
    computer.remove()


def key_of(browser: str, host: str) -> str:
    return rf"HKCU\Software\{browser}\NativeMessagingHosts\{host}"


def test_a_release_needs_a_python_with_all_fixes(
    installer: Path, older: Path, archive: Path, tmp_path: Path
) -> None:
    assert installer.name == f"Kortilla-{PREVIEW}-setup.exe"
    assert older.name == f"Kortilla-{OLDER}-setup.exe"
    with pytest.raises(subprocess.CalledProcessError) as error:
        build(tmp_path, REPOSITORY, archive)
    assert error.value.stderr == (
        f"A release needs Python {FIXED} or a later 3.13, with its fixes of security: "
        f"{archive.name} has 3.13.2.\n"
    )
    assert {*tmp_path.iterdir()} == set()


def test_the_installer_is_small(installer: Path) -> None:
    assert installer.stat().st_size < 30_000_000


def is_signed(program: Path) -> bool:
    """Whether a program or a library has an Authenticode signature (PE, §3.4.3)."""
    content = program.read_bytes()
    header = int.from_bytes(content[0x3C:0x40], "little")
    size_of_certificates = header + 24 + 112 + 4 * 8 + 4
    return any(content[size_of_certificates:][:4])


def test_the_page_says_what_has_to_be_signed(installed: Computer) -> None:
    files = (each for each in installed.program.rglob("*") if each.is_file())
    programs = [each for each in files if each.suffix in {".exe", ".dll", ".pyd"}]
    assert len(programs) > 70
    unsigned = [each for each in programs if not is_signed(each)]
    libraries = [each for each in unsigned if each.suffix == ".pyd"]
    said = (REPOSITORY / "docs/windows.md").read_text()
    assert f" {len(libraries)} `.pyd` " in said
    names = {each.name for each in unsigned} - {each.name for each in libraries}
    assert names == {"kortilla.exe", "kortilla-host.exe", "uninstall.exe"}


def test_removal_leaves_registry_and_files_as_they_were(
    computer: Computer, tmp_path: Path
) -> None:
    others = tmp_path / "web-eid.json"
    others.write_text(json.dumps({"name": WEB_EID, "path": r"C:\web-eid.exe"}))
    taken, others_name = key_of(r"Google\Chrome", WEB_EID), windows_path(others)
    computer.run("reg", "add", taken, "/ve", "/d", others_name, "/f")
    own = (*PATH, "/t", "REG_EXPAND_SZ", "/d", r"%USERPROFILE%\bin")
    computer.run("reg", "add", *own, "/f")
    before = computer.registry(tmp_path), computer.files()

    assert computer.install() == 0
    assert computer.value(APPS, "DisplayVersion") == PREVIEW
    assert computer.shortcut.is_file()
    assert computer.value(taken) == others_name
    agent = computer.value(RUN, "kortilla-agent")
    assert agent is not None and agent.endswith(" -I -m native_host.cli agent")
    typed = computer.run("cmd", "/d", "/c", "kortilla --version").decode()
    assert typed.strip() == VERSION
    for name in USED:
        (computer.data / name).write_text("[]")

    computer.remove()
    assert computer.registry(tmp_path) ^ before[0] == set()
    assert computer.files() ^ before[1] == set()
    computer.run("reg", "delete", r"HKCU\Software\Google", "/f")
    computer.run("reg", "delete", *PATH, "/f")


def test_browsers_find_the_host_and_start_it(installed: Computer) -> None:
    assert installed.program.parts[-5] == "Matti Mäkelä"
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
    # Older Chromium starts it through the shell, which redirects to pipes. Their names
    # need no quotes, so that the program's are the only ones.
    question, answer = r"C:\windows\temp\question", r"C:\windows\temp\answer"
    installed.here(question).touch()
    redirected = ("<", question, ">", answer)
    installed.run("cmd", "/d", "/c", program, *STARTED_BY[0], *redirected)
    assert hello(installed.here(answer).read_bytes()) == VERSION


def table() -> dict[str, dict[str, str]]:
    return tomllib.loads((REPOSITORY / "manifests/browsers.toml").read_text())


def hello(said: bytes) -> str:
    """Return Kortilla's version, which follows Web eID's in the hello."""
    length = int.from_bytes(said[:4], "little")
    assert length == len(said) - 4
    version: str = json.loads(said[4:])["version"]
    return version.partition("+kortilla.")[2]


def test_an_upgrade_closes_the_window_and_keeps_settings(
    computer: Computer, older: Path, screen: Screen, tmp_path: Path
) -> None:
    assert computer.install(older) == 0
    modules = computer.program / "Lib/site-packages/native_host"
    assert (modules / "older.pyc").is_file()
    assert computer.value(APPS, "DisplayVersion") == OLDER
    before = computer.registry(tmp_path)
    config = computer.data / "config.toml"
    config.write_text('language = "sv"\n')
    foreign = computer.program / "SPECIMEN.txt"
    foreign.write_text("somebody's")
    program = str(computer.program / "kortilla-host.exe")
    with computer.start(program, "-I", "-m", "native_host.cli", "open") as window:
        screen.find("Kortilla")
        assert computer.install() == 0
        assert window.wait(patience()) == 0
    assert not (modules / "older.pyc").exists()
    kept = config.read_text(), foreign.read_text()
    config.unlink()
    foreign.unlink()
    assert kept == ('language = "sv"\n', "somebody's")
    # Wine adds a colour of its own for the first window.
    [changed] = before - computer.registry(tmp_path)
    assert changed.lower().startswith(f"[{APPS.replace('HKCU', PERSON)}]".lower())
    assert computer.value(APPS, "DisplayVersion") == PREVIEW
    computer.remove()


def test_an_upgrade_waits_for_the_command_line(installed: Computer) -> None:
    lost = installed.program / "licenses/Python.txt"
    content = lost.read_bytes()
    lost.unlink()
    program = str(installed.program / "kortilla.exe")
    with installed.start(program, "-I", "-c", WAITS) as command:
        assert command.stdout is not None
        command.stdout.readline()
        assert installed.install() == 2
        assert not lost.exists()
        _, _ = command.communicate(b"\n", timeout=patience())
        assert command.returncode == 0
    lost.write_bytes(content)


def test_a_download_that_broke_off_installs_nothing(
    computer: Computer, installer: Path, tmp_path: Path
) -> None:
    content = bytearray(installer.read_bytes())
    short, changed = tmp_path / "short.exe", tmp_path / "changed.exe"
    short.write_bytes(content[: len(content) // 2])
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    for broken in (short, changed):
        assert computer.install(broken) == 2
        assert not computer.program.exists()


def test_a_full_disk_leaves_the_older_version_whole(
    outdated: Computer, tmp_path: Path
) -> None:
    before = outdated.registry(tmp_path), {*outdated.program.rglob("*")}
    assert outdated.install(largest=50_000_000) == 3
    assert outdated.registry(tmp_path) == before[0]
    assert {*outdated.program.rglob("*")} == before[1]


def test_a_folder_that_cannot_be_written_stays_as_it_is(
    computer: Computer, tmp_path: Path
) -> None:
    before = computer.registry(tmp_path), computer.files()
    programs = computer.program.parent
    programs.touch()
    assert computer.install() == 3
    programs.unlink()
    assert computer.registry(tmp_path) == before[0]
    assert computer.files() == before[1]
