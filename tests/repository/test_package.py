# SPDX-License-Identifier: MIT
"""The content of the package that a computer installs."""

import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from native_host import VERSION


@pytest.fixture(scope="module")
def wheel(wheel_file: Path) -> tuple[set[str], Message]:
    """Return the names of the wheel's files, and its metadata."""
    with zipfile.ZipFile(wheel_file) as archive:
        names = set(archive.namelist())
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        return names, message_from_bytes(archive.read(metadata))


def test_the_data_of_the_program_come_along(
    texts: dict[str, str], wheel: tuple[set[str], Message]
) -> None:
    names, _ = wheel
    packages = ("native_host/", "kortilla/")
    assert {name for name in texts if name.startswith(packages)} <= names
    manifests = {
        name.replace("manifests/", "native_host/install/data/")
        for name in texts
        if name.startswith("manifests/")
    }
    assert manifests
    assert manifests <= names


def test_the_extension_comes_along_for_browser_tests(
    files: set[str], wheel: tuple[set[str], Message]
) -> None:
    names, _ = wheel
    folder = "native_host/browser_testing/"
    extension = {f"{folder}{name}" for name in files if name.startswith("extension/")}
    assert f"{folder}extension/manifest.json" in extension
    assert {name for name in names if name.startswith(f"{folder}ext")} == extension


def test_nothing_of_the_workshop_comes_along(wheel: tuple[set[str], Message]) -> None:
    names, _ = wheel
    folders = {name.split("/")[0] for name in names}
    assert folders == {"native_host", "kortilla", f"kortilla-{VERSION}.dist-info"}


def test_a_server_installs_neither_qt_nor_pcsc(
    wheel: tuple[set[str], Message],
) -> None:
    _, metadata = wheel
    requirements = metadata.get_all("Requires-Dist") or []
    server = [line for line in requirements if "extra ==" not in line]
    assert any(line.startswith("aiohttp>=") for line in server)
    assert not any(line.lower().startswith(("pyscard", "pyside")) for line in server)
