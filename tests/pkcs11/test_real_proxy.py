# SPDX-License-Identifier: MIT
"""p11-kit's proxy starts the program that the user's configuration names."""

import asyncio
import shlex
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from native_host.install import nss, p11_kit
from tests.pkcs11.real import Setup, open_setup, serving, tstclnt
from tests.support.ordinary import as_ordinary, program_called

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def setup(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Setup]:
    """A setup in which NSS uses the proxy, and p11-kit the user's configuration."""
    async with open_setup(tmp_path_factory.mktemp("setup"), "v5") as setup:
        await asyncio.to_thread(nss.delete_module, setup.database, "Kortilla")
        proxy = nss.NssModule("Kortilla", str(p11_kit.proxy_library()))
        await asyncio.to_thread(nss.add_module, setup.database, proxy)
        await asyncio.to_thread(write_module, setup)
        # The direct way to the server is not available.
        del setup.environment["P11_KIT_SERVER_ADDRESS"]
        yield setup


def write_module(setup: Setup) -> None:
    folder = Path(setup.environment["XDG_CONFIG_HOME"], "pkcs11/modules")
    folder.mkdir(parents=True)
    # The format of a module file has no words of several lines.
    server = setup.folder / "server"
    server.write_text(f"#!/bin/sh\nexec {shlex.join(serving(setup.listener))}\n")
    server.chmod(0o700)
    content = p11_kit.module_content([str(server)], ["tstclnt"])
    (folder / "kortilla.module").write_bytes(content)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_nss_logs_in(setup: Setup, version: str) -> None:
    setup.card.renew()
    login = await setup.begin(version)
    command = as_ordinary(*tstclnt(setup, login.gate, version))
    running = asyncio.create_task(setup.run(*command, stdin=login.request))
    window = await setup.window(running)
    await window.type_pin("1234")
    assert await setup.arrive(await running) == setup.satu
    assert window.told[0]["conversation"]["program"] == "tstclnt"
    await window.gone()
    assert setup.card.is_free


async def test_only_programs_that_the_file_names_see_the_card(setup: Setup) -> None:
    setup.card.renew()
    named = program_called("tstclnt", "/usr/bin/pkcs11-tool", setup.folder)
    arguments = ("--module", p11_kit.proxy_library(), "--list-slots")
    for program, sees in ((named, True), ("pkcs11-tool", False)):
        found = await setup.run(*as_ordinary(program, *arguments))
        assert (b"Kortilla" in found.output) is sees, found
