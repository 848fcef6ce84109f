# SPDX-License-Identifier: MIT
"""The calls that tell what there is: slots, tokens, sessions and objects."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from native_host import VERSION
from native_host.pkcs11.calls import HANDSHAKE
from native_host.pkcs11.client import Client, Values
from native_host.pkcs11.constants import CK_UNAVAILABLE_INFORMATION, CKF, CKR
from native_host.pkcs11.errors import CryptokiError
from native_host.pkcs11.sessions import Session
from native_host.pkcs11.slots import SLOTS
from native_host.pkcs11.wire import Attribute, AttributeValue, Size, Wanted

if TYPE_CHECKING:
    from native_host.pkcs11.objects import TokenObject

__all__ = ["PIN_LENGTHS", "TokenCalls"]

#: How many digits a PIN has, as the card takes them.
PIN_LENGTHS = range(4, 13)

_MAKER = "Kortilla"
_CRYPTOKI = (2, 40)  # nothing of 3.0 has to be there for a program that asks
_NO_VERSION = (0, 0)
#: That are asked for at a time: more than an object has.
_MOST_ATTRIBUTES = 256


class TokenCalls(Client):
    """What each call does that needs no PIN (PKCS#11 3.0 §5.4 to §5.7)."""

    # -- General ----------------------------------------------------------------------

    async def initialize(
        self, handshake: bytearray | None, _flag: int, _reserved: bytearray | None
    ) -> Values:
        """Begin, with what p11-kit's client says at first."""
        if handshake is None or bytes(handshake) != HANDSHAKE:
            raise CryptokiError(CKR.GENERAL_ERROR)
        if self.initialized:
            raise CryptokiError(CKR.CRYPTOKI_ALREADY_INITIALIZED)
        self.initialized = True
        self._tokens.start()
        return ()

    async def finalize(self) -> Values:
        """End. What is under way is called off."""
        self._end()
        if self._signer is not None:
            await self._signer.close()
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
            slots = [number for number in slots if self._token(number)]
        return (_listed(slots, room),)

    async def get_slot_info(self, number: int) -> Values:
        """Describe a slot by its reader."""
        await self._tokens.settled()
        slot = self._slot(number)
        flags = CKF.REMOVABLE_DEVICE | CKF.HW_SLOT
        if self._token(number):
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
            *(PIN_LENGTHS[-1], PIN_LENGTHS[0]),
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
            raise CryptokiError(CKR.MECHANISM_INVALID)
        return (info.min_key_size, info.max_key_size, info.flags)

    async def wait_for_slot_event(self, flags: int) -> Values:
        """Return a slot whose token has come or gone, or wait for one."""
        while not self._events:
            if flags & CKF.DONT_BLOCK:
                raise CryptokiError(CKR.NO_EVENT)
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
        if not self.initialized:  # it has been called off meanwhile
            raise CryptokiError(CKR.CRYPTOKI_NOT_INITIALIZED)
        slot, token = self._present(number)
        return (self._sessions.open(slot.number, token, flags).handle,)

    async def close_session(self, handle: int) -> Values:
        """Close a session."""
        session = self._sessions.get(handle)
        self._sessions.close(session)
        if not self._sessions.count(session.slot):  # §5.6.2: it ends with the last
            await self._log_out(session.token)
        return ()

    async def close_all_sessions(self, number: int) -> Values:
        """Close the sessions with a slot."""
        slot = self._slot(number)
        token = self._sessions.token(number)
        self._sessions.close_all(slot.number)
        await self._log_out(token)
        return ()

    async def get_session_info(self, handle: int) -> Values:
        """Describe a session."""
        session = self._sessions.get(handle)
        state = session.state(logged_in=self._is_logged_in(session.token))
        return (session.slot, int(state), session.flags, 0)

    async def session_cancel(self, handle: int, flags: int) -> Values:
        """Call off what has been begun in a session."""
        session = self._sessions.get(handle)
        if flags & CKF.FIND_OBJECTS:
            session.found = None
        if flags & CKF.SIGN:
            session.call_off()
        return ()

    # -- Objects ----------------------------------------------------------------------

    async def find_objects_init(
        self, handle: int, template: Sequence[Attribute]
    ) -> Values:
        """Begin a search for objects that have all attributes of a template."""
        session = self._sessions.get(handle)
        if session.found is not None:
            raise CryptokiError(CKR.OPERATION_ACTIVE)
        objects = session.token.objects
        session.found = [each.handle for each in objects if each.matches(template)]
        return ()

    async def find_objects(self, handle: int, room: int | None) -> Values:
        """Return the next objects that were found."""
        found = self._sessions.get(handle).found
        if found is None:
            raise CryptokiError(CKR.OPERATION_NOT_INITIALIZED)
        next_ones = found[: room or 0]
        del found[: room or 0]
        return (next_ones,)

    async def find_objects_final(self, handle: int) -> Values:
        """End a search."""
        session = self._sessions.get(handle)
        if session.found is None:
            raise CryptokiError(CKR.OPERATION_NOT_INITIALIZED)
        session.found = None
        return ()

    async def get_attribute_value(
        self, handle: int, number: int, wanted: Sequence[Wanted]
    ) -> Values:
        """Return attributes, and the return value that is right for all of them."""
        target = self._object(self._sessions.get(handle), number)
        if len(wanted) > _MOST_ATTRIBUTES:
            raise CryptokiError(CKR.ARGUMENTS_BAD)
        status, attributes = CKR.OK, []
        for each in wanted:
            problem, value = _attribute(target, each)
            attributes.append(Attribute(each.type, value))
            status = status or problem
        return (attributes, int(status))

    # -- Random numbers, which programs ask for without looking whether there are any --

    async def seed_random(self, handle: int, _seed: bytearray | None) -> Values:
        """Refuse: the token has no random numbers."""
        self._sessions.get(handle)
        raise CryptokiError(CKR.RANDOM_NO_RNG)

    async def generate_random(self, handle: int, _room: int | None) -> Values:
        """Refuse, too."""
        return await self.seed_random(handle, None)

    def _object(self, session: Session, handle: int) -> "TokenObject":
        for each in session.token.objects:
            if each.handle == handle:
                return each
        raise CryptokiError(CKR.OBJECT_HANDLE_INVALID)


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
