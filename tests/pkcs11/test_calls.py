# SPDX-License-Identifier: MIT
"""The response to each call over the wire, as PKCS#11 3.0 specifies it."""

import asyncio
import re

import pytest

from native_host.card.mock_source import READER_NAME, MockCardSource
from native_host.pkcs11.calls import CALLS as OFFERED
from native_host.pkcs11.constants import CKA, CKC_X_509, CKF, CKM, CKO, CKR, CKS, CKU
from tests.pkcs11.client import (
    CALLS,
    CKA_TRUST_DIGITAL_SIGNATURE,
    CKM_ECDSA_SHA384,
    CKO_NSS_BUILTIN_ROOT_LIST,
    CKO_PROFILE,
    CKO_TRUST,
    HANDSHAKE,
    NULL,
    REFERENCE,
    Client,
    Template,
    TooSmall,
    attributes,
    failure,
    mechanism,
    octets,
    refusal,
    u32,
    u64,
    wanted,
)
from tests.pkcs11.conftest import Server

PRIVATE_KEY = {CKA.CLASS: CKO.PRIVATE_KEY}
SERIAL = u64(CKF.SERIAL_SESSION)


def test_the_calls_are_those_of_the_reference() -> None:
    offered = {
        each.name.removeprefix("C_"): (each.number, each.args, each.returns)
        for each in OFFERED.values()
    }
    assert offered == CALLS
    [table] = re.findall(
        r"\| calls \| what is answered \|\n((?:\|.*\n)+)", REFERENCE.read_text("utf-8")
    )
    rows = [row.split("|")[1] for row in table.splitlines()]
    assert sorted(re.findall(r"`C_(\w+)`", " ".join(rows))) == sorted(CALLS)


# -- Initialisation -------------------------------------------------------------------


async def test_nothing_is_answered_before_the_beginning(server: Server) -> None:
    client = await server.client(initialize=False)
    for name, arguments in (
        ("GetInfo", b""),
        ("GetSlotList", b"\0" + u32(0)),
        ("OpenSession", u64(1) + SERIAL),
        ("Finalize", b""),
    ):
        await client.refused(CKR.CRYPTOKI_NOT_INITIALIZED, name, arguments)


async def test_it_begins_once_ends_and_begins_again(client: Client) -> None:
    with refusal(CKR.CRYPTOKI_ALREADY_INITIALIZED):
        await client.initialize()
    session = await client.open_session()
    await client.call("Finalize")
    await client.refused(CKR.CRYPTOKI_NOT_INITIALIZED, "GetInfo")
    await client.initialize()
    await client.has_lost(session)


@pytest.mark.parametrize("handshake", [b"", None, HANDSHAKE[:-1], HANDSHAKE + b"2"])
async def test_another_protocol_is_refused(
    server: Server, handshake: bytes | None
) -> None:
    client = await server.client(initialize=False)
    arguments = octets(handshake), b"\0", octets(b"\0")
    await client.refused(CKR.GENERAL_ERROR, "Initialize", *arguments)


# -- Slots and tokens -----------------------------------------------------------------


async def test_library_slots_and_token_are_described(client: Client) -> None:
    name = "Kortilla".ljust(32)
    info = await client.call("GetInfo")
    assert info == [(2, 40), name, 0, name, (0, 1)]
    empty = CKF.REMOVABLE_DEVICE | CKF.HW_SLOT
    for slot, reader, flags in (
        (1, READER_NAME, empty | CKF.TOKEN_PRESENT),
        (2, "Kortilla 2", empty),
    ):
        info = await client.call("GetSlotInfo", slot)
        assert info == [reader.ljust(64), name, flags, (0, 0), (0, 0)]
    label, maker, model, serial, flags, *rest = await client.call("GetTokenInfo", 1)
    assert (label, maker, model) == (name, name, "FINEID test card")
    assert serial.startswith("MOCK")
    # CKF_LOGIN_REQUIRED is not among them: browsers would show a dialog or hang.
    assert flags == (
        CKF.WRITE_PROTECTED | CKF.USER_PIN_INITIALIZED | CKF.TOKEN_INITIALIZED
    )
    assert rest[4:6] == [12, 4]  # the longest and the shortest PIN


async def test_there_are_two_slots_one_with_the_token(client: Client) -> None:
    for token, room, answer in (
        (b"\0", u32(9), [1, 2]),
        (b"\1", u32(9), [1]),
        (b"\0", u32(0), TooSmall(2)),
        (b"\0", u32(1), TooSmall(2)),
        (b"\0", NULL, TooSmall(2)),
    ):
        assert await client.call("GetSlotList", token, room) == [answer]


async def test_a_slot_without_a_token_and_one_that_is_not_there(client: Client) -> None:
    for slot, value in (
        (2, CKR.TOKEN_NOT_PRESENT),
        (0, CKR.SLOT_ID_INVALID),
        (3, CKR.SLOT_ID_INVALID),
        (2**64 - 1, CKR.SLOT_ID_INVALID),
    ):
        for name, more in (
            ("GetTokenInfo", b""),
            ("GetMechanismList", u32(9)),
            ("GetMechanismInfo", u64(CKM.ECDSA)),
            ("OpenSession", SERIAL),
        ):
            await client.refused(value, name, slot, more)
    for name in ("GetSlotInfo", "CloseAllSessions"):
        await client.refused(CKR.SLOT_ID_INVALID, name, 3)


async def test_the_mechanisms_are_those_of_the_key(
    client: Client, rsa_server: Server
) -> None:
    assert await client.call("GetMechanismList", 1, u32(9)) == [[CKM.ECDSA]]
    assert await client.call("GetMechanismList", 1, u32(0)) == [TooSmall(1)]
    smallest, largest, flags = await client.call("GetMechanismInfo", 1, CKM.ECDSA)
    assert (smallest, largest) == (256, 384)
    assert flags & (CKF.HW | CKF.SIGN) == CKF.HW | CKF.SIGN
    await client.refused(CKR.MECHANISM_INVALID, "GetMechanismInfo", 1, CKM_ECDSA_SHA384)
    other = await rsa_server.client()
    [found] = await other.call("GetMechanismList", 1, u32(99))
    assert {CKM.RSA_PKCS, CKM.RSA_PKCS_PSS} <= set(found)
    assert not {CKM.ECDSA, CKM_ECDSA_SHA384} & set(found)
    # Java asks for the hash functions of PSS, and would make digests by those listed.
    functions = {CKM.SHA224, CKM.SHA256, CKM.SHA384, CKM.SHA512}
    assert not functions & set(found)
    for function in functions:
        assert await other.call("GetMechanismInfo", 1, function) == [0, 0, 0]
        await client.refused(CKR.MECHANISM_INVALID, "GetMechanismInfo", 1, function)
    await other.refused(CKR.MECHANISM_INVALID, "GetMechanismInfo", 1, CKM.SHA_1)


# -- Sessions -------------------------------------------------------------------------


async def test_sessions_are_opened_described_and_closed(
    server: Server, client: Client
) -> None:
    reading = await client.open_session()
    both = CKF.RW_SESSION | CKF.SERIAL_SESSION
    writing = await client.open_session(flags=both)
    assert reading != writing
    info = await client.call("GetSessionInfo", reading)
    assert info == [1, CKS.RO_PUBLIC_SESSION, CKF.SERIAL_SESSION, 0]
    info = await client.call("GetSessionInfo", writing)
    assert info == [1, CKS.RW_PUBLIC_SESSION, both, 0]
    assert (await client.call("GetTokenInfo", 1))[6] == 2
    await (await server.client()).has_lost(reading)  # they are the client's own
    await client.call("CloseSession", reading)
    await client.refused(CKR.SESSION_HANDLE_INVALID, "CloseSession", reading)
    await client.call("CloseAllSessions", 1)
    await client.has_lost(writing)


async def test_every_call_in_a_session_that_is_not_there_is_answered(
    client: Client,
) -> None:
    for name, arguments in (
        ("CloseSession", b""),
        ("GetSessionInfo", b""),
        ("Login", u64(CKU.USER) + octets(b"1234")),
        ("Logout", b""),
        ("GetAttributeValue", u64(1) + wanted({CKA.CLASS: 0})),
        ("FindObjectsInit", attributes({})),
        ("FindObjects", u32(1)),
        ("FindObjectsFinal", b""),
        ("SignInit", mechanism(CKM.ECDSA) + u64(1)),
        ("SignInit", mechanism(CKM_ECDSA_SHA384) + u64(1)),
        ("Sign", octets(bytes(48)) + u32(96)),
        ("SignUpdate", octets(b"")),
        ("SignFinal", u32(96)),
        ("SeedRandom", octets(b"")),
        ("GenerateRandom", u32(8)),
        ("SessionCancel", u64(0xFFFF)),
    ):
        await client.refused(CKR.SESSION_HANDLE_INVALID, name, 99, arguments)


async def test_a_session_must_be_serial_and_there_are_not_too_many(
    client: Client,
) -> None:
    await client.refused(CKR.SESSION_PARALLEL_NOT_SUPPORTED, "OpenSession", 1, 0)
    for _ in range(1024):
        await client.open_session()
    await client.refused(CKR.SESSION_COUNT, "OpenSession", 1, SERIAL)


# -- Searching ------------------------------------------------------------------------


async def test_a_search_gives_as_many_as_there_is_room_for(client: Client) -> None:
    session = await client.open_session()
    everything = attributes({})

    async def nothing_is_searched() -> None:
        value = CKR.OPERATION_NOT_INITIALIZED
        await client.refused(value, "FindObjects", session, u32(9))
        await client.refused(value, "FindObjectsFinal", session)

    await nothing_is_searched()
    await client.call("FindObjectsInit", session, everything)
    await client.refused(CKR.OPERATION_ACTIVE, "FindObjectsInit", session, everything)
    found = []
    for expected in (2, 2, 1, 0):
        [some] = await client.call("FindObjects", session, u32(2))
        assert len(some) == expected
        found += some
    assert len(set(found)) == 5
    assert await client.call("FindObjects", session, u32(0)) == [[]]
    await client.call("FindObjectsFinal", session)
    await nothing_is_searched()
    await client.call("FindObjectsInit", session, everything)
    await client.call("SessionCancel", session, CKF.FIND_OBJECTS)
    await nothing_is_searched()


async def test_objects_are_found_by_their_attributes(client: Client) -> None:
    session = await client.open_session()
    certificate = {CKA.CLASS: CKO.CERTIFICATE}
    table: list[tuple[Template, int]] = [
        (certificate, 3),  # the user's, the issuing CA's and the root's
        (certificate | {CKA.TOKEN: True, CKA.CERTIFICATE_TYPE: CKC_X_509}, 3),
        (certificate | {CKA.ID: b"\x45"}, 1),
        ({CKA.CLASS: CKO.PUBLIC_KEY}, 1),
        (PRIVATE_KEY | {CKA.ID: b"\x45"}, 1),
        ({CKA.SIGN: True}, 1),
        ({CKA.PRIVATE: True}, 0),  # nothing is private, since no login is required
        ({CKA.CLASS: CKO_PROFILE}, 0),  # NSS's first search
        ({CKA.CLASS: CKO_NSS_BUILTIN_ROOT_LIST}, 0),
        ({CKA.CLASS: CKO_TRUST}, 0),
        ({CKA.ID: None}, 0),
        ({CKA_TRUST_DIGITAL_SIGNATURE: b"x"}, 0),
    ]
    for template, count in table:
        assert len(await client.find(session, template)) == count, template


async def test_attributes_tell_their_size_or_that_there_is_too_little_room(
    client: Client,
) -> None:
    session, key = await client.key()
    kind = {CKA.CLASS: CKO.PRIVATE_KEY}
    table: list[tuple[dict[int, int], Template, CKR]] = [
        ({CKA.ID: 0}, {CKA.ID: b"\x45"}, CKR.OK),
        ({CKA.ID: 1, CKA.CLASS: 8}, {CKA.ID: b"\x45"} | kind, CKR.OK),
        (
            {CKA.LABEL: 2, CKA.CLASS: 8},
            {CKA.LABEL: None} | kind,
            CKR.BUFFER_TOO_SMALL,
        ),
        ({CKA.CLASS: 4}, {CKA.CLASS: None}, CKR.BUFFER_TOO_SMALL),
        (
            {CKA_TRUST_DIGITAL_SIGNATURE: 9, CKA.CLASS: 8},
            {CKA_TRUST_DIGITAL_SIGNATURE: None} | kind,
            CKR.ATTRIBUTE_TYPE_INVALID,
        ),
        ({}, {}, CKR.OK),
    ]
    for rooms, found, value in table:
        answer = await client.call("GetAttributeValue", session, key, wanted(rooms))
        assert answer == [found, value]
    many = u32(257) + wanted({CKA.VALUE: 4096})[4:] * 257
    for handle, asked, value in (
        (99, wanted({}), CKR.OBJECT_HANDLE_INVALID),
        (key, many, CKR.ARGUMENTS_BAD),
    ):
        await client.refused(value, "GetAttributeValue", session, handle, asked)


# -- Random numbers, and unsupported calls --------------------------------------------


async def test_there_are_no_random_numbers(client: Client) -> None:
    session = await client.open_session()
    await client.refused(CKR.RANDOM_NO_RNG, "SeedRandom", session, octets(b"seed"))
    await client.refused(CKR.RANDOM_NO_RNG, "GenerateRandom", session, u32(8))


async def test_other_calls_are_not_supported_whatever_they_say(client: Client) -> None:
    others = {*range(128), 2**32 - 1} - set(OFFERED)
    assert len(others) == 129 - len(OFFERED)
    for number in others:
        for rest in (u32(1) + b"u" + u64(1), u32(0), u32(4) + b"uayz"):
            body = await client.send(u32(number) + rest)
            assert body == failure(CKR.FUNCTION_NOT_SUPPORTED)


# -- Events ---------------------------------------------------------------------------


async def test_events_are_said_waited_for_and_ended(
    client: Client, source: MockCardSource
) -> None:
    await client.slots()
    # The card was there from the beginning, but was read later.
    assert await client.call("WaitForSlotEvent", CKF.DONT_BLOCK) == [1]
    await client.refused(CKR.NO_EVENT, "WaitForSlotEvent", CKF.DONT_BLOCK)
    waiting = client.begin("WaitForSlotEvent", 0)
    await client.call("GetInfo")
    assert not waiting.done()
    source.remove()
    assert await waiting == [1]
    waiting = client.begin("WaitForSlotEvent", 0)
    await client.call("GetInfo")
    await client.call("Finalize")
    with refusal(CKR.CRYPTOKI_NOT_INITIALIZED):
        async with asyncio.timeout(60):
            await waiting
