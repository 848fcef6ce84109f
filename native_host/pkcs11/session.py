# SPDX-License-Identifier: MIT
"""A session of a client, and the operations in it (PKCS#11 3.0 §5.6)."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from native_host.pkcs11.constants import CKF, CKR, CKS
from native_host.pkcs11.errors import CryptokiError
from native_host.pkcs11.slots import Token

if TYPE_CHECKING:  # heavy, and needed only when there is a card
    from native_host.pkcs11.mechanisms import SignOperation


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
    #: The signature that is being made.
    work: asyncio.Task[bytes] | None = None

    def state(self, *, logged_in: bool) -> CKS:
        """Return its state (PKCS#11 3.0 §5.6.5)."""
        if self.flags & CKF.RW_SESSION:
            return CKS.RW_USER_FUNCTIONS if logged_in else CKS.RW_PUBLIC_SESSION
        return CKS.RO_USER_FUNCTIONS if logged_in else CKS.RO_PUBLIC_SESSION

    async def run_signing(self, signing: Coroutine[Any, Any, bytes]) -> bytes:
        """Await a signature.

        Raises ``CryptokiError`` when ``cancel_signing`` is called meanwhile.
        """
        self.work = asyncio.create_task(signing)
        try:
            return await self.work
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task and task.cancelling():
                raise
            reason = CKR.SESSION_CLOSED if self.lost else CKR.FUNCTION_CANCELED
            raise CryptokiError(reason) from None
        finally:
            self.work = None

    def cancel_signing(self) -> None:
        """End the signature that has been begun or is being made."""
        self.signing = None
        if self.work:
            self.work.cancel()
