# SPDX-License-Identifier: MIT
"""Events announce a service that starts, wherever its socket will be."""

import asyncio
import shutil
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from native_host.card import service_watch
from native_host.card.service_watch import ServiceWatch, socket_path
from tests.support.patience import patience


@pytest.fixture
def comm(tmp_path: Path) -> Path:
    """The socket's path, in folders that do not exist yet."""
    return tmp_path / "run" / "pcscd" / "pcscd.comm"


def listen(path: Path) -> None:
    """Create a socket and leave it behind, as a killed service does."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


async def news(watch: ServiceWatch, seconds: float = 0.05) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await watch.news()
            return True
    return False


async def test_what_happens_on_the_way_to_the_socket_is_news(comm: Path) -> None:
    run, folder = comm.parent.parent, comm.parent
    watch = ServiceWatch(comm)
    steps: list[tuple[Callable[[], object], bool]] = [
        (run.mkdir, True),
        (folder.mkdir, True),
        ((folder / "pcscd.pid").touch, False),
        ((folder / "other").mkdir, False),
        (lambda: listen(comm), True),
        (lambda: comm.chmod(0o666), True),
        (comm.unlink, True),
        (lambda: listen(comm), True),
        (lambda: shutil.rmtree(folder), True),
        (folder.mkdir, True),
    ]
    for step, (action, is_news) in enumerate(steps):
        watch.arm()
        assert not await news(watch), step
        action()  # also before it is waited for
        assert await news(watch, patience() if is_news else 0.05) is is_news, step
    watch.close()


@pytest.mark.parametrize("cause", ["another system", "no watches left"])
async def test_without_inotify_time_passes_instead(
    monkeypatch: pytest.MonkeyPatch, comm: Path, cause: str
) -> None:
    def refuse(self: object) -> None:
        raise OSError(28, "no space for a watch")

    monkeypatch.setattr(service_watch, "_RETRY", 0.0)
    if cause == "another system":
        elsewhere = SimpleNamespace(platform="darwin")
        monkeypatch.setattr("native_host.card.service_watch.sys", elsewhere)
    else:
        monkeypatch.setattr("asyncinotify.Inotify.__init__", refuse)
    watch = ServiceWatch(comm)
    watch.arm()
    assert await news(watch, patience())
    watch.close()


def test_the_socket_is_the_one_that_the_library_uses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PCSCLITE_CSOCK_NAME", raising=False)
    assert socket_path() == Path("/run/pcscd/pcscd.comm")
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", "/elsewhere/comm")
    assert socket_path() == Path("/elsewhere/comm")
