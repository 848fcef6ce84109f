# SPDX-License-Identifier: MIT
"""The token as one client sees it: a method for each call of PKCS#11 (3.0 §5).

The methods do what the specification says; a docstring has what it does not say.
``call`` states at each method which call it answers, and with which signatures.
"""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from native_host.card.source import Reader
from native_host.errors import KortillaError
from native_host.pkcs11.calls import CryptokiError, Values, call
from native_host.pkcs11.constants import CKF, CKM, CKO, CKR, CKU
from native_host.pkcs11.sessions import Session, SessionTable
from native_host.pkcs11.slots import (
    SLOTS,
    SlotEvents,
    SlotManager,
    Token,
    library_info,
    slot_info,
    token_info,
)
from native_host.pkcs11.wire import (
    HANDSHAKE,
    Attribute,
    Mechanism,
    Size,
    Wanted,
    array_or_size,
    wipe_arguments,
)
from native_host.platform.log import log_unexpected

# Heavy modules are imported where a card has been read: browsers start without one.
if TYPE_CHECKING:
    from native_host.pkcs11.mechanisms import MechanismInfo, SignOperation
    from native_host.pkcs11.objects import TokenObject
    from native_host.pkcs11.tls_login import TlsLogin

logger = logging.getLogger(__name__)

_MOST_ATTRIBUTES = 256  # in one call: more than an object has


class Cryptoki:
    """All calls of one client.

    ``open_signer`` creates the object that signs, at the first login or signature. With
    ``hides_errors`` a failed signature is answered with random bytes, since Firefox
    would hang (docs/reference/pkcs11.md, "How browsers behave"). A token whose card was
    removed stays for ``lingering`` seconds, and signs nothing.
    """

    def __init__(
        self,
        slots: SlotManager,
        open_signer: Callable[[], "TlsLogin"],
        *,
        hides_errors: bool = False,
        lingering: float = 0,
    ) -> None:
        self._slots = slots
        self._open_signer = open_signer
        self._hides_errors = hides_errors
        self._signer: TlsLogin | None = None
        self._sessions = SessionTable(slots, self._slot_changed, lingering=lingering)
        self._events = SlotEvents()
        self.initialized = False

    @property
    def signer(self) -> "TlsLogin":
        """The object that signs for this client."""
        if self._signer is None:
            self._signer = self._open_signer()
        return self._signer

    async def close(self) -> None:
        """End the sessions, close all windows and wipe all PINs."""
        self._sessions.close()
        await self._end()

    # -- General purpose (§5.4) --------------------------------------------------------

    @call(1, "C_Initialize", args="ayyay", before_initialize=True)
    async def initialize(
        self, handshake: bytearray | None, _flag: int, _reserved: bytearray | None
    ) -> Values:
        """Initialise. ``handshake`` is what p11-kit's client sends first."""
        if handshake is None or bytes(handshake) != HANDSHAKE:
            raise CryptokiError(CKR.GENERAL_ERROR)
        if self.initialized:
            raise CryptokiError(CKR.CRYPTOKI_ALREADY_INITIALIZED)
        self.initialized = True
        self._slots.start()
        return ()

    @call(2, "C_Finalize")
    async def finalize(self) -> Values:
        await self._end()
        return ()

    async def _end(self) -> None:
        self.initialized = False
        self._sessions.end_all()
        self._events.clear()
        if self._signer is not None:
            await self._signer.close()

    @call(3, "C_GetInfo", returns="vsusv")
    async def get_info(self) -> Values:
        return library_info()

    # -- Slots and tokens (§5.5) -------------------------------------------------------

    @call(4, "C_GetSlotList", args="yfu", returns="au")
    async def get_slot_list(self, with_token: int, room: int | None) -> Values:
        await self._slots.settled()
        slots = [slot for slot in SLOTS if not with_token or self._token(slot)]
        return (array_or_size(slots, room),)

    @call(5, "C_GetSlotInfo", args="u", returns="ssuvv")
    async def get_slot_info(self, slot: int) -> Values:
        await self._slots.settled()
        return slot_info(self._slots.slot(slot), self._token(slot))

    @call(6, "C_GetTokenInfo", args="u", returns="ssssuuuuuuuuuuuvvs")
    async def get_token_info(self, slot: int) -> Values:
        await self._slots.settled()
        token = self._present_token(slot)
        return token_info(self._slots.slot(slot), token, self._sessions.count(slot))

    @call(7, "C_GetMechanismList", args="ufu", returns="au")
    async def get_mechanism_list(self, slot: int, room: int | None) -> Values:
        await self._slots.settled()
        mechanisms = list(self._mechanisms(self._present_token(slot)))
        return (array_or_size(mechanisms, room),)

    @call(8, "C_GetMechanismInfo", args="uu", returns="uuu")
    async def get_mechanism_info(self, slot: int, mechanism: int) -> Values:
        """Return a mechanism's sizes of keys, and its flags.

        A hash function of RSASSA-PSS has no flags: it makes no digest, and the list
        lacks it. Java asks for it, and makes such a signature only if it is known.
        """
        from native_host.pkcs11.mechanisms import HASHES

        found = self._mechanisms(self._present_token(slot))
        if info := found.get(mechanism):
            return info
        if mechanism in HASHES and CKM.RSA_PKCS_PSS in found:
            return (0, 0, 0)
        raise CryptokiError(CKR.MECHANISM_INVALID)

    @call(65, "C_WaitForSlotEvent", args="u", returns="u")
    async def wait_for_slot_event(self, flags: int) -> Values:
        return (await self._events.take(block=not flags & CKF.DONT_BLOCK),)

    def _mechanisms(self, token: Token) -> dict[int, "MechanismInfo"]:
        """Return what the client may do with a token."""
        return token.mechanisms

    def _token(self, slot: int) -> Token | None:
        """Return the token in a slot, or the one that lingers there."""
        return self._slots.slot(slot).token or self._sessions.token(slot)

    def _present_token(self, slot: int) -> Token:
        if token := self._token(slot):
            return token
        raise CryptokiError(CKR.TOKEN_NOT_PRESENT)

    def _slot_changed(self, slot: int, ended: Token | None) -> None:
        """Handle the arrival or removal of a token, which ended its sessions."""
        if ended is not None and self._signer is not None:
            self._signer.pins.log_out_later(ended.certificate)
        if self.initialized:
            self._events.add(slot)

    # -- Sessions (§5.6) ---------------------------------------------------------------

    @call(10, "C_OpenSession", args="uu", returns="u")
    async def open_session(self, slot: int, flags: int) -> Values:
        await self._slots.settled()
        if not self.initialized:  # C_Finalize came meanwhile
            raise CryptokiError(CKR.CRYPTOKI_NOT_INITIALIZED)
        token = self._present_token(slot)
        return (self._sessions.open(slot, token, flags).handle,)

    @call(11, "C_CloseSession", args="u")
    async def close_session(self, handle: int) -> Values:
        """Close a session. The login ends with the last session (§5.6.2)."""
        session = self._sessions.get(handle)
        self._sessions.close_session(session)
        if not self._sessions.count(session.slot):
            await self._log_out(session.token)
        return ()

    @call(12, "C_CloseAllSessions", args="u")
    async def close_all_sessions(self, slot: int) -> Values:
        self._slots.slot(slot)
        token = self._sessions.token(slot)
        self._sessions.close_slot(slot)
        if token:
            await self._log_out(token)
        return ()

    @call(13, "C_GetSessionInfo", args="u", returns="uuuu")
    async def get_session_info(self, handle: int) -> Values:
        session = self._sessions.get(handle)
        state = session.state(logged_in=self._is_logged_in(session.token))
        return (session.slot, int(state), session.flags, 0)

    @call(67, "C_SessionCancel", args="uu")
    async def session_cancel(self, handle: int, flags: int) -> Values:
        session = self._sessions.get(handle)
        if flags & CKF.FIND_OBJECTS:
            session.found = None
        if flags & (CKF.SIGN | CKF.DECRYPT):
            session.cancel_work()
        return ()

    @call(18, "C_Login", args="uuay")
    async def login(self, handle: int, user: int, pin: bytearray | None) -> Values:
        """Make the card verify PIN1, and sign with it until the login ends."""
        try:
            session = self._sessions.get(handle)
            reader = self._check_login(session, user, pin)
        except CryptokiError:
            wipe_arguments((pin,))
            raise
        # From here on log_in wipes the PIN. Sending a wiped PIN would cost a try.
        certificate = session.token.certificate
        await self.signer.pins.log_in(certificate, reader, pin or bytearray())
        if session.lost:
            await self.signer.pins.log_out(certificate)
            raise CryptokiError(CKR.SESSION_HANDLE_INVALID)
        return ()

    def _check_login(
        self, session: Session, user: int, pin: bytearray | None
    ) -> Reader:
        """Return the reader of the card that is to verify the PIN.

        Raises ``CryptokiError``.
        """
        from native_host.card.keys import PinRole
        from native_host.card.pins import PIN_DIGITS

        if user == CKU.SO and not session.flags & CKF.RW_SESSION:
            raise CryptokiError(CKR.SESSION_READ_ONLY_EXISTS)
        if user != CKU.USER:
            raise CryptokiError(CKR.USER_TYPE_INVALID)
        if self._is_logged_in(session.token):
            raise CryptokiError(CKR.USER_ALREADY_LOGGED_IN)
        if pin is None:
            raise CryptokiError(CKR.ARGUMENTS_BAD)
        if len(pin) not in PIN_DIGITS[PinRole.PIN1]:
            raise CryptokiError(CKR.PIN_LEN_RANGE)
        slot = self._slots.slot(session.slot)
        if slot.reader is None or slot.token is not session.token:
            raise CryptokiError(CKR.DEVICE_REMOVED)
        return slot.reader

    @call(19, "C_Logout", args="u")
    async def logout(self, handle: int) -> Values:
        session = self._sessions.get(handle)
        if not self._is_logged_in(session.token):
            raise CryptokiError(CKR.USER_NOT_LOGGED_IN)
        await self._log_out(session.token)
        return ()

    def _is_logged_in(self, token: Token) -> bool:
        pins = self._signer.pins if self._signer else None
        return pins is not None and pins.logged_in(token.certificate) is not None

    async def _log_out(self, token: Token) -> None:
        if self._signer is not None:
            await self._signer.pins.log_out(token.certificate)

    # -- Objects (§5.7) ----------------------------------------------------------------

    def _objects(self, session: Session) -> Iterator["TokenObject"]:
        """Yield what the client sees in a session."""
        yield from session.token.objects

    def _object(self, session: Session, handle: int) -> "TokenObject | None":
        found = (each for each in self._objects(session) if each.handle == handle)
        return next(found, None)

    @call(24, "C_GetAttributeValue", args="uufA", returns="aAu")
    async def get_attribute_value(
        self, handle: int, number: int, wanted: Sequence[Wanted]
    ) -> Values:
        """Return attributes, and the return value for all of them together."""
        target = self._object(self._sessions.get(handle), number)
        if target is None:
            raise CryptokiError(CKR.OBJECT_HANDLE_INVALID)
        if len(wanted) > _MOST_ATTRIBUTES:
            raise CryptokiError(CKR.ARGUMENTS_BAD)
        attributes: list[Attribute] = []
        first_problem = CKR.OK
        for each in wanted:
            status, attribute = target.read(each)
            attributes.append(attribute)
            first_problem = first_problem or status
        return (attributes, int(first_problem))

    @call(26, "C_FindObjectsInit", args="uaA")
    async def find_objects_init(
        self, handle: int, template: Sequence[Attribute]
    ) -> Values:
        session = self._sessions.get(handle)
        if session.found is not None:
            raise CryptokiError(CKR.OPERATION_ACTIVE)
        objects = self._objects(session)
        session.found = [each.handle for each in objects if each.matches(template)]
        return ()

    @call(27, "C_FindObjects", args="ufu", returns="au")
    async def find_objects(self, handle: int, room: int | None) -> Values:
        found = self._sessions.get(handle).found
        if found is None:
            raise CryptokiError(CKR.OPERATION_NOT_INITIALIZED)
        next_ones = found[: room or 0]
        del found[: room or 0]
        return (next_ones,)

    @call(28, "C_FindObjectsFinal", args="u")
    async def find_objects_final(self, handle: int) -> Values:
        session = self._sessions.get(handle)
        if session.found is None:
            raise CryptokiError(CKR.OPERATION_NOT_INITIALIZED)
        session.found = None
        return ()

    def _demand_private(self, session: Session, key: int) -> None:
        """Raise ``CryptokiError`` unless a handle is the private key's."""
        target = self._object(session, key)
        if target is None or target.kind in {CKO.CERTIFICATE, CKO.SECRET_KEY}:
            raise CryptokiError(CKR.KEY_HANDLE_INVALID)
        if target.kind != CKO.PRIVATE_KEY:
            raise CryptokiError(CKR.KEY_FUNCTION_NOT_PERMITTED)

    # -- Signing (§5.13) ---------------------------------------------------------------

    @call(42, "C_SignInit", args="uMu")
    async def sign_init(
        self, handle: int, mechanism: Mechanism | None, key: int = 0
    ) -> Values:
        """Begin a signature. Without a mechanism, cancel it."""
        from native_host.pkcs11.mechanisms import SignOperation

        session = self._signing_session(handle)
        if mechanism is None:
            session.cancel_work()
            return ()
        if session.signing is not None or session.work is not None:
            raise CryptokiError(CKR.OPERATION_ACTIVE)
        operation = SignOperation.begin(session.token.certificate, mechanism)
        self._demand_private(session, key)
        session.signing = operation
        return ()

    @call(43, "C_Sign", args="uayfy", returns="ay")
    async def sign(
        self, handle: int, data: bytearray | None, room: int | None
    ) -> Values:
        """Sign data. The person types the PIN meanwhile, unless it is known."""
        session, operation = self._signing(handle)
        if operation.in_parts:
            raise CryptokiError(CKR.OPERATION_ACTIVE)
        return await self._finish(session, operation, data or b"", room)

    @call(44, "C_SignUpdate", args="uay")
    async def sign_update(self, handle: int, data: bytearray | None) -> Values:
        session, operation = self._signing(handle)
        operation.in_parts = True
        try:
            operation.take(data or b"")
        except CryptokiError:
            session.signing = None
            raise
        return ()

    @call(45, "C_SignFinal", args="ufy", returns="ay")
    async def sign_final(self, handle: int, room: int | None) -> Values:
        session, operation = self._signing(handle)
        return await self._finish(session, operation, b"", room)

    def _signing_session(self, handle: int) -> Session:
        """Return a session for signing.

        If errors are hidden, its card may be removed: such a client gets random bytes,
        since it can't be given an error.
        """
        return self._sessions.get(handle, even_lost=self._hides_errors)

    def _signing(self, handle: int) -> tuple[Session, "SignOperation"]:
        session = self._signing_session(handle)
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
            return (await self._make_signature(session, operation, data),)
        except Exception as error:
            if not self._hides_errors:
                raise
            if isinstance(error, CryptokiError | KortillaError):
                logger.info("A signature failed: %s", error)
            else:
                log_unexpected(logger, error)
            return (os.urandom(operation.size),)

    async def _make_signature(
        self, session: Session, operation: "SignOperation", data: bytes | bytearray
    ) -> bytes:
        await self._demand_present(session)
        operation.take(data)
        algorithm, digest = operation.finish()
        return await session.run(
            self.signer.sign(operation.certificate, digest, algorithm)
        )

    async def _demand_present(self, session: Session) -> None:
        """Raise ``CryptokiError`` if the card of a session is not in its reader."""
        if self._slots.slot(session.slot).token is None:  # not read yet, perhaps
            await self._slots.settled()
        if self._slots.slot(session.slot).token is not session.token:
            raise CryptokiError(CKR.DEVICE_REMOVED)

    # -- Random numbers, which programs ask for without looking for CKF_RNG ------------

    @call(63, "C_SeedRandom", args="uay")
    async def seed_random(self, handle: int, _seed: bytearray | None) -> Values:
        self._sessions.get(handle)
        raise CryptokiError(CKR.RANDOM_NO_RNG)

    @call(64, "C_GenerateRandom", args="ufy", returns="ay")
    async def generate_random(self, handle: int, _room: int | None) -> Values:
        self._sessions.get(handle)
        raise CryptokiError(CKR.RANDOM_NO_RNG)
