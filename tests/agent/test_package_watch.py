# SPDX-License-Identifier: MIT
"""The agent notices what dpkg does to its package."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from asyncinotify import Inotify, Mask

from native_host.agent import package_watch
from native_host.install.tables import MARKER
from tests.support.patience import patience


def unpack(marker: Path) -> None:
    """Do as dpkg does, which links the old file and renames the new one."""
    new, old = marker.with_suffix(".dpkg-new"), marker.with_suffix(".dpkg-tmp")
    new.write_bytes(marker.read_bytes())
    new.chmod(0o644)
    old.hardlink_to(marker)
    new.rename(marker)
    old.unlink()


def configure(marker: Path) -> None:
    """Do as the package's own script does in the end."""
    with marker.open("a"):
        pass


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ([unpack, configure], "renewed"),
        ([configure], "renewed"),
        ([Path.unlink], "removed"),
    ],
)
async def test_a_change_of_the_package_is_noticed_when_it_is_whole(
    tmp_path: Path, steps: list[Callable[[Path], None]], outcome: str
) -> None:
    marker = tmp_path / MARKER
    marker.write_bytes(b"x")
    change = asyncio.create_task(package_watch.change(tmp_path))
    await asyncio.sleep(0)
    for step in steps[:-1]:
        step(marker)
        # Another file's event comes after those of the step.
        await another(tmp_path)
        assert not change.done()
    steps[-1](marker)
    async with asyncio.timeout(patience()):
        assert await change == outcome


async def another(folder: Path) -> None:
    """Wait until the events so far have been read."""
    with Inotify() as inotify:
        inotify.add_watch(folder, Mask.CLOSE_WRITE)
        (folder / "other").write_bytes(b"x")
        await inotify.get()
    await asyncio.sleep(0)
