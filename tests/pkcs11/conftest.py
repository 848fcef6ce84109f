# SPDX-License-Identifier: MIT
"""Fixtures for a token on a mock card, a user at the windows, and clients."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from native_host.card.certificate import CardCertificate
from native_host.card.fineid import FineidCard
from native_host.card.mock_source import MockCardSource
from native_host.card.source import CardSource
from native_host.operations.authenticate import authentication_key
from native_host.pkcs11.connection import serve_client
from native_host.pkcs11.cryptoki import Cryptoki
from native_host.pkcs11.slots import SlotManager
from native_host.pkcs11.tls_login import TlsLogin
from tests.operations.user import User
from tests.pkcs11.client import Client
from tests.pkcs11.real import Setup, open_setup
from tests.pkcs11.tls_logins import NONE, Windows, a_login
from tests.support import cards

CopyCard = Callable[[str], Path]


@pytest.fixture
def copy_card(tmp_path: Path) -> CopyCard:
    """A function that creates cards of a profile, each in a fresh copy of a folder."""

    def copy(profile: str) -> Path:
        return Path(shutil.copytree(cards.made(profile), tmp_path / f"card-{profile}"))

    return copy


@pytest.fixture
def folder(copy_card: CopyCard) -> Path:
    """A card of the current profile."""
    return copy_card("v5")


@pytest.fixture
async def source(folder: Path) -> AsyncIterator[MockCardSource]:
    async with MockCardSource(folder) as source:
        yield source


@dataclass(repr=False)
class Server:
    """A server with one token, and all its clients.

    ``pins`` are typed into the windows in order, one list per window. A window without
    a list stays open.
    """

    source: CardSource
    tokens: SlotManager
    pins: list[list[str]] = field(default_factory=list)
    windows: list[User] = field(default_factory=list)
    closed: list[User] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    served: list[asyncio.Task[None]] = field(default_factory=list)

    async def client(
        self,
        *,
        version: int = 1,
        gecko: bool = False,
        initialize: bool = True,
        patience: float | None = None,
        lingering: float = 0,
    ) -> Client:
        """Return a client that has negotiated the version."""
        connection = self.connect(gecko=gecko, patience=patience, lingering=lingering)
        client = await Client.connect(connection, version)
        self.clients.append(client)
        if initialize:
            await client.initialize()
        return client

    def connect(
        self,
        *,
        gecko: bool = False,
        patience: float | None = None,
        lingering: float = 0,
    ) -> socket.socket:
        """Return a connection that has sent no message yet."""
        ours, theirs = socket.socketpair()
        cryptoki = Cryptoki(
            self.tokens,
            lambda: self._signer(patience),
            hides_errors=gecko,
            lingering=lingering,
        )
        descriptor = theirs.detach()
        self.served.append(
            asyncio.create_task(serve_client(descriptor, os.dup(descriptor), cryptoki))
        )
        return ours

    def _signer(self, patience: float | None) -> TlsLogin:
        return TlsLogin(
            source=self.source,
            open_prompt=self._open_window,
            program="Firefox",
            language="fi",
            patience=patience,
        )

    def _open_window(self) -> User:
        closed = self.closed

        class Window(User):
            async def close(self) -> None:
                closed.append(self)

        window = Window(self.pins.pop(0) if self.pins else [])
        self.windows.append(window)
        return window

    async def close(self) -> None:
        """Disconnect all clients and check that nothing of them remains."""
        for client in self.clients:
            await client.close()
        async with asyncio.timeout(60):
            await asyncio.gather(*self.served)
        await self.tokens.close()
        assert sorted(map(id, self.closed)) == sorted(map(id, self.windows))
        assert not any(any(pin) for each in self.windows for pin in each.typed)


@asynccontextmanager
async def open_server(source: CardSource) -> AsyncIterator[Server]:
    """A server over a source of cards, which must be closed after it."""
    server = Server(source, SlotManager(source))
    try:
        yield server
    finally:
        await server.close()


@pytest.fixture
async def server(source: MockCardSource) -> AsyncIterator[Server]:
    async with open_server(source) as server:
        yield server


@pytest.fixture
async def client(server: Server) -> Client:
    """A client that has called C_Initialize."""
    return await server.client()


@pytest.fixture
def windows() -> Windows:
    """The windows that programs open for their logins."""
    return Windows()


@pytest.fixture
async def login(source: MockCardSource, windows: Windows) -> AsyncIterator[TlsLogin]:
    """The signer for a program that waits as long as a test takes."""
    async with a_login(source, windows) as login:
        yield login


@pytest.fixture
async def late_login(
    source: MockCardSource, windows: Windows
) -> AsyncIterator[TlsLogin]:
    """The signer for a program that stops waiting at once."""
    async with a_login(source, windows, patience=NONE) as login:
        yield login


@pytest.fixture
async def certificate(source: MockCardSource) -> CardCertificate:
    """The certificate that a program has read."""
    [reader] = await source.readers()
    connection = await source.connect(reader)
    card = await source.run(FineidCard, connection)
    _, certificate = await source.run(authentication_key, card)
    await source.run(connection.close)
    return certificate


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["v5", "v4.2"])
async def any_setup(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Setup]:
    """A setup with a card of each generation: of P-384, and of RSA."""
    folder = tmp_path_factory.mktemp("setup")
    async with open_setup(folder, request.param) as setup:
        yield setup


@pytest.fixture
def setup(any_setup: Setup) -> Setup:
    """The setup with the card in its initial state."""
    any_setup.card.renew()
    return any_setup
