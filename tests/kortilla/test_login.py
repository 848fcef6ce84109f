# SPDX-License-Identifier: MIT
"""Logins by the routes, without a web framework or a server: sessions and recency."""

import json
import re
import runpy
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI

import kortilla.starlette
from kortilla import Identity, LoginService, Trust
from kortilla.errors import ChallengeNonceExpiredError, ConfigurationError
from kortilla.revocation import UNCHECKED, Revocation
from kortilla.web import login
from kortilla.web.http import Headers
from kortilla.web.routes import LoginRoutes
from kortilla.web.sessions import BrowserSessions, SessionStore
from tests.kortilla.browser import COOKIE, Client, Visitor
from tests.kortilla.pki import ORIGIN, SATU, Clock, Leaf
from tests.support.guide import blocks

MINUTE = timedelta(minutes=1)


@pytest.fixture
def service(trust: Trust, clock: Clock) -> LoginService:
    return LoginService(origin=ORIGIN, trust=trust, clock=clock)


@pytest.fixture
def visitor(service: LoginService) -> Visitor:
    return Visitor(LoginRoutes(service))


@pytest.fixture
async def identity(service: LoginService, leaf: Leaf) -> Identity:
    """A person who has just logged in."""
    session: dict[str, object] = {}
    token = leaf.token(nonce=await service.challenge(session))
    return await service.login(session, token)


# --- challenges and sessions


async def test_a_session_id_that_the_server_did_not_give_is_not_taken_over(
    visitor: Visitor,
) -> None:
    for chosen in ("chosen-by-an-attacker", "A" * 43):  # the other is well-formed
        visitor.cookie = f"{COOKIE}={chosen}"
        await visitor.challenge()
        assert chosen not in visitor.cookie


async def test_a_refused_token_uses_the_challenge_up(
    visitor: Visitor, leaf: Leaf
) -> None:
    nonce = await visitor.challenge()
    wrong = leaf.token(nonce=nonce, origin="https://phishing.example")
    for token, code in (
        (wrong, "AUTH_TOKEN_SIGNATURE_VALIDATION"),
        (leaf.token(nonce=nonce), "CHALLENGE_NONCE_NOT_FOUND"),
    ):
        refused = await visitor.refusal("/login", {"authToken": token})
        assert refused == (403, code)


async def test_a_token_for_another_session(visitor: Visitor, leaf: Leaf) -> None:
    """Login CSRF: the victim signs the attacker's nonce, or the reverse."""
    other = Visitor(visitor.routes)
    nonce = await visitor.challenge()
    await other.challenge()
    body = {"authToken": leaf.token(nonce=nonce)}
    for named, code in (
        ({"nonce": nonce}, "CHALLENGE_NONCE_NOT_FOUND"),
        ({}, "AUTH_TOKEN_SIGNATURE_VALIDATION"),
    ):
        assert await other.refusal("/login", body | named) == (403, code)


async def test_each_login_has_a_new_session_and_the_earlier_one_ends(
    visitor: Visitor, leaf: Leaf
) -> None:
    nonce = await visitor.challenge()
    cookies = [visitor.cookie]
    for _ in range(2):
        assert (await visitor.log_in(leaf)).status == 200
        cookies.append(visitor.cookie)
        assert await session(visitor)
    # Another tab must start again.
    body = {"authToken": leaf.token(nonce=nonce), "nonce": nonce}
    assert await visitor.refusal("/login", body) == (403, "CHALLENGE_NONCE_NOT_FOUND")
    await visitor.post("/logout", {})
    assert len(set(cookies)) == 3
    for cookie in cookies:
        assert await session(Visitor(visitor.routes, cookie)) is None


async def session(visitor: Visitor) -> str | None:
    return await visitor.routes.session_id(Headers([("Cookie", visitor.cookie)]))


async def test_another_site_reaches_no_route(visitor: Visitor) -> None:
    for route in ("/challenge", "/login", "/logout"):
        answer = await visitor.post(route, {}, Origin="https://other.example")
        assert json.loads(answer.body)["error"]["code"] == "ORIGIN_REFUSED"
        assert "Set-Cookie" not in dict(answer.headers)


@pytest.mark.parametrize(
    "origin", [ORIGIN, "http://localhost:8080"], ids=["https", "http here"]
)
async def test_the_cookie_names_the_session_and_protects_it(
    origin: str, trust: Trust
) -> None:
    secure = origin == ORIGIN
    routes = LoginRoutes(LoginService(origin=origin, trust=trust))
    visitor = Visitor(routes)
    protection = ["HttpOnly", "Path=/", "SameSite=Lax", *["Secure"] * secure]
    for path, more in (("/challenge", []), ("/logout", ["Max-Age=0"])):
        answer = await visitor.post(path, {})
        [cookie] = [v for name, v in answer.headers if name == "Set-Cookie"]
        pair, *attributes = cookie.split("; ")
        assert attributes == more + protection
        value = '""' if more else r"[\w-]{43}"
        name = "__Host-kortilla-session" if secure else "kortilla-session"
        assert re.fullmatch(f"{name}={value}", pair)
        # The session is the cookie's, and is not sent again.
        again = dict((await visitor.post("/challenge", {})).headers)
        assert ("Set-Cookie" in again) == bool(more)


async def test_a_request_whose_cookies_are_odd_has_no_session() -> None:
    store = SessionStore()
    sessions = BrowserSessions(store)
    good, other = [f"{COOKIE}={await store.create({})}" for _ in range(2)]
    for cookies in (
        [],
        [""],
        ["=;;=; ;"],
        [f"{COOKIE}"],
        [f"{COOKIE}="],
        [f"{COOKIE}=x"],
        [f"x{good}"],
        [good.replace("__Host-", "__host-")],
        [f'{COOKIE}="{good.partition("=")[2]}"'],
        [f"{good}x"],
        [f"{good}\n"[:-2]],
        # Either of the two might be meant.
        [good, other],
        [f"{good}; {other}"],
        [f"{good}; {good}"],
        [f"{good}; {COOKIE}="],
    ):
        assert (await sessions.load(cookies)).id is None, cookies
    for cookies in (
        [good],
        [f"a=1; {good};b"],
        ["a=1", good],
        [f"  {good}  ;"],
        [f'a="; {good}; "'],
    ):
        assert (await sessions.load(cookies)).id is not None, cookies


async def test_an_identity_of_another_version_is_nobody(
    service: LoginService, identity: Identity
) -> None:
    """A shared store may hold data of an earlier version of the program."""
    session: dict[str, object] = {}
    service.set_identity(session, identity)
    assert service.identity(session) == identity
    [(name, data)] = session.items()
    assert isinstance(data, dict)
    assert len(json.dumps(data)) < 500  # it may be a cookie
    others: tuple[object, ...] = (
        {k: v for k, v in data.items() if k != "satu"},
        {**data, "serial": "x"},
        {**data, "not_after": "x"},
        *({}, [], "x", 1),
    )
    for other in others:
        assert service.identity({name: other}) is None, other


# --- the revocation checker of a service


class Watched(Revocation):
    made: list["Watched"] = []
    closed = 0

    def __init__(self) -> None:
        super().__init__()
        self.made.append(self)

    async def close(self) -> None:
        self.closed += 1
        await super().close()


async def test_production_trust_alone_gets_a_checker_that_the_service_closes(
    trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "Revocation", Watched)
    monkeypatch.setattr(Watched, "made", [])
    production = replace(trust, test=False)
    mine = Revocation()
    for checker in (mine, UNCHECKED):
        service = LoginService(origin=ORIGIN, trust=production, revocation=checker)
        await service.close()
    await LoginService(origin=ORIGIN, trust=trust).close()
    await mine.close()
    assert Watched.made == []
    service = LoginService(origin=ORIGIN, trust=production)
    await service.close()
    await service.close()
    assert [checker.closed for checker in Watched.made] == [2]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, True),
        ({"by": "crl"}, True),
        ({"by": "ocsp"}, False),
        ({"cache_folder": "lists"}, False),
    ],
)
async def test_a_checker_that_forgets_its_lists_is_named_at_the_start(
    trust: Trust,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    options: dict[str, Any],
    named: bool,
) -> None:
    if "cache_folder" in options:
        options = {"cache_folder": tmp_path}
    async with Revocation(**options) as checker:
        await LoginService(origin=ORIGIN, trust=trust, revocation=checker).close()
    assert ("accepts an older one again" in caplog.text) == named


# --- logins again, before something that matters


async def test_a_login_says_when_it_was_in_utc(trust: Trust, leaf: Leaf) -> None:
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
    store = SessionStore()
    routes = LoginRoutes(service, sessions=store)
    data: dict[str, object] = {}
    service.set_identity(data, identity)
    headers = Headers([("Cookie", f"{COOKIE}={await store.create(data)}")])

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


# --- FastAPI


@pytest.fixture
def app(service: LoginService) -> FastAPI:
    app = FastAPI()
    kortilla.starlette.setup(app, service)
    return app


async def test_in_fastapi_no_address_chooses_max_age(app: FastAPI) -> None:
    person = Depends(kortilla.starlette.current_identity)

    @app.get("/who")
    async def who(person: Annotated[Identity | None, person]) -> Identity | None:
        return person

    assert "parameters" not in app.openapi()["paths"]["/who"]["get"]
    assert await Client(app).get("/who?max_age=-1") is None


async def test_the_example_of_the_guide_demands_a_recent_login(
    app: FastAPI, leaf: Leaf, clock: Clock, tmp_path: Path
) -> None:
    example = tmp_path / "example.py"
    example.write_text(blocks("login-reference.md", "python")[0])
    recent = runpy.run_path(str(example))["JustLoggedIn"]

    @app.get("/who")
    async def who(person: recent) -> str:  # type: ignore[valid-type] # the example's
        satu: str = person.satu  # type: ignore[attr-defined] # as above
        return satu

    client = Client(app)
    await client.log_in(leaf)
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
