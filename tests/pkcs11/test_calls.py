# SPDX-License-Identifier: MIT
"""The response to each call over the wire, as PKCS#11 3.0 specifies it."""

import asyncio
import re
from pathlib import Path

import pytest

from native_host.card.mock_source import READER_NAME, MockCardSource
from native_host.pkcs11.calls import CALLS as OFFERED
from native_host.pkcs11.cryptoki import Cryptoki
from tests.pkcs11.client import (
    CALLS,
    HANDSHAKE,
    Client,
    TooSmall,
    attributes,
    mechanism,
    octets,
    u32,
    u64,
    wanted,
)
from tests.pkcs11.conftest import CopyCard, Server, open_server
from tests.pkcs11.names import CKA, CKC, CKF, CKM, CKO, CKR, CKS, CKU
from tests.pkcs11.signing import refusal, refused

PRIVATE_KEY = {CKA.CLASS: CKO.PRIVATE_KEY}


def test_each_call_that_is_answered_is_what_p11_kit_says() -> None:
    offered = {
        each.name.removeprefix("C_"): (each.number, each.args, each.returns)
        for each in OFFERED.values()
    }
    assert offered == CALLS
    assert all(vars(Cryptoki)[each.method.__name__] for each in OFFERED.values())


def test_the_tables_of_the_reference_are_those_of_the_calls() -> None:
    page = Path(__file__).parents[2] / "docs/reference/pkcs11.md"
    text = page.read_text(encoding="utf-8")
    [table] = re.findall(r"\| calls \| what is answered \|\n((?:\|.*\n)+)", text)
    told = [
        name
        for row in table.splitlines()
        for name in re.findall(r"`C_(\w+)`", row.split("|")[1])
    ]
    assert sorted(told) == sorted(CALLS)
    rows = re.findall(r"^\| (\d+) \| `C_(\w+)` \| (.+) \| (.+) \|$", text, re.MULTILINE)
    signatures = {
        name: (int(number), *(each.strip("`–") for each in both))
        for number, name, *both in rows
    }
    assert signatures == CALLS


# -- Initialisation -------------------------------------------------------------------


async def test_nothing_is_answered_before_the_beginning(server: Server) -> None:
    client = await server.client(initialize=False)
    for name, arguments in (
        ("GetInfo", b""),
        ("GetSlotList", b"\0" + u32(0)),
        ("OpenSession", u64(1) + u64(CKF.SERIAL_SESSION)),
        ("Finalize", b""),
    ):
        await refused(client, CKR.CRYPTOKI_NOT_INITIALIZED, name, arguments)


async def test_it_begins_once_ends_and_begins_again(client: Client) -> None:
    with refusal(CKR.CRYPTOKI_ALREADY_INITIALIZED):
        await client.initialize()
    session = await client.open_session()
    await client.call("Finalize")
    await refused(client, CKR.CRYPTOKI_NOT_INITIALIZED, "GetInfo")
    await client.initialize()
    await refused(client, CKR.SESSION_HANDLE_INVALID, "GetSessionInfo", u64(session))


@pytest.mark.parametrize("handshake", [b"", None, HANDSHAKE[:-1], HANDSHAKE + b"2"])
async def test_another_protocol_is_refused(
    server: Server, handshake: bytes | None
) -> None:
    client = await server.client(initialize=False)
    arguments = octets(handshake), b"\0", octets(b"\0")
    await refused(client, CKR.GENERAL_ERROR, "Initialize", *arguments)


@pytest.mark.parametrize("version", [0, 1, 2, 3, 255])
async def test_clients_of_every_version_are_served(
    server: Server, version: int
) -> None:
    server.pins = [["1234"]]
    client = await server.client(version=version)
    session = await client.open_session()
    [key] = await client.find(session, PRIVATE_KEY)
    assert len(await client.sign(session, key, CKM.ECDSA, bytes(48))) == 96


# -- Slots and tokens -----------------------------------------------------------------


async def test_the_library_says_what_it_is(client: Client) -> None:
    version, maker, flags, name, library = await client.call("GetInfo")
    assert (version, flags, library) == ((2, 40), 0, (0, 1))
    assert maker == name == "Kortilla".ljust(32)


async def test_there_are_two_slots_one_with_the_token(client: Client) -> None:
    assert await client.call("GetSlotList", b"\0", u32(9)) == [[1, 2]]
    assert await client.call("GetSlotList", b"\1", u32(9)) == [[1]]
    assert await client.call("GetSlotList", b"\0", u32(0)) == [TooSmall(2)]
    assert await client.call("GetSlotList", b"\0", u32(1)) == [TooSmall(2)]
    assert await client.call("GetSlotList", b"\0", b"\xff" * 4) == [TooSmall(2)]


async def test_a_slot_is_the_reader_in_which_the_card_is(client: Client) -> None:
    name, maker, flags, *versions = await client.call("GetSlotInfo", u64(1))
    assert (name, maker) == (READER_NAME.ljust(64), "Kortilla".ljust(32))
    assert flags == CKF.TOKEN_PRESENT | CKF.REMOVABLE_DEVICE | CKF.HW_SLOT
    assert versions == [(0, 0), (0, 0)]
    _, _, flags, *_ = await client.call("GetSlotInfo", u64(2))
    assert flags == CKF.REMOVABLE_DEVICE | CKF.HW_SLOT


async def test_a_token_asks_for_no_login_and_can_not_be_written(client: Client) -> None:
    label, maker, model, serial, flags, *rest = await client.call(
        "GetTokenInfo", u64(1)
    )
    assert label == maker == "Kortilla".ljust(32)
    assert model == "FINEID test card"
    assert serial.startswith("MOCK")
    assert not flags & CKF.LOGIN_REQUIRED, "browsers show a dialog or hang"
    assert flags == (
        CKF.WRITE_PROTECTED | CKF.USER_PIN_INITIALIZED | CKF.TOKEN_INITIALIZED
    )
    assert rest[4:6] == [12, 4]  # the longest and the shortest PIN


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
            ("OpenSession", u64(CKF.SERIAL_SESSION)),
        ):
            await refused(client, value, name, u64(slot), more)
    await refused(client, CKR.SLOT_ID_INVALID, "GetSlotInfo", u64(3))
    await refused(client, CKR.SLOT_ID_INVALID, "CloseAllSessions", u64(3))


async def test_the_mechanisms_are_those_of_the_key(client: Client) -> None:
    assert await client.call("GetMechanismList", u64(1), u32(9)) == [[CKM.ECDSA]]
    assert await client.call("GetMechanismList", u64(1), u32(0)) == [TooSmall(1)]
    smallest, largest, flags = await client.call(
        "GetMechanismInfo", u64(1), u64(CKM.ECDSA)
    )
    assert (smallest, largest) == (256, 384)
    assert flags & CKF.HW
    assert flags & CKF.SIGN
    await refused(
        client, CKR.MECHANISM_INVALID, "GetMechanismInfo", u64(1), u64(CKM.ECDSA_SHA384)
    )


async def test_the_mechanisms_of_an_rsa_card(copy_card: CopyCard) -> None:
    async with (
        MockCardSource(copy_card("v4.2")) as source,
        open_server(source) as server,
    ):
        client = await server.client()
        [found] = await client.call("GetMechanismList", u64(1), u32(99))
        assert {CKM.RSA_PKCS, CKM.RSA_PKCS_PSS} <= set(found)
        assert not {CKM.ECDSA, CKM.ECDSA_SHA384} & set(found)


# -- Sessions -------------------------------------------------------------------------


async def test_sessions_are_opened_described_and_closed(client: Client) -> None:
    reading = await client.open_session()
    both = CKF.RW_SESSION | CKF.SERIAL_SESSION
    writing = await client.open_session(flags=both)
    assert reading != writing
    info = await client.call("GetSessionInfo", u64(reading))
    assert info == [1, CKS.RO_PUBLIC_SESSION, CKF.SERIAL_SESSION, 0]
    info = await client.call("GetSessionInfo", u64(writing))
    assert info == [1, CKS.RW_PUBLIC_SESSION, both, 0]
    _, _, _, _, _, _, count, *_ = await client.call("GetTokenInfo", u64(1))
    assert count == 2
    await client.call("CloseSession", u64(reading))
    await refused(client, CKR.SESSION_HANDLE_INVALID, "CloseSession", u64(reading))
    await client.call("CloseAllSessions", u64(1))
    await refused(client, CKR.SESSION_HANDLE_INVALID, "GetSessionInfo", u64(writing))


async def test_every_call_in_a_session_that_is_not_there_is_answered(
    client: Client,
) -> None:
    nobody = u64(99)
    for name, arguments in (
        ("CloseSession", b""),
        ("GetSessionInfo", b""),
        ("Login", u64(CKU.USER) + octets(b"1234")),
        ("Logout", b""),
        ("GetAttributeValue", u64(1) + wanted({CKA.CLASS: 0})),
        ("FindObjectsInit", attributes({})),
        ("FindObjects", u32(1)),
        ("FindObjectsFinal", b""),
        ("SignInit", mechanism(CKM.ECDSA, 1) + u64(1)),
        ("SignInit", mechanism(CKM.ECDSA_SHA384, 1) + u64(1)),
        ("Sign", octets(bytes(48)) + u32(96)),
        ("SignUpdate", octets(b"")),
        ("SignFinal", u32(96)),
        ("SeedRandom", octets(b"")),
        ("GenerateRandom", u32(8)),
        ("SessionCancel", u64(0xFFFF)),
    ):
        await refused(client, CKR.SESSION_HANDLE_INVALID, name, nobody, arguments)


async def test_a_session_must_be_serial_and_there_are_not_too_many(
    client: Client,
) -> None:
    await refused(
        client, CKR.SESSION_PARALLEL_NOT_SUPPORTED, "OpenSession", u64(1), u64(0)
    )
    for _ in range(1024):
        await client.open_session()
    await refused(
        client, CKR.SESSION_COUNT, "OpenSession", u64(1), u64(CKF.SERIAL_SESSION)
    )


async def test_sessions_are_the_clients_own(server: Server, client: Client) -> None:
    session = await client.open_session()
    other = await server.client()
    await refused(other, CKR.SESSION_HANDLE_INVALID, "GetSessionInfo", u64(session))


# -- Searching ------------------------------------------------------------------------


async def test_a_search_gives_as_many_as_there_is_room_for(client: Client) -> None:
    session = u64(await client.open_session())
    await refused(client, CKR.OPERATION_NOT_INITIALIZED, "FindObjects", session, u32(9))
    await refused(client, CKR.OPERATION_NOT_INITIALIZED, "FindObjectsFinal", session)
    await client.call("FindObjectsInit", session, attributes({}))
    await refused(
        client, CKR.OPERATION_ACTIVE, "FindObjectsInit", session, attributes({})
    )
    found = []
    for expected in (2, 2, 1, 0):
        [some] = await client.call("FindObjects", session, u32(2))
        assert len(some) == expected
        found += some
    assert len(set(found)) == 5
    assert await client.call("FindObjects", session, u32(0)) == [[]]
    await client.call("FindObjectsFinal", session)
    await refused(client, CKR.OPERATION_NOT_INITIALIZED, "FindObjects", session, u32(9))


async def test_a_search_is_called_off(client: Client) -> None:
    session = u64(await client.open_session())
    await client.call("FindObjectsInit", session, attributes({}))
    await client.call("SessionCancel", session, u64(CKF.FIND_OBJECTS))
    await refused(client, CKR.OPERATION_NOT_INITIALIZED, "FindObjects", session, u32(9))


@pytest.mark.parametrize(
    ("template", "count"),
    [
        (
            {CKA.CLASS: CKO.CERTIFICATE},
            3,
        ),  # the user's, the issuing CA's and the root's
        (
            {
                CKA.CLASS: CKO.CERTIFICATE,
                CKA.TOKEN: True,
                CKA.CERTIFICATE_TYPE: CKC.X_509,
            },
            3,
        ),
        ({CKA.CLASS: CKO.CERTIFICATE, CKA.ID: b"\x45"}, 1),
        ({CKA.CLASS: CKO.PUBLIC_KEY}, 1),
        ({CKA.CLASS: CKO.PRIVATE_KEY, CKA.ID: b"\x45"}, 1),
        ({CKA.SIGN: True}, 1),
        ({CKA.PRIVATE: True}, 0),  # nothing is private, since no login is required
        ({CKA.CLASS: CKO.PROFILE}, 0),  # NSS's first search
        ({CKA.CLASS: CKO.NSS_BUILTIN_ROOT_LIST}, 0),
        ({CKA.CLASS: CKO.TRUST}, 0),
        ({CKA.ID: None}, 0),
        ({CKA.TRUST_DIGITAL_SIGNATURE: b"x"}, 0),
    ],
)
async def test_objects_are_found_by_their_attributes(
    client: Client, template: dict[CKA, object], count: int
) -> None:
    session = await client.open_session()
    assert len(await client.find(session, template)) == count


async def test_attributes_tell_their_size_or_that_there_is_too_little_room(
    client: Client,
) -> None:
    session = await client.open_session()
    [key] = await client.find(session, PRIVATE_KEY)
    arguments = u64(session), u64(key)

    async def ask(rooms: dict[int, int]) -> list[object]:
        return await client.call("GetAttributeValue", *arguments, wanted(rooms))

    assert await ask({CKA.ID: 0}) == [{CKA.ID: b"\x45"}, CKR.OK]
    assert await ask({CKA.ID: 1, CKA.CLASS: 8}) == [
        {CKA.ID: b"\x45", CKA.CLASS: CKO.PRIVATE_KEY},
        CKR.OK,
    ]
    assert await ask({CKA.LABEL: 2, CKA.CLASS: 8}) == [
        {CKA.LABEL: None, CKA.CLASS: CKO.PRIVATE_KEY},
        CKR.BUFFER_TOO_SMALL,
    ]
    assert await ask({CKA.CLASS: 4}) == [{CKA.CLASS: None}, CKR.BUFFER_TOO_SMALL]
    assert await ask({CKA.TRUST_DIGITAL_SIGNATURE: 9, CKA.CLASS: 8}) == [
        {CKA.TRUST_DIGITAL_SIGNATURE: None, CKA.CLASS: CKO.PRIVATE_KEY},
        CKR.ATTRIBUTE_TYPE_INVALID,
    ]
    assert await ask({}) == [{}, CKR.OK]
    await refused(
        client,
        CKR.OBJECT_HANDLE_INVALID,
        "GetAttributeValue",
        u64(session),
        u64(99),
        wanted({}),
    )


async def test_no_more_attributes_are_told_at_a_time_than_there_are(
    client: Client,
) -> None:
    session = u64(await client.open_session())
    many = u32(257) + wanted({CKA.VALUE: 4096})[4:] * 257
    await refused(client, CKR.ARGUMENTS_BAD, "GetAttributeValue", session, u64(1), many)


# -- Random numbers, and unsupported calls --------------------------------------------


async def test_there_are_no_random_numbers(client: Client) -> None:
    session = u64(await client.open_session())
    await refused(client, CKR.RANDOM_NO_RNG, "SeedRandom", session, octets(b"seed"))
    await refused(client, CKR.RANDOM_NO_RNG, "GenerateRandom", session, u32(8))


async def test_other_calls_are_not_supported_whatever_they_say(client: Client) -> None:
    others = {*range(128), 2**32 - 1} - set(OFFERED)
    assert len(others) == 129 - len(OFFERED)
    for number in others:
        for rest in (u32(1) + b"u" + u64(1), u32(0), u32(4) + b"uayz"):
            body = await client.send(u32(number) + rest)
            assert body == u32(0) + u32(1) + b"u" + u64(CKR.FUNCTION_NOT_SUPPORTED)


# -- Events ---------------------------------------------------------------------------


async def test_no_event_is_said_or_waited_for(
    client: Client, source: MockCardSource
) -> None:
    await client.call("GetSlotList", b"\1", u32(9))
    # The card was there from the beginning, but was read later.
    assert await client.call("WaitForSlotEvent", u64(CKF.DONT_BLOCK)) == [1]
    await refused(client, CKR.NO_EVENT, "WaitForSlotEvent", u64(CKF.DONT_BLOCK))
    waiting = client.begin("WaitForSlotEvent", u64(0))
    await client.call("GetInfo")
    assert not waiting.done()
    source.remove()
    assert await waiting == [1]


async def test_who_waits_for_an_event_is_told_of_the_end(client: Client) -> None:
    await client.call("GetSlotList", b"\1", u32(9))
    await client.call("WaitForSlotEvent", u64(CKF.DONT_BLOCK))
    waiting = client.begin("WaitForSlotEvent", u64(0))
    await client.call("GetInfo")
    await client.call("Finalize")
    with refusal(CKR.CRYPTOKI_NOT_INITIALIZED):
        async with asyncio.timeout(60):
            await waiting
