# SPDX-License-Identifier: MIT
"""How CRLs are kept and renewed, and large ones."""

import asyncio
import os
import threading
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
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
from tests.kortilla.pki import CA, NOW, SURNAME, Clock
from tests.kortilla.responder import LEAF_SERIAL, List, always, big_list
from tests.kortilla.revocation_checks import Checks, listing

HOUR = timedelta(hours=1)


@pytest.fixture
def leaf(crl: Checks, clock: Clock) -> Checks:
    """Checks of the leaf alone, at the time of the clock."""
    crl.path = crl.leaf_alone
    crl.options["clock"] = clock
    return crl


# --- keeping lists


async def test_concurrent_first_uses_fetch_once(leaf: Checks) -> None:
    async with leaf.checker() as revocation:
        await asyncio.gather(*(revocation.check(leaf.path, at=NOW) for _ in range(50)))
    assert leaf.server.asked == ["crl/issuing.crl"]


async def test_one_who_gives_up_does_not_stop_the_others(leaf: Checks) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        asked.set()
        await go.wait()
        return await List(leaf.chain.ca)(request)

    leaf.serve(wait)
    async with leaf.checker() as revocation:
        first, second = (
            asyncio.create_task(revocation.check(leaf.path, at=NOW)) for _ in range(2)
        )
        await asked.wait()
        first.cancel()
        go.set()
        await second
        assert first.cancelled()
    assert leaf.server.asked == ["crl/issuing.crl"]


async def test_a_folder_keeps_lists_across_restarts(
    crl: Checks, tmp_path: Path
) -> None:
    folder = tmp_path / "made" / "when needed"
    for _ in range(2):
        await crl.accept(cache_folder=folder)
    assert sorted(crl.server.asked) == ["crl/issuing.crl", "crl/root.crl"]
    files = listing(folder)
    assert len(files) == 2
    for each in (folder, *files):
        assert each.stat().st_mode & 0o077 == 0
        assert "127.0.0.1" not in each.name


async def test_a_checker_that_is_closed_at_any_moment_leaves_nothing(
    crl: Checks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with crl.checker() as revocation:
        await revocation.check(crl.path, at=NOW)
        assert len(listing(tmp_path)) == 1
    assert listing(tmp_path) == []
    closed = []
    for steps in range(30):
        revocation = crl.checker()
        asking = asyncio.create_task(revocation.check(crl.path, at=NOW))
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


def forge(file: Path) -> None:
    forger = CA.create("SPECIMEN Issuing CA")
    file.write_bytes(List(forger, serials=()).encode())


POISONS: dict[str, Callable[[Path], object]] = {
    "cut off": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "a bit": flip,
    "forged": forge,
    "huge": lengthen,
    "a folder": lead_to_folder,
}


@pytest.mark.parametrize("poison", POISONS)
async def test_a_poisoned_file_is_not_believed_and_replaced(
    leaf: Checks, tmp_path: Path, poison: str
) -> None:
    leaf.answer(serials=[LEAF_SERIAL])
    for round_ in range(3):
        await leaf.revoked(cache_folder=tmp_path, crl_octets=100_000)
        [file] = listing(tmp_path)
        if round_ == 0:
            POISONS[poison](file)
    assert len(leaf.server.asked) == 2  # by the last round the file is whole again


async def test_a_folder_that_cannot_be_written_is_named(
    crl: Checks, tmp_path: Path
) -> None:
    occupied = tmp_path / "file"
    occupied.touch()
    assert str(occupied) in await crl.refuse("storage", cache_folder=occupied)


async def test_what_an_ended_process_left_behind_is_removed(
    leaf: Checks, tmp_path: Path, clock: Clock
) -> None:
    left = tmp_path / "0123.part"
    left.touch()
    os.utime(left, (NOW.timestamp(), NOW.timestamp()))
    leaf.options["cache_folder"] = tmp_path
    clock.forward(minutes=59)
    await leaf.accept()
    assert left.exists()  # another process may be writing it
    clock.forward(minutes=2)
    await leaf.accept()
    assert not left.exists()


# --- newer lists


async def until(condition: Callable[[], bool]) -> None:
    """Let other tasks run until a condition holds."""
    async with asyncio.timeout(60):
        for _ in iter(condition, True):
            await asyncio.sleep(0)


async def test_a_newer_list_is_fetched_without_anybody_waiting(
    leaf: Checks, clock: Clock
) -> None:
    go = asyncio.Event()
    half_an_hour = timedelta(minutes=30)
    newer = List(leaf.chain.ca, serials=[LEAF_SERIAL], this_update=half_an_hour)

    async def serve_newer(request: web.Request) -> web.StreamResponse:
        await go.wait()
        return await newer(request)

    async with leaf.checker() as revocation:
        await revocation.check(leaf.path, at=NOW)
        clock.forward(minutes=59)
        await revocation.check(leaf.path, at=NOW)
        assert len(leaf.server.asked) == 1
        leaf.serve(serve_newer)
        clock.forward(minutes=1)
        for _ in range(2):
            await revocation.check(leaf.path, at=NOW)
        go.set()
        with pytest.raises(UserCertificateRevokedError):
            async with asyncio.timeout(60):
                while True:
                    await revocation.check(leaf.path, at=NOW)
                    await asyncio.sleep(0)
    assert len(leaf.server.asked) == 2


async def test_a_list_is_used_to_its_end_when_there_is_no_newer_one(
    leaf: Checks, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with leaf.checker() as revocation:
        await revocation.check(leaf.path, at=NOW)
        leaf.server.handlers.clear()
        clock.forward(hours=5)
        await revocation.check(leaf.path, at=NOW)
        await until(lambda: len(leaf.server.asked) == 2 and "404" in caplog.text)
        clock.forward(hours=18, minutes=16)
        with pytest.raises(UserCertificateCRLCheckFailedError) as caught:
            await revocation.check(leaf.path, at=NOW)
    assert caught.value.reason in {"http-status", "expired"}
    assert SURNAME not in caplog.text


async def test_a_list_past_its_end_is_replaced_before_anybody_is_let_in(
    leaf: Checks, clock: Clock
) -> None:
    async with leaf.checker() as revocation:
        await revocation.check(leaf.path, at=NOW)
        leaf.answer(serials=[LEAF_SERIAL], this_update=22 * HOUR, next_update=46 * HOUR)
        clock.forward(hours=23)
        with pytest.raises(UserCertificateRevokedError):
            await revocation.check(leaf.path, at=NOW)


async def test_an_older_list_does_not_replace_a_newer_one(
    leaf: Checks, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    leaf.options["cache_folder"] = tmp_path
    leaf.answer(serials=[LEAF_SERIAL])
    async with leaf.checker() as revocation:
        for _ in range(3):
            with pytest.raises(UserCertificateRevokedError):
                await revocation.check(leaf.path, at=NOW)
            leaf.answer(this_update=-2 * HOUR)
            clock.forward(hours=1)
        await until(lambda: "older" in caplog.text)
    # Nor does it in the file, for a checker that starts later.
    await leaf.revoked()


async def test_an_unchanged_list_is_not_sent_again(leaf: Checks, clock: Clock) -> None:
    sent = []

    async def conditional(request: web.Request) -> web.StreamResponse:
        sent.append(request.headers.get("If-None-Match"))
        if sent[-1] == '"1"':
            return web.Response(status=304)
        response = await List(leaf.chain.ca)(request)
        response.headers["ETag"] = '"1"'
        return response

    leaf.serve(conditional)
    async with leaf.checker() as revocation:
        for hour in range(3):
            async with asyncio.timeout(60):
                while len(sent) <= hour:
                    await revocation.check(leaf.path, at=NOW)
                    await asyncio.sleep(0)
            clock.forward(hours=1)
    assert sent == [None, '"1"', '"1"']


async def test_a_list_that_another_process_fetched_is_used(
    leaf: Checks, clock: Clock, tmp_path: Path
) -> None:
    leaf.options["cache_folder"] = tmp_path
    async with leaf.checker() as one, leaf.checker() as other:

        async def check() -> None:
            await one.check(leaf.path, at=NOW)
            await other.check(leaf.path, at=NOW)

        await check()
        assert len(leaf.server.asked) == 1
        clock.forward(hours=23)  # both must fetch a newer one now
        leaf.answer(this_update=22 * HOUR, next_update=46 * HOUR)
        await check()
    assert len(leaf.server.asked) == 2


# --- large lists


async def test_a_big_list_does_not_hold_up_the_event_loop(
    leaf: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaf.serve(always(big_list(leaf.chain.ca, 150_000, LEAF_SERIAL)))
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

    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += loading.is_set()
            await asyncio.sleep(0)

    async with leaf.checker() as revocation:
        ticking = asyncio.create_task(tick())
        with pytest.raises(UserCertificateRevokedError):
            await revocation.check(leaf.path, at=NOW)
        ticking.cancel()
        for _ in range(100):
            with pytest.raises(UserCertificateRevokedError):
                await revocation.check(leaf.path, at=NOW)
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
