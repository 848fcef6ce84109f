# SPDX-License-Identifier: MIT
"""Whether a service can log people in: its trust, stores and revocation sources."""

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kortilla import LoginService, Trust, TrustFolder
from kortilla.errors import TrustConfigurationError
from kortilla.health import Health, check_health
from kortilla.redis import RedisStores
from kortilla.revocation import UNCHECKED, Revocation
from kortilla.web.challenge import ChallengeStore
from kortilla.web.prepared import PreparedStore
from kortilla.web.sessions import SessionStore
from tests.kortilla.pki import CA, NOW, ORIGIN
from tests.kortilla.redis_server import RedisServer
from tests.kortilla.responder import OCSPAnswer, Server, checker_by
from tests.kortilla.revocation_checks import well


def service_of(trust: Trust | TrustFolder, **options: Any) -> LoginService:
    return LoginService(origin=ORIGIN, trust=trust, **{"clock": lambda: NOW} | options)


def of(health: Health, name: str) -> tuple[str, str]:
    """Return the state of a part, and the sentence about it."""
    [found] = [each for each in health.checks if each.name == name]
    return found.status, found.detail


async def test_all_is_well(trust: Trust) -> None:
    health = await check_health(
        service_of(trust), sessions=SessionStore(), prepared=PreparedStore()
    )
    assert health.ready
    assert json.loads(json.dumps(health.to_json())) == {
        "ready": True,
        "at": "2026-06-01T12:00:00+00:00",
        "checks": [
            {"name": "trust", "status": "ok", "detail": "Test trust."},
            {"name": "challenges", "status": "ok", "detail": ""},
            {"name": "sessions", "status": "ok", "detail": ""},
            {"name": "prepared", "status": "ok", "detail": ""},
            {"name": "revocation", "status": "ok", "detail": "Nothing is checked."},
        ],
    }
    own = await check_health(service_of(trust, revocation=UNCHECKED))
    assert of(own, "revocation") == ("ok", "Not known from here.")


@pytest.mark.parametrize(
    ("until", "state", "words"),
    [
        (datetime(2041, 1, 1), "ok", ""),
        (NOW + timedelta(days=29), "warning", "soon to expire"),
        (NOW - timedelta(days=1), "failed", "No issuing CA is valid"),
        (datetime(2019, 1, 1), "failed", "No issuing CA is valid"),  # not yet
    ],
)
async def test_a_trust_that_expires(
    until: datetime, state: str, words: str, root: CA
) -> None:
    ca = CA.create("SPECIMEN CA", parent=root)
    at = ca.certificate.not_valid_after - (until.replace(tzinfo=NOW.tzinfo) - NOW)
    if until.year == 2019:
        at = ca.certificate.not_valid_before - timedelta(days=1)
    health = await check_health(service_of(ca.trust(), clock=lambda: at))
    found, detail = of(health, "trust")
    assert (found, words in detail) == (state, True)
    assert health.ready == (state != "failed")


async def test_a_folder_that_is_broken_is_a_warning(tmp_path: Path, ca: CA) -> None:
    (tmp_path / "ca.der").write_bytes(ca.der)
    folder = TrustFolder(tmp_path, test=True)
    (tmp_path / "ca.der").unlink()
    with pytest.raises(TrustConfigurationError):
        folder.reload()
    health = await check_health(service_of(folder))
    state, detail = of(health, "trust")
    assert (state, "stay in use" in detail) == ("warning", True)
    assert health.ready


async def test_redis_goes_and_comes_back(trust: Trust, redis: RedisServer) -> None:
    stores = RedisStores.from_url(redis.url, seconds=2)
    service = service_of(trust, challenges=stores.challenges)

    async def look(seconds: float = 20) -> Health:
        return await check_health(
            service, sessions=stores.sessions, prepared=stores.prepared, seconds=seconds
        )

    assert (await look()).ready
    with redis.away():
        health = await look()
    assert not health.ready
    assert [each.status for each in health.checks].count("failed") == 3
    with redis.frozen():
        health = await look(0.2)
        assert "within 0.2 seconds" in of(health, "sessions")[1]
    assert not health.ready
    await look()  # each connection that broke fails once
    await stores.close()


async def test_a_store_of_the_services_own_that_raises_anything(trust: Trust) -> None:
    class Odd(ChallengeStore):
        async def check(self) -> None:
            raise KeyError("secret")

    health = await check_health(service_of(trust, challenges=Odd()))
    assert of(health, "challenges")[0] == "failed"
    assert "secret" not in str(health)


async def test_revocation_sources(server: Server, root: CA) -> None:
    chain = well(server, root, by="ocsp")
    async with checker_by(by="ocsp", clock=lambda: NOW) as revocation:
        service = service_of(chain.ca.trust(root.der), revocation=revocation)

        async def look(**options: Any) -> Health:
            return await check_health(service, seconds=20, **options)

        for _ in range(2):
            assert of(await look(), "revocation")[0] == "ok"
            assert server.asked == ["ocsp/root"]  # once in an hour

        # A login's failure is known without asking again.
        del server.handlers["ocsp/issuing"]
        with pytest.raises(Exception, match="OCSP"):
            await revocation.check(chain.path, at=NOW)
        asked = len(server.asked)
        state, detail = of(await look(), "revocation")
        assert (state, "OCSP, 127.0.0.1" in detail) == ("failed", True)
        assert len(server.asked) == asked
        lenient = await look(needs_revocation=False)
        assert of(lenient, "revocation")[0] == "warning"
        assert lenient.ready

        server.handlers["ocsp/issuing"] = OCSPAnswer(chain.ca)
        await revocation.check(chain.path, at=NOW)
        assert (await look()).ready


@pytest.mark.parametrize(
    ("fault", "seconds", "words"),
    [
        ("unreachable", 20, "OCSP"),
        ("slow", 0.1, "within 0.1"),
        ("revoked", 20, "revoked"),
    ],
)
async def test_an_issuing_ca_that_can_not_be_checked(
    fault: str, seconds: float, words: str, server: Server, root: CA
) -> None:
    async def never(_: object) -> Any:
        await asyncio.Event().wait()

    chain = well(server, root, by="ocsp")
    if fault == "unreachable":
        server.handlers.clear()
    else:
        revoked = OCSPAnswer(root, status="revoked")
        server.handlers["ocsp/root"] = never if fault == "slow" else revoked
    async with checker_by(by="ocsp", clock=lambda: NOW) as revocation:
        service = service_of(chain.ca.trust(root.der), revocation=revocation)
        health = await check_health(service, seconds=seconds)
    state, detail = of(health, "revocation")
    assert (state, words in detail) == ("failed", True)


async def test_without_the_root_a_warning_says_what_is_not_checked(ca: CA) -> None:
    async with Revocation() as revocation:
        health = await check_health(service_of(ca.trust(), revocation=revocation))
    state, detail = of(health, "revocation")
    assert (state, "root is missing" in detail) == ("warning", True)
