# SPDX-License-Identifier: MIT
"""What each call does, for one client (PKCS#11 3.0 §5).

A method has the name of its call in ``calls.CALLS``, takes its arguments and returns
the values of its answer, or raises ``Refused`` or a ``KortillaError``.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from native_host import VERSION
from native_host.errors import KortillaError

from .calls import HANDSHAKE
from .constants import CK_UNAVAILABLE_INFORMATION, CKF, CKO, CKR, CKS, CKU
from .errors import Refused
from .sessions import Session, Sessions
from .token import SLOTS, Slot, Token, Tokens
from .wire import Attribute, AttributeValue, Mechanism, Size, Wanted

if TYPE_CHECKING:  # heavy, and of no use before somebody signs
    from native_host.operations.tls_login import TlsLogin

    from .objects import TokenObject

__all__ = ["Cryptoki"]

_MAKER = "Kortilla"
_CRYPTOKI = (2, 40)  # nothing of 3.0 has to be there for a program that asks
_NO_VERSION = (0, 0)
_PIN_LENGTHS = range(4, 13)  # digits, as the card takes them

Values = Sequence[Any]


class Cryptoki:
    """The token as one client sees it.

    ``open_signer`` makes what signs; it is called when there is something to sign. With
    ``hides_errors`` a signature that fails is answered with one that is none: Firefox
    would hang (pkcs11-rpc.md, "How the browsers really behave").
    """

    def __init__(
        self,
        tokens: Tokens,
        open_signer: Callable[[], "TlsLogin"],
        *,
        hides_errors: bool = False,
    ) -> None:
        self._tokens = tokens
        self._open_signer = open_signer
        self._hides_errors = hides_errors
        self._signer: TlsLogin | None = None
        self._sessions = Sessions()
        self._logged_in: int | None = None
        self._events: set[int] = set()
        self._waiting: set[asyncio.Future[None]] = set()
        self._forgetting: set[asyncio.Task[None]] = set()
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
        await asyncio.gather(*self._forgetting, return_exceptions=True)

    # -- General ----------------------------------------------------------------------

    async def initialize(
        self, handshake: bytearray | None, _flag: int, _reserved: bytearray | None
    ) -> Values:
        """Begin, with what p11-kit's client says at first."""
        if handshake is None or bytes(handshake) != HANDSHAKE:
            raise Refused(CKR.GENERAL_ERROR)
        if self.initialized:
            raise Refused(CKR.CRYPTOKI_ALREADY_INITIALIZED)
        self.initialized = True
        self._tokens.start()
        return ()

    async def finalize(self) -> Values:
        """End. What is under way is called off."""
        self._end()
        if self._signer is not None:
            await self._signer.log_out()
            await self._signer.forget()
        return ()

    async def get_info(self) -> Values:
        """Say what this is."""
        major, minor = map(int, VERSION.split(".")[:2])
        name = _padded(_MAKER, 32)
        return (_CRYPTOKI, name, 0, name, (major, minor))

    # -- Slots and tokens -------------------------------------------------------------

    async def get_slot_list(self, with_token: int, room: int | None) -> Values:
        """List the slots, or those with a token."""
        await self._tokens.settled()
        slots = list(SLOTS)
        if with_token:
            slots = [number for number in slots if self._slot(number).token]
        return (_listed(slots, room),)

    async def get_slot_info(self, number: int) -> Values:
        """Describe a slot by its reader."""
        await self._tokens.settled()
        slot = self._slot(number)
        flags = CKF.REMOVABLE_DEVICE | CKF.HW_SLOT
        if slot.token:
            flags |= CKF.TOKEN_PRESENT
        name = slot.reader.name if slot.reader else f"{_MAKER} {number}"
        maker = _padded(_MAKER, 32)
        return (_padded(name, 64), maker, int(flags), _NO_VERSION, _NO_VERSION)

    async def get_token_info(self, number: int) -> Values:
        """Describe a token."""
        await self._tokens.settled()
        slot, token = self._present(number)
        unknown = CK_UNAVAILABLE_INFORMATION
        flags = CKF.WRITE_PROTECTED | CKF.USER_PIN_INITIALIZED | CKF.TOKEN_INITIALIZED
        sessions = self._sessions.count(slot.number)
        # NSS tells tokens apart by their labels.
        label = _MAKER if number == SLOTS[0] else f"{_MAKER} ({number})"
        model = "FINEID test card" if token.certificate.test else "FINEID"
        return (
            *(_padded(label, 32), _padded(_MAKER, 32), _padded(model, 16)),
            *(_padded(token.serial, 16), int(flags)),
            *(0, sessions, unknown, 0),  # sessions; 0 is as many as wanted
            *(_PIN_LENGTHS[-1], _PIN_LENGTHS[0]),
            *(unknown, unknown, unknown, unknown),  # memory
            *(_NO_VERSION, _NO_VERSION, _padded("", 16)),
        )

    async def get_mechanism_list(self, number: int, room: int | None) -> Values:
        """List the mechanisms of a token."""
        await self._tokens.settled()
        _, token = self._present(number)
        return (_listed(list(token.mechanisms), room),)

    async def get_mechanism_info(self, number: int, mechanism: int) -> Values:
        """Describe a mechanism."""
        _, token = self._present(number)
        if (info := token.mechanisms.get(mechanism)) is None:
            raise Refused(CKR.MECHANISM_INVALID)
        return (info.min_key_size, info.max_key_size, info.flags)

    async def wait_for_slot_event(self, flags: int) -> Values:
        """Return a slot whose token has come or gone, or wait for one."""
        while not self._events:
            if flags & CKF.DONT_BLOCK:
                raise Refused(CKR.NO_EVENT)
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.add(waiting)
            try:
                await waiting
            finally:
                self._waiting.discard(waiting)
        return (self._events.pop(),)

    # -- Sessions ---------------------------------------------------------------------

    async def open_session(self, number: int, flags: int) -> Values:
        """Open a session."""
        await self._tokens.settled()
        slot, _ = self._present(number)
        return (self._sessions.open(slot.number, flags).handle,)

    async def close_session(self, handle: int) -> Values:
        """Close a session."""
        session = self._sessions.get(handle)
        self._sessions.close(session)
        await self._log_out_with_last(session.slot)
        return ()

    async def close_all_sessions(self, number: int) -> Values:
        """Close the sessions with a slot."""
        slot = self._slot(number)
        self._sessions.close_all(slot.number)
        await self._log_out_with_last(slot.number)
        return ()

    async def get_session_info(self, handle: int) -> Values:
        """Describe a session."""
        session = self._sessions.get(handle)
        logged_in = self._logged_in == session.slot
        state = CKS.RO_USER_FUNCTIONS if logged_in else CKS.RO_PUBLIC_SESSION
        return (session.slot, int(state), session.flags, 0)

    async def session_cancel(self, handle: int, flags: int) -> Values:
        """Call off what has been begun in a session."""
        session = self._sessions.get(handle)
        if flags & CKF.FIND_OBJECTS:
            session.found = None
        if flags & CKF.SIGN:
            session.signing = None
        return ()

    async def login(self, handle: int, user: int, pin: bytearray | None) -> Values:
        """Verify PIN1, and sign with it until the end of the login."""
        try:
            session = self._sessions.get(handle)
            token = self._token_of(session)
            self._check_login(user, pin)
        except Refused:
            _wipe(pin)
            raise
        # From here on wiping it is for whoever has it: a wiped PIN may cost a try.
        await self.signer.log_in(token.certificate, pin or bytearray())
        try:
            self._token_of(session)
        except Refused:
            await self.signer.log_out()
            raise
        self._logged_in = session.slot
        return ()

    def _check_login(self, user: int, pin: bytearray | None) -> None:
        if user == CKU.SO:
            raise Refused(CKR.SESSION_READ_ONLY_EXISTS)
        if user != CKU.USER:
            raise Refused(CKR.USER_TYPE_INVALID)
        if self._logged_in is not None:
            raise Refused(CKR.USER_ALREADY_LOGGED_IN)
        if pin is None:
            raise Refused(CKR.ARGUMENTS_BAD)
        if len(pin) not in _PIN_LENGTHS:
            raise Refused(CKR.PIN_LEN_RANGE)

    async def logout(self, handle: int) -> Values:
        """End a login."""
        self._sessions.get(handle)
        if self._logged_in is None:
            raise Refused(CKR.USER_NOT_LOGGED_IN)
        self._logged_in = None
        await self.signer.log_out()
        return ()

    # -- Objects ----------------------------------------------------------------------

    async def find_objects_init(
        self, handle: int, template: Sequence[Attribute]
    ) -> Values:
        """Begin a search for objects that have all attributes of a template."""
        session = self._sessions.get(handle)
        if session.found is not None:
            raise Refused(CKR.OPERATION_ACTIVE)
        objects = self._token_of(session).objects
        session.found = [each.handle for each in objects if each.matches(template)]
        return ()

    async def find_objects(self, handle: int, room: int | None) -> Values:
        """Return the next objects that were found."""
        found = self._sessions.get(handle).found
        if found is None:
            raise Refused(CKR.OPERATION_NOT_INITIALIZED)
        next_ones = found[: room or 0]
        del found[: room or 0]
        return (next_ones,)

    async def find_objects_final(self, handle: int) -> Values:
        """End a search."""
        session = self._sessions.get(handle)
        if session.found is None:
            raise Refused(CKR.OPERATION_NOT_INITIALIZED)
        session.found = None
        return ()

    async def get_attribute_value(
        self, handle: int, number: int, wanted: Sequence[Wanted]
    ) -> Values:
        """Return attributes, and the return value that is right for all of them."""
        target = self._object(self._sessions.get(handle), number)
        status, attributes = CKR.OK, []
        for each in wanted:
            problem, value = _attribute(target, each)
            attributes.append(Attribute(each.type, value))
            status = status or problem
        return (attributes, int(status))

    # -- Signatures -------------------------------------------------------------------

    async def sign_init(
        self, handle: int, mechanism: Mechanism | None, key: int = 0
    ) -> Values:
        """Begin a signature, or call it off where no mechanism is named."""
        from .mechanisms import SignOperation

        session = self._sessions.get(handle)
        if mechanism is None:
            session.signing = None
            return ()
        if session.signing is not None:
            raise Refused(CKR.OPERATION_ACTIVE)
        token = self._token_of(session)
        operation = SignOperation.begin(token.certificate, mechanism)
        target = next((each for each in token.objects if each.handle == key), None)
        if target is None or target.kind == CKO.CERTIFICATE:
            raise Refused(CKR.KEY_HANDLE_INVALID)
        if target.kind != CKO.PRIVATE_KEY:
            raise Refused(CKR.KEY_FUNCTION_NOT_PERMITTED)
        session.signing = operation
        return ()

    async def sign(
        self, handle: int, data: bytearray | None, room: int | None
    ) -> Values:
        """Sign. The person types the PIN meanwhile, unless there is one already."""
        session = self._sessions.get(handle)
        operation = session.signing
        if operation is None:
            raise Refused(CKR.OPERATION_NOT_INITIALIZED)
        if room is None or room < operation.size:
            return (Size(operation.size),)
        session.signing = None
        try:
            algorithm, digest = operation.algorithm(bytes(data or b""))
            work = asyncio.create_task(
                self.signer.sign(operation.certificate, digest, algorithm)
            )
            return (await _unless_closed(session, work),)
        except (Refused, KortillaError):
            if not self._hides_errors:
                raise
            return (secrets.token_bytes(operation.size),)

    # -- Common to several ------------------------------------------------------------

    def _slot(self, number: int) -> Slot:
        if slot := self._tokens.slot(number):
            return slot
        raise Refused(CKR.SLOT_ID_INVALID)

    def _present(self, number: int) -> tuple[Slot, Token]:
        slot = self._slot(number)
        if slot.token is None:
            raise Refused(CKR.TOKEN_NOT_PRESENT)
        return slot, slot.token

    def _token_of(self, session: Session) -> Token:
        """Return the token of a session, which goes with its token."""
        self._sessions.get(session.handle)
        return self._present(session.slot)[1]

    def _object(self, session: Session, handle: int) -> "TokenObject":
        for each in self._token_of(session).objects:
            if each.handle == handle:
                return each
        raise Refused(CKR.OBJECT_HANDLE_INVALID)

    async def _log_out_with_last(self, slot: int) -> None:
        """End the login with the last session (PKCS#11 3.0 §5.6.2)."""
        if self._logged_in == slot and not self._sessions.count(slot):
            self._logged_in = None
            await self.signer.log_out()

    def _slot_changed(self, number: int) -> None:
        slot = self._slot(number)
        if slot.token is None:
            self._sessions.lose_all(number)
            if self._logged_in == number:
                self._logged_in = None
            if self._signer is not None:
                task = asyncio.create_task(self._signer.forget())
                self._forgetting.add(task)
                task.add_done_callback(self._forgetting.discard)
        if self.initialized:
            self._events.add(number)
            for waiting in self._waiting:
                if not waiting.done():
                    waiting.set_result(None)

    def _end(self) -> None:
        self.initialized = False
        self._sessions.close_all()
        self._logged_in = None
        self._events.clear()
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(Refused(CKR.CRYPTOKI_NOT_INITIALIZED))


async def _unless_closed(session: Session, work: asyncio.Task[bytes]) -> bytes:
    """Await a signature. Raises ``Refused`` when its session is closed meanwhile."""
    session.cancel = work.cancel
    try:
        return await work
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task and task.cancelling():
            raise
        raise Refused(CKR.SESSION_CLOSED) from None
    finally:
        session.cancel = None


def _attribute(
    target: "TokenObject", wanted: Wanted
) -> tuple[CKR, AttributeValue | None]:
    if wanted.type in target.sensitive:
        return CKR.ATTRIBUTE_SENSITIVE, None
    value = target.attributes.get(wanted.type)
    if value is None:
        return CKR.ATTRIBUTE_TYPE_INVALID, None
    match value:
        case bool():
            size = 1
        case int():
            size = 8
        case _:
            size = len(value)
    if wanted.room and wanted.room < size:
        return CKR.BUFFER_TOO_SMALL, None
    return CKR.OK, value


def _listed(numbers: list[int], room: int | None) -> list[int] | Size:
    if room is None or room < len(numbers):
        return Size(len(numbers))
    return numbers


def _padded(text: str, size: int) -> bytes:
    """Return a text as so many bytes of UTF-8; one that is too long is cut."""
    cut = text.encode()[:size].decode(errors="ignore").encode()
    return cut.ljust(size)


def _wipe(pin: bytearray | None) -> None:
    if pin is not None:
        pin[:] = bytes(len(pin))
