# SPDX-License-Identifier: MIT
"""Services are told when a session ends (OpenID Connect Back-Channel Logout 1.0)."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError

from kortilla.openid.login import backchannel
from kortilla.revocation.fetch import Limits
from tests.openid.conftest import MakeOP
from tests.openid.provider import Browser, LocalOP, configuration, until
from tests.support.patience import patience

EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Services:
    """The address of services, what they were told, and how they answer."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.names: list[str] = []
        self.statuses: list[int] = []
        self.block: asyncio.Event | None = None
        self.blocked: tuple[str, ...] = ("shop", "post")
        app = web.Application()
        app.router.add_post("/{name}", self._answer)
        self.server = TestServer(app, host="127.0.0.1")

    async def _answer(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert [*form] == ["logout_token"]
        self.told.append(str(form["logout_token"]))
        self.names.append(request.match_info["name"])
        if self.block is not None and self.names[-1] in self.blocked:
            await self.block.wait()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    def clients(self) -> list[dict[str, Any]]:
        """Return the shop and the one beside it, with an address each."""
        shop, _, post = configuration()["clients"]
        for client in (shop, post):
            uri = f"http://127.0.0.1:{self.server.port}/{client['id']}"
            client |= {"backchannel_logout_uri": uri, "allow_private_addresses": True}
        return [shop, {**post, "algorithm": "ES256"}]


@pytest_asyncio.fixture
async def services() -> AsyncIterator[Services]:
    made = Services()
    async with made.server:
        yield made


@pytest.fixture
def op(make_op: MakeOP, services: Services, monkeypatch: pytest.MonkeyPatch) -> LocalOP:
    monkeypatch.setattr(backchannel, "_TRIES", (0.0, 0.0, 0.0))
    return make_op(sso_minutes=60, clients=services.clients(), simulator=True)


async def at_both(op: LocalOP, browser: Browser, **more: str) -> dict[str, Any]:
    """Log in at the shop, and by the session at the other one. Returns the tokens."""
    own = {"login_hint": "SPECIMEN-VIRTANEN", **more}
    tokens = await browser.tokens(**own)
    other = {"client_id": "post", "redirect_uri": "https://post.example/cb"}
    _, answer = await browser.authorize(prompt="none", **other)
    assert "code" in answer.parameters
    return tokens


async def log_out(browser: Browser, hint: str) -> int:
    query = urlencode({"id_token_hint": hint})
    return (await browser.send("GET", f"/logout?{query}")).status


def header(token: str) -> dict[str, Any]:
    part = token.partition(".")[0]
    content: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return content


async def test_each_service_of_a_session_is_told(
    op: LocalOP, services: Services
) -> None:
    browser, stranger = Browser(op), Browser(op)
    tokens = await at_both(op, browser)
    await at_both(op, stranger, login_hint="SPECIMEN-KORHONEN")
    assert await log_out(browser, tokens["id_token"]) == 200
    await until(lambda: len(services.told) == 2)
    told = {each["aud"]: each for each in [await op.claims(t) for t in services.told]}
    login = await op.claims(tokens["id_token"])
    shop = told["shop"]
    assert shop.keys() == {"iss", "aud", "iat", "exp", "jti", "events", "sub", "sid"}
    assert (shop["sub"], shop["sid"]) == (login["sub"], login["sid"])
    assert shop["events"] == {EVENT: {}}
    assert shop["exp"] - shop["iat"] == 120
    # Two services can't tell by it that they have the same person.
    assert told["post"]["sid"] != shop["sid"]
    assert {header(each)["typ"] for each in services.told} == {"logout+jwt"}
    assert {header(each)["alg"] for each in services.told} == {"RS256", "ES256"}
    # A second logout tells nobody; another person's session goes on.
    await log_out(browser, tokens["id_token"])
    await op.provider.close()
    assert len(services.told) == 2


async def test_a_logout_token_is_no_id_token(op: LocalOP, services: Services) -> None:
    browser = Browser(op)
    tokens = await at_both(op, browser)
    await log_out(browser, tokens["id_token"])
    await until(lambda: len(services.told) == 2)
    # As a hint it would end a session, or name a person.
    for token in services.told:
        answer = await Browser(op).authorize(prompt="none", id_token_hint=token)
        assert answer[1].parameters["error"] == "invalid_request"


async def test_a_service_is_told_again_and_keeps_nobody_waiting(
    op: LocalOP, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Browser(op)
    tokens = await browser.tokens(login_hint="SPECIMEN-VIRTANEN")
    services.statuses, services.block = [500, 204], asyncio.Event()
    assert await log_out(browser, tokens["id_token"]) == 200
    services.block.set()
    await until(lambda: len(services.told) == 2)
    claims = [await op.claims(each) for each in services.told]
    assert claims[0]["jti"] != claims[1]["jti"]  # a service refuses one that it had
    services.statuses = [500, 302, 400]
    tokens = await browser.tokens(login_hint="SPECIMEN-VIRTANEN")
    assert await log_out(browser, tokens["id_token"]) == 200
    await until(lambda: "The client shop was not told of a logout" in caplog.text)
    assert len(services.told) == 5


async def test_who_logs_in_again_keeps_the_session_and_another_ends_it(
    op: LocalOP, services: Services
) -> None:
    browser = Browser(op)
    first = await op.claims((await at_both(op, browser))["id_token"])
    tokens = await browser.tokens(login_hint="SPECIMEN-VIRTANEN", prompt="login")
    again = await op.claims(tokens["id_token"])
    assert again["sid"] == first["sid"]
    assert services.told == []
    other = await browser.tokens(login_hint="SPECIMEN-KORHONEN", prompt="login")
    assert (await op.claims(other["id_token"]))["sid"] != first["sid"]
    await until(lambda: len(services.told) == 2)
    claims = [await op.claims(each) for each in services.told]
    assert first["sid"] in {each["sid"] for each in claims}


async def test_a_service_that_does_not_answer_holds_up_no_other(
    op: LocalOP,
    services: Services,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backchannel, "LIMITS", Limits(patience(), 1024))
    monkeypatch.setattr(backchannel, "_MOST_WAITING", 25)
    services.block, services.blocked = asyncio.Event(), ("shop",)
    for _ in range(26):
        browser = Browser(op)
        tokens = await browser.tokens(login_hint="SPECIMEN-VIRTANEN")
        await log_out(browser, tokens["id_token"])
    assert "The client shop was not told of a logout: 25 others" in caplog.text
    tokens = await at_both(op, browser)
    await log_out(browser, tokens["id_token"])

    await until(lambda: "post" in services.names)
    services.block.set()
    await op.provider.close()


async def test_a_session_that_lives_longer_forgets_no_service(
    op: LocalOP, services: Services
) -> None:
    browser = Browser(op)
    await at_both(op, browser)
    for _ in range(2):
        op.clock.ahead += 2400  # of the 3600 seconds of a session
        tokens = await browser.tokens(login_hint="SPECIMEN-VIRTANEN", prompt="login")
    assert await log_out(browser, tokens["id_token"]) == 200
    await until(lambda: len(services.told) == 2)
    told = {(await op.claims(each))["aud"] for each in services.told}
    assert told == {"shop", "post"}


async def test_without_sessions_there_is_no_sid_and_nobody_to_tell(
    make_op: MakeOP, services: Services
) -> None:
    op = make_op(simulator=True)
    tokens = await op.tokens(login_hint="SPECIMEN-VIRTANEN")
    assert "sid" not in await op.claims(tokens["id_token"])
    metadata = (await op.send("GET", "/.well-known/openid-configuration")).json
    assert "backchannel_logout_supported" not in metadata
    with pytest.raises(ValidationError, match="needs sso_minutes"):
        make_op(clients=services.clients())


async def test_a_private_address_is_told_only_if_that_is_allowed(
    make_op: MakeOP, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    clients = [{**c, "allow_private_addresses": False} for c in services.clients()]
    op = make_op(sso_minutes=60, clients=clients, simulator=True)
    browser = Browser(op)
    tokens = await browser.tokens(login_hint="SPECIMEN-VIRTANEN")
    await log_out(browser, tokens["id_token"])
    await op.provider.close()
    assert services.told == []
