# SPDX-License-Identifier: MIT
"""A card, a program that serves it to all clients, and a service with a login.

The clients are common programs: NSS's, GnuTLS's, OpenSSL's and OpenSC's, through
p11-kit's client module. The test replaces the PIN window.
"""

import asyncio
import contextlib
import re
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from yarl import URL

from kortilla import Trust
from native_host.browser_testing.temporary_home import TemporaryHome
from tests.browser.browser_home import Card
from tests.browser.warm_host import relay_command
from tests.browser.window import Window, WindowListener
from tests.support import cards
from tests.support.patience import patience
from tools.demo.site import DemoServer
from tools.demo.site.tls_login import GateSettings
from tools.demo.site_authority import Authority
from tools.demo.token import TokenSocket, add_token, client_library

_OPENSSL = """openssl_conf = init
[init]
providers = providers
[providers]
default = usual
pkcs11 = token
[usual]
activate = 1
[token]
pkcs11-module-path = {library}
activate = 1
"""


def serving(listener: WindowListener) -> tuple[str, ...]:
    """Return a server for programs like ``kortilla pkcs11``, but without the window.

    Its process has all imports done: see ``warm_host``.
    """
    code = (
        "import sys; from native_host.config import load_config; "
        "from native_host.pkcs11.service import serve_stdio; "
        f"sys.exit(serve_stdio(load_config(), window={listener.command!r}))"
    )
    return tuple(relay_command(code))


@dataclass(frozen=True)
class Finished:
    """The output of a program that has exited."""

    status: int
    output: bytes
    errors: str


@dataclass
class Setup:
    """Everything that a test needs. ``environment`` is the environment of programs."""

    folder: Path
    environment: dict[str, str]
    card: Card
    listener: WindowListener
    demo: DemoServer
    authority: Authority
    token: TokenSocket
    http: aiohttp.ClientSession = field(repr=False)

    @property
    def database(self) -> Path:
        """The NSS database with the token in it."""
        return self.folder / "nssdb"

    async def run(self, *command: object, stdin: bytes = b"") -> Finished:
        """Run a program until it exits."""
        with tempfile.TemporaryFile() as file:
            file.write(stdin)  # tstclnt never stops reading from a closed pipe
            file.seek(0)
            process = await asyncio.create_subprocess_exec(
                *map(str, command),
                stdin=file,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self.environment,
            )
        try:
            async with asyncio.timeout(patience()):
                output, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Finished(
            process.returncode or 0, output, errors.decode(errors="replace")
        )

    async def window(self, running: asyncio.Task[Finished]) -> Window:
        """Wait for the window that a program opens before it exits."""
        opened = asyncio.ensure_future(self.listener.opened())
        await asyncio.wait({opened, running}, return_when=asyncio.FIRST_COMPLETED)
        if not opened.done():
            opened.cancel()
            raise AssertionError(f"No window was opened: {await running}")
        return await opened

    async def begin(
        self, version: str, client: str = "tstclnt"
    ) -> asyncio.Task[Finished]:
        """Start a login with a version of TLS, and a client that goes on with it."""
        url = f"{self.demo.origin}/en/tls-login/{version}"
        async with self.http.get(url, allow_redirects=False) as answer:
            gate = URL(answer.headers["Location"])
        request = f"GET {gate.raw_path_qs} HTTP/1.0\r\n\r\n".encode()
        command = CLIENTS[client](self, gate, version)
        return asyncio.create_task(self.run(*command, stdin=request))

    async def arrive(self, finished: Finished) -> str:
        """Follow the redirect in a gate's response; return the SATU on that page."""
        location = re.search(rb"^Location: (\S+)", finished.output, re.MULTILINE)
        assert location, finished
        async with self.http.get(location[1].decode()) as answer:
            page = await answer.text()
        satu = re.search(r'id="satu"><code>(\w+)<', page)
        assert satu, page
        return satu[1]

    @property
    def satu(self) -> str:
        """The SATU of the card's holder."""
        return self.card.state.read().satu


def tstclnt(setup: Setup, gate: URL, version: str) -> list[object]:
    """NSS, the library of Firefox and Chromium."""
    return [
        *("tstclnt", "-4", "-h", gate.host, "-p", gate.port),
        *("-d", f"sql:{setup.database}", "-V", f"tls{version}:tls{version}"),
    ]


def openssl(setup: Setup, gate: URL, version: str) -> list[object]:
    """OpenSSL with its PKCS#11 provider."""
    return [
        *("openssl", "s_client", "-quiet", "-ign_eof", "-verify_return_error"),
        *("-connect", f"{gate.host}:{gate.port}", f"-tls{version.replace('.', '_')}"),
        *("-CAfile", setup.authority.certificate),
        *("-cert", "pkcs11:type=cert;id=%45", "-key", "pkcs11:type=private"),
    ]


def gnutls(setup: Setup, gate: URL, version: str) -> list[object]:
    """GnuTLS."""
    return [
        *("gnutls-cli", gate.host, "-p", gate.port, "--provider", client_library()),
        *("--x509cafile", setup.authority.certificate),
        *("--x509certfile", "pkcs11:type=cert;id=%45"),
        *("--x509keyfile", "pkcs11:type=private;id=%45"),
        *("--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}"),
    ]


CLIENTS: dict[str, Callable[[Setup, URL, str], list[object]]] = {
    "tstclnt": tstclnt,
    "openssl": openssl,
    "gnutls-cli": gnutls,
}


@contextlib.asynccontextmanager
async def open_setup(folder: Path, profile: str) -> AsyncIterator[Setup]:
    """Set up everything in an empty folder with a card of a generation."""
    pristine = cards.new_card(folder / "pristine", profile).folder
    demo_home = TemporaryHome.build(folder, "firefox", card="mock", prompt="window")
    authority = Authority(folder, ["localhost"])
    async with contextlib.AsyncExitStack() as stack:
        listener = await stack.enter_async_context(WindowListener())
        token = await stack.enter_async_context(
            TokenSocket(demo_home.environment, command=serving(listener))
        )
        demo = await stack.enter_async_context(
            DemoServer(
                Trust.from_folder(pristine, test=True),
                gates=GateSettings(authority.chain),
            )
        )
        configuration = folder / "openssl.cnf"
        configuration.write_text(_OPENSSL.format(library=client_library()))
        setup = Setup(
            folder=folder,
            environment=demo_home.environment
            | {
                "LC_ALL": "C.UTF-8",
                "OPENSSL_CONF": str(configuration),
                "P11_KIT_SERVER_ADDRESS": token.address,
            },
            card=Card(demo_home.mock_card_folder, pristine),
            listener=listener,
            demo=demo,
            authority=authority,
            token=token,
            http=await stack.enter_async_context(aiohttp.ClientSession()),
        )
        await asyncio.to_thread(add_token, setup.database, authority)
        yield setup
