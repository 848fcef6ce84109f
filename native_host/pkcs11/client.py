# SPDX-License-Identifier: MIT
"""What there is of one client: its sessions, its login, and what signs for it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from native_host.pkcs11.constants import CKR
from native_host.pkcs11.errors import CryptokiError
from native_host.pkcs11.sessions import Sessions
from native_host.pkcs11.slots import Slot, SlotManager, Token

if TYPE_CHECKING:  # heavy, and of no use before somebody signs
    from native_host.pkcs11.tls_login import TlsLogin

__all__ = ["LINGERING", "Client", "Values"]

#: Seconds that a token stays for a browser after its card was pulled, or after the
#: signature which that broke off. It may be put back, and browsers try again by
#: themselves: without a token Firefox hangs, and with another NSS calls the login off.
LINGERING = 10.0

#: The values of an answer, as its signature has them.
Values = Sequence[Any]


class Client:
    """The token as one client sees it.

    ``open_signer`` makes what signs; it is called when there is something to sign. With
    ``hides_errors`` a signature that fails is answered with one that is none: Firefox
    would hang (docs/reference/pkcs11.md, "How browsers behave"). A token whose card has
    gone stays for ``lingering`` seconds, in which it signs nothing.
    """

    def __init__(
        self,
        tokens: SlotManager,
        open_signer: Callable[[], "TlsLogin"],
        *,
        hides_errors: bool = False,
        lingering: float = 0,
    ) -> None:
        self._tokens = tokens
        self._open_signer = open_signer
        self._hides_errors = hides_errors
        self._lingering = lingering
        self._signer: TlsLogin | None = None
        self._sessions = Sessions()
        self._events: set[int] = set()
        self._waiting: set[asyncio.Future[None]] = set()
        self._logging_out: set[asyncio.Task[None]] = set()
        #: What loses the sessions of each slot whose card has gone, after a while.
        self._losing: dict[int, asyncio.Task[None]] = {}
        self.initialized = False
        tokens.listeners.add(self._slot_changed)

    @property
    def signer(self) -> "TlsLogin":
        """What signs for this client."""
        if self._signer is None:
            self._signer = self._open_signer()
        return self._signer

    async def close(self) -> None:
        """Forget everything, and close windows."""
        self._tokens.listeners.discard(self._slot_changed)
        self._end()
        if self._signer is not None:
            await self._signer.close()
        await asyncio.gather(*self._logging_out, return_exceptions=True)

    def _slot(self, number: int) -> Slot:
        if slot := self._tokens.slot(number):
            return slot
        raise CryptokiError(CKR.SLOT_ID_INVALID)

    def _token(self, number: int) -> Token | None:
        """Return the token in a slot. It may be one whose card has just gone."""
        return self._slot(number).token or self._sessions.token(number)

    def _present(self, number: int) -> tuple[Slot, Token]:
        if (token := self._token(number)) is None:
            raise CryptokiError(CKR.TOKEN_NOT_PRESENT)
        return self._slot(number), token

    def _is_logged_in(self, token: Token) -> bool:
        pins = self._signer.pins if self._signer else None
        return pins is not None and pins.logged_in(token.certificate) is not None

    async def _log_out(self, token: Token | None) -> None:
        if token is not None and self._signer is not None:
            await self._signer.pins.log_out(token.certificate)

    def _slot_changed(self, number: int) -> None:
        if losing := self._losing.pop(number, None):
            losing.cancel()
        token = self._slot(number).token
        if token is None:
            if self._lingering and self._sessions.count(number):
                self._losing[number] = asyncio.create_task(self._lose_late(number))
                return
        elif losing and self._sessions.take_up(number, token):
            return  # for whom it has stayed, nothing has happened
        self._lose(number)

    async def _lose_late(self, number: int) -> None:
        if work := self._sessions.work(number):
            await asyncio.wait(work)
        await asyncio.sleep(self._lingering)
        del self._losing[number]
        self._lose(number)

    def _lose(self, number: int) -> None:
        """End the sessions with the token that was in a slot, and tell that it went."""
        token = self._sessions.token(number)
        self._sessions.lose_all(number)
        task = asyncio.create_task(self._log_out(token))
        self._logging_out.add(task)
        task.add_done_callback(self._logging_out.discard)
        if self.initialized:
            self._events.add(number)
            for waiting in self._waiting:
                if not waiting.done():
                    waiting.set_result(None)

    def _end(self) -> None:
        self.initialized = False
        for losing in self._losing.values():
            losing.cancel()
        self._losing.clear()
        self._sessions.close_all()
        self._events.clear()
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(CryptokiError(CKR.CRYPTOKI_NOT_INITIALIZED))
