# SPDX-License-Identifier: MIT
"""A client of p11-kit's RPC, written from docs/reference/pkcs11.md, "Wire format".

It shares only the constants with the server, so an error there can't hide behind the
same error here.
"""

import asyncio
import itertools
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from native_host.pkcs11.constants import CKA, CKF, CKM, CKO, CKR, CKU

HANDSHAKE = b"PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1"
NULL = b"\xff\xff\xff\xff"

# What clients ask for and the token does not have.
CKO_PROFILE, CKO_TRUST, CKO_NSS_BUILTIN_ROOT_LIST = 0x09, 0x0B, 0xCE53_4354
CKA_TRUST_DIGITAL_SIGNATURE = 0xCE53_6351
CKM_RSA_X_509, CKM_SHA_1, CKM_ECDSA_SHA384, CKM_AES_GCM = 0x03, 0x220, 0x1045, 0x1087

REFERENCE = Path(__file__).parents[2] / "docs/reference/pkcs11.md"
#: Call number, signature of the arguments, and signature of the response.
CALLS = {
    name: (int(number), arguments.strip("`–"), response.strip("`–"))
    for number, name, arguments, response in re.findall(
        r"^\| (\d+) \| `C_(\w+)` \| (.+) \| (.+) \|$",
        REFERENCE.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
}
#: The calls by their numbers.
NAMES = {number: name for name, (number, _, _) in CALLS.items()}

_BOOLEANS = """TOKEN PRIVATE TRUSTED SENSITIVE ENCRYPT DECRYPT WRAP UNWRAP SIGN VERIFY
SIGN_RECOVER VERIFY_RECOVER DERIVE EXTRACTABLE LOCAL NEVER_EXTRACTABLE ALWAYS_SENSITIVE
MODIFIABLE COPYABLE ALWAYS_AUTHENTICATE WRAP_WITH_TRUSTED"""
_NUMBERS = """CLASS CERTIFICATE_TYPE CERTIFICATE_CATEGORY KEY_TYPE MODULUS_BITS
KEY_GEN_MECHANISM VALUE_LEN"""
#: Attributes with a boolean value of one octet, and those with a number; as in p11-kit.
BOOLEANS = {CKA[name] for name in _BOOLEANS.split()}
NUMBERS = {CKA[name] for name in _NUMBERS.split()}

Template = dict[Any, Any]


class CkrError(Exception):
    """The server answered a call with a return value that is not CKR_OK."""

    def __init__(self, call: str, value: CKR) -> None:
        super().__init__(f"C_{call} answered CKR_{value.name}.")
        self.value = value


@contextmanager
def refusal(value: CKR) -> Iterator[None]:
    """Expect a call to fail with a return value."""
    with pytest.raises(CkrError) as caught:
        yield
    assert caught.value.value is value, caught.value


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


def attributes(template: Template) -> bytes:
    """``aA``."""
    return u32(len(template)) + b"".join(attribute(*each) for each in template.items())


def wanted(rooms: dict[int, int]) -> bytes:
    """``fA``: the attributes and the sizes of their buffers."""
    return u32(len(rooms)) + b"".join(u32(k) + u32(r) for k, r in rooms.items())


def mechanism(
    kind: int, version: int = 1, pss: tuple[int, int, int] | None = None
) -> bytes:
    """``M``, in the encoding of a client of a version."""
    if pss is not None:
        has = b"\1" if version >= 2 else b""
        return u32(kind) + has + b"".join(map(u64, pss))
    return u32(kind) + (b"" if version >= 2 else NULL)


def oaep(name: CKM, version: int = 1, mgf: int = 2, label: bytes = b"") -> bytes:
    """``M`` of OAEP with a hash."""
    numbers = b"".join(map(u64, (name, mgf, 1)))
    has = b"\1" if version >= 2 else b""
    return u32(CKM.RSA_PKCS_OAEP) + has + numbers + array(label)


def ecdh(point: bytes, version: int = 1, kdf: int = 1) -> bytes:
    """``M`` of ECDH with another's point; ``kdf`` 1 is CKD_NULL."""
    has = b"\1" if version >= 2 else b""
    return u32(CKM.ECDH1_DERIVE) + has + u64(kdf) + NULL + array(point)


def message(name: str, *arguments: bytes | int) -> bytes:
    """Return the body of a call. A number is ``u``."""
    number, signature, _ = CALLS[name]
    values = (u64(each) if isinstance(each, int) else each for each in arguments)
    return u32(number) + array(signature.encode()) + b"".join(values)


def failure(value: CKR) -> bytes:
    """Return the body of a response with a return value."""
    return u32(0) + array(b"u") + u64(value)


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
    values = [answer.value(kind) for kind in re.findall("a?.", signature)]
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

    def begin(self, name: str, *arguments: bytes | int) -> asyncio.Task[list[Any]]:
        """Send a call and return a future of its response."""
        body = message(name, *arguments)
        return asyncio.create_task(self._finish(name, self.send(body)))

    async def _finish(self, name: str, answer: asyncio.Future[bytes]) -> list[Any]:
        async with asyncio.timeout(60):
            return take_apart(await answer, name)

    async def call(self, name: str, *arguments: bytes | int) -> list[Any]:
        """Make a call and return the values of its response. Raises ``CkrError``."""
        return await self.begin(name, *arguments)

    async def refused(self, value: CKR, name: str, *arguments: bytes | int) -> None:
        """Make a call that must fail with a return value."""
        with refusal(value):
            await self.call(name, *arguments)

    # -- Frequent calls ---------------------------------------------------------------

    async def initialize(self) -> None:
        await self.call("Initialize", octets(HANDSHAKE), b"\0", octets(b"\0"))

    async def slots(self) -> list[int]:
        """Return the slots with a token."""
        [found] = await self.call("GetSlotList", b"\1", u32(9))
        return list(found)

    async def event(self) -> int:
        """Wait until a token appears or disappears, and return its slot."""
        [slot] = await self.call("WaitForSlotEvent", 0)
        return int(slot)

    async def open_session(self, slot: int = 1, flags: int = CKF.SERIAL_SESSION) -> int:
        [handle] = await self.call("OpenSession", slot, flags)
        return int(handle)

    async def session_state(self, session: int) -> int:
        """Return one of ``CKS``."""
        [_, state, _, _] = await self.call("GetSessionInfo", session)
        return int(state)

    async def has_lost(self, session: int) -> None:
        """Check that there is no such session any more."""
        await self.refused(CKR.SESSION_HANDLE_INVALID, "GetSessionInfo", session)

    async def log_in(
        self, session: int, pin: bytes | None = b"1234", user: int = CKU.USER
    ) -> None:
        await self.call("Login", session, user, octets(pin))

    async def find(self, session: int, template: Template) -> list[int]:
        await self.call("FindObjectsInit", session, attributes(template))
        [found] = await self.call("FindObjects", session, u32(100))
        await self.call("FindObjectsFinal", session)
        return list(found)

    async def values(self, session: int, handle: int, *kinds: int) -> dict[int, Any]:
        rooms = wanted(dict.fromkeys(kinds, 0))
        found, status = await self.call("GetAttributeValue", session, handle, rooms)
        assert status == CKR.OK
        return dict(found)

    async def key(self, slot: int = 1) -> tuple[int, int]:
        """Return a new session, and the private key in it."""
        session = await self.open_session(slot)
        [key] = await self.find(session, {CKA.CLASS: CKO.PRIVATE_KEY})
        return session, key

    async def public_key(self, session: int) -> object:
        template = {CKA.CLASS: CKO.CERTIFICATE, CKA.ID: b"\x45"}
        [certificate] = await self.find(session, template)
        values = await self.values(session, certificate, CKA.PUBLIC_KEY_INFO)
        return load_der_public_key(values[CKA.PUBLIC_KEY_INFO])

    async def sign_init(
        self,
        session: int,
        key: int,
        kind: int = CKM.ECDSA,
        pss: tuple[int, int, int] | None = None,
    ) -> None:
        chosen = mechanism(kind, self.version, pss)
        await self.call("SignInit", session, chosen, key)

    async def sign(
        self,
        session: int,
        key: int,
        kind: int = CKM.ECDSA,
        data: bytes = bytes(48),
        pss: tuple[int, int, int] | None = None,
    ) -> bytes:
        await self.sign_init(session, key, kind, pss)
        return bytes(await self.sign_begun(session, data))

    def sign_begun(self, session: int, data: bytes = bytes(48)) -> asyncio.Task[Any]:
        """Sign and return a future of the signature."""

        async def first() -> Any:
            return (await task)[0]

        task = self.begin("Sign", session, octets(data), u32(1024))
        return asyncio.create_task(first())
