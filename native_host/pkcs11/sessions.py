# SPDX-License-Identifier: MIT
"""The sessions of one client, and the operations in them (PKCS#11 3.0 §5.6)."""

import asyncio
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from native_host.pkcs11.constants import CKF, CKR, CKS
from native_host.pkcs11.errors import CryptokiError
from native_host.pkcs11.slots import Token

if TYPE_CHECKING:  # heavy, and of no use before there is a card
    from native_host.pkcs11.mechanisms import SignOperation

__all__ = ["Session", "Sessions"]

_MOST = 1024
_MOST_LOST = 64


@dataclass(eq=False)
class Session:
    """A session. ``found`` are the handles that a search has yet to hand over.

    One is ``lost`` when its token has gone, or when it was closed.
    """

    handle: int
    slot: int
    token: Token
    flags: int
    found: list[int] | None = None
    signing: "SignOperation | None" = None
    lost: bool = False
    #: The signature that is being made.
    work: asyncio.Task[bytes] | None = None

    def call_off(self) -> None:
        """End the signature that has been begun or is being made."""
        self.signing = None
        if self.work:
            self.work.cancel()

    def state(self, *, logged_in: bool) -> CKS:
        """Return its state (PKCS#11 3.0 §5.6.5)."""
        if self.flags & CKF.RW_SESSION:
            return CKS.RW_USER_FUNCTIONS if logged_in else CKS.RW_PUBLIC_SESSION
        return CKS.RO_USER_FUNCTIONS if logged_in else CKS.RO_PUBLIC_SESSION


class Sessions:
    """All sessions of a client. Handles are never used twice."""

    def __init__(self) -> None:
        self._all: dict[int, Session] = {}
        self._handles = itertools.count(1)

    def open(self, slot: int, token: Token, flags: int) -> Session:
        """Open one with the token that is in a slot. Raises ``CryptokiError``.

        Nothing on the token can be changed, in read-write sessions neither; but there
        are programs that will not do without one.
        """
        if not flags & CKF.SERIAL_SESSION:
            raise CryptokiError(CKR.SESSION_PARALLEL_NOT_SUPPORTED)
        if sum(not each.lost for each in self._all.values()) >= _MOST:
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
        """Return how many sessions there are with a slot."""
        return sum(each.slot == slot and not each.lost for each in self._all.values())

    def token(self, slot: int) -> Token | None:
        """Return the token that the sessions with a slot were opened with, if any."""
        live = (s.token for s in self._all.values() if s.slot == slot and not s.lost)
        return next(live, None)

    def take_up(self, slot: int, token: Token) -> bool:
        """Go on with a token, if it is of the card that the sessions are with."""
        live = [s for s in self._all.values() if s.slot == slot and not s.lost]
        if any(s.token.certificate.der != token.certificate.der for s in live):
            return False
        for session in live:
            session.token = token
        return True

    def close(self, session: Session) -> None:
        """Close one, and call off a signature that is being made in it."""
        del self._all[session.handle]
        session.lost = True
        session.call_off()

    def close_all(self, slot: int | None = None) -> None:
        """Close those with a slot, or all."""
        for session in list(self._all.values()):
            if slot in {None, session.slot}:
                self.close(session)

    def work(self, slot: int) -> list[asyncio.Task[bytes]]:
        """Return the signatures that are being made with a slot."""
        return [s.work for s in self._all.values() if s.work and s.slot == slot]

    def lose_all(self, slot: int) -> None:
        """End those with a slot whose card has gone.

        Signatures that are being made end by themselves, since the card is not there.
        """
        for session in self._all.values():
            session.lost = session.lost or session.slot == slot
        idle = [each for each in self._all.values() if each.lost and not each.work]
        for session in idle[:-_MOST_LOST]:
            del self._all[session.handle]
