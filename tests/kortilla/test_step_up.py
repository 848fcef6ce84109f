# SPDX-License-Identifier: MIT
"""How recent a login is: ``authenticated_at`` and ``max_age``."""

import runpy
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI

import kortilla.starlette
from kortilla import Identity, LoginService, Trust
from kortilla.errors import ChallengeNonceExpiredError, ConfigurationError
from kortilla.web.http import Headers
from kortilla.web.routes import LoginRoutes
from kortilla.web.sessions import MemorySessionStore
from tests.kortilla.pki import ORIGIN, SATU, Clock, Leaf
from tests.kortilla.test_setup import Client
from tests.support.guide import blocks

MINUTE = timedelta(minutes=1)


@pytest.fixture
def service(trust: Trust, clock: Clock) -> LoginService:
    return LoginService(origin=ORIGIN, trust=trust, clock=clock)


@pytest.fixture
async def identity(service: LoginService, leaf: Leaf) -> Identity:
    """A person who has just logged in."""
    session: dict[str, object] = {}
    token = leaf.token(nonce=await service.challenge(session))
    return await service.login(session, token)


async def test_a_login_says_when_it_was(identity: Identity, clock: Clock) -> None:
    assert identity.authenticated_at == clock.now
    assert identity.authenticated_at.tzinfo is UTC


async def test_its_time_is_utc_with_any_clock(trust: Trust, leaf: Leaf) -> None:
    local = Clock().now.astimezone(timezone(timedelta(hours=3)))
    service = LoginService(origin=ORIGIN, trust=trust, clock=lambda: local)
    session: dict[str, object] = {}
    token = leaf.token(nonce=await service.challenge(session))
    since = (await service.login(session, token)).authenticated_at
    assert since == local
    assert since.tzinfo is UTC


async def test_only_a_recent_login_is_enough_for_max_age(
    service: LoginService, identity: Identity, clock: Clock
) -> None:
    store = MemorySessionStore()
    routes = LoginRoutes(service, sessions=store)
    data: dict[str, object] = {}
    service.set_identity(data, identity)
    headers = Headers(
        [("Cookie", f"__Host-kortilla-session={await store.create(data)}")]
    )

    async def who(max_age: timedelta | None = None) -> Identity | None:
        return await routes.current_identity(headers, max_age=max_age)

    clock.forward(minutes=5)
    assert await who() == identity
    assert await who(5 * MINUTE) == identity
    assert await who(5 * MINUTE - timedelta(seconds=1)) is None
    # A server whose clock is behind by more than the age is no proof of a recent login.
    clock.forward(minutes=-11)
    assert await who(5 * MINUTE) is None
    assert await who(6 * MINUTE) == identity
    for wrong in (timedelta(0), -MINUTE):
        with pytest.raises(ValueError, match="max_age"):
            await who(wrong)


async def test_a_session_of_an_older_version_is_never_recent(
    service: LoginService, identity: Identity
) -> None:
    stored = identity.to_json()
    del stored["authenticated_at"]
    old = Identity.from_json(stored)
    assert old.authenticated_at is None
    assert not old.is_recent(timedelta.max, at=service.now())
    assert "authenticated_at" not in old.to_json()
    with pytest.raises(ValueError, match="zone"):
        Identity.from_json({**stored, "authenticated_at": "2026-06-01T12:00:00"})


async def test_in_fastapi_no_address_chooses_max_age(service: LoginService) -> None:
    app = FastAPI()
    kortilla.starlette.setup(app, service)

    @app.get("/who")
    async def who(
        person: Annotated[
            Identity | None, Depends(kortilla.starlette.current_identity)
        ],
    ) -> Identity | None:
        return person

    assert "parameters" not in app.openapi()["paths"]["/who"]["get"]
    assert await Client(app).get("/who?max_age=-1") is None


async def test_the_example_of_the_guide_demands_a_recent_login(
    service: LoginService, leaf: Leaf, clock: Clock, tmp_path: Path
) -> None:
    example = tmp_path / "example.py"
    example.write_text(blocks("login-reference.md", "python")[0])
    recent = runpy.run_path(str(example))["JustLoggedIn"]
    app = FastAPI()
    kortilla.starlette.setup(app, service)

    @app.get("/who")
    async def who(person: recent) -> str:  # type: ignore[valid-type] # the example's
        satu: str = person.satu  # type: ignore[attr-defined] # as above
        return satu

    client = Client(app)
    token = leaf.token(nonce=(await client.post("/auth/challenge", {}))["nonce"])
    await client.post("/auth/login", {"authToken": token})
    assert await client.get("/who") == SATU
    clock.forward(minutes=6)
    with pytest.raises(AssertionError):  # the status is not 200
        await client.get("/who")


async def test_in_fastapi_the_serial_number_is_a_text(identity: Identity) -> None:
    """JavaScript rounds a number of twenty bytes."""
    app = FastAPI()

    @app.get("/typed")
    async def typed() -> Identity:
        return identity

    @app.get("/plain", response_model=None)
    async def plain() -> object:
        return identity

    for path in ("/typed", "/plain"):
        assert (await Client(app).get(path))["serial"] == "4242"
    schema = app.openapi()["components"]["schemas"]["Identity"]["properties"]
    assert schema["serial"]["type"] == "string"


async def test_the_life_of_a_challenge_can_be_shorter(
    trust: Trust, leaf: Leaf, clock: Clock
) -> None:
    service = LoginService(
        origin=ORIGIN, trust=trust, clock=clock, challenge_lifetime=MINUTE
    )
    session: dict[str, object] = {}
    token = leaf.token(nonce=await service.challenge(session))
    clock.forward(minutes=1)
    with pytest.raises(ChallengeNonceExpiredError):
        await service.login(session, token)
    for wrong in (timedelta(0), 6 * MINUTE):
        with pytest.raises(ConfigurationError):
            LoginService(origin=ORIGIN, trust=trust, challenge_lifetime=wrong)
