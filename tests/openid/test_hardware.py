# SPDX-License-Identifier: MIT
"""Signing keys in a PKCS#11 token: SoftHSM's, pulled out, put back and rotated."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pkcs11 import Attribute, ObjectClass, Session

from kortilla.cli import main
from kortilla.errors import ConfigurationError, StoreUnavailableError
from kortilla.openid import Settings, create_provider
from kortilla.openid.protocol import signing_keys as keys_module
from kortilla.openid.protocol.hardware import PIN_VARIABLE, Token
from kortilla.openid.protocol.signing_keys import KeyFile, Keys
from kortilla.openid.setup import key_file
from kortilla.testing import KortillaCard
from tests.openid.provider import (
    KEYS,
    Browser,
    Clock,
    LocalOP,
    assertion,
    configuration,
    toml,
    until,
    write_files,
)
from tests.openid.served import code, redeem, running, visitor
from tests.openid.soft_token import P11_KIT_CLIENT, PIN, SOFTHSM, SoftToken
from tests.support.patience import patience

INIT = ("init", "--issuer", "https://login.example", "--test")


def command(*words: str) -> int:
    return main(["openid", *words])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftToken]:
    """A token with keys, and keys.json: RSA keys take long to make."""
    token = SoftToken.create(tmp_path_factory.mktemp("made") / "token")
    chosen = token.settings()
    with pytest.MonkeyPatch.context() as patch, token.used(patch):
        patch.chdir(token.folder)
        by_token = ("--pkcs11", chosen["module"], "--token", chosen["token"])
        assert command(*INIT, *by_token, "--pin-file", chosen["pin_file"]) == 0
    yield token


@pytest.fixture
def token(
    made: SoftToken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SoftToken]:
    with made.copy(tmp_path / "token").used(monkeypatch) as copied:
        yield copied


@pytest.fixture
def config(token: SoftToken, tmp_path: Path, card: KortillaCard) -> Path:
    """A configuration with all files, whose keys are in the token."""
    write_files(tmp_path, card)
    (token.folder / "keys.json").replace(tmp_path / "keys.json")
    file = tmp_path / "openid.toml"
    file.write_text(toml(configuration(pkcs11=token.settings())))
    return file


@pytest.fixture
async def op(config: Path, card: KortillaCard) -> AsyncIterator[LocalOP]:
    settings, clock = Settings.load(config), Clock()
    provider = create_provider(settings, clock=clock)
    yield LocalOP(provider, card, clock, config.parent, {})
    await provider.close()


def private_keys(session: Session) -> dict[str, Any]:
    found = session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})
    return {key[Attribute.ID].decode(): key for key in list(found)}


def test_keys_are_made_in_the_token_and_can_not_leave_it(made: SoftToken) -> None:
    content = json.loads((made.folder / "keys.json").read_text())
    assert all(not {"d", "p", "q"} & key.keys() for key in content["keys"])
    assert (made.folder / "keys.json").stat().st_mode & 0o777 == 0o600
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(made.configuration))
        with made.session() as session:
            found = private_keys(session)
            assert {*found} == {key["kid"] for key in content["keys"]}
            for key in found.values():
                assert key[Attribute.SENSITIVE]
                assert not key[Attribute.EXTRACTABLE]
                assert key[Attribute.LABEL].startswith("kortilla-openid ")


async def test_people_log_in_with_keys_of_the_token(op: LocalOP) -> None:
    answer = await op.tokens()
    claims = await op.claims(answer["id_token"])
    assert claims["aud"] == "shop"
    code, verifier = await op.code(
        client_id="office", redirect_uri="https://office.example/cb"
    )
    form = {"client_assertion_type": _BEARER, "client_assertion": assertion()}
    office = await op.token(
        code,
        verifier,
        authorization="",
        redirect_uri="https://office.example/cb",
        **form,
    )
    assert (await op.claims(office.json["id_token"]))["aud"] == "office"
    assert (await op.send("GET", "/readyz")).status == 200


_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


async def test_a_rotation_is_followed_and_old_keys_are_destroyed(
    op: LocalOP, config: Path, token: SoftToken
) -> None:
    published = [(await op.send("GET", "/jwks")).json["keys"]]
    hint = (await op.tokens())["id_token"]
    for _ in range(2):
        assert command("rotate", "--config", str(config)) == 0
        published.append((await op.send("GET", "/jwks")).json["keys"])
        await op.claims((await op.tokens())["id_token"])
    first, _, last = ({key["kid"] for key in each} for each in published)
    # Two rotations later its key is gone, so that it is no hint any more.
    _, answer = await Browser(op).authorize(prompt="none", id_token_hint=hint)
    assert answer.parameters["error"] == "invalid_request"
    await op.provider.close()
    with token.session() as session:
        assert {*private_keys(session)} == last
        assert len(last) == 6
        assert len(first - last) == 2


async def test_a_token_that_is_pulled_out_and_put_back(
    op: LocalOP, token: SoftToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_module, "_PROVED_SECONDS", 0)
    code, verifier = await op.code()
    token.pull()
    assert (await op.send("GET", "/readyz")).status == 503
    refused = await op.token(code, verifier)
    assert (refused.status, refused.json) == (503, {"error": "temporarily_unavailable"})
    assert (await op.send("GET", "/healthz")).status == 200
    assert (await op.send("GET", "/jwks")).status == 200
    token.put_back()
    assert (await op.send("GET", "/readyz")).status == 200
    # The code was not used up meanwhile.
    answer = await op.token(code, verifier)
    assert (await op.claims(answer.json["id_token"]))["aud"] == "shop"


async def test_a_session_that_has_ended_is_begun_anew_for_the_same_login(
    op: LocalOP, token: SoftToken
) -> None:
    await op.tokens()
    token.pull()
    with pytest.raises(StoreUnavailableError):
        op.provider.protocol.keys.check_signing()
    token.put_back()
    await op.claims((await op.tokens())["id_token"])


def test_a_refused_pin_is_tried_once(
    token: SoftToken, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    log_in = Token._log_in

    def counted(self: Token, pin: str, *, writing: bool) -> Session:
        tried.append(pin)
        return log_in(self, pin, writing=writing)

    monkeypatch.setattr(Token, "_log_in", counted)
    token.pin_file.write_text("999999")
    keys = key_file(Settings.load(config))
    for _ in range(3):
        with pytest.raises(StoreUnavailableError, match=r"(?i)pin"):
            keys.check_signing()
    assert len(tried) == 1
    token.pin_file.write_text(PIN)
    keys.check_signing()


async def test_a_slow_token_holds_up_nothing_else(
    op: LocalOP, monkeypatch: pytest.MonkeyPatch
) -> None:
    signing, go_on = threading.Event(), threading.Event()
    code, verifier = await op.code()
    sign = Token.sign

    def slow(*arguments: Any, **options: Any) -> bytes:
        signing.set()
        go_on.wait(patience())
        return sign(*arguments, **options)

    monkeypatch.setattr(Token, "sign", slow)
    monkeypatch.setattr(keys_module, "_SIGNING_SECONDS", patience())
    waiting = asyncio.create_task(op.token(code, verifier))
    await until(signing.is_set)
    assert (await op.send("GET", "/healthz")).status == 200
    assert not waiting.done()
    # Whose turn does not come in time gets an answer, and may try again.
    monkeypatch.setattr(keys_module, "_SIGNING_SECONDS", 0.05)
    assert (await op.token(code, verifier)).status == 503
    go_on.set()
    assert (await waiting).status == 200


async def test_requests_that_come_together_prove_the_token_once(
    op: LocalOP, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = []
    sign = Token.sign

    def counted(self: Token, kid: str, data: bytes, *, pss: bool = False) -> bytes:
        signed.append(kid)
        return sign(self, kid, data, pss=pss)

    monkeypatch.setattr(Token, "sign", counted)
    monkeypatch.setattr(keys_module, "_PROVED_SECONDS", patience())
    keys = op.provider.protocol.keys
    keys._proved = float("-inf")
    await asyncio.gather(*(keys.ready() for _ in range(5)))
    assert len(signed) == 2  # with each algorithm


@pytest.mark.parametrize(
    ("content", "match"),
    [(None, "there is none, nor"), ("", "is empty"), ("wide", "others may read it")],
)
def test_a_pin_that_can_not_be_read(
    token: SoftToken, config: Path, content: str | None, match: str
) -> None:
    chosen = token.settings()
    if content is None:
        del chosen["pin_file"]
    else:
        token.pin_file.write_text(content)
        token.pin_file.chmod(0o644 if content else 0o600)
    config.write_text(toml(configuration(pkcs11=chosen)))
    with pytest.raises(ConfigurationError, match=match):
        create_provider(Settings.load(config))


def test_the_pin_may_be_in_the_environment_or_a_credential_of_systemd(
    token: SoftToken, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token.pin_file.chmod(0o440)
    key_file(Settings.load(config)).check_signing()
    monkeypatch.setenv(PIN_VARIABLE, PIN)
    chosen = token.settings()
    del chosen["pin_file"]
    config.write_text(toml(configuration(pkcs11=chosen)))
    key_file(Settings.load(config)).check_signing()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"module": "/nothing.so"}, "cannot open shared object"),
        ({"token": "another"}, "No token"),
        (None, "there is no .pkcs11."),
    ],
)
def test_a_start_names_what_is_wrong(
    token: SoftToken,
    config: Path,
    change: dict[str, str] | None,
    match: str,
) -> None:
    chosen = {} if change is None else {"pkcs11": {**token.settings(), **change}}
    config.write_text(toml(configuration(**chosen)))
    with pytest.raises(ConfigurationError, match=match):
        create_provider(Settings.load(config))


def test_a_public_key_of_another_is_noticed(config: Path, token: SoftToken) -> None:
    file = config.with_name("keys.json")
    content = json.loads(file.read_text())
    current = [key for key in content["keys"] if key["age"] == "current"]
    for key in current:
        [other] = [
            each
            for each in content["keys"]
            if each["alg"] == key["alg"] and each["age"] == "next"
        ]
        for name in ("n", "x", "y"):
            if name in key:
                key[name] = other[name]
    file.write_text(json.dumps(content))
    with pytest.raises(ConfigurationError, match="is not the one in the file"):
        create_provider(Settings.load(config))


def test_a_provider_moves_into_a_token_and_out_of_it(
    config: Path, token: SoftToken
) -> None:
    file = config.with_name("keys.json")
    KeyFile(file).write(KEYS)
    counts = []
    for _ in range(2):
        assert command("rotate", "--config", str(config)) == 0
        counts.append(len(key_file(Settings.load(config)).check().in_token()))
    assert counts == [2, 4]
    config.write_text(toml(configuration()))
    for _ in range(2):
        assert command("rotate", "--config", str(config)) == 0
    keys = key_file(Settings.load(config))
    keys.check_signing()
    assert keys.check().pairwise("a", "b") == KEYS.pairwise("a", "b")


def test_a_token_that_is_away_leaves_the_files_as_they_are(
    config: Path, token: SoftToken, capsys: pytest.CaptureFixture[str]
) -> None:
    file, folder = config.with_name("keys.json"), config.parent / "new"
    folder.mkdir()
    before = file.read_bytes()
    token.pull()
    assert command("rotate", "--config", str(config), "--json") == 1
    chosen = token.settings()
    by_token = ("--pkcs11", chosen["module"], "--token", chosen["token"])
    pin = ("--pin-file", chosen["pin_file"])
    made = ("--config", str(folder / "openid.toml"), "--json")
    assert command(*INIT, *by_token, *pin, *made) == 1
    assert capsys.readouterr().out.count("TOKEN_UNAVAILABLE") == 2
    assert file.read_bytes() == before
    assert not [*folder.iterdir()]


async def test_a_running_provider_keeps_its_keys_where_it_lacks_the_token(
    config: Path, card: KortillaCard
) -> None:
    in_token = config.with_name("keys.json").read_bytes()
    KeyFile(config.with_name("keys.json")).write(KEYS)
    settings = Settings.model_validate({**configuration(), "folder": config.parent})
    provider, clock = create_provider(settings), Clock()
    op = LocalOP(provider, card, clock, config.parent, {})
    config.with_name("keys.json").write_bytes(in_token)
    assert (await op.send("GET", "/readyz")).status == 503
    await op.claims((await op.tokens())["id_token"])
    await provider.close()


async def test_a_file_of_keys_that_breaks_does_not_end_logins(
    op: LocalOP, config: Path
) -> None:
    config.with_name("keys.json").write_text("{}")
    assert (await op.send("GET", "/readyz")).status == 503
    await op.claims((await op.tokens())["id_token"])


def test_only_keys_of_ours_are_destroyed(token: SoftToken) -> None:
    with token.session() as session:
        for key in private_keys(session).values():
            key[Attribute.LABEL] = "another program's"
    keys = Keys.from_json((token.folder / "keys.json").read_text())
    chosen = token.settings()
    theirs = Token(SOFTHSM, chosen["token"], token.pin_file)
    theirs.destroy(keys.in_token())
    with token.session() as session:
        assert {*private_keys(session)} == keys.in_token()


@pytest.fixture
def network_config(
    token: SoftToken, config: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A configuration whose token p11-kit's server has."""
    chosen = {**token.settings(), "module": P11_KIT_CLIENT}
    config.write_text(toml(configuration(pkcs11=chosen)))
    monkeypatch.setenv("P11_KIT_SERVER_ADDRESS", f"unix:path={token.socket}")
    return config


async def test_a_network_token_that_goes_away_and_comes_back(
    token: SoftToken, network_config: Path
) -> None:
    with contextlib.ExitStack() as server:
        server.enter_context(token.over_network())
        with running(network_config, "--simulator") as op:
            async with visitor() as session:
                found, form = await code(session, op.url)
                assert (await redeem(session, op.url, form))[0] == 200
                found, form = await code(session, op.url)
                server.close()
                await until_ready(session, op.url, 503)
                assert (await redeem(session, op.url, form))[0] == 503
                server.enter_context(token.over_network())
                await until_ready(session, op.url, 200)
                assert (await redeem(session, op.url, form))[0] == 200
        log = op.log.read_text()
        assert "The provider is not ready: token SPECIMEN token" in log
        assert PIN not in log
        assert found not in log


async def until_ready(session: aiohttp.ClientSession, url: str, status: int) -> None:
    """Ask whether the provider is ready, as a balancer does, until it answers so.

    A token that has just signed counts as there for a moment.
    """
    async with asyncio.timeout(patience(20)):
        while True:
            async with session.get(f"{url}/readyz") as answer:
                if answer.status == status:
                    return
