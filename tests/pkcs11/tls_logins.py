# SPDX-License-Identifier: MIT
"""Helpers for the tests of TLS logins: windows, and verified signatures."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kortilla.mock_card.state import MockCardState
from native_host.card.certificate import CardCertificate
from native_host.card.mock_source import MockCardSource
from native_host.card.signature import (
    SignatureAlgorithm,
    SignatureScheme,
    token_algorithm,
)
from native_host.card.source import Reader
from native_host.errors import RequestExpiredError
from native_host.operations.refusals import Refusals
from native_host.pin_prompt.model import Step
from native_host.pkcs11.pin_cache import KeptPin
from native_host.pkcs11.tls_login import TlsLogin
from tests.operations.user import User, until

DIGEST = bytes(range(48))

#: Seconds: longer than any test takes, and no time at all.
LONG, NONE = 1000.0, 0.0


class Windows:
    """The windows of one login, each with a user who types the given PINs."""

    def __init__(self) -> None:
        self.users: list[User] = []
        self.closed: list[User] = []
        self.late: list[User] = []
        self.pins: list[list[str]] = []
        #: The codes with which the next user unlocks a blocked PIN.
        self.unlocking: list[dict[str, str]] = []

    def open(self) -> User:
        windows = self

        class Watched(User):
            async def close(self) -> None:
                windows.closed.append(self)

            def show_caller_timeout(self) -> None:
                windows.late.append(self)

        user = Watched(self.pins.pop(0) if self.pins else [])
        user.codes, self.unlocking = self.unlocking, []
        user.unlocks = [True for _ in user.codes]
        self.users.append(user)
        return user

    def type(self, *pins: str) -> None:
        """Answer the next window with these PINs."""
        self.pins.append(list(pins))


@asynccontextmanager
async def a_login(
    source: MockCardSource,
    windows: Windows,
    *,
    patience: float | None = LONG,
    kept_for: float = LONG,
    refusals: Refusals | None = None,
) -> AsyncIterator[TlsLogin]:
    """Provide Firefox's signer. At its end no window is open, and no PIN remains."""
    login = TlsLogin(
        source=source,
        open_prompt=windows.open,
        program="Firefox",
        language="fi",
        patience=patience,
        kept_for=kept_for,
        refusals=refusals,
    )
    kept: list[KeptPin] = []
    keep = login.pins.keep

    def remember(
        certificate: CardCertificate, reader: Reader, pin: bytearray
    ) -> KeptPin:
        kept.append(keep(certificate, reader, pin))
        return kept[-1]

    login.pins.keep = remember  # type: ignore[method-assign] # to see all at the end
    try:
        yield login
    finally:
        await login.close()
    assert not any(any(each.pin) for each in kept)
    assert sorted(map(id, windows.closed)) == sorted(map(id, windows.users))
    assert not any(any(pin) for each in windows.users for pin in each.typed)


def algorithm(certificate: CardCertificate) -> SignatureAlgorithm:
    return token_algorithm(certificate.public_key)


async def log_in(
    login: TlsLogin,
    certificate: CardCertificate,
    source: MockCardSource,
    pin: bytearray,
) -> None:
    """Log in with the card that is in the reader. The PIN is wiped in any case."""
    [reader] = await source.readers()
    try:
        await login.pins.log_in(certificate, reader, pin)
    finally:
        assert not any(pin)


async def sign(login: TlsLogin, certificate: CardCertificate) -> None:
    """Request a signature and verify it."""
    chosen = algorithm(certificate)
    value = await login.sign(certificate, DIGEST, chosen)
    SignatureScheme(certificate.public_key, chosen).verify(value, DIGEST)


async def sign_late(login: TlsLogin, certificate: CardCertificate) -> None:
    """Request a signature and check that it expires, since the program has given up."""
    with pytest.raises(RequestExpiredError):
        await sign(login, certificate)


async def ready(user: User) -> None:
    """Wait until a window shows that the PIN is kept."""
    await until(lambda: user.shown and user.shown[-1][0] is Step.READY)


def change_pin(folder: Path, digits: str) -> None:
    """Set PIN1 anew, as another program does that has changed or unblocked it."""
    with MockCardState.open(folder).update() as card:
        card.pin1.value, card.pin1.tries = digits, 5


def tries(folder: Path) -> int:
    return MockCardState.open(folder).read().pin1.tries
