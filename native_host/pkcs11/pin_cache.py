# SPDX-License-Identifier: MIT
"""The PINs that are known for a while: of logins, and of a login to come.

Each ends with the card that it was verified by: it is wiped when that is moved.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from native_host.card.certificate import CardCertificate
from native_host.card.errors import WrongPinError
from native_host.card.signature import SignatureAlgorithm
from native_host.card.source import CardSource, Reader
from native_host.errors import KortillaError
from native_host.operations.card_session import same_card
from native_host.pkcs11.known_pin import KnownPin, KnownPins

__all__ = ["KeptPin", "KeptPins"]

#: How many signatures a kept PIN is for: Firefox may open two connections for a page.
_MOST_WITH_KEPT = 2


@dataclass(eq=False)
class KeptPin(KnownPin):
    """A PIN that is kept for one login. ``gone`` is set when it has been wiped."""

    uses: int = 0
    #: How many signatures are being made with it just now.
    users: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class KeptPins:
    """The PINs that are known for one program, on the cards of a source.

    ``seconds`` is for how long one is kept for a login to come.
    """

    def __init__(self, source: CardSource, pins: KnownPins, seconds: float) -> None:
        self._source = source
        self._pins = pins
        self._seconds = seconds
        #: The one that is kept for a login to come.
        self.kept: KeptPin | None = None
        self._expiry: asyncio.TimerHandle | None = None
        #: By the certificates, in DER.
        self._logins: dict[bytes, KnownPin] = {}
        self._watching: asyncio.Task[None] | None = None
        self._wiping: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Wipe all PINs. May be called twice."""
        if self.kept is not None:
            await self.forget(self.kept)
        for login in list(self._logins.values()):
            await self._end_login(login)
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await asyncio.gather(*self._wiping)

    # -- Logins: PINs that the program has asked for itself ----------------------------

    async def log_in(
        self, certificate: CardCertificate, reader: Reader, pin: bytearray
    ) -> None:
        """Verify a PIN on the card in a reader, and know it until ``log_out``.

        ``pin`` is wiped. One that the card has refused is not sent again. Raises
        ``WrongPinError``, ``PinBlockedError``, ``ConfirmationNeededError`` with one try
        left, and what the card raises.
        """
        try:
            login = await self._pins.verify(certificate, reader, pin)
        finally:
            await self._pins.wipe(pin)
        await self.log_out(certificate)
        self._logins[certificate.der] = login
        self._watch_over()

    def logged_in(self, certificate: CardCertificate) -> KnownPin | None:
        """Return the PIN of the login with a card, if there is one."""
        return self._logins.get(certificate.der)

    async def log_out(self, certificate: CardCertificate) -> None:
        """Wipe the PIN of the login with a card, if there is one."""
        if login := self.logged_in(certificate):
            await self._end_login(login)

    async def sign(
        self, login: KnownPin, digest: bytes, algorithm: SignatureAlgorithm
    ) -> bytes:
        """Sign with the PIN of a login, which ends where that is not right any more."""
        try:
            return await self._pins.sign(login, digest, algorithm)
        except WrongPinError:
            await self._end_login(login)
            raise

    async def _end_login(self, login: KnownPin) -> None:
        if self.logged_in(login.certificate) is login:
            del self._logins[login.certificate.der]
        await self._pins.wipe(login.pin)

    # -- One that is kept for a login to come ------------------------------------------

    def keep(
        self, certificate: CardCertificate, reader: Reader, pin: bytearray
    ) -> KeptPin:
        """Keep a copy of a PIN that the card in a reader has just accepted."""
        if self._expiry is not None:
            self._expiry.cancel()
        self._expire()  # the one before
        self.kept = KeptPin(bytearray(pin), certificate, reader)
        loop = asyncio.get_running_loop()
        self._expiry = loop.call_later(self._seconds, self._expire)
        self._watch_over()
        return self.kept

    def kept_for(self, certificate: CardCertificate) -> KeptPin | None:
        """Return the PIN that may sign once more with a card, if there is one."""
        kept = self.kept
        if kept is None or kept.certificate.der != certificate.der:
            return None
        return kept if kept.uses < _MOST_WITH_KEPT else None

    async def sign_with_kept(
        self, kept: KeptPin, digest: bytes, algorithm: SignatureAlgorithm
    ) -> bytes:
        """Sign with a PIN that is kept, and wipe it when that is done."""
        kept.uses += 1
        kept.users += 1
        try:
            return await self._pins.sign(kept, digest, algorithm)
        except WrongPinError:
            await self.forget(kept)
            raise
        finally:
            kept.users -= 1
            if not kept.users:
                await self.forget(kept)

    async def forget(self, kept: KeptPin) -> None:
        """Wipe a PIN that is kept."""
        if self.kept is kept:
            self.kept = None
            if self._expiry is not None:
                self._expiry.cancel()
        kept.gone.set()
        await self._pins.wipe(kept.pin)

    def _expire(self) -> None:
        if self.kept is None:
            return
        task = asyncio.create_task(self.forget(self.kept))
        self._wiping.add(task)
        task.add_done_callback(self._wiping.discard)

    # -- Cards that are moved ----------------------------------------------------------

    def _watch_over(self) -> None:
        """Begin anew to watch the cards of all PINs that are known."""
        if self._watching is not None:
            self._watching.cancel()
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            readers: tuple[Reader, ...] = ()
            with suppress(KortillaError):  # what can't be looked at may have moved
                readers = await self._source.readers()
            if self.kept and not same_card(self.kept.reader, readers):
                await self.forget(self.kept)
            for login in list(self._logins.values()):
                if not same_card(login.reader, readers):
                    await self._end_login(login)
            if not self.kept and not self._logins:
                return
            with suppress(KortillaError):
                await self._source.wait_for_change(readers)
