# SPDX-License-Identifier: MIT
"""No copy of a PIN stays in the token's memory, with a card in a real reader.

With a mock card the token's process is the card too, which knows its PIN.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from kortilla.mock_card.card import MockCard
from native_host.pkcs11.constants import CKR
from tests.operations.user import until
from tests.pkcs11.client import Client, refusal
from tests.support.patience import patience
from tests.support.pcsc import Pcscd, isolated

PIN, WRONG = b"60918274", b"91827364"
TOKEN = """
import sys
from pathlib import Path
from native_host.config import Config
from native_host.pkcs11.service import serve_socket
serve_socket(Config(), Path(sys.argv[1]), window=[sys.executable, sys.argv[2]])
"""
WINDOW = """
import sys
sys.path.insert(0, {root!r})
from tests.host.scripted_prompt import main
main({log!r}, [{pin!r}])
"""


def copies(pid: int) -> Iterator[str]:
    """Yield where the PINs are in a process's memory. Only root may read it."""
    with (
        Path(f"/proc/{pid}/maps").open() as maps,
        Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory,
    ):
        for line in maps:
            place, rights, *_ = line.split()
            start, end = (int(each, 16) for each in place.split("-"))
            if not rights.startswith("rw"):
                continue
            with suppress(OSError):  # the kernel's own
                memory.seek(start)
                data = memory.read(end - start)
                yield from (line for each in (PIN, WRONG) if each in data)


async def connected(path: Path) -> tuple[Client, int, int]:
    """Return a client with a session and the key in it."""
    connection = socket.socket(socket.AF_UNIX)
    await until(lambda: connection.connect_ex(str(path)) == 0)
    async with asyncio.timeout(patience()):
        client = await Client.connect(connection)
        await client.initialize()
        while not await client.slots():
            await client.event()
    return client, *await client.key((await client.slots())[0])


@isolated
async def test_no_copy_of_a_pin_outlives_its_client(pcscd: Pcscd) -> None:
    card = pcscd.new_card()
    with card.update() as data:
        data.pin1.value = PIN.decode()
    pcscd.insert(MockCard(card))
    pcscd.settle()
    run, path = pcscd.folder / "run", pcscd.folder / "run" / "token.sock"
    run.mkdir(mode=0o700)
    window, root = run / "window.py", str(Path(__file__).parents[2])
    log = str(run / "log")
    window.write_text(WINDOW.format(root=root, log=log, pin=PIN.decode()))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-c", TOKEN, path, window),
        env={**os.environ, "XDG_RUNTIME_DIR": str(run)},
    )
    try:
        for how in ("window", "login", "refused login", "login and signature"):
            client, session, key = await connected(path)
            if how == "refused login":
                with refusal(CKR.PIN_INCORRECT):
                    await client.log_in(session, WRONG)
            elif how != "window":
                await client.log_in(session, PIN)
                assert [*copies(process.pid)] != []
            if how in {"window", "login and signature"}:
                assert len(await client.sign(session, key)) == 96
            await client.close()
            # Memory that was freed is used anew a little later.
            await until(lambda: not [*copies(process.pid)])
    finally:
        process.kill()
        await process.wait()
