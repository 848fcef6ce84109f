# SPDX-License-Identifier: MIT
"""What each call answers, as PKCS#11 3.0 has it, over the wire."""

import asyncio
import re
from pathlib import Path

import pytest

from native_host.mock_card.source import READER_NAME, MockCardSource
from native_host.pkcs11.calls import CALLS as OFFERED
from native_host.pkcs11.cryptoki import Cryptoki
from tests.pkcs11.client import (
    CALLS,
    HANDSHAKE,
    CkrError,
    Client,
    TooSmall,
    attributes,
    mechanism,
    octets,
    u32,
    u64,
    wanted,
)
from tests.pkcs11.conftest import CopyCard, House, open_house

PRIVATE_KEY = {0x0: 3}
ECDSA, ECDSA_SHA384, RSA_PKCS, RSA_PSS = 0x1041, 0x1045, 0x1, 0xD


async def refused(client: Client, value: int, name: str, *arguments: bytes) -> None:
    """Make a call that must be answered with a return value."""
    with pytest.raises(CkrError) as caught:
        await client.call(name, *arguments)
    assert hex(caught.value.value) == hex(value), name


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


# -- Beginning and end -----------------------------------------------------------------


async def test_nothing_is_answered_before_the_beginning(house: House) -> None:
    client = await house.client(initialize=False)
    for name, arguments in (
        ("GetInfo", b""),
        ("GetSlotList", b"\0" + u32(0)),
        ("OpenSession", u64(1) + u64(4)),
        ("Finalize", b""),
    ):
        await refused(client, 0x190, name, arguments)


async def test_it_begins_once_ends_and_begins_again(client: Client) -> None:
    with pytest.raises(CkrError, match="0x191"):
        await client.initialize()
    session = await client.open_session()
    await client.call("Finalize")
    await refused(client, 0x190, "GetInfo")
    await client.initialize()
    await refused(client, 0xB3, "GetSessionInfo", u64(session))


@pytest.mark.parametrize("handshake", [b"", None, HANDSHAKE[:-1], HANDSHAKE + b"2"])
async def test_another_protocol_is_refused(
    house: House, handshake: bytes | None
) -> None:
    client = await house.client(initialize=False)
    arguments = octets(handshake), b"\0", octets(b"\0")
    await refused(client, 0x5, "Initialize", *arguments)


@pytest.mark.parametrize("version", [0, 1, 2, 3, 255])
async def test_clients_of_every_version_are_served(house: House, version: int) -> None:
    house.pins = [["1234"]]
    client = await house.client(version=version)
    session = await client.open_session()
    [key] = await client.find(session, PRIVATE_KEY)
    assert len(await client.sign(session, key, ECDSA, bytes(48))) == 96


# -- Slots and tokens ------------------------------------------------------------------


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
    assert flags == 1 | 2 | 4  # present, removable, hardware
    assert versions == [(0, 0), (0, 0)]
    _, _, flags, *_ = await client.call("GetSlotInfo", u64(2))
    assert flags == 2 | 4


async def test_a_token_asks_for_no_login_and_can_not_be_written(client: Client) -> None:
    label, maker, model, serial, flags, *rest = await client.call(
        "GetTokenInfo", u64(1)
    )
    assert label == maker == "Kortilla".ljust(32)
    assert model == "FINEID test card"
    assert serial.startswith("MOCK")
    assert flags & 0x4 == 0, "with CKF_LOGIN_REQUIRED browsers show a dialog or hang"
    assert flags == 0x2 | 0x8 | 0x400
    assert rest[4:6] == [12, 4]  # the longest and the shortest PIN


async def test_a_slot_without_a_token_and_one_that_is_not_there(client: Client) -> None:
    for slot, value in ((2, 0xE0), (0, 0x3), (3, 0x3), (2**64 - 1, 0x3)):
        for name, more in (
            ("GetTokenInfo", b""),
            ("GetMechanismList", u32(9)),
            ("GetMechanismInfo", u64(ECDSA)),
            ("OpenSession", u64(4)),
        ):
            await refused(client, value, name, u64(slot), more)
    await refused(client, 0x3, "GetSlotInfo", u64(3))
    await refused(client, 0x3, "CloseAllSessions", u64(3))


async def test_the_mechanisms_are_those_of_the_key(client: Client) -> None:
    assert await client.call("GetMechanismList", u64(1), u32(9)) == [[ECDSA]]
    assert await client.call("GetMechanismList", u64(1), u32(0)) == [TooSmall(1)]
    smallest, largest, flags = await client.call("GetMechanismInfo", u64(1), u64(ECDSA))
    assert (smallest, largest) == (256, 384)
    assert flags & 0x801 == 0x801  # in hardware, and signing
    await refused(client, 0x70, "GetMechanismInfo", u64(1), u64(ECDSA_SHA384))


async def test_the_mechanisms_of_an_rsa_card(copy_card: CopyCard) -> None:
    async with MockCardSource(copy_card("v4.2")) as source, open_house(source) as house:
        client = await house.client()
        [found] = await client.call("GetMechanismList", u64(1), u32(99))
        assert {RSA_PKCS, RSA_PSS} <= set(found)
        assert not {ECDSA, ECDSA_SHA384} & set(found)


# -- Sessions --------------------------------------------------------------------------


async def test_sessions_are_opened_described_and_closed(client: Client) -> None:
    reading = await client.open_session()
    writing = await client.open_session(flags=6)
    assert reading != writing
    assert await client.call("GetSessionInfo", u64(reading)) == [1, 0, 4, 0]
    assert await client.call("GetSessionInfo", u64(writing)) == [1, 2, 6, 0]
    _, _, _, _, _, _, count, *_ = await client.call("GetTokenInfo", u64(1))
    assert count == 2
    await client.call("CloseSession", u64(reading))
    await refused(client, 0xB3, "CloseSession", u64(reading))
    await client.call("CloseAllSessions", u64(1))
    await refused(client, 0xB3, "GetSessionInfo", u64(writing))


async def test_every_call_in_a_session_that_is_not_there_is_answered(
    client: Client,
) -> None:
    nobody = u64(99)
    for name, arguments in (
        ("CloseSession", b""),
        ("GetSessionInfo", b""),
        ("Login", u64(1) + octets(b"1234")),
        ("Logout", b""),
        ("GetAttributeValue", u64(1) + wanted({0x0: 0})),
        ("FindObjectsInit", attributes({})),
        ("FindObjects", u32(1)),
        ("FindObjectsFinal", b""),
        ("SignInit", mechanism(ECDSA, 1) + u64(1)),
        ("SignInit", mechanism(ECDSA_SHA384, 1) + u64(1)),
        ("Sign", octets(bytes(48)) + u32(96)),
        ("SignUpdate", octets(b"")),
        ("SignFinal", u32(96)),
        ("SeedRandom", octets(b"")),
        ("GenerateRandom", u32(8)),
        ("SessionCancel", u64(0xFFFF)),
    ):
        await refused(client, 0xB3, name, nobody, arguments)


async def test_a_session_must_be_serial_and_there_are_not_too_many(
    client: Client,
) -> None:
    await refused(client, 0xB4, "OpenSession", u64(1), u64(0))
    for _ in range(1024):
        await client.open_session()
    await refused(client, 0xB1, "OpenSession", u64(1), u64(4))


async def test_sessions_are_the_clients_own(house: House, client: Client) -> None:
    session = await client.open_session()
    other = await house.client()
    await refused(other, 0xB3, "GetSessionInfo", u64(session))


# -- Searching -------------------------------------------------------------------------


async def test_a_search_gives_as_many_as_there_is_room_for(client: Client) -> None:
    session = u64(await client.open_session())
    await refused(client, 0x91, "FindObjects", session, u32(9))
    await refused(client, 0x91, "FindObjectsFinal", session)
    await client.call("FindObjectsInit", session, attributes({}))
    await refused(client, 0x90, "FindObjectsInit", session, attributes({}))
    found = []
    for expected in (2, 2, 1, 0):
        [some] = await client.call("FindObjects", session, u32(2))
        assert len(some) == expected
        found += some
    assert len(set(found)) == 5
    assert await client.call("FindObjects", session, u32(0)) == [[]]
    await client.call("FindObjectsFinal", session)
    await refused(client, 0x91, "FindObjects", session, u32(9))


async def test_a_search_is_called_off(client: Client) -> None:
    session = u64(await client.open_session())
    await client.call("FindObjectsInit", session, attributes({}))
    await client.call("SessionCancel", session, u64(0x40))
    await refused(client, 0x91, "FindObjects", session, u32(9))


@pytest.mark.parametrize(
    ("template", "count"),
    [
        ({0x0: 1}, 3),  # certificates: the person's, the issuing CA's, the root's
        ({0x0: 1, 0x1: True, 0x80: 0}, 3),
        ({0x0: 1, 0x102: b"\x45"}, 1),
        ({0x0: 2}, 1),
        ({0x0: 3, 0x102: b"\x45"}, 1),
        ({0x108: True}, 1),
        ({0x2: True}, 0),  # nothing is private, since nobody logs in
        ({0x0: 9}, 0),  # what NSS looks for at first
        ({0x0: 0xCE534354}, 0),
        ({0x0: 0xB}, 0),
        ({0x102: None}, 0),
        ({0xCE536351: b"x"}, 0),
    ],
)
async def test_objects_are_found_by_their_attributes(
    client: Client, template: dict[int, object], count: int
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

    assert await ask({0x102: 0}) == [{0x102: b"\x45"}, 0]
    assert await ask({0x102: 1, 0x0: 8}) == [{0x102: b"\x45", 0x0: 3}, 0]
    assert await ask({0x3: 2, 0x0: 8}) == [{0x3: None, 0x0: 3}, 0x150]
    assert await ask({0x0: 4}) == [{0x0: None}, 0x150]
    assert await ask({0xCE536351: 9, 0x0: 8}) == [{0xCE536351: None, 0x0: 3}, 0x12]
    assert await ask({}) == [{}, 0]
    await refused(client, 0x82, "GetAttributeValue", u64(session), u64(99), wanted({}))


async def test_no_more_attributes_are_told_at_a_time_than_there_are(
    client: Client,
) -> None:
    session = u64(await client.open_session())
    many = u32(257) + wanted({0x11: 4096})[4:] * 257
    await refused(client, 0x7, "GetAttributeValue", session, u64(1), many)


# -- Random numbers, and what is not there ---------------------------------------------


async def test_there_are_no_random_numbers(client: Client) -> None:
    session = u64(await client.open_session())
    await refused(client, 0x121, "SeedRandom", session, octets(b"seed"))
    await refused(client, 0x121, "GenerateRandom", session, u32(8))


async def test_other_calls_are_not_supported_whatever_they_say(client: Client) -> None:
    others = {*range(128), 2**32 - 1} - set(OFFERED)
    assert len(others) == 129 - len(OFFERED)
    for number in others:
        for rest in (u32(1) + b"u" + u64(1), u32(0), u32(4) + b"uayz"):
            body = await client.send(u32(number) + rest)
            assert body == u32(0) + u32(1) + b"u" + u64(0x54)


# -- Events ----------------------------------------------------------------------------


async def test_no_event_is_said_or_waited_for(
    client: Client, source: MockCardSource
) -> None:
    await client.call("GetSlotList", b"\1", u32(9))
    # The card was there from the beginning; it was read later.
    assert await client.call("WaitForSlotEvent", u64(1)) == [1]
    await refused(client, 0x8, "WaitForSlotEvent", u64(1))
    waiting = client.begin("WaitForSlotEvent", u64(0))
    await client.call("GetInfo")
    assert not waiting.done()
    source.remove()
    assert await waiting == [1]


async def test_who_waits_for_an_event_is_told_of_the_end(client: Client) -> None:
    await client.call("GetSlotList", b"\1", u32(9))
    await client.call("WaitForSlotEvent", u64(1))
    waiting = client.begin("WaitForSlotEvent", u64(0))
    await client.call("GetInfo")
    await client.call("Finalize")
    with pytest.raises(CkrError, match="0x190"):
        async with asyncio.timeout(20):
            await waiting
