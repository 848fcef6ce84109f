# SPDX-License-Identifier: MIT
"""The card as a token of the demo's browser alone.

p11-kit's client module in the browser connects to the demo's socket, and each
connection gets its own ``kortilla pkcs11``. After ``kortilla pkcs11 enable``, p11-kit's
proxy does the same for each program; that command has no effect for root.
"""

import asyncio
import socket
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from native_host.install import nss
from native_host.install.contents import python_path
from native_host.install.tables import Family
from tools.demo.errors import DemoError
from tools.demo.site_authority import Authority

#: The server for one program.
COMMAND = (str(python_path()), "-I", "-m", "native_host.cli", "pkcs11")

_NAME = "Kortilla"


class TokenSocket:
    """Starts ``command`` for each program that connects, within its context.

    ``environment`` is the command's. ``address`` is the value of
    ``P11_KIT_SERVER_ADDRESS`` in the program's environment.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._environment = dict(environment)
        self._command = tuple(command)
        self._processes: set[asyncio.subprocess.Process] = set()
        self._watching: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        # The path must be short, and no other user may enter the folder.
        self._folder = tempfile.TemporaryDirectory(prefix="kortilla-")
        path = Path(self._folder.name, "pkcs11")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.setblocking(False)
        self.address = f"unix:path={path}"
        self._accepting = asyncio.create_task(self._accept())
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self._accepting.cancel()
        await asyncio.gather(self._accepting, return_exceptions=True)
        self._listener.close()
        for process in self._processes:
            if process.returncode is None:
                process.terminate()
        await asyncio.gather(*self._watching)
        self._folder.cleanup()

    async def emptied(self) -> None:
        """Wait until all commands so far have exited."""
        await asyncio.gather(*self._watching)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._listener)
            with connection:
                connection.setblocking(True)
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=connection.fileno(),
                    stdout=connection.fileno(),
                    env=self._environment,
                    start_new_session=True,
                )
            self._processes.add(process)
            task = asyncio.create_task(self._watch(process))
            self._watching.add(task)
            task.add_done_callback(self._watching.discard)

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        self._processes.discard(process)


def client_library() -> Path:
    """Return p11-kit's client module. Raises ``DemoError``."""
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    for folder in (f"/usr/lib/{multiarch}", "/usr/lib64", "/usr/lib"):
        path = Path(folder, "pkcs11", "p11-kit-client.so")
        if path.exists():
            return path
    raise DemoError(
        "p11-kit-client.so is not installed. On Debian: apt install p11-kit-modules"
    )


def database(home: Path, browser: Family) -> Path:
    """Return the folder of the demo browser's NSS database."""
    return home / (".pki/nssdb" if browser == "chromium" else "firefox-profile")


def add_token(folder: Path, authority: Authority) -> None:
    """Make an NSS database trust the CA's sites and list the token.

    Raises ``KortillaError``.
    """
    authority.trust_in(folder)
    nss.add_module(folder, nss.NssModule(_NAME, str(client_library())))
