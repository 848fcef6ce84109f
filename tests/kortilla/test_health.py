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
from kortilla.web.challenge import MemoryChallengeStore
from kortilla.web.prepared import MemoryPreparedStore
from kortilla.web.sessions import MemorySessionStore
from tests.kortilla.pki import CA, NOW, ORIGIN
from tests.kortilla.redis_server import RedisServer
from tests.kortilla.responder import OCSPAnswer, Server, checker_by
from tests.kortilla.revocation_checks import well


def service_of(trust: Trust | TrustFolder, **options: Any) -> LoginService:
    return LoginService(origin=ORIGIN, trust=trust, **{"clock": lambda: NOW} | options)


def states(health: Health) -> dict[str, str]:
    return {check.name: check.status for check in health.checks}


def detail(health: Health, name: str) -> str:
    [found] = [check.detail for check in health.checks if check.name == name]
    return found


async def test_all_is_well(trust: Trust) -> None:
    health = await check_health(
        service_of(trust), sessions=MemorySessionStore(), prepared=MemoryPreparedStore()
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
    assert detail(own, "revocation") == "Not known from here."


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
    assert states(health)["trust"] == state
    assert words in detail(health, "trust")
    assert health.ready == (state != "failed")


async def test_a_folder_that_is_broken_is_a_warning(tmp_path: Path, ca: CA) -> None:
    (tmp_path / "ca.der").write_bytes(ca.der)
    folder = TrustFolder(tmp_path, test=True)
    (tmp_path / "ca.der").unlink()
    with pytest.raises(TrustConfigurationError):
        folder.reload()
    health = await check_health(service_of(folder))
    assert states(health)["trust"] == "warning"
    assert "stay in use" in detail(health, "trust")
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
    assert list(states(health).values()).count("failed") == 3
    with redis.frozen():
        health = await look(0.2)
        assert "within 0.2 seconds" in detail(health, "sessions")
    assert not health.ready
    await look()  # each connection that broke fails once
    await stores.close()


async def test_a_store_of_the_services_own_that_raises_anything(trust: Trust) -> None:
    class Odd(MemoryChallengeStore):
        async def check(self) -> None:
            raise KeyError("secret")

    health = await check_health(service_of(trust, challenges=Odd()))
    assert states(health)["challenges"] == "failed"
    assert "secret" not in str(health)


async def test_revocation_sources(server: Server, root: CA) -> None:
    chain = well(server, root, by="ocsp")
    async with checker_by(by="ocsp", clock=lambda: NOW) as revocation:
        service = service_of(chain.ca.trust(root.der), revocation=revocation)
        health = await check_health(service, seconds=20)
        assert states(health)["revocation"] == "ok"
        assert server.asked == ["ocsp/root"]
        await check_health(service, seconds=20)
        assert server.asked == ["ocsp/root"]  # once in an hour

        # A login's failure is known without asking again.
        del server.handlers["ocsp/issuing"]
        with pytest.raises(Exception, match="OCSP"):
            await revocation.check(chain.path, at=NOW)
        asked = len(server.asked)
        health = await check_health(service, seconds=20)
        assert states(health)["revocation"] == "failed"
        assert "OCSP, 127.0.0.1" in detail(health, "revocation")
        assert len(server.asked) == asked
        lenient = await check_health(service, needs_revocation=False, seconds=20)
        assert states(lenient)["revocation"] == "warning"
        assert lenient.ready

        server.handlers["ocsp/issuing"] = OCSPAnswer(chain.ca)
        await revocation.check(chain.path, at=NOW)
        assert (await check_health(service, seconds=20)).ready


@pytest.mark.parametrize("fault", ["unreachable", "slow", "revoked"])
async def test_an_issuing_ca_that_can_not_be_checked(
    fault: str, server: Server, root: CA
) -> None:
    chain = well(server, root, by="ocsp")
    seconds = 20.0
    if fault == "unreachable":
        server.handlers.clear()
    elif fault == "revoked":
        server.handlers["ocsp/root"] = OCSPAnswer(root, status="revoked")
    else:
        seconds = 0.1

        async def never(_: object) -> Any:
            await asyncio.Event().wait()

        server.handlers["ocsp/root"] = never
    async with checker_by(by="ocsp", clock=lambda: NOW) as revocation:
        service = service_of(chain.ca.trust(root.der), revocation=revocation)
        health = await check_health(service, seconds=seconds)
        assert states(health)["revocation"] == "failed"
        words = {"unreachable": "OCSP", "slow": "within 0.1", "revoked": "revoked"}
        assert words[fault] in detail(health, "revocation")


async def test_without_the_root_a_warning_says_what_is_not_checked(
    trust: Trust, ca: CA
) -> None:
    async with Revocation() as revocation:
        health = await check_health(service_of(ca.trust(), revocation=revocation))
    assert states(health)["revocation"] == "warning"
    assert "root is missing" in detail(health, "revocation")
