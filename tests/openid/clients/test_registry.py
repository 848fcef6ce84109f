# SPDX-License-Identifier: MIT
"""Clients and their keys change while the provider runs."""

import asyncio
import json
import logging
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc.jwk import ECKey

from kortilla.events import ClientChanged, Event
from kortilla.openid import Settings
from kortilla.openid.clients.keys import FETCH_SECONDS, FRESH_SECONDS, GOOD_SECONDS
from kortilla.openid.clients.registry import Change, Reloader
from kortilla.testing import KortillaCard
from tests.openid.conftest import MakeOP
from tests.openid.provider import (
    BEARER,
    CLIENT_KEY,
    Answer,
    Browser,
    LocalOP,
    asked,
    assertion,
    configuration,
    toml,
    until,
    write_files,
)
from tests.openid.served import code, redeem, running, visitor

NEW_KEY = ECKey.generate_key("P-256", {"kid": "client-2"})


def key_set(*keys: Any, private: bool = False) -> str:
    return json.dumps({"keys": [each.as_dict(private=private) for each in keys]})


async def push(op: LocalOP, key: Any = CLIENT_KEY, **changes: Any) -> Answer:
    """Push a request of the office's, whose assertion a key signs."""
    now = int(op.clock())
    header = {"alg": "ES256", "kid": key.kid, **changes}
    signed = assertion(key, header, iat=None, exp=now + 60)
    proof = {"client_assertion_type": BEARER, "client_assertion": signed}
    _, form = asked(client_id="office", redirect_uri="https://office.example/cb")
    return await op.post("/par", {**form, **proof})


class KeyServer:
    """A client's address with its keys, and how often somebody asked."""

    def __init__(self) -> None:
        self.content: str | bytes = key_set(CLIENT_KEY)
        self.status = 200
        self.asked = 0
        app = web.Application()
        app.router.add_get("/jwks", self._answer)
        self.server = TestServer(app, host="127.0.0.1")

    async def _answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        content = self.content
        body = content.encode() if isinstance(content, str) else content
        headers = {"Location": "/jwks"} if self.status == 302 else {}
        return web.Response(body=body, status=self.status, headers=headers)

    def client(self, **changes: Any) -> dict[str, Any]:
        """Return the office with this address in place of its file."""
        office = configuration()["clients"][1]
        del office["jwks_file"]
        own = {"jwks_uri": f"http://127.0.0.1:{self.server.port}/jwks"}
        return {**office, **own, "allow_private_addresses": True, **changes}


@pytest_asyncio.fixture
async def keys() -> AsyncIterator[KeyServer]:
    made = KeyServer()
    async with made.server:
        yield made


# --- keys at an address


async def test_keys_are_fetched_and_roll_over(make_op: MakeOP, keys: KeyServer) -> None:
    op = make_op(clients=[keys.client()])
    assert (await push(op)).status == 201
    assert (await push(op)).status == 201
    assert keys.asked == 1
    # An unknown kid has them fetched at once, but not twice in a minute.
    op.clock.ahead += FETCH_SECONDS
    keys.content = key_set(CLIENT_KEY, NEW_KEY)
    assert (await push(op, NEW_KEY)).status == 201
    for number in range(5):
        stranger = ECKey.generate_key("P-256", {"kid": f"no-{number}"})
        assert (await push(op, stranger)).status == 400
    assert keys.asked == 2
    # A key that is taken away stops working once the keys are old.
    keys.content = key_set(NEW_KEY)
    assert (await push(op)).status == 201
    op.clock.ahead += FRESH_SECONDS
    assert (await push(op, NEW_KEY)).status == 201
    assert (await push(op)).status == 400
    assert keys.asked == 3


async def test_keys_stay_for_an_hour_if_the_address_fails(
    make_op: MakeOP, keys: KeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    op = make_op(clients=[keys.client()])
    assert (await push(op)).status == 201
    keys.status = 500
    op.clock.ahead += GOOD_SECONDS - 1
    assert (await push(op)).status == 201
    assert "The keys of the client office at 127.0.0.1: HTTP status 500" in caplog.text
    op.clock.ahead += 1
    assert (await push(op)).status == 400


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [
        (key_set(CLIENT_KEY, private=True), 200, "it has a private key"),
        ("[" * 60_000, 200, "it is not a JWK set"),
        (b"\xff\xfe", 200, "utf-8"),
        (" " * 70_000, 200, "longer than 65,536 octets"),
        (key_set(*[CLIENT_KEY] * 21), 200, "more than 20 keys"),
        (key_set(CLIENT_KEY, NEW_KEY).replace('"kid"', '"id"'), 200, "no kid"),
        ("", 302, "sends on to another address"),
    ],
)
async def test_keys_that_are_no_keys_are_refused(
    make_op: MakeOP,
    keys: KeyServer,
    caplog: pytest.LogCaptureFixture,
    content: str | bytes,
    status: int,
    told: str,
) -> None:
    op = make_op(clients=[keys.client()])
    keys.content, keys.status = content, status
    assert (await push(op)).status == 400
    assert told in caplog.text
    assert keys.asked == 1


async def test_a_private_address_is_asked_only_if_that_is_allowed(
    make_op: MakeOP, keys: KeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    op = make_op(clients=[keys.client(allow_private_addresses=False)])
    assert (await push(op)).status == 400
    assert "private network" in caplog.text
    assert keys.asked == 0


async def test_a_slow_address_holds_nobody_up_whose_key_is_known(
    make_op: MakeOP, keys: KeyServer
) -> None:
    op = make_op(clients=[keys.client()])
    assert (await push(op)).status == 201
    op.clock.ahead += FRESH_SECONDS
    office = op.provider.protocol.clients["office"]
    fetching, release = asyncio.Event(), asyncio.Event()

    async def slow() -> Any:
        fetching.set()
        await release.wait()

    office._keys.fetch = slow  # type: ignore[union-attr, method-assign]
    first = asyncio.create_task(push(op))
    await fetching.wait()
    assert (await push(op)).status == 201
    release.set()
    await first


@pytest.mark.parametrize("text", ["", "a.b.c", "e30.e30.", "e30.W10.e30", "é.é.é"])
async def test_an_assertion_that_is_none_is_refused(op: LocalOP, text: str) -> None:
    proof = {"client_assertion_type": BEARER, "client_assertion": text or "."}
    answer = await op.post("/token", {"grant_type": "authorization_code", **proof})
    assert answer.status in {400, 401}


# --- the clients of the file


async def test_clients_are_added_changed_and_removed(make_op: MakeOP) -> None:
    seen: list[Event] = []
    op = make_op(on_event=[seen.append])
    page = await Browser(op).page()

    def change(clients: list[Any]) -> None:
        clients[0]["claims"] = ["name"]
        clients.append({**clients[0], "id": "new"})
        del clients[2]

    changes = op.change(change)
    assert changes == [
        Change("post", "removed"),
        Change("shop", "changed", ("claims",)),
        Change("new", "added"),
    ]
    # What is open goes on, with the new settings.
    browser = Browser(op)
    tokens = await browser.tokens()
    told = (await op.userinfo(tokens["access_token"])).json
    assert told.keys() - {"sub", "email", "email_verified"} == {"name"}
    assert page
    op.change(lambda clients: clients.pop(0))
    assert (await op.userinfo(tokens["access_token"])).status == 401
    await op.provider.close()
    [audited] = [e for e in seen if isinstance(e, ClientChanged) and e.keys]
    assert (audited.client_id, audited.change) == ("shop", "changed")


async def test_a_client_that_is_removed_while_the_card_signs_gets_no_code(
    op: LocalOP,
) -> None:
    browser = Browser(op)
    page = await browser.page()
    _, body = await browser.token_for(page)
    assert (await browser.send("POST", f"{page}/login", body=body)).status == 200
    taken = op.provider.store.take

    async def take(kind: str, key: str) -> Any:
        op.change(lambda clients: clients.pop(0))  # between the check and the answer
        return await taken(kind, key)

    op.provider.store.take = take  # type: ignore[method-assign]
    answer = await browser.send("GET", f"{page}/done")
    assert (answer.status, answer.headers.all("Location")) == (404, [])


def reloader(op: LocalOP, file: Path) -> Reloader:
    file.write_text(toml(configuration()))
    return Reloader(op.provider.update_clients, file, Settings.load(file))


def test_a_faulty_file_leaves_the_clients_as_they_were(
    op: LocalOP, files: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "office.json").write_text((files / "office.json").read_text())
    # The provider's own folder is another one: a change of it is none of the clients'.
    file = files / "reloaded.toml"
    reading = reloader(op, file)
    before = dict(op.provider.protocol.clients)
    cases = {
        "issuer = ": "is not TOML",
        "x = " + "[" * 5000: "RecursionError",
        toml({**configuration(), "sso_minutes": 5}): "sso_minutes: a change takes",
        toml({**configuration(), "trust": {}}): "trust: a change takes",
        file.read_text().replace("office.json", "none.json"): "(client 'office')",
    }
    for content, told in cases.items():
        caplog.clear()
        file.write_text(content)
        reading.look()
        assert "stay as they were: " in caplog.text, content
        assert told in caplog.text
        assert dict(op.provider.protocol.clients) == before
        caplog.clear()
        reading.look()
        assert not caplog.records  # said once
    file.write_text(toml(configuration(clients=configuration()["clients"][:2])))
    reading.look()
    assert "The client post was removed" in caplog.text
    assert [*op.provider.protocol.clients] == ["shop", "office"]
    file.unlink()
    reading.look()
    assert len(op.provider.protocol.clients) == 2


async def test_a_file_of_keys_is_read_anew(
    tmp_path: Path, card: KortillaCard, make_op: MakeOP
) -> None:
    write_files(tmp_path, card)
    op = LocalOP.create(tmp_path, card)
    reading = reloader(op, tmp_path / "openid.toml")
    assert (await push(op, NEW_KEY)).status == 400
    (tmp_path / "office.json").write_text(key_set(CLIENT_KEY, NEW_KEY))
    reading.look()
    assert (await push(op, NEW_KEY)).status == 201
    assert (await push(op)).status == 201
    (tmp_path / "office.json").write_text(key_set(NEW_KEY))
    reading.look()
    assert (await push(op)).status == 400
    await op.provider.close()


@pytest.mark.parametrize("name", ["new.json", "new\0.json"])
async def test_a_file_of_keys_that_comes_after_its_client_is_taken(
    tmp_path: Path, card: KortillaCard, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    write_files(tmp_path, card)
    op = LocalOP.create(tmp_path, card)
    file = tmp_path / "openid.toml"
    reading = reloader(op, file)
    content = configuration()
    content["clients"][1]["jwks_file"] = name
    file.write_text(toml(content))
    for _ in range(2):
        reading.look()
    assert caplog.text.count("stay as they were: ") == 1
    if "\0" in name:  # no file has this name
        file.write_text(toml(configuration()))
    else:
        (tmp_path / name).write_text(key_set(CLIENT_KEY))
    caplog.set_level(logging.INFO)
    reading.look()
    assert f"{file} was read" in caplog.text
    assert (await push(op)).status == 201
    await op.provider.close()


async def test_a_running_provider_takes_a_new_client_at_sighup(
    tmp_path: Path, card: KortillaCard
) -> None:
    write_files(tmp_path, card)
    file, log = tmp_path / "openid.toml", tmp_path / "audit"
    content = configuration(audit_log="audit")
    shop = content["clients"].pop(0)
    file.write_text(toml(content))
    with running(file, "--simulator") as provider:
        async with visitor() as session:
            content["clients"].append(shop)
            file.write_text(toml(content))
            provider.process.send_signal(signal.SIGHUP)
            await until(lambda: '"client_id": "shop"' in log.read_text())
            _, form = await code(session, provider.url)
            status, _ = await redeem(session, provider.url, form)
            assert status == 200
