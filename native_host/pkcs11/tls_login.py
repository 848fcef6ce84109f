# SPDX-License-Identifier: MIT
"""What programs do with PIN1's key: TLS client authentication, and decryption.

The program (a browser) gives the digest to sign and does not say for which site. So the
window names the program, and tells the person to check its address bar.

Browsers stop waiting for a handshake after 30 seconds, and some people need longer to
type a PIN (docs/reference/pkcs11.md, "How browsers behave"). So the program gets an
error before that, and the window stays. The program's next signature is served by the
same window. A PIN that is typed while no signature waits is kept for the next one. A
PIN can also be typed beforehand.

A mail program asks for many decryptions in a row. So the person can allow them for a
while. The window then stays, says how many were made, and ends that when it is closed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, cast

from native_host.card.certificate import CardCertificate
from native_host.card.fineid import CardKey, FineidCard, PinRole
from native_host.card.signature import SignatureAlgorithm
from native_host.card.source import CardSource, Reader
from native_host.errors import KortillaError, RequestExpiredError, UserCancelledError
from native_host.operations.authenticate import (
    authentication_key,
    look_for_authentication,
)
from native_host.operations.card_access.access_numbers import AccessNumbers
from native_host.operations.card_access.card_session import UsableCards
from native_host.operations.card_access.held_card import HeldCard, OtherCardError
from native_host.operations.pin import PinAsker, PinAttempt
from native_host.operations.refusals import Refusals
from native_host.operations.request import Context
from native_host.pin_prompt.model import Conversation, Progress, Step
from native_host.pin_prompt.prompt import Prompt
from native_host.pkcs11.pin_cache import KeptPin, KeyUse, PinCache
from native_host.platform.log import log_unexpected
from native_host.platform.tasks import race
from native_host.state.history import recorded

logger = logging.getLogger(__name__)

#: The number of signatures of one typed PIN: browsers open a few connections at once.
_MOST_AT_ONCE = 8
#: Seconds without a new window after the person has cancelled: browsers retry once or
#: twice without asking.
_QUIET_FOR = 2.0
#: The most of them for decryptions. They double with each cancellation: a mail program
#: goes through message after message.
_LONGEST_QUIET = 30.0
#: Seconds for which the person can allow decryptions; the window's texts name the time.
_ALLOWED_FOR = 600.0

_Operation = Literal["tls-login", "prepare-login", "mail-login", "decrypt-mail"]


@dataclass(eq=False)
class _PendingUse:
    """A signature or decryption that the program waits for."""

    use: KeyUse
    value: asyncio.Future[bytes | None]


@dataclass(eq=False)
class _LoginWindow:
    """A window that asks for the PIN, and the uses of the key that wait for it.

    ``certificate`` is the key's, or None to prepare a login with any card.
    """

    operation: _Operation
    prompt: Prompt
    certificate: CardCertificate | None
    prepared: asyncio.Future[None]
    pending: list[_PendingUse] = field(default_factory=list)
    #: Whether a use has exceeded the program's time limit. Then the window stays.
    stays: bool = False
    #: The kept PIN, until the window has shown the person that it is kept.
    kept: KeptPin | None = None
    #: The decryptions that were made. The PIN of those that are allowed for a while.
    decrypted: int = 0
    allowed: KeptPin | None = None
    task: asyncio.Task[None] | None = None
    begun: bool = False
    #: Whether the window has been opened, and can show notices.
    opened: bool = False
    cancelled: bool = False

    def cancel(self) -> None:
        """Cancel the window's task."""
        self.cancelled = True
        # Cancelling a task that has not begun, or that is ending, would leave the
        # window open.
        if self.begun and self.task is not None:
            self.task.cancel()

    def show_count(self) -> None:
        if self.opened and self.operation == "tls-login":
            self.prompt.show_connections(len(self.pending))

    def show_ready(self) -> None:
        done = self.decrypted
        progress = Progress(done, done) if self.allowed else None
        self.prompt.show(Step.READY, progress=progress)

    def fail(self, error: Exception) -> None:
        """Fail all uses that are still pending."""
        futures: list[asyncio.Future[None] | asyncio.Future[bytes | None]]
        futures = [self.prepared, *(each.value for each in self.pending)]
        for future in futures:
            if not future.done():
                future.set_exception(error)
                future.exception()  # in case it is never awaited
        self.pending.clear()


def _with_key(use: KeyUse, key: CardKey, card: FineidCard) -> bytes | None:
    return use(card, key)


class TlsLogin:
    """Uses PIN1's key for one program, and asks for the PIN in windows.

    ``program`` is its name as the person knows it. ``mail`` says that it is a known
    mail program: the window warns of any other before a decryption, and says of this
    one's signatures that they may be of a message. ``language`` is ``fi``, ``sv`` or
    ``en``. The program waits for ``patience`` seconds, or without limit where that is
    None. A PIN is kept for ``kept_for`` seconds. A PIN that has signed serves the same
    program's other connections for ``same_login`` seconds; 0 is not at all.
    ``refusals`` are the PINs that cards have already refused, and ``numbers`` those of
    cards on contactless readers, which the slots have too. ``asks`` is called as a
    window opens. The caller closes ``source``, after ``close``.
    """

    def __init__(
        self,
        *,
        source: CardSource,
        open_prompt: Callable[[], Prompt],
        program: str,
        language: str,
        mail: bool = False,
        patience: float | None = None,
        kept_for: float = 120.0,
        same_login: float = 0.0,
        refusals: Refusals | None = None,
        numbers: AccessNumbers | None = None,
        asks: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._asks = asks
        self._open_prompt = open_prompt
        self._program = program
        self._mail = mail
        self._language = language
        self._patience = patience
        self._same_login = same_login
        self._turn = asyncio.Lock()
        self._refusals = refusals or Refusals()
        self._numbers = numbers or AccessNumbers()
        self.pins = PinCache(
            source, self._turn, self._refusals, self._numbers, seconds=kept_for
        )
        self._current: _LoginWindow | None = None
        #: All windows. Some only say that a PIN is kept.
        self._windows: set[_LoginWindow] = set()
        #: Before this time of the event loop's clock, no window opens for what programs
        #: repeat.
        self._quiet_until = 0.0
        self._quiet_for = _QUIET_FOR

    async def sign(
        self,
        certificate: CardCertificate,
        digest: bytes,
        algorithm: SignatureAlgorithm,
    ) -> bytes:
        """Sign a digest with the key of a certificate that is on a card here.

        Uses the PIN of a login, a PIN that is kept, or a PIN that is typed in a window.
        One typing serves all signatures that are asked for before its first is made,
        and the window says how many they are. Raises ``RequestExpiredError`` when the
        program's patience ends, while the window stays; ``UserCancelledError``, also
        for two seconds after the person has cancelled; ``CardError``; ``PromptError``;
        ``BUSY`` for too many signatures at once, or for two cards.
        """

        def sign(card: FineidCard, key: CardKey) -> bytes:
            return card.sign(key, digest, algorithm)

        operation: _Operation = "mail-login" if self._mail else "tls-login"
        if known := self._known_pin(certificate, operation):
            with recorded("identify", self._program):
                return cast(bytes, await known(sign))
        window = self._window_for(certificate, operation)
        with recorded("identify", self._program):
            return cast(bytes, await self._wait_for(window, sign))

    async def decrypt(self, certificate: CardCertificate, use: KeyUse) -> bytes | None:
        """Decrypt, or agree on a secret, with the key of a certificate.

        None if the card refuses the data. Asks for the PIN as ``sign`` does, and raises
        as it does. A PIN for the one never does the other.
        """
        if known := self._known_pin(certificate, "decrypt-mail"):
            value = await known(use)
            for window in self._windows:
                if window.allowed and not window.allowed.gone.is_set():
                    window.decrypted += 1
                    window.show_ready()
            return value
        return await self._wait_for(self._window_for(certificate, "decrypt-mail"), use)

    def _known_pin(
        self, certificate: CardCertificate, operation: _Operation
    ) -> Callable[[KeyUse], Awaitable[bytes | None]] | None:
        """Return what uses the key with a PIN that is known, if one is."""
        if logged_in := self.pins.logged_in(certificate):
            return partial(self.pins.use_login, logged_in)
        decrypts = operation == "decrypt-mail"
        purpose: Literal["sign", "decrypt"] = "decrypt" if decrypts else "sign"
        kept = self.pins.kept_for(certificate, purpose)
        if kept and (decrypts or self._current is None):
            return partial(self.pins.use_kept, kept)
        return None

    def _window_for(
        self, certificate: CardCertificate, operation: _Operation
    ) -> _LoginWindow:
        """Return the window that is to ask for the PIN. Raises as ``sign`` does."""
        window = self._current
        if window is None:
            quiet = asyncio.get_running_loop().time() < self._quiet_until
            if quiet and self._repeats(operation):
                raise UserCancelledError("The person has just cancelled.")
            return self._open(operation, certificate)
        if window.operation != operation:
            raise KortillaError("The PIN is being asked for already.", code="BUSY")
        if window.certificate is None or window.certificate.der != certificate.der:
            raise KortillaError(
                "The PIN of another card is being asked for.", code="BUSY"
            )
        if len(window.pending) >= _MOST_AT_ONCE:
            raise KortillaError("The key is asked for too often at once.", code="BUSY")
        return window

    async def prepare(self) -> None:
        """Ask for the PIN, verify it, and keep it for one login to come.

        Raises as ``sign`` does, and ``PIN_PAD_ONLY``.
        """
        while self._current is None and self.pins.kept is not None:
            await self.pins.forget(self.pins.kept)
        if self._current is not None:
            raise KortillaError("The PIN is being asked for already.", code="BUSY")
        window = self._open("prepare-login", None)
        try:
            await asyncio.shield(window.prepared)
        except asyncio.CancelledError:
            self._cancel(window)
            raise

    async def close(self) -> None:
        """Close all windows, and wipe all PINs. May be called twice."""
        windows = list(self._windows)
        for window in windows:
            self._cancel(window)
        tasks = [window.task for window in windows if window.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.pins.close()

    def _cancel(self, window: _LoginWindow) -> None:
        """Close a window from outside."""
        window.cancel()
        self._close_to_others(window)

    def _close_to_others(self, window: _LoginWindow) -> None:
        """Make later signatures open another window."""
        if self._current is window:
            self._current = None

    async def _wait_for(self, window: _LoginWindow, use: KeyUse) -> bytes | None:
        pending = _PendingUse(use, asyncio.get_running_loop().create_future())
        window.pending.append(pending)
        window.show_count()
        try:
            async with asyncio.timeout(self._patience):
                return await pending.value
        except TimeoutError:
            if pending in window.pending:
                window.pending.remove(pending)
            window.stays = True
            window.show_count()
            if not window.pending:
                window.prompt.show_caller_timeout()
            raise RequestExpiredError("The program waits no longer.") from None
        except asyncio.CancelledError:
            if pending in window.pending:
                window.pending.remove(pending)
                window.show_count()
                left_alone = not window.pending and not window.stays
                if left_alone and window is self._current:
                    self._cancel(window)
            raise

    def _open(
        self, operation: _Operation, certificate: CardCertificate | None
    ) -> _LoginWindow:
        prepared = asyncio.get_running_loop().create_future()
        window = _LoginWindow(operation, self._open_prompt(), certificate, prepared)
        self._asks()
        self._current = window
        self._windows.add(window)
        window.task = asyncio.create_task(self._converse(window))
        return window

    async def _converse(self, window: _LoginWindow) -> None:
        """Ask for the PIN and use it. Then show where the person continues."""
        prompt = window.prompt
        error: Exception = KortillaError(
            "The request was cancelled.", code="REQUEST_CANCELLED"
        )
        window.begun = True
        try:
            if window.cancelled:
                return
            async with self._turn:
                await self._ask_and_use(window)
            if kept := window.kept:
                await prompt.check_cancelled()
                if not window.prepared.done():
                    window.prepared.set_result(None)
                window.show_ready()
                window.kept = None
                await race(prompt.wait_for_cancel(), kept.gone.wait())
                if window.allowed:
                    await self.pins.forget(window.allowed)
        except KortillaError as caught:
            error = caught
            repeats = self._repeats(window.operation)
            if isinstance(caught, UserCancelledError) and repeats:
                self._be_quiet(window.operation)
        except Exception as caught:
            log_unexpected(logger, caught)
            error = KortillaError("This should not happen.")
        finally:
            self._close_to_others(window)
            window.begun = False  # what follows must not be cancelled
            window.fail(error)
            if window.kept is not None:  # the person has not seen it yet
                await self.pins.forget(window.kept)
            if window.allowed:
                await self.pins.forget(window.allowed)
            await prompt.close()
            self._windows.discard(window)

    def _repeats(self, operation: _Operation) -> bool:
        """Whether the program repeats what was cancelled without asking the person."""
        return operation == "decrypt-mail" or self._patience is not None

    def _be_quiet(self, operation: _Operation) -> None:
        """Open no window for a while."""
        now = asyncio.get_running_loop().time()
        self._quiet_until = now + self._quiet_for
        if operation == "decrypt-mail":
            self._quiet_for = min(2 * self._quiet_for, _LONGEST_QUIET)

    async def _ask_and_use(self, window: _LoginWindow) -> None:
        """Ask for the PIN. Make the pending signatures, or keep the PIN without any."""
        prompt = window.prompt
        warns = window.operation == "decrypt-mail" and not self._mail
        await prompt.open(
            Conversation(
                operation=window.operation,
                origin="",
                language=self._language,
                test_card=self._source.test_card,
                program=self._program,
                caller=self._program if warns else "",
            )
        )
        window.opened = True
        window.show_count()
        self._numbers.begin()
        context = Context(self._source, prompt, numbers=self._numbers)
        asker = PinAsker(context, PinRole.PIN1, self._refusals)
        wanted = window.certificate
        async for held_card in UsableCards(
            context,
            look=look_for_authentication,
            suits=(lambda found: found.der == wanted.der) if wanted else None,
        ):
            async with held_card:
                await asker.resume_activation(held_card)
                await self._with_card(window, held_card, asker)

    async def _with_card(
        self, window: _LoginWindow, held_card: HeldCard, asker: PinAsker
    ) -> None:
        prompt, card = window.prompt, held_card.card
        key, certificate = await prompt.watch(held_card.run(authentication_key, card))
        if window.certificate not in {None, certificate}:
            raise OtherCardError("The certificate is not on the card.")
        can_allow = window.operation == "decrypt-mail"
        tries = asker.tries(held_card, certificate, can_allow=can_allow)
        async for attempt in tries:
            async with attempt:
                await self._use(window, attempt, key, certificate, held_card.reader)

    async def _use(
        self,
        window: _LoginWindow,
        attempt: PinAttempt,
        key: CardKey,
        certificate: CardCertificate,
        reader: Reader,
    ) -> None:
        """Make the pending uses. Without any, keep the PIN."""
        await attempt.show()
        served = False
        if not window.pending:  # it is prepared, or no signature is pending
            await attempt.verify()
        while window.pending:
            # The newest first: the oldest may be too late already.
            pending = window.pending[-1]
            use = partial(_with_key, pending.use, key)
            value = await attempt.verify_and_run(use)
            window.decrypted += 1
            self._quiet_for = _QUIET_FOR
            if window.prompt.allowed and not window.allowed and attempt.pin:
                window.allowed = self._allow(certificate, reader, attempt.pin)
            self._close_to_others(window)
            if pending in window.pending:
                window.pending.remove(pending)
            if not pending.value.done():
                pending.value.set_result(value)
                served = True
        self._close_to_others(window)
        if attempt.pin is None:
            if window.certificate is None:
                raise KortillaError(
                    "The PIN was typed on the reader.", code="PIN_PAD_ONLY"
                )
        elif window.operation == "decrypt-mail":
            window.kept = window.allowed
        elif not served:
            window.kept = self.pins.keep(certificate, reader, attempt.pin)
        elif self._same_login:
            brief = self._same_login
            self.pins.keep(certificate, reader, attempt.pin, brief=brief)

    def _allow(
        self, certificate: CardCertificate, reader: Reader, pin: bytearray
    ) -> KeptPin:
        """Keep a PIN for what the person allows; what comes now opens no window."""
        return self.pins.keep(
            certificate, reader, pin, brief=_ALLOWED_FOR, purpose="decrypt"
        )
