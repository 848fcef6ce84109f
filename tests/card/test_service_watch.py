# SPDX-License-Identifier: MIT
"""Events announce a service that starts, wherever its socket will be."""

import asyncio
import socket
from collections.abc import Iterator
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


@pytest.fixture
def watch(comm: Path) -> Iterator[ServiceWatch]:
    watch = ServiceWatch(comm)
    watch.arm()
    yield watch
    watch.close()


def listen(path: Path) -> None:
    """Create a socket and leave it behind, as a killed service does."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def set_mode(path: Path) -> None:
    path.chmod(0o666)


def remove(path: Path) -> None:
    path.unlink()


async def news(watch: ServiceWatch) -> None:
    async with asyncio.timeout(patience()):
        await watch.news()


async def nothing(watch: ServiceWatch) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await watch.news()


async def test_each_folder_and_then_the_socket_is_news(
    watch: ServiceWatch, comm: Path
) -> None:
    for folder in (comm.parent.parent, comm.parent):
        await nothing(watch)
        folder.mkdir()
        await news(watch)
        watch.arm()
    await nothing(watch)
    listen(comm)
    await news(watch)


async def test_what_happens_before_it_is_waited_for_is_news(
    watch: ServiceWatch, comm: Path
) -> None:
    comm.parent.mkdir(parents=True)
    listen(comm)
    await news(watch)
    watch.arm()
    set_mode(comm)
    await news(watch)


async def test_a_socket_and_a_folder_that_come_again_are_news(
    watch: ServiceWatch, comm: Path
) -> None:
    comm.parent.mkdir(parents=True)
    listen(comm)
    watch.arm()
    await nothing(watch)
    remove(comm)
    listen(comm)
    await news(watch)
    watch.arm()
    remove(comm)
    comm.parent.rmdir()
    await news(watch)
    watch.arm()
    await nothing(watch)
    comm.parent.mkdir()
    await news(watch)


async def test_its_neighbours_are_no_news(watch: ServiceWatch, comm: Path) -> None:
    comm.parent.mkdir(parents=True)
    watch.arm()
    (comm.parent / "pcscd.pid").touch()
    (comm.parent / "other").mkdir()
    await nothing(watch)


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
    await news(watch)
    watch.close()


def test_the_socket_is_the_one_that_the_library_uses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PCSCLITE_CSOCK_NAME", raising=False)
    assert socket_path() == Path("/run/pcscd/pcscd.comm")
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", "/elsewhere/comm")
    assert socket_path() == Path("/elsewhere/comm")
