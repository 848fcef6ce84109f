# SPDX-License-Identifier: MIT
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.install.nss_databases import OTHER, TRUST, give_system


@pytest.fixture(autouse=True)
def home(empty_home: Path) -> Path:
    return empty_home


#: Where an installation looks for the desktop's tools.
WHICH = "native_host.install.desktop_database.which"


@pytest.fixture(autouse=True)
def no_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A computer without the tools of a desktop, which take time."""
    monkeypatch.setattr(WHICH, lambda _: None)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of the system-wide places."""
    return tmp_path / "root"


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The runtime folder of a person's session; paths of sockets must be short."""
    with tempfile.TemporaryDirectory(prefix="kortilla-") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        Path(folder, "kortilla").mkdir(mode=0o700)
        yield Path(folder)


@pytest.fixture
def system(root: Path) -> Path:
    """A system with p11-kit, another module, and one that the proxy leaves out."""
    return give_system(root, other=OTHER, trust=TRUST)
