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


def replace(path: Path) -> None:
    path.unlink()
    listen(path)


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


async def test_a_socket_that_was_left_behind_is_news_when_it_is_replaced(
    comm: Path,
) -> None:
    comm.parent.mkdir(parents=True)
    listen(comm)
    watch = ServiceWatch(comm)
    watch.arm()
    await nothing(watch)
    replace(comm)
    await news(watch)
    watch.close()


async def test_a_folder_that_goes_and_comes_back_is_noticed(comm: Path) -> None:
    comm.parent.mkdir(parents=True)
    watch = ServiceWatch(comm)
    watch.arm()
    comm.parent.rmdir()
    await news(watch)
    watch.arm()
    await nothing(watch)
    comm.parent.mkdir()
    await news(watch)
    watch.close()


async def test_its_neighbours_are_no_news(watch: ServiceWatch, comm: Path) -> None:
    comm.parent.mkdir(parents=True)
    watch.arm()
    (comm.parent / "pcscd.pid").touch()
    (comm.parent / "other").mkdir()
    await nothing(watch)


async def test_without_inotify_time_passes_instead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(service_watch, "_RETRY", 0.0)
    elsewhere = SimpleNamespace(platform="darwin")
    monkeypatch.setattr("native_host.card.service_watch.sys", elsewhere)
    watch = ServiceWatch(tmp_path / "pcscd.comm")
    watch.arm()
    await news(watch)
    watch.close()


async def test_a_watch_that_the_system_refuses_is_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(self: object) -> None:
        raise OSError(28, "no space for a watch")

    monkeypatch.setattr(service_watch, "_RETRY", 0.0)
    monkeypatch.setattr("asyncinotify.Inotify.__init__", refuse)
    watch = ServiceWatch(tmp_path / "pcscd.comm")
    watch.arm()
    await news(watch)


def test_the_socket_is_the_one_that_the_library_uses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PCSCLITE_CSOCK_NAME", raising=False)
    assert socket_path() == Path("/run/pcscd/pcscd.comm")
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", "/elsewhere/comm")
    assert socket_path() == Path("/elsewhere/comm")
