# SPDX-License-Identifier: MIT
"""Uses PIN1's key with a known PIN, without asking the person.

A PIN is known for the time of a login (C_Login), or is kept: for one login to come, or
for the decryptions that the person has allowed for a while. It is wiped when its card
is moved, and one that is kept also when the person leaves (``session_watch``). A PIN
that a card has refused is not sent to it again.
"""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from native_host.card.certificate import CardCertificate
from native_host.card.errors import (
    CardRemovedError,
    CardResetError,
    PinBlockedError,
    PukBlockedError,
    WrongPinError,
)
from native_host.card.fineid import CardKey, FineidCard, PinRole
from native_host.card.source import (
    CardConnection,
    CardSource,
    Reader,
    closing_on_error,
    same_card,
)
from native_host.errors import KortillaError
from native_host.operations.authenticate import authentication_key
from native_host.operations.card_access.access_numbers import AccessNumbers
from native_host.operations.card_access.secure_channel import connect_unasked
from native_host.operations.card_pins import usable_pin
from native_host.operations.refusals import Refusals
from native_host.platform.hardening import wipe
from native_host.platform.tasks import TaskSet

T = TypeVar("T")

logger = logging.getLogger(__name__)

#: The number of signatures of a kept PIN: Firefox may open two connections for a page.
_MOST_WITH_KEPT = 2
#: The same after a login: Firefox has made four connections for a page with parts.
_MOST_AFTER_LOGIN = 3
#: The number of decryptions that the person allows at once. An attack on the padding of
#: RSA takes several thousands.
_MOST_DECRYPTIONS = 500

#: Sends what uses PIN1's key, after PIN1 was verified, on the card's thread.
KeyUse = Callable[[FineidCard, CardKey], bytes | None]


@dataclass(eq=False)
class KnownPin:
    """A PIN that a card has accepted, and the card's insertion in its reader."""

    pin: bytearray = field(repr=False)
    certificate: CardCertificate
    reader: Reader


@dataclass(eq=False)
class KeptPin(KnownPin):
    """A PIN that is kept for one purpose. ``gone`` is set when it has been wiped.

    ``brief`` says that it ends with its time, and not with a signature.
    """

    brief: bool = False
    purpose: Literal["sign", "decrypt"] = "sign"
    #: Its end on a clock that goes on while the computer sleeps.
    until: float = float("inf")
    uses: int = 0
    #: The number of uses that have not ended.
    users: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def used_up(self) -> bool:
        if self.purpose == "decrypt":
            return self.uses >= _MOST_DECRYPTIONS
        return self.uses >= (_MOST_AFTER_LOGIN if self.brief else _MOST_WITH_KEPT)


class PinCache:
    """The known PINs for one program, on the cards of a source.

    ``turn`` is held while a card is, so that there is one card session at a time.
    ``refusals`` are the PINs that cards have refused. A PIN is kept for ``seconds``.
    """

    def __init__(
        self,
        source: CardSource,
        turn: asyncio.Lock,
        refusals: Refusals,
        numbers: AccessNumbers,
        *,
        seconds: float,
    ) -> None:
        self._source = source
        self._numbers = numbers
        self._turn = turn
        self._refusals = refusals
        self._seconds = seconds
        #: The one PIN that is kept.
        self.kept: KeptPin | None = None
        self._expiry: asyncio.TimerHandle | None = None
        #: By the certificates, in DER.
        self._logins: dict[bytes, KnownPin] = {}
        self._watching: asyncio.Task[None] | None = None
        self._wiping = TaskSet()

    async def close(self) -> None:
        """Wipe all PINs. May be called twice."""
        if self.kept is not None:
            await self.forget(self.kept)
        for login in list(self._logins.values()):
            await self._end_login(login)
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._wiping.join()
        # The watch may have been cancelled while it wiped a PIN: the card's thread does
        # that before this.
        await self._wipe(bytearray())

    # -- Logins (C_Login) --------------------------------------------------------------

    async def log_in(
        self, certificate: CardCertificate, reader: Reader, pin: bytearray
    ) -> None:
        """Verify a PIN with the card in a reader, and keep it until ``log_out``.

        ``pin`` is wiped. Raises ``WrongPinError``, ``PinBlockedError``,
        ``CONFIRMATION_NEEDED`` with one try left, ``CardRemovedError`` and the
        card's errors.
        """
        known = KnownPin(pin, certificate, reader)
        try:
            await self._send(known, lambda card: card.verify_pin(PinRole.PIN1, pin))
            await self.log_out(certificate)
            login = KnownPin(bytearray(pin), certificate, reader)
            self._logins[certificate.der] = login
            self._watch_cards()
        finally:
            await self._wipe(pin)

    def logged_in(self, certificate: CardCertificate) -> KnownPin | None:
        return self._logins.get(certificate.der)

    async def log_out(self, certificate: CardCertificate) -> None:
        """Wipe the PIN of the login with a card, if there is one."""
        if login := self.logged_in(certificate):
            await self._end_login(login)

    def log_out_later(self, certificate: CardCertificate) -> None:
        """End the login with a card at once, and wipe its PIN in a task."""
        if login := self._logins.pop(certificate.der, None):
            self._wipe_later(login.pin)

    async def use_login(self, login: KnownPin, use: KeyUse) -> bytes | None:
        """Use the key with the PIN of a login, which ends when the card refuses it.

        Raises as ``log_in`` does, and ``REQUEST_CANCELLED`` when the PIN has been
        wiped.
        """
        try:
            return await self._use(login, use)
        except WrongPinError:
            await self._end_login(login)
            raise

    async def _end_login(self, login: KnownPin) -> None:
        if self.logged_in(login.certificate) is login:
            del self._logins[login.certificate.der]
        await self._wipe(login.pin)

    # -- A PIN that is kept ------------------------------------------------------------

    def keep(
        self,
        certificate: CardCertificate,
        reader: Reader,
        pin: bytearray,
        *,
        brief: float | None = None,
        purpose: Literal["sign", "decrypt"] = "sign",
    ) -> KeptPin:
        """Keep a copy of a PIN that the card in a reader has just accepted.

        It is kept for ``brief`` seconds, for decryptions or for the other connections
        of a login that has been made, or else for a login to come.
        """
        self.expire()  # the previous PIN
        seconds = self._seconds if brief is None else brief
        self.kept = KeptPin(
            bytearray(pin),
            certificate,
            reader,
            brief=brief is not None,
            purpose=purpose,
            until=_now() + seconds,
        )
        loop = asyncio.get_running_loop()
        self._expiry = loop.call_later(seconds, self.expire)
        self._watch_cards()
        return self.kept

    def kept_for(
        self, certificate: CardCertificate, purpose: Literal["sign", "decrypt"]
    ) -> KeptPin | None:
        """Return the PIN that may be used once more with a card, if there is one."""
        if self.kept is not None and _now() >= self.kept.until:
            self.expire()
        kept = self.kept
        if kept is None or kept.certificate.der != certificate.der:
            return None
        if kept.purpose != purpose:
            return None
        return None if kept.used_up else kept

    async def use_kept(self, kept: KeptPin, use: KeyUse) -> bytes | None:
        """Use the key with a kept PIN, and wipe it when nothing else uses it.

        A brief one stays as long as it may be used once more. A use that fails ends
        either. Raises as ``use_login`` does.
        """
        kept.uses += 1
        kept.users += 1
        try:
            return await self._use(kept, use)
        except KortillaError:  # the card was moved, say, or one try is left
            await self.forget(kept)
            raise
        finally:
            kept.users -= 1
            if not kept.users and (kept.used_up or not kept.brief):
                await self.forget(kept)

    async def forget(self, kept: KeptPin) -> None:
        self._stop_keeping(kept)
        await self._wipe(kept.pin)

    def expire(self) -> None:
        """Keep the PIN that is kept no longer, and wipe it in a task."""
        if kept := self.kept:
            self._stop_keeping(kept)
            self._wipe_later(kept.pin)

    def _stop_keeping(self, kept: KeptPin) -> None:
        if self.kept is kept:
            self.kept = None
            if self._expiry is not None:
                self._expiry.cancel()
        kept.gone.set()

    # -- Cards -------------------------------------------------------------------------

    async def _use(self, known: KnownPin, use: KeyUse) -> bytes | None:
        def verify_and_use(card: FineidCard) -> bytes | None:
            key, _ = authentication_key(card)
            card.verify_pin(PinRole.PIN1, known.pin)
            return use(card, key)

        return await self._send(known, verify_and_use)

    async def _send(self, known: KnownPin, function: Callable[[FineidCard], T]) -> T:
        """Run a function that sends a PIN to its card, on the card's thread.

        A PIN that the card has refused before is not sent.
        """
        certificate = known.certificate
        async with self._card(known) as (card, tries_left):
            self._refusals.meet(certificate, tries_left)
            if tries_left == 1:
                raise KortillaError(
                    "One try is left: that is confirmed in the window.",
                    code="CONFIRMATION_NEEDED",
                )
            if not any(known.pin):  # wiped, since the card has refused it meanwhile
                raise KortillaError(
                    "The PIN has been forgotten.", code="REQUEST_CANCELLED"
                )
            if self._refusals.holds(certificate, known.pin):
                raise WrongPinError(tries_left)
            self._refusals.sending(certificate, known.pin, tries_left)
            try:
                result = await self._source.run(function, card)
            except WrongPinError as error:
                self._refusals.refused(certificate, known.pin, error.tries_left)
                raise
            self._refusals.accepted(certificate)
            return result

    @asynccontextmanager
    async def _card(self, known: KnownPin) -> AsyncIterator[tuple[FineidCard, int]]:
        """Hold the card of a PIN, if it was not moved, and reset it at the end.

        Yields it and PIN1's tries. If it is reset before, it is used anew, once. Raises
        ``CardRemovedError`` if it was moved.
        """
        async with self._turn:
            if not same_card(known.reader, await self._source.readers()):
                raise CardRemovedError("The card is not in its reader any more.")
            try:
                connection, card, tries_left = await self._hold(known)
            except CardResetError:
                logger.info("The card was reset; it is used anew.")
                connection, card, tries_left = await self._hold(known)
            try:
                yield card, tries_left
            finally:
                await asyncio.shield(self._source.run(connection.close))

    async def _hold(self, known: KnownPin) -> tuple[CardConnection, FineidCard, int]:
        """Connect to the card of a PIN, which gets no PIN yet."""
        connection = await connect_unasked(self._source, known.reader, self._numbers)
        async with closing_on_error(self._source, connection):
            card = await self._source.run(FineidCard, connection)
            _, found = await self._source.run(authentication_key, card)
            if found.der != known.certificate.der:
                raise CardRemovedError("Another card is in the reader.")
            try:
                info = await self._source.run(usable_pin, card, PinRole.PIN1)
            except (PinBlockedError, PukBlockedError):
                self._refusals.meet(found, 0)
                raise
            return connection, card, info.tries_left

    def _watch_cards(self) -> None:
        """Restart the watch over the cards of all known PINs."""
        if self._watching is not None:
            self._watching.cancel()
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            readers: tuple[Reader, ...] = ()
            with suppress(KortillaError):  # a card that can't be seen may have moved
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

    # -- Wiping ------------------------------------------------------------------------

    async def _wipe(self, pin: bytearray) -> None:
        """Wipe a PIN on the card's thread, after all pending commands with it there.

        Sending a wiped PIN would cost a try.
        """
        await self._source.run(wipe, pin)

    def _wipe_later(self, pin: bytearray) -> None:
        self._wiping.start(self._wipe(pin))


def _now() -> float:
    if sys.platform != "linux":
        return time.monotonic()
    # The event loop's clock stands still meanwhile.
    return time.clock_gettime(time.CLOCK_BOOTTIME)
