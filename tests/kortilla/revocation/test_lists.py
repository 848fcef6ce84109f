# SPDX-License-Identifier: MIT
"""How CRLs are kept and renewed, and large ones."""

import asyncio
import threading
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from kortilla.errors import (
    UserCertificateCRLCheckFailedError,
    UserCertificateRevokedError,
)
from kortilla.revocation import crl as lists
from kortilla.revocation import der
from kortilla.revocation.certificates import Subject
from kortilla.revocation.interface import NoAnswerError
from tests.kortilla.pki import CA, NOW, SURNAME, key
from tests.kortilla.responder import (
    LEAF_SERIAL,
    Chain,
    List,
    Server,
    big_list,
    checker_by,
)
from tests.kortilla.revocation_checks import Clock, accepted, listing, refused, well

HOUR = timedelta(hours=1)


@pytest.fixture
def chain(server: Server, root: CA) -> Chain:
    """A valid chain with CRLs."""
    return well(server, root, by="crl")


checker = partial(checker_by, by="crl")
refusal = partial(refused, by="crl")


# --- keeping lists


async def test_concurrent_first_uses_fetch_once(chain: Chain, server: Server) -> None:
    async with checker() as revocation:
        await asyncio.gather(
            *(revocation.check(chain.path_without_root, at=NOW) for _ in range(50))
        )
    assert server.asked == ["crl/issuing.crl"]


async def test_one_who_gives_up_does_not_stop_the_others(
    chain: Chain, server: Server
) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        asked.set()
        await go.wait()
        return await List(chain.ca)(request)

    server.handlers["crl/issuing.crl"] = wait
    async with checker() as revocation:
        first, second = (
            asyncio.create_task(revocation.check(chain.path_without_root, at=NOW))
            for _ in range(2)
        )
        await asked.wait()
        first.cancel()
        go.set()
        await second
        assert first.cancelled()
    assert server.asked == ["crl/issuing.crl"]


async def test_a_folder_keeps_lists_across_restarts(
    chain: Chain, server: Server, tmp_path: Path
) -> None:
    folder = tmp_path / "made" / "when needed"
    for _ in range(2):
        await accepted(chain.path, by="crl", cache_folder=folder)
    assert len(server.asked) == 2
    assert folder.stat().st_mode & 0o077 == 0
    files = listing(folder)
    assert len(files) == 2
    for file in files:
        assert file.stat().st_mode & 0o077 == 0
        assert "127.0.0.1" not in file.name


async def test_without_a_folder_nothing_is_left(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with checker() as revocation:
        await revocation.check(chain.path, at=NOW)
        assert len(listing(tmp_path)) == 1
    assert listing(tmp_path) == []


async def test_a_checker_that_is_closed_at_any_moment_leaves_nothing(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    closed = []
    for steps in range(30):
        revocation = checker()
        asking = asyncio.create_task(revocation.check(chain.path, at=NOW))
        for _ in range(steps):
            await asyncio.sleep(0)
        asking.cancel()
        await revocation.close()
        await asyncio.gather(asking, return_exceptions=True)
        closed.append(revocation)  # the garbage collector would clean up
    # The tasks of threads end.
    await asyncio.get_running_loop().shutdown_default_executor()
    assert listing(tmp_path) == []


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)


def lengthen(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(10_000_000)


def lead_to_folder(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.parent)


POISONS: dict[str, Callable[[Path, Chain], object]] = {
    "cut off": lambda file, _: file.write_bytes(file.read_bytes()[:-1]),
    "a bit": lambda file, _: flip(file),
    "forged": lambda file, chain: file.write_bytes(
        List(chain.ca, serials=(), signing_key=key("P-384")).encode()
    ),
    "huge": lambda file, _: lengthen(file),
    "a folder": lambda file, _: lead_to_folder(file),
}


@pytest.mark.parametrize("poison", POISONS)
async def test_a_poisoned_file_is_not_believed_and_replaced(
    chain: Chain,
    server: Server,
    tmp_path: Path,
    poison: str,
) -> None:
    server.handlers["crl/issuing.crl"] = List(chain.ca, serials=[LEAF_SERIAL])
    for round_ in range(3):
        with pytest.raises(UserCertificateRevokedError):
            await accepted(
                chain.path_without_root,
                by="crl",
                cache_folder=tmp_path,
                crl_octets=100_000,
            )
        [file] = listing(tmp_path)
        if round_ == 0:
            POISONS[poison](file, chain)
    assert len(server.asked) == 2  # by the last round the file is whole again


async def test_a_folder_that_cannot_be_written_is_named(
    chain: Chain, tmp_path: Path
) -> None:
    occupied = tmp_path / "file"
    occupied.touch()
    error = await refusal(chain.path, cache_folder=occupied)
    assert error.reason == "storage"
    assert str(occupied) in str(error)


async def test_what_an_ended_process_left_behind_is_removed(
    chain: Chain, tmp_path: Path
) -> None:
    left = tmp_path / "0123.part"
    left.touch()
    clock = Clock()
    clock.now = NOW.now(NOW.tzinfo) + timedelta(minutes=59)
    async with checker(cache_folder=tmp_path, clock=clock) as revocation:
        with pytest.raises(UserCertificateCRLCheckFailedError):
            await revocation.check(chain.path_without_root, at=NOW)
        assert left.exists()  # another process may be writing it
        clock.now += timedelta(minutes=2)
        with pytest.raises(UserCertificateCRLCheckFailedError):
            await revocation.check(chain.path_without_root, at=NOW)
        assert not left.exists()


# --- newer lists


async def until(condition: Callable[[], bool]) -> None:
    """Let other tasks run until a condition holds."""
    async with asyncio.timeout(60):
        for _ in iter(condition, True):
            await asyncio.sleep(0)


async def test_a_newer_list_is_fetched_without_anybody_waiting(
    chain: Chain, server: Server
) -> None:
    clock = Clock()
    go = asyncio.Event()

    async def newer(request: web.Request) -> web.StreamResponse:
        await go.wait()
        return await List(
            chain.ca, serials=[LEAF_SERIAL], this_update=timedelta(minutes=30)
        )(request)

    async with checker(clock=clock) as revocation:

        async def check() -> None:
            await revocation.check(chain.path_without_root, at=NOW)

        await check()
        clock.now += timedelta(minutes=59)
        await check()
        assert len(server.asked) == 1
        server.handlers["crl/issuing.crl"] = newer
        clock.now += timedelta(minutes=1)
        await check()
        await check()
        go.set()

        with pytest.raises(UserCertificateRevokedError):
            async with asyncio.timeout(60):
                while True:
                    await check()
                    await asyncio.sleep(0)
    assert len(server.asked) == 2


async def test_a_list_is_used_to_its_end_when_there_is_no_newer_one(
    chain: Chain, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    async with checker(clock=clock) as revocation:
        await revocation.check(chain.path_without_root, at=NOW)
        del server.handlers["crl/issuing.crl"]
        clock.now = NOW + timedelta(hours=5)
        await revocation.check(chain.path_without_root, at=NOW)
        await until(lambda: len(server.asked) == 2 and "404" in caplog.text)
        clock.now = NOW + timedelta(hours=23, minutes=16)
        with pytest.raises(UserCertificateCRLCheckFailedError) as caught:
            await revocation.check(chain.path_without_root, at=NOW)
    assert caught.value.reason in {"http-status", "expired"}
    assert SURNAME not in caplog.text


async def test_a_list_past_its_end_is_replaced_before_anybody_is_let_in(
    chain: Chain, server: Server
) -> None:
    clock = Clock()
    async with checker(clock=clock) as revocation:
        await revocation.check(chain.path_without_root, at=NOW)
        server.handlers["crl/issuing.crl"] = List(
            chain.ca,
            serials=[LEAF_SERIAL],
            this_update=22 * HOUR,
            next_update=46 * HOUR,
        )
        clock.now = NOW + timedelta(hours=23)
        with pytest.raises(UserCertificateRevokedError):
            await revocation.check(chain.path_without_root, at=NOW)


async def test_an_older_list_does_not_replace_a_newer_one(
    chain: Chain, server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    newer = List(chain.ca, serials=[LEAF_SERIAL])
    older = List(chain.ca, this_update=-2 * HOUR)
    server.handlers["crl/issuing.crl"] = newer
    async with checker(clock=clock, cache_folder=tmp_path) as revocation:
        for _ in range(3):
            with pytest.raises(UserCertificateRevokedError):
                await revocation.check(chain.path_without_root, at=NOW)
            server.handlers["crl/issuing.crl"] = older
            clock.now += HOUR
        await until(lambda: "older" in caplog.text)
    # Nor does it in the file, for a checker that starts later.
    async with checker(clock=clock, cache_folder=tmp_path) as revocation:
        with pytest.raises(UserCertificateRevokedError):
            await revocation.check(chain.path_without_root, at=NOW)


async def test_an_unchanged_list_is_not_sent_again(
    chain: Chain, server: Server
) -> None:
    clock = Clock()
    sent = []

    async def conditional(request: web.Request) -> web.StreamResponse:
        sent.append(request.headers.get("If-None-Match"))
        if sent[-1] == '"1"':
            return web.Response(status=304)
        response = await List(chain.ca)(request)
        response.headers["ETag"] = '"1"'
        return response

    server.handlers["crl/issuing.crl"] = conditional
    async with checker(clock=clock) as revocation:
        for hour in range(3):
            async with asyncio.timeout(60):
                while len(sent) <= hour:
                    await revocation.check(chain.path_without_root, at=NOW)
                    await asyncio.sleep(0)
            clock.now += HOUR
    assert sent == [None, '"1"', '"1"']


async def test_a_list_that_another_process_fetched_is_used(
    chain: Chain, server: Server, tmp_path: Path
) -> None:
    clock = Clock()
    async with (
        checker(clock=clock, cache_folder=tmp_path) as one,
        checker(clock=clock, cache_folder=tmp_path) as other,
    ):
        await one.check(chain.path_without_root, at=NOW)
        await other.check(chain.path_without_root, at=NOW)
        assert len(server.asked) == 1
        clock.now += timedelta(hours=23)  # both must fetch a newer one now
        server.handlers["crl/issuing.crl"] = List(
            chain.ca, this_update=22 * HOUR, next_update=46 * HOUR
        )
        await one.check(chain.path_without_root, at=NOW)
        await other.check(chain.path_without_root, at=NOW)
    assert len(server.asked) == 2


# --- large lists


async def test_a_big_list_does_not_hold_up_the_event_loop(
    server: Server, root: CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = Chain.create(server.address, root)
    body = big_list(chain.ca, 150_000, LEAF_SERIAL)
    loading, threads = threading.Event(), []
    load = lists.load

    def watched(*arguments: Any, **options: Any) -> lists.RevocationList:
        threads.append(threading.current_thread())
        loading.set()
        try:
            return load(*arguments, **options)
        finally:
            loading.clear()

    monkeypatch.setattr(lists, "load", watched)

    async def serve(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body)

    server.handlers["crl/issuing.crl"] = serve
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += loading.is_set()
            await asyncio.sleep(0)

    async with checker() as revocation:
        ticking = asyncio.create_task(tick())
        with pytest.raises(UserCertificateRevokedError):
            await revocation.check(chain.path_without_root, at=NOW)
        ticking.cancel()
        for _ in range(100):
            with pytest.raises(UserCertificateRevokedError):
                await revocation.check(chain.path_without_root, at=NOW)
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()
    assert ticks > 10


def test_every_entry_of_a_big_list_is_found(root: CA, tmp_path: Path) -> None:
    file = tmp_path / "list"
    wanted = range(1 << 70, (1 << 70) + 500)
    body = big_list(root, 50_000, *wanted)
    file.write_bytes(body)
    issuer = Subject.of(root.certificate)
    found = lists.load(file, issuer=issuer, most_octets=len(body))
    assert found.count == 50_500
    assert all(found.lists(serial) for serial in wanted)
    assert not any(found.lists(serial + 500) for serial in wanted)
    with pytest.raises(NoAnswerError) as caught:
        lists.load(file, issuer=issuer, most_octets=len(body) - 1)
    assert caught.value.reason == "too-large"


def test_millions_of_empty_elements_are_not_kept_in_memory(
    root: CA, tmp_path: Path
) -> None:
    """That part is not signed, so any machine on the network path can send it."""
    file, issuer = tmp_path / "list", Subject.of(root.certificate)
    many = b"\x05\x00" * 1_000_000
    for content in (many, der.encode(der.SEQUENCE, b"\x02\x01\x01", many)):
        file.write_bytes(der.encode(der.SEQUENCE, content))
        tracemalloc.start()
        with pytest.raises(NoAnswerError) as caught:
            lists.load(file, issuer=issuer, most_octets=10_000_000)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert caught.value.reason == "not-crl"
        assert peak < 10_000_000
