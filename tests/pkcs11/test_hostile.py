# SPDX-License-Identifier: MIT
"""Clients that send invalid or random messages, or never read the responses."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from native_host.card.mock_source import MockCardSource
from tests.pkcs11.client import CkrError, Client, array, octets, take_apart, u32, u64
from tests.pkcs11.conftest import Server, open_server
from tests.pkcs11.conversation import CONVERSATION, NAMES, message
from tests.pkcs11.names import CKA, CKF, CKR


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
    ("options", "body"),
    [(1025, 0), (0, 1024 * 1024 + 1), (0xFFFFFFFF, 0xFFFFFFFF), (0, 0x80000000)],
)
async def test_frames_that_are_too_long_end_the_connection(
    server: Server, options: int, body: int
) -> None:
    connection = server.connect()
    connection.sendall(b"\1" + u32(16) + u32(options) + u32(body) + bytes(100))
    assert await ended(connection) == b"\1"
    await server.client()  # the server accepts other clients


async def test_what_is_no_rpc_ends_the_connection(server: Server) -> None:
    for rubbish in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\xff" * 200):
        connection = server.connect()
        connection.sendall(rubbish)
        assert len(await ended(connection)) == 1


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
    error = u32(0) + u32(1) + b"u" + u64(CKR.DEVICE_ERROR)
    for body in (
        b"",
        b"\0\0\0",
        u32(3),
        u32(3) + b"\xff\xff\xff\xff",
        u32(3) + u32(5) + b"ab",
        u32(3) + array(b"u") + u64(1),  # another signature than the call's
        u32(10) + array(b"uu") + u64(1),
        u32(10) + array(b"uu") + u64(1) + u64(4) + b"more",
        u32(26) + array(b"uaA") + u64(1) + u32(0xFFFFFFFF),
        u32(24) + array(b"uufA") + u64(1) + u64(1) + u32(0x7FFFFFFF),
        u32(43) + array(b"uayfy") + u64(1) + b"\1" + u32(0x7FFFFFFF),
    ):
        assert await client.send(body) == error, body
    assert len(await client.call("GetInfo")) == 5


async def test_the_largest_message_is_read(client: Client) -> None:
    session = await client.open_session()
    start = message("SignUpdate", u64(session))
    data = bytes(1024 * 1024 - len(start) - 5)
    body = await client.send(start + octets(data), options=bytes(1024))
    assert body == u32(0) + u32(1) + b"u" + u64(CKR.OPERATION_NOT_INITIALIZED)


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

    async def flood() -> None:
        while True:
            await loop.sock_sendall(
                connection, (u32(16) + u32(0) + u32(len(body)) + body) * 1000
            )

    async with asyncio.timeout(60):
        with pytest.raises(ConnectionError):
            await flood()
        await server.served[0]
    connection.close()


async def test_too_many_calls_at_a_time_are_refused_and_all_are_answered(
    client: Client,
) -> None:
    await client.call("GetSlotList", b"\1", u32(2))
    await client.call("WaitForSlotEvent", u64(CKF.DONT_BLOCK))
    waiting = [client.send(message("WaitForSlotEvent", u64(0))) for _ in range(300)]
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*waiting[256:])
    assert set(answers) == {u32(0) + u32(1) + b"u" + u64(CKR.HOST_MEMORY)}
    # The accepted calls are still pending.
    assert not any(each.done() for each in waiting[:256])


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


def mutated(seed: int) -> list[bytes]:
    """Return the recorded messages with a few random errors."""
    chance = random.Random(seed)  # noqa: S311 - nothing hangs on it
    bodies = list(CONVERSATION)
    nested = u32(CKA.WRAP_TEMPLATE)  # an attribute with attributes within
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(bodies))
        body = bytearray(bodies[at]) or bytearray(1)
        match chance.randrange(6):
            case 0:
                del bodies[at]
                continue
            case 1:
                bodies.insert(at, chance.choice(CONVERSATION))
                continue
            case 2:
                body = body[: chance.randrange(len(body) + 1)]
            case 3:
                body += chance.randbytes(chance.randint(1, 20))
            case 4:
                start = chance.randrange(max(1, len(body) - 3))
                body[start : start + 4] = chance.choice(
                    (b"\xff" * 4, bytes(4), u32(0x7FFFFFFF), u32(1), nested)
                )
            case _:
                body[chance.randrange(len(body))] = chance.randrange(256)
        bodies[at] = bytes(body)
    return bodies


@pytest.fixture
async def fuzzed(source: MockCardSource) -> AsyncIterator[Server]:
    async with open_server(source) as server:
        yield server


@settings(max_examples=200)
@given(seed=st.integers(0, 2**32), version=st.integers(0, 3))
async def test_every_message_of_an_odd_conversation_has_one_answer(
    fuzzed: Server, seed: int, version: int
) -> None:
    client = await fuzzed.client(version=version, initialize=False)
    answers = [client.send(body) for body in mutated(seed)]
    # C_Finalize ends the calls that wait for a user or for a card.
    end = client.send(message("Finalize"))
    async with asyncio.timeout(60):
        await asyncio.gather(end, *answers)
    for answer in answers:
        body = answer.result()
        number = int.from_bytes(body[:4])
        if number == 0:
            assert body[:9] == u32(0) + u32(1) + b"u"
            assert any(body[9:])
            assert len(body) == 17
        else:
            take_apart(body, NAMES[number])
    await client.close()
    async with asyncio.timeout(60):
        await fuzzed.served[-1]
