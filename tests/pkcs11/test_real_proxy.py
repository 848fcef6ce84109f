# SPDX-License-Identifier: MIT
"""p11-kit's proxy starts the program that the user's configuration names."""

import asyncio
import shlex
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from native_host.install import nss, p11_kit
from tests.pkcs11.real import Scene, open_scene, serving, tstclnt
from tests.support.ordinary import as_ordinary, program_called

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A scene in which NSS uses the proxy, and p11-kit the user's configuration."""
    async with open_scene(tmp_path_factory.mktemp("scene"), "v5") as scene:
        await asyncio.to_thread(nss.delete_module, scene.database, "Kortilla")
        proxy = nss.NssModule("Kortilla", str(p11_kit.proxy_library()))
        await asyncio.to_thread(nss.add_module, scene.database, proxy)
        await asyncio.to_thread(write_module, scene)
        # The direct way to the server is not available.
        del scene.environment["P11_KIT_SERVER_ADDRESS"]
        yield scene


def write_module(scene: Scene) -> None:
    folder = Path(scene.environment["XDG_CONFIG_HOME"], "pkcs11/modules")
    folder.mkdir(parents=True)
    # The format of a module file has no words of several lines.
    server = scene.folder / "server"
    server.write_text(f"#!/bin/sh\nexec {shlex.join(serving(scene.door))}\n")
    server.chmod(0o700)
    content = p11_kit.module_content([str(server)], ["tstclnt"])
    (folder / "kortilla.module").write_bytes(content)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_nss_logs_in(scene: Scene, version: str) -> None:
    scene.card.renew()
    login = await scene.begin(version)
    command = as_ordinary(*tstclnt(scene, login.gate, version))
    running = asyncio.create_task(scene.run(*command, stdin=login.request))
    window = await scene.window(running)
    await window.type_pin("1234")
    assert await scene.arrive(await running) == scene.satu
    assert window.told[0]["conversation"]["program"] == "tstclnt"
    await window.gone()
    assert scene.card.is_free


async def test_only_programs_that_the_file_names_see_the_card(scene: Scene) -> None:
    scene.card.renew()
    named = program_called("tstclnt", "/usr/bin/pkcs11-tool", scene.folder)
    arguments = ("--module", p11_kit.proxy_library(), "--list-slots")
    for program, sees in ((named, True), ("pkcs11-tool", False)):
        found = await scene.run(*as_ordinary(program, *arguments))
        assert (b"Kortilla" in found.output) is sees, found
