# SPDX-License-Identifier: MIT
"""The sessions of one client (PKCS#11 3.0 §5.6), which follow the cards."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from native_host.pkcs11.calls import CryptokiError
from native_host.pkcs11.constants import CKF, CKR, CKS
from native_host.pkcs11.slots import SlotManager, Token

_MOST_SESSIONS = 1024
_MOST_LOST = 64

T = TypeVar("T")


@dataclass(eq=False)
class Session:
    """A session. ``found`` are the handles that a search has not yet returned.

    ``lost`` is true when its token has gone, or when it was closed.
    """

    handle: int
    slot: int
    token: Token
    flags: int
    found: list[int] | None = None
    signing: "SignOperation | None" = None
    lost: bool = False
    #: The signature or decryption that is being made.
    work: asyncio.Task[Any] | None = None
    #: The decryption that has begun, and the secrets of this session by their handles.
    decryption: "Decryption | None" = None
    secrets: dict[int, "TokenObject"] = field(default_factory=dict, repr=False)

    def state(self, *, logged_in: bool) -> CKS:
        """Return its state (PKCS#11 3.0 §5.6.5)."""
        if self.flags & CKF.RW_SESSION:
            return CKS.RW_USER_FUNCTIONS if logged_in else CKS.RW_PUBLIC_SESSION
        return CKS.RO_USER_FUNCTIONS if logged_in else CKS.RO_PUBLIC_SESSION

    async def run(self, work: Coroutine[None, None, T]) -> T:
        """Await a signature or decryption.

        Raises ``CryptokiError`` when ``cancel_work`` is called meanwhile.
        """
        if self.work is not None:
            work.close()
            raise CryptokiError(CKR.OPERATION_ACTIVE)
        task: asyncio.Task[T] = asyncio.create_task(work)
        self.work = task
        try:
            return await task
        except asyncio.CancelledError:
            own = asyncio.current_task()
            if own and own.cancelling():
                raise
            reason = CKR.SESSION_CLOSED if self.lost else CKR.FUNCTION_CANCELED
            raise CryptokiError(reason) from None
        finally:
            self.work = None

    def cancel_work(self) -> None:
        """End the signature or decryption that has been begun or is being made."""
        self.signing = self.decryption = None
        if self.work:
            self.work.cancel()


class SessionTable:
    """All sessions of a client. A handle is never used twice.

    The sessions with a slot end when its card goes. With ``lingering`` they stay for so
    many seconds more, and go on when the same card is put back. ``ended`` is called
    with the number of each slot whose token has come or gone, and with the token that
    its sessions had, if there were any.
    """

    def __init__(
        self,
        slots: SlotManager,
        ended: Callable[[int, Token | None], None],
        *,
        lingering: float = 0,
    ) -> None:
        self._slots = slots
        self._ended = ended
        self._lingering = lingering
        self._all: dict[int, Session] = {}
        self._handles = itertools.count(1)
        #: The tasks that end the sessions of slots without a card after a while.
        self._ending: dict[int, asyncio.Task[None]] = {}
        slots.listeners.add(self._slot_changed)

    def close(self) -> None:
        """End all sessions, and stop watching the slots."""
        self._slots.listeners.discard(self._slot_changed)
        self.end_all()

    def open(self, slot: int, token: Token, flags: int) -> Session:
        """Open a session with the token in a slot. Raises ``CryptokiError``.

        Read-write sessions are opened too, since some programs need one, but nothing on
        the token can be changed.
        """
        if not flags & CKF.SERIAL_SESSION:
            raise CryptokiError(CKR.SESSION_PARALLEL_NOT_SUPPORTED)
        if sum(not each.lost for each in self._all.values()) >= _MOST_SESSIONS:
            raise CryptokiError(CKR.SESSION_COUNT)
        kept = int(flags & (CKF.SERIAL_SESSION | CKF.RW_SESSION))
        session = Session(next(self._handles), slot, token, kept)
        self._all[session.handle] = session
        return session

    def get(self, handle: int, *, even_lost: bool = False) -> Session:
        """Return a session. Raises ``CryptokiError`` when there is none."""
        session = self._all.get(handle)
        if session is None or (session.lost and not even_lost):
            raise CryptokiError(CKR.SESSION_HANDLE_INVALID)
        return session

    def count(self, slot: int) -> int:
        return len(self.of_slot(slot))

    def token(self, slot: int) -> Token | None:
        """Return the token that the sessions with a slot have, if there are any."""
        return next((session.token for session in self.of_slot(slot)), None)

    def close_session(self, session: Session) -> None:
        """Close a session, and cancel a signature that is being made in it."""
        del self._all[session.handle]
        session.lost = True
        session.cancel_work()

    def close_slot(self, slot: int) -> None:
        for session in [each for each in self._all.values() if each.slot == slot]:
            self.close_session(session)

    def end_all(self) -> None:
        """Close all sessions, those included that linger."""
        for ending in self._ending.values():
            ending.cancel()
        self._ending.clear()
        for session in list(self._all.values()):
            self.close_session(session)

    def of_slot(self, slot: int) -> list[Session]:
        return [s for s in self._all.values() if s.slot == slot and not s.lost]

    # -- Cards that come and go --------------------------------------------------------

    def _slot_changed(self, slot: int) -> None:
        if ending := self._ending.pop(slot, None):
            ending.cancel()
        token = self._slots.slot(slot).token
        if token is None:
            if self._lingering and self.count(slot):
                self._ending[slot] = asyncio.create_task(self._end_later(slot))
                return
        elif ending and self._go_on_with(slot, token):
            return  # the client has not noticed anything
        self._end(slot)

    def _go_on_with(self, slot: int, token: Token) -> bool:
        """Give the sessions with a slot a new token if it is of the same card."""
        sessions = self.of_slot(slot)
        der = token.certificate.der
        if any(each.token.certificate.der != der for each in sessions):
            return False
        for session in sessions:
            session.token = token
        return True

    async def _end_later(self, slot: int) -> None:
        if work := [s.work for s in self._all.values() if s.work and s.slot == slot]:
            await asyncio.wait(work)
        await asyncio.sleep(self._lingering)
        del self._ending[slot]
        self._end(slot)

    def _end(self, slot: int) -> None:
        """End the sessions with a slot whose card was removed or replaced.

        A pending signature fails anyway, since its card is gone.
        """
        token = self.token(slot)
        for session in self.of_slot(slot):
            session.lost = True
            session.secrets.clear()
        idle = [each for each in self._all.values() if each.lost and not each.work]
        for session in idle[:-_MOST_LOST]:
            del self._all[session.handle]
        self._ended(slot, token)


if TYPE_CHECKING:  # heavy, and needed only when there is a card
    from native_host.pkcs11.mechanisms import Decryption, SignOperation
    from native_host.pkcs11.objects import TokenObject
