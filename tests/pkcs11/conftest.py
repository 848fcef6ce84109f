# SPDX-License-Identifier: MIT
"""A token on a mock card, a user at the windows, clients, and a program's signer."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from kortilla.mock_card.state import MockCardState
from native_host.card.certificate import CardCertificate
from native_host.card.fineid import FineidCard
from native_host.card.mock_source import MockCardSource
from native_host.card.signature import SignatureScheme
from native_host.card.source import CardSource
from native_host.errors import RequestExpiredError
from native_host.operations.authenticate import authentication_key
from native_host.operations.card_access.access_numbers import AccessNumbers
from native_host.operations.refusals import Refusals
from native_host.pin_prompt.model import Step
from native_host.pkcs11.connection import serve_client
from native_host.pkcs11.constants import CKR
from native_host.pkcs11.cryptoki import Cryptoki
from native_host.pkcs11.decrypting import DecryptingCryptoki
from native_host.pkcs11.pin_cache import KeptPin
from native_host.pkcs11.slots import SlotManager
from native_host.pkcs11.tls_login import TlsLogin
from tests.operations.readers import SeveralReaders
from tests.operations.user import User, until
from tests.pkcs11.client import Client, refusal
from tests.pkcs11.real import Setup, open_setup
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


@pytest.fixture
async def two(copy_card: CopyCard) -> AsyncIterator[SeveralReaders]:
    """Two readers, with one card of each kind."""
    async with (
        MockCardSource(copy_card("v5")) as first,
        MockCardSource(copy_card("v4.2")) as second,
    ):
        yield SeveralReaders({"A": first, "B": second})


def change_pin(folder: Path, digits: str) -> None:
    """Set PIN1 anew, as another program does that has changed or unblocked it."""
    with MockCardState.open(folder).update() as card:
        card.pin1.value, card.pin1.tries = digits, 5


def tries(folder: Path) -> int:
    return MockCardState.open(folder).read().pin1.tries


class Windows:
    """The windows of a signer, each with a user who types the given PINs.

    A window without PINs stays open.
    """

    def __init__(self) -> None:
        self.users: list[User] = []
        self.closed: list[User] = []
        self.late: list[User] = []
        self.pins: list[list[str]] = []
        #: The numbers of a card (CAN) that the next user types.
        self.cans: list[str] = []
        #: The codes with which the next user unlocks a blocked PIN.
        self.unlocking: list[dict[str, str]] = []
        #: Whether the next user allows more than one decryption.
        self.allows = False

    def open(self) -> User:
        windows = self

        class Watched(User):
            async def close(self) -> None:
                windows.closed.append(self)

            def show_caller_timeout(self) -> None:
                windows.late.append(self)

        user = Watched(self.pins.pop(0) if self.pins else [])
        user.cans, self.cans = self.cans, []
        user.codes, self.unlocking = self.unlocking, []
        user.allows, self.allows = self.allows, False
        user.unlocks = [True for _ in user.codes]
        self.users.append(user)
        return user

    def type(self, *pins: str) -> None:
        """Answer the next window with these PINs."""
        self.pins.append(list(pins))

    async def asked(self, number: int = 0) -> User:
        """Wait until a window asks for the PIN."""
        await until(lambda: len(self.users) > number and self.users[number].questions)
        return self.users[number]

    async def all_closed(self) -> None:
        await until(lambda: self.closed == self.users)

    def check_end(self) -> None:
        """Check that no window is open, and that no PIN remains."""
        assert sorted(map(id, self.closed)) == sorted(map(id, self.users))
        assert not any(any(pin) for each in self.users for pin in each.typed)


# -- A token over the wire -------------------------------------------------------------


@dataclass(repr=False)
class Server:
    """A server with one token, its windows, and all its clients."""

    source: CardSource
    tokens: SlotManager
    windows: Windows = field(default_factory=Windows)
    clients: list[Client] = field(default_factory=list)
    served: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.refusals = Refusals(self.tokens.learn_tries)

    async def client(
        self,
        *,
        version: int = 1,
        gecko: bool = False,
        initialize: bool = True,
        lingering: float = 0,
        decrypts: bool = False,
    ) -> Client:
        """Return a client that has negotiated the version."""
        connection = self.connect(gecko=gecko, lingering=lingering, decrypts=decrypts)
        client = await Client.connect(connection, version)
        self.clients.append(client)
        if initialize:
            await client.initialize()
        return client

    def connect(
        self, *, gecko: bool = False, lingering: float = 0, decrypts: bool = False
    ) -> socket.socket:
        """Return a connection that has sent no message yet."""
        ours, theirs = socket.socketpair()
        signer = partial(
            TlsLogin,
            source=self.source,
            open_prompt=self.windows.open,
            program="Firefox",
            language="fi",
            mail=decrypts,
            refusals=self.refusals,
        )
        kind = DecryptingCryptoki if decrypts else Cryptoki
        cryptoki = kind(self.tokens, signer, hides_errors=gecko, lingering=lingering)
        descriptor = theirs.detach()
        self.served.append(
            asyncio.create_task(serve_client(descriptor, os.dup(descriptor), cryptoki))
        )
        return ours

    async def ask(self, client: Client) -> tuple[int, asyncio.Task[bytes]]:
        """Start a signature that asks a user, and return at the question."""
        session, key = await client.key()
        await client.sign_init(session, key)
        signing = client.sign_begun(session)
        await until(lambda: self.windows.users and self.windows.users[-1].questions)
        return session, signing

    async def cancel(self, *signings: asyncio.Task[bytes]) -> None:
        """Press cancel in the newest window, which ends the signatures."""
        self.windows.users[-1].cancel()
        for signing in signings:
            with refusal(CKR.FUNCTION_CANCELED):
                await signing

    async def close(self) -> None:
        """Disconnect all clients and check that nothing of them remains."""
        for client in self.clients:
            await client.close()
        async with asyncio.timeout(60):
            await asyncio.gather(*self.served)
        await self.tokens.close()
        self.windows.check_end()


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
async def rsa_server(copy_card: CopyCard) -> AsyncIterator[Server]:
    """A server with a card of the older generation."""
    async with (
        MockCardSource(copy_card("v4.2")) as source,
        open_server(source) as server,
    ):
        yield server


@pytest.fixture
async def client(server: Server) -> Client:
    """A client that has called C_Initialize."""
    return await server.client()


# -- The signer of a program -----------------------------------------------------------

DIGEST = bytes(range(48))

#: Seconds: longer than any test takes, and no time at all.
LONG, NONE = 1000.0, 0.0


@pytest.fixture
def windows() -> Windows:
    """The windows that programs open for their logins."""
    return Windows()


@asynccontextmanager
async def a_login(
    source: MockCardSource,
    windows: Windows,
    *,
    patience: float | None = LONG,
    kept_for: float = LONG,
    same_login: float = 0.0,
    refusals: Refusals | None = None,
    numbers: AccessNumbers | None = None,
) -> AsyncIterator[TlsLogin]:
    """Provide Firefox's signer. At its end no window is open, and no PIN remains."""
    login = TlsLogin(
        source=source,
        open_prompt=windows.open,
        program="Firefox",
        language="fi",
        patience=patience,
        kept_for=kept_for,
        same_login=same_login,
        refusals=refusals,
        numbers=numbers,
    )
    kept: list[KeptPin] = []
    keep = login.pins.keep

    def remember(*arguments: Any, **options: Any) -> KeptPin:
        kept.append(keep(*arguments, **options))
        return kept[-1]

    login.pins.keep = remember  # type: ignore[method-assign] # to see all at the end
    try:
        yield login
    finally:
        await login.close()
    assert not any(any(each.pin) for each in kept)
    windows.check_end()


@pytest.fixture
async def certificate(source: MockCardSource) -> CardCertificate:
    """The certificate that a program has read."""
    [reader] = await source.readers()
    connection = await source.connect(reader)
    card = await source.run(FineidCard, connection)
    _, certificate = await source.run(authentication_key, card)
    await source.run(connection.close)
    return certificate


@dataclass(frozen=True)
class Program:
    """Firefox's signer, with the certificate that the program signs with."""

    login: TlsLogin
    windows: Windows
    certificate: CardCertificate
    source: MockCardSource

    async def sign(self) -> None:
        """Request a signature and verify it."""
        chosen = self.certificate.algorithm
        value = await self.login.sign(self.certificate, DIGEST, chosen)
        SignatureScheme(self.certificate.public_key, chosen).verify(value, DIGEST)

    def begin(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.sign())

    async def keep(self, *pins: str) -> User:
        """Have a PIN typed too late; return the window, which says that it is kept."""
        self.windows.type(*pins or ["1234"])
        with pytest.raises(RequestExpiredError):
            await self.sign()
        user = self.windows.users[-1]
        await until(lambda: user.shown and user.shown[-1][0] is Step.READY)
        return user

    async def log_in(self, digits: str) -> None:
        """Log in with the card in the reader. The PIN is wiped in any case."""
        [reader] = await self.source.readers()
        pin = bytearray(digits, "ascii")
        try:
            await self.login.pins.log_in(self.certificate, reader, pin)
        finally:
            assert not any(pin)

    @property
    def logged_in(self) -> bool:
        return self.login.pins.logged_in(self.certificate) is not None


@pytest.fixture
async def program(
    source: MockCardSource, windows: Windows, certificate: CardCertificate
) -> AsyncIterator[Program]:
    """A program that waits as long as a test takes."""
    async with a_login(source, windows) as login:
        yield Program(login, windows, certificate, source)


@pytest.fixture
async def late(
    source: MockCardSource, windows: Windows, certificate: CardCertificate
) -> AsyncIterator[Program]:
    """A program that stops waiting at once."""
    async with a_login(source, windows, patience=NONE) as login:
        yield Program(login, windows, certificate, source)


# -- Other programs --------------------------------------------------------------------


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
