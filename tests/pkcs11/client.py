# SPDX-License-Identifier: MIT
"""A client of p11-kit's RPC, written from docs/reference/pkcs11.md, "Wire format".

It shares no code with the server, so an error there can't hide behind the same error
here.
"""

import asyncio
import itertools
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from tests.pkcs11.names import CKA, CKF, CKR, CKU

HANDSHAKE = b"PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1"
NULL = b"\xff\xff\xff\xff"

#: Call number, signature of the arguments, and signature of the response.
CALLS = {
    "Initialize": (1, "ayyay", ""),
    "Finalize": (2, "", ""),
    "GetInfo": (3, "", "vsusv"),
    "GetSlotList": (4, "yfu", "au"),
    "GetSlotInfo": (5, "u", "ssuvv"),
    "GetTokenInfo": (6, "u", "ssssuuuuuuuuuuuvvs"),
    "GetMechanismList": (7, "ufu", "au"),
    "GetMechanismInfo": (8, "uu", "uuu"),
    "OpenSession": (10, "uu", "u"),
    "CloseSession": (11, "u", ""),
    "CloseAllSessions": (12, "u", ""),
    "GetSessionInfo": (13, "u", "uuuu"),
    "Login": (18, "uuay", ""),
    "Logout": (19, "u", ""),
    "GetAttributeValue": (24, "uufA", "aAu"),
    "FindObjectsInit": (26, "uaA", ""),
    "FindObjects": (27, "ufu", "au"),
    "FindObjectsFinal": (28, "u", ""),
    "SignInit": (42, "uMu", ""),
    "Sign": (43, "uayfy", "ay"),
    "SignUpdate": (44, "uay", ""),
    "SignFinal": (45, "ufy", "ay"),
    "SeedRandom": (63, "uay", ""),
    "GenerateRandom": (64, "ufy", "ay"),
    "WaitForSlotEvent": (65, "u", "u"),
    "SessionCancel": (67, "uu", ""),
}

#: Attributes with a boolean value of one octet, and those with a number; as in p11-kit.
BOOLEANS = {
    CKA.TOKEN,
    CKA.PRIVATE,
    CKA.TRUSTED,
    CKA.SENSITIVE,
    CKA.ENCRYPT,
    CKA.DECRYPT,
    CKA.WRAP,
    CKA.UNWRAP,
    CKA.SIGN,
    CKA.SIGN_RECOVER,
    CKA.VERIFY,
    CKA.VERIFY_RECOVER,
    CKA.DERIVE,
    CKA.EXTRACTABLE,
    CKA.LOCAL,
    CKA.NEVER_EXTRACTABLE,
    CKA.ALWAYS_SENSITIVE,
    CKA.MODIFIABLE,
    CKA.COPYABLE,
    CKA.ALWAYS_AUTHENTICATE,
    CKA.WRAP_WITH_TRUSTED,
}
NUMBERS = {
    CKA.CLASS,
    CKA.CERTIFICATE_TYPE,
    CKA.CERTIFICATE_CATEGORY,
    CKA.KEY_TYPE,
    CKA.MODULUS_BITS,
    CKA.KEY_GEN_MECHANISM,
}


class CkrError(Exception):
    """The server answered a call with a return value that is not CKR_OK."""

    def __init__(self, call: str, value: CKR) -> None:
        super().__init__(f"C_{call} answered CKR_{value.name}.")
        self.value = value


@dataclass(frozen=True)
class TooSmall:
    """A response that holds only a size."""

    size: int


def u32(number: int) -> bytes:
    return number.to_bytes(4)


def u64(number: int) -> bytes:
    return number.to_bytes(8)


def array(data: bytes) -> bytes:
    return u32(len(data)) + data


def octets(data: bytes | None) -> bytes:
    """``ay``; None is NULL."""
    return b"\1" + (NULL if data is None else array(data))


def attribute(kind: int, value: bytes | int | bool | None) -> bytes:
    head = u32(kind)
    if value is None:
        return head + b"\0"
    if kind in BOOLEANS:
        return head + b"\1" + u32(1) + bytes([bool(value)])
    if kind in NUMBERS:
        return head + b"\1" + u32(8) + u64(int(value))
    assert isinstance(value, bytes)
    return head + b"\1" + u32(len(value)) + array(value)


def attributes(template: dict[CKA, Any]) -> bytes:
    """``aA``."""
    parts = [attribute(kind, value) for kind, value in template.items()]
    return u32(len(parts)) + b"".join(parts)


def wanted(rooms: dict[int, int]) -> bytes:
    """``fA``: the attributes and the sizes of their buffers."""
    return u32(len(rooms)) + b"".join(u32(k) + u32(r) for k, r in rooms.items())


def mechanism(
    kind: int, version: int, pss: tuple[int, int, int] | None = None
) -> bytes:
    """``M``, in the encoding of a client of a version."""
    if pss is not None:
        has = b"\1" if version >= 2 else b""
        return u32(kind) + has + b"".join(map(u64, pss))
    return u32(kind) + (b"" if version >= 2 else NULL)


class Answer:
    """The body of a response, read piece by piece."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, size: int) -> bytes:
        assert len(self._data) >= size, "the answer is too short"
        part, self._data = self._data[:size], self._data[size:]
        return part

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def array(self) -> bytes:
        return self.take(self.number(4))

    def attribute(self) -> tuple[int, Any]:
        kind = self.number(4)
        if not self.number(1):
            return kind, None
        length = self.number(4)
        if kind in BOOLEANS:
            assert length == 1
            value = self.number(1)
            assert value in (0, 1)
            return kind, bool(value)
        if kind in NUMBERS:
            assert length == 8
            return kind, self.number(8)
        content = self.array()
        assert length == len(content)
        return kind, content

    def value(self, kind: str) -> Any:
        match kind:
            case "u":
                return self.number(8)
            case "v":
                return tuple(self.take(2))
            case "s":
                return self.array().decode()
            case "ay" if self.number(1):
                return self.array()
            case "au" if self.number(1):
                return [self.number(8) for _ in range(self.number(4))]
            case "aA":
                return dict(self.attribute() for _ in range(self.number(4)))
        return TooSmall(self.number(4))

    def end(self) -> None:
        assert not self._data, "the answer is too long"


def take_apart(body: bytes, name: str) -> list[Any]:
    """Return the values of a response to a call. Raises ``CkrError``."""
    number, _, response = CALLS[name]
    answer = Answer(body)
    call, signature = answer.number(4), answer.array().decode()
    if call == 0:
        assert signature == "u"
        value = answer.number(8)
        answer.end()
        assert value != CKR.OK
        raise CkrError(name, CKR(value))
    assert (call, signature) == (number, response)
    values = []
    kinds = signature.replace("au", "U").replace("ay", "Y").replace("aA", "A")
    for letter in kinds:
        values.append(
            answer.value({"U": "au", "Y": "ay", "A": "aA"}.get(letter, letter))
        )
    answer.end()
    return values


@dataclass
class Client:
    """A connection to a server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    version: int
    _codes: Iterator[int] = field(default_factory=lambda: itertools.count(16))
    _answers: dict[int, asyncio.Future[bytes]] = field(default_factory=dict)
    _listener: asyncio.Task[None] | None = None
    #: The numbers of the responses, in their order.
    order: list[int] = field(default_factory=list)

    @classmethod
    async def connect(cls, connection: socket.socket, version: int = 1) -> Self:
        """Connect and negotiate a version."""
        reader, writer = await asyncio.open_connection(sock=connection)
        writer.write(bytes([version]))
        agreed = (await reader.readexactly(1))[0]
        assert agreed == min(version, 2)
        client = cls(reader, writer, version)
        client._listener = asyncio.create_task(client._listen())
        return client

    async def _listen(self) -> None:
        try:
            while True:
                header = await self.reader.readexactly(12)
                code, options, length = (
                    int.from_bytes(header[at : at + 4]) for at in (0, 4, 8)
                )
                assert options == 0
                body = await self.reader.readexactly(length)
                self.order.append(code)
                self._answers.pop(code).set_result(body)
        except (asyncio.IncompleteReadError, ConnectionError):
            for future in self._answers.values():
                future.cancel()

    async def close(self) -> None:
        """Disconnect."""
        self.writer.close()
        if self._listener:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)

    def send(
        self, body: bytes, *, options: bytes = b"kortilla"
    ) -> asyncio.Future[bytes]:
        """Send a message with any body."""
        code = next(self._codes)
        future = self._answers[code] = asyncio.get_running_loop().create_future()
        header = u32(code) + u32(len(options)) + u32(len(body))
        self.writer.write(header + options + body)
        return future

    def begin(self, name: str, *arguments: bytes) -> asyncio.Task[list[Any]]:
        """Send a call and return a future of its response."""
        number, signature, _ = CALLS[name]
        body = u32(number) + array(signature.encode()) + b"".join(arguments)
        return asyncio.create_task(self._finish(name, self.send(body)))

    async def _finish(self, name: str, answer: asyncio.Future[bytes]) -> list[Any]:
        async with asyncio.timeout(60):
            return take_apart(await answer, name)

    async def call(self, name: str, *arguments: bytes) -> list[Any]:
        """Make a call and return the values of its response. Raises ``CkrError``."""
        return await self.begin(name, *arguments)

    # -- Frequent calls ---------------------------------------------------------------

    async def initialize(self) -> None:
        await self.call("Initialize", octets(HANDSHAKE), b"\0", octets(b"\0"))

    async def open_session(self, slot: int = 1, flags: int = CKF.SERIAL_SESSION) -> int:
        [handle] = await self.call("OpenSession", u64(slot), u64(flags))
        return int(handle)

    async def session_state(self, session: int) -> int:
        """Return one of ``CKS``."""
        [_, state, _, _] = await self.call("GetSessionInfo", u64(session))
        return int(state)

    async def log_in(
        self, session: int, pin: bytes | None = b"1234", user: int = CKU.USER
    ) -> None:
        await self.call("Login", u64(session), u64(user), octets(pin))

    async def find(self, session: int, template: dict[CKA, Any]) -> list[int]:
        await self.call("FindObjectsInit", u64(session), attributes(template))
        [found] = await self.call("FindObjects", u64(session), u32(100))
        await self.call("FindObjectsFinal", u64(session))
        return list(found)

    async def values(self, session: int, handle: int, *kinds: int) -> dict[int, Any]:
        found, status = await self.call(
            "GetAttributeValue",
            u64(session),
            u64(handle),
            wanted(dict.fromkeys(kinds, 0)),
        )
        assert status == CKR.OK
        return dict(found)

    async def sign_init(
        self, session: int, key: int, kind: int, pss: tuple[int, int, int] | None = None
    ) -> None:
        await self.call(
            "SignInit", u64(session), mechanism(kind, self.version, pss), u64(key)
        )

    async def sign(
        self,
        session: int,
        key: int,
        kind: int,
        data: bytes,
        pss: tuple[int, int, int] | None = None,
    ) -> bytes:
        await self.sign_init(session, key, kind, pss)
        return bytes(await self.sign_begun(session, data))

    def sign_begun(self, session: int, data: bytes) -> asyncio.Task[Any]:
        """Sign and return a future of the signature."""

        async def first() -> Any:
            return (await task)[0]

        task = self.begin("Sign", u64(session), octets(data), u32(1024))
        return asyncio.create_task(first())
