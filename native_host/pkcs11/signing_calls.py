# SPDX-License-Identifier: MIT
"""The calls that use PIN1: logging in, and signing (PKCS#11 3.0 §5.6 and §5.13)."""

import asyncio
import logging
import os
from typing import TYPE_CHECKING

from native_host.card.source import Reader
from native_host.errors import KortillaError
from native_host.log import log_unexpected
from native_host.pkcs11.client import Client, Values
from native_host.pkcs11.constants import CKF, CKO, CKR, CKU
from native_host.pkcs11.errors import CryptokiError
from native_host.pkcs11.sessions import Session
from native_host.pkcs11.token_calls import PIN_LENGTHS
from native_host.pkcs11.wire import Mechanism, Size, wipe

if TYPE_CHECKING:
    from native_host.pkcs11.mechanisms import SignOperation

__all__ = ["SigningCalls"]

logger = logging.getLogger(__name__)


class SigningCalls(Client):
    """What each call does that needs PIN1."""

    async def login(self, handle: int, user: int, pin: bytearray | None) -> Values:
        """Verify PIN1, and sign with it until the end of the login."""
        try:
            session = self._sessions.get(handle)
            reader = self._check_login(session, user, pin)
        except CryptokiError:
            wipe((pin,))
            raise
        # From here on wiping it is for whoever has it: a wiped PIN may cost a try.
        certificate = session.token.certificate
        await self.signer.pins.log_in(certificate, reader, pin or bytearray())
        if session.lost:
            await self.signer.pins.log_out(certificate)
            raise CryptokiError(CKR.SESSION_HANDLE_INVALID)
        return ()

    def _check_login(
        self, session: Session, user: int, pin: bytearray | None
    ) -> Reader:
        """Return the reader whose card is to verify the PIN.

        Raises ``CryptokiError``.
        """
        if user == CKU.SO and not session.flags & CKF.RW_SESSION:
            raise CryptokiError(CKR.SESSION_READ_ONLY_EXISTS)
        if user != CKU.USER:
            raise CryptokiError(CKR.USER_TYPE_INVALID)
        if self._is_logged_in(session.token):
            raise CryptokiError(CKR.USER_ALREADY_LOGGED_IN)
        if pin is None:
            raise CryptokiError(CKR.ARGUMENTS_BAD)
        if len(pin) not in PIN_LENGTHS:
            raise CryptokiError(CKR.PIN_LEN_RANGE)
        slot = self._slot(session.slot)
        if slot.reader is None or slot.token is not session.token:
            raise CryptokiError(CKR.DEVICE_REMOVED)
        return slot.reader

    async def logout(self, handle: int) -> Values:
        """End a login."""
        session = self._sessions.get(handle)
        if not self._is_logged_in(session.token):
            raise CryptokiError(CKR.USER_NOT_LOGGED_IN)
        await self._log_out(session.token)
        return ()

    async def sign_init(
        self, handle: int, mechanism: Mechanism | None, key: int = 0
    ) -> Values:
        """Begin a signature, or call it off where no mechanism is named."""
        from native_host.pkcs11.mechanisms import SignOperation

        session = self._session(handle)
        if mechanism is None:
            session.call_off()
            return ()
        if session.signing is not None or session.work is not None:
            raise CryptokiError(CKR.OPERATION_ACTIVE)
        token = session.token
        operation = SignOperation.begin(token.certificate, mechanism)
        target = next((each for each in token.objects if each.handle == key), None)
        if target is None or target.kind == CKO.CERTIFICATE:
            raise CryptokiError(CKR.KEY_HANDLE_INVALID)
        if target.kind != CKO.PRIVATE_KEY:
            raise CryptokiError(CKR.KEY_FUNCTION_NOT_PERMITTED)
        session.signing = operation
        return ()

    async def sign(
        self, handle: int, data: bytearray | None, room: int | None
    ) -> Values:
        """Sign. The person types the PIN meanwhile, unless there is one already."""
        session, operation = self._signing(handle)
        if operation.in_parts:
            raise CryptokiError(CKR.OPERATION_ACTIVE)
        return await self._finish(session, operation, data or b"", room)

    async def sign_update(self, handle: int, data: bytearray | None) -> Values:
        """Take in a part of what is to be signed."""
        session, operation = self._signing(handle)
        operation.in_parts = True
        try:
            operation.take(data or b"")
        except CryptokiError:
            session.signing = None
            raise
        return ()

    async def sign_final(self, handle: int, room: int | None) -> Values:
        """Sign what has been taken in."""
        session, operation = self._signing(handle)
        return await self._finish(session, operation, b"", room)

    def _session(self, handle: int) -> Session:
        """Return a session to sign in.

        Where errors are hidden, that may be one whose card has gone: the client can't
        hear that, and gets a signature that is none.
        """
        return self._sessions.get(handle, even_lost=self._hides_errors)

    def _signing(self, handle: int) -> tuple[Session, "SignOperation"]:
        session = self._session(handle)
        if session.signing is None:
            raise CryptokiError(CKR.OPERATION_NOT_INITIALIZED)
        return session, session.signing

    async def _finish(
        self,
        session: Session,
        operation: "SignOperation",
        data: bytes | bytearray,
        room: int | None,
    ) -> Values:
        """End an operation with a signature, unless there is too little room for it."""
        if room is None or room < operation.size:
            return (Size(operation.size),)
        session.signing = None
        try:
            if self._slot(session.slot).token is None:  # put back, and not read yet
                await self._tokens.settled()
            if self._slot(session.slot).token is not session.token:
                raise CryptokiError(CKR.DEVICE_REMOVED)
            operation.take(data)
            algorithm, digest = operation.finish()
            work = asyncio.create_task(
                self.signer.sign(operation.certificate, digest, algorithm)
            )
            return (await _unless_closed(session, work),)
        except Exception as error:
            if not self._hides_errors:
                raise
            if isinstance(error, CryptokiError | KortillaError):
                logger.info("A signature failed: %s", error)
            else:
                log_unexpected(logger, error)
            return (os.urandom(operation.size),)


async def _unless_closed(session: Session, work: asyncio.Task[bytes]) -> bytes:
    """Await a signature.

    Raises ``CryptokiError`` when its session is closed meanwhile.
    """
    session.work = work
    try:
        return await work
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task and task.cancelling():
            raise
        closed = CKR.SESSION_CLOSED if session.lost else CKR.FUNCTION_CANCELED
        raise CryptokiError(closed) from None
    finally:
        session.work = None
