# SPDX-License-Identifier: MIT
"""Clients that send invalid or random messages, or never read the responses."""

import asyncio
import random
import socket
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from native_host.pkcs11.constants import CKA, CKF, CKM, CKO, CKR, CKU
from native_host.pkcs11.wire import Input, decode
from tests.pkcs11.client import (
    CKM_ECDSA_SHA384,
    CKO_NSS_BUILTIN_ROOT_LIST,
    HANDSHAKE,
    NAMES,
    NULL,
    CkrError,
    Client,
    array,
    attributes,
    failure,
    mechanism,
    message,
    octets,
    take_apart,
    u32,
    u64,
    wanted,
)
from tests.pkcs11.conftest import Server

_OF_A_CERTIFICATE = wanted(
    dict.fromkeys(
        (
            *(CKA.CERTIFICATE_TYPE, CKA.ID, CKA.VALUE, CKA.ISSUER),
            *(CKA.SERIAL_NUMBER, CKA.SUBJECT),
        ),
        0,
    )
)
#: NSS's recorded messages from the connection to a signature, and a few more that
#: succeed without a user.
CONVERSATION = [
    message("Initialize", octets(HANDSHAKE), b"\0", octets(b"\0")),
    message("GetInfo"),
    message("GetSlotList", b"\0", u32(0)),
    message("GetSlotList", b"\0", u32(2)),
    message("GetSlotInfo", 1),
    message("GetTokenInfo", 1),
    message("GetMechanismList", 1, u32(0)),
    message("GetMechanismList", 1, u32(1)),
    message("OpenSession", 1, CKF.SERIAL_SESSION),
    message("GetSessionInfo", 1),
    message("FindObjectsInit", 1, attributes({CKA.CLASS: CKO_NSS_BUILTIN_ROOT_LIST})),
    message("FindObjects", 1, u32(10)),
    message("FindObjectsFinal", 1),
    message(
        "FindObjectsInit", 1, attributes({CKA.TOKEN: True, CKA.CLASS: CKO.CERTIFICATE})
    ),
    message("FindObjects", 1, u32(10)),
    message("FindObjectsFinal", 1),
    message("GetAttributeValue", 1, 1, _OF_A_CERTIFICATE),
    message("GetAttributeValue", 1, 1, wanted({CKA.VALUE: 4000, CKA.ID: 1})),
    message(
        "FindObjectsInit",
        1,
        attributes({CKA.ID: b"\x45", CKA.CLASS: CKO.PRIVATE_KEY}),
    ),
    message("FindObjects", 1, u32(1)),
    message("FindObjectsFinal", 1),
    message("SignInit", 1, mechanism(CKM_ECDSA_SHA384), 3),
    message("SignInit", 1, mechanism(CKM.ECDSA), 3),
    message("Sign", 1, octets(bytes(48)), u32(0)),
    message("SessionCancel", 1, 0xFFFF),
    message("Login", 1, CKU.USER, octets(b"12")),
    message("Logout", 1),
    message("WaitForSlotEvent", CKF.DONT_BLOCK),
    message("CloseSession", 1),
    message("Finalize"),
]


async def ended(connection: socket.socket) -> bytes:
    """Return all bytes until the server closes the connection."""
    loop, received = asyncio.get_running_loop(), b""
    connection.setblocking(False)
    async with asyncio.timeout(60):
        with suppress(ConnectionError):
            while part := await loop.sock_recv(connection, 65536):
                received += part
    connection.close()
    return received


@pytest.mark.parametrize(
    "sent",
    [
        *(
            b"\1" + u32(16) + u32(options) + u32(body) + bytes(100)
            for options, body in ((1025, 0), (0, 2**20 + 1), (2**32 - 1, 2**32 - 1))
        ),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\xff" * 200,
    ],
)
async def test_what_is_no_rpc_or_too_long_ends_the_connection(
    server: Server, sent: bytes
) -> None:
    connection = server.connect()
    connection.sendall(sent)
    assert len(await ended(connection)) == 1
    await server.client()  # the server accepts other clients


@pytest.mark.parametrize("said", [b"", b"\1", b"\1" + bytes(5), b"\1" + u32(16)])
async def test_who_goes_in_the_middle_is_let_go(server: Server, said: bytes) -> None:
    connection = server.connect()
    connection.sendall(said)
    connection.shutdown(socket.SHUT_WR)
    assert await ended(connection) == said[:1]
    await server.served[0]


async def test_messages_that_are_odd_are_answered_and_the_next_one_is_served(
    client: Client,
) -> None:
    for body in (
        b"",
        b"\0\0\0",
        u32(3),
        u32(3) + NULL,
        u32(3) + u32(5) + b"ab",
        u32(3) + array(b"u") + u64(1),  # another signature than the call's
        message("OpenSession", 1),
        message("OpenSession", 1, 4, b"more"),
        message("FindObjectsInit", 1, NULL),
        message("GetAttributeValue", 1, 1, u32(0x7FFFFFFF)),
        message("Sign", 1, b"\1" + u32(0x7FFFFFFF)),
    ):
        assert await client.send(body) == failure(CKR.DEVICE_ERROR), body
    assert len(await client.call("GetInfo")) == 5


async def test_the_largest_message_is_read(client: Client) -> None:
    session = await client.open_session()
    start = message("SignUpdate", session)
    data = bytes(1024 * 1024 - len(start) - 5)
    body = await client.send(start + octets(data), options=bytes(1024))
    assert body == failure(CKR.OPERATION_NOT_INITIALIZED)


async def test_messages_in_pieces_and_many_at_once_are_answered(server: Server) -> None:
    connection = server.connect()
    loop = asyncio.get_running_loop()
    connection.setblocking(False)
    await loop.sock_sendall(connection, b"\1")
    stream = b"".join(
        u32(16 + n) + u32(8) + u32(len(body)) + b"kortilla" + body
        for n, body in enumerate(CONVERSATION[:2] + CONVERSATION[1:2] * 100)
    )
    for at in range(200):
        await loop.sock_sendall(connection, stream[at : at + 1])
        await asyncio.sleep(0)
    await loop.sock_sendall(connection, stream[200:])
    connection.shutdown(socket.SHUT_WR)
    received = await ended(connection)
    assert received[0] == 1
    # A client that shuts down its side may lose responses, but gets no part of one.
    at = 1
    while at < len(received):
        at += 12 + int.from_bytes(received[at + 8 : at + 12])
    assert at == len(received)


async def test_a_client_that_does_not_read_its_answers_is_let_go(
    server: Server,
) -> None:
    connection = server.connect()
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    body = message("GetInfo")
    await loop.sock_sendall(connection, b"\1")
    async with asyncio.timeout(60):
        with pytest.raises(ConnectionError):
            while True:
                await loop.sock_sendall(
                    connection, (u32(16) + u32(0) + u32(len(body)) + body) * 1000
                )
        await server.served[0]
    connection.close()


async def test_too_many_calls_at_a_time_are_refused_and_all_are_answered(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.slots()
    await client.event()
    decoded: list[list[Any]] = []

    def remember(signature: str, body: Input) -> list[Any]:
        decoded.append(decode(signature, body))
        return decoded[-1]

    monkeypatch.setattr("native_host.pkcs11.connection.decode", remember)
    waiting = [client.send(message("WaitForSlotEvent", 0)) for _ in range(300)]
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*waiting[256:])
    assert set(answers) == {failure(CKR.HOST_MEMORY)}
    # The accepted calls are still pending. No PIN was taken out of the others.
    assert not any(each.done() for each in waiting[:256])
    assert len(decoded) == 256


# -- Fuzzing, from a recorded session -------------------------------------------------


async def test_the_conversation_as_it_is_goes_through(server: Server) -> None:
    client = await server.client(initialize=False)
    errors = []
    for body in CONVERSATION:
        name = NAMES[int.from_bytes(body[:4])]
        try:
            take_apart(await client.send(body), name)
        except CkrError as error:
            errors.append((name, error.value))
    assert errors == [
        ("SignInit", CKR.MECHANISM_INVALID),
        ("Login", CKR.PIN_LEN_RANGE),
        ("Logout", CKR.USER_NOT_LOGGED_IN),
    ]


#: Which message changes, where, how many bytes go, and what comes in their place. The
#: last are lengths, and the head of an attribute with attributes within.
CHANGES = st.lists(
    st.tuples(
        st.integers(0, len(CONVERSATION) - 1),
        st.integers(0, 100),
        st.sampled_from([0, 1, 4, 100]),
        st.binary(max_size=20)
        | st.sampled_from([NULL, bytes(4), u32(0x7FFFFFFF), u32(1)])
        | st.just(u32(CKA.WRAP_TEMPLATE)),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=200)
@given(changes=CHANGES, order=st.randoms(), version=st.integers(0, 3))
async def test_every_message_of_an_odd_conversation_has_one_answer(
    server: Server,
    changes: list[tuple[int, int, int, bytes]],
    order: random.Random,
    version: int,
) -> None:
    bodies = [bytearray(body) for body in CONVERSATION]
    for which, at, gone, come in changes:
        start = at % (len(bodies[which]) + 1)
        bodies[which][start : start + gone] = come
    del bodies[order.randrange(len(bodies))]
    bodies.insert(order.randrange(len(bodies)), order.choice(bodies))
    client = await server.client(version=version, initialize=False)
    answers = [client.send(bytes(body)) for body in bodies]
    # C_Finalize ends the calls that wait for a user or for a card.
    end = client.send(message("Finalize"))
    async with asyncio.timeout(60):
        await asyncio.gather(end, *answers)
    for answer in answers:
        body = answer.result()
        number = int.from_bytes(body[:4])
        # An error of the connection has no call, and any call has CkrError's form.
        with suppress(CkrError):
            take_apart(body, NAMES.get(number, "GetInfo"))
    await client.close()
    async with asyncio.timeout(60):
        await server.served[-1]
