# SPDX-License-Identifier: MIT
"""The sessions of one client, and the operations in them (PKCS#11 3.0 §5.6)."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .constants import CKF, CKR, CKS
from .errors import Refused

if TYPE_CHECKING:  # heavy, and of no use before there is a card
    from .mechanisms import SignOperation

__all__ = ["Session", "Sessions"]

_MOST = 1024


@dataclass(eq=False)
class Session:
    """A session. ``found`` are the handles that a search has yet to hand over."""

    handle: int
    slot: int
    flags: int
    found: list[int] | None = None
    signing: "SignOperation | None" = None
    #: Calls off the signature that is being made.
    cancel: Callable[[], object] | None = None

    def state(self, *, logged_in: bool) -> CKS:
        """Return its state (PKCS#11 3.0 §5.6.5)."""
        if self.flags & CKF.RW_SESSION:
            return CKS.RW_USER_FUNCTIONS if logged_in else CKS.RW_PUBLIC_SESSION
        return CKS.RO_USER_FUNCTIONS if logged_in else CKS.RO_PUBLIC_SESSION


class Sessions:
    """All sessions that are open. Handles are never used twice."""

    def __init__(self) -> None:
        self._open: dict[int, Session] = {}
        self._handles = itertools.count(1)

    def open(self, slot: int, flags: int) -> Session:
        """Open one. Raises ``Refused``.

        Nothing on the token can be changed, in read-write sessions neither; but there
        are programs that will not do without one.
        """
        if not flags & CKF.SERIAL_SESSION:
            raise Refused(CKR.SESSION_PARALLEL_NOT_SUPPORTED)
        if len(self._open) >= _MOST:
            raise Refused(CKR.SESSION_COUNT)
        session = Session(
            next(self._handles),
            slot,
            int(flags & (CKF.SERIAL_SESSION | CKF.RW_SESSION)),
        )
        self._open[session.handle] = session
        return session

    def get(self, handle: int) -> Session:
        """Return a session. Raises ``Refused`` when there is none."""
        if session := self._open.get(handle):
            return session
        raise Refused(CKR.SESSION_HANDLE_INVALID)

    def count(self, slot: int) -> int:
        """Return how many sessions there are with a slot."""
        return sum(each.slot == slot for each in self._open.values())

    def close(self, session: Session) -> None:
        """Close one, and call off a signature that is being made in it."""
        self.lose(session)
        if session.cancel:
            session.cancel()

    def close_all(self, slot: int | None = None) -> None:
        """Close those with a slot, or all."""
        for session in self._with(slot):
            self.close(session)

    def lose_all(self, slot: int) -> None:
        """Forget those with a slot whose card has gone.

        Signatures that are being made end by themselves, since the card is not there.
        """
        for session in self._with(slot):
            self.lose(session)

    def lose(self, session: Session) -> None:
        """Forget one."""
        self._open.pop(session.handle, None)

    def _with(self, slot: int | None) -> list[Session]:
        return [each for each in self._open.values() if slot in {None, each.slot}]
