# SPDX-License-Identifier: MIT
"""Events of logins and signatures, hooks that raise, hang or are slow, and metrics."""

import asyncio
import json
import logging
import re
import runpy
import threading
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from kortilla import LoginService, Trust
from kortilla.errors import (
    ConfigurationError,
    RevocationCheckFailedError,
    SignerMismatchError,
    StoreUnavailableError,
)
from kortilla.events import ChallengeIssued, Event, RequestContext, pseudonym
from kortilla.prometheus import Metrics
from kortilla.revocation import UNCHECKED, Revocation
from kortilla.web.routes import LoginRoutes
from kortilla.web.service_events import HookThread
from kortilla.web.sessions import SessionStore
from tests.kortilla.browser import Visitor
from tests.kortilla.pki import CA, GIVEN_NAME, NOW, ORIGIN, SATU, SURNAME, Leaf
from tests.kortilla.responder import List, Server, checker_by
from tests.kortilla.revocation_checks import well
from tests.support.guide import blocks

KEY = bytes(range(32))
WAIT = 60


Make = Callable[..., LoginService]


@pytest.fixture
def seen() -> list[Event]:
    return []


@pytest.fixture
def make(trust: Trust, seen: list[Event]) -> Make:
    """A function that makes a service with hooks; the last one notes what it sees."""

    def make(*hooks: Any, **options: Any) -> LoginService:
        given: dict[str, Any] = {"origin": ORIGIN, "trust": trust, "clock": lambda: NOW}
        given |= {"on_event": [*hooks, seen.append], "pseudonym_key": KEY}
        return LoginService(**given | options)

    return make


async def test_what_happens_at_the_login_is_told_in_order(
    make: Make, seen: list[Event], leaf: Leaf, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    service = make()
    visitor = Visitor(LoginRoutes(service))
    assert (await visitor.log_in(leaf)).status == 200
    assert (await visitor.post("/login", {"authToken": leaf.token()})).status == 403
    assert (await visitor.post("/challenge", {}, Origin="https://evil")).status == 403
    await visitor.post("/logout", {})
    await visitor.post("/logout", {})  # nobody is logged in: that is no event
    assert await visitor.routes.end_sessions(SATU) == 0
    await service.close()
    told = [event.to_json() for event in seen]
    seconds = [event.pop("seconds") for event in told if "seconds" in event]
    assert all(0 < float(each or 0) < WAIT for each in seconds)
    assert len({event.pop("request") for event in told}) == 6
    me = pseudonym(KEY, SATU)
    common = {"time": "2026-06-01T12:00:00.000+00:00", "client": None}
    refused = common | {"event": "refusal", "person": None}
    login = {"issuer": "SPECIMEN Issuing CA", "assurance": "test"}
    ended = common | {"event": "logout", "person": me}
    assert told == [
        common | {"event": "challenge", "person": None},
        common | {"event": "login", "person": me} | login,
        refused | {"action": "login", "code": "CHALLENGE_NONCE_NOT_FOUND"},
        refused | {"action": "challenge", "code": "ORIGIN_REFUSED"},
        ended | {"sessions": 1},
        ended | {"sessions": 0},
    ]
    with pytest.raises(FrozenInstanceError):
        seen[0].request = "x"  # type: ignore[misc] # what is refused

    # The log has a line for each, and neither has personal data.
    lines = [r.getMessage() for r in caplog.records if r.name == "kortilla.events"]
    for event, line in zip(seen, lines, strict=True):
        assert event.request in line
    # A request's random digits may hold the port's by chance: whole words count.
    for secret in (SATU, SURNAME, GIVEN_NAME, "192.0.2.7", "4242"):
        assert not re.search(rf"\b{secret}\b", caplog.text + json.dumps(told))


async def test_an_address_and_a_proxys_request_id_are_told_if_wanted(
    make: Make, seen: list[Event], leaf: Leaf
) -> None:
    service = make(client_addresses=True, request_id_header="X-Request-Id")
    visitor = Visitor(LoginRoutes(service))
    await visitor.log_in(leaf, X_Request_Id="abc-1")
    for bad in ("", "a" * 129, "a\nb", "a b", '"', "ä"):
        await visitor.post("/challenge", {}, X_Request_Id=bad)
    await service.close()
    assert {event.client for event in seen} == {"192.0.2.7"}
    assert [event.request for event in seen[:2]] == ["abc-1"] * 2
    for event in seen[2:]:
        assert re.fullmatch("[0-9a-f]{16}", event.request)
    assert RequestContext.of(["a", "b"], None).id not in {"a", "b"}


async def test_a_login_whose_session_is_not_stored_is_a_refusal(
    make: Make, seen: list[Event], leaf: Leaf
) -> None:
    class Failing(SessionStore):
        async def create(self, data: dict[str, Any], *, satu: str | None = None) -> str:
            if satu:
                raise StoreUnavailableError("The store is away.")
            return await super().create(data)

    service = make()
    answer = await Visitor(LoginRoutes(service, sessions=Failing())).log_in(leaf)
    assert answer.status == 503
    await service.close()
    assert [event.kind for event in seen] == ["challenge", "refusal"]
    assert seen[-1].to_json()["code"] == "STORE_UNAVAILABLE"


async def test_signatures_are_told_when_the_service_reports_them(
    make: Make, seen: list[Event]
) -> None:
    service = make()

    async def work(error: BaseException | None = None) -> int:
        if error:
            raise error
        return 1

    assert await service.events.preparing(work(), satu=SATU) == 1
    context = RequestContext("r-1")
    assert await service.events.finishing(work(), satu=SATU, context=context) == 1
    for error in (SignerMismatchError("x"), asyncio.CancelledError(), OSError(SATU)):
        with pytest.raises(type(error)):
            await service.events.finishing(work(error), satu=SATU)
    await service.close()
    assert seen[1].request == "r-1"
    assert {event.person for event in seen} == {pseudonym(KEY, SATU)}
    told = [event.to_json() for event in seen]
    assert [[each["event"], each.get("step"), each.get("code")] for each in told] == [
        ["signature-prepared", None, None],
        ["signature-made", None, None],
        ["signature-refused", "finish", "SIGNER_MISMATCH"],
        ["signature-refused", "finish", "CANCELLED"],
        ["signature-refused", "finish", "INTERNAL_ERROR"],
    ]


# --- the pseudonym


def test_a_missing_or_short_key_is_refused_at_the_start(
    make: Make, seen: list[Event]
) -> None:
    for key in (None, b"", bytes(31), "x" * 32, bytearray(32)):
        with pytest.raises(ConfigurationError, match="32"):
            make(pseudonym_key=key)
    with pytest.raises(ConfigurationError):
        make(pseudonym_key=bytes(31), on_event=())
    service = make(pseudonym_key=None, on_event=())
    with pytest.raises(ConfigurationError):
        service.events.add(seen.append)
    with pytest.raises(ConfigurationError):
        pseudonym(bytes(31), SATU)


def test_a_pseudonym_depends_on_the_whole_key() -> None:
    one = pseudonym(KEY, SATU)
    assert one == pseudonym(KEY, SATU)
    assert len(one) == 64
    others = {pseudonym(KEY[:-1] + b"x", SATU), pseudonym(KEY, "99900335E"), one}
    assert len(others) == 3


# --- hooks that fail


async def test_a_hook_that_raises_neither_lets_in_nor_keeps_out(
    make: Make, seen: list[Event], leaf: Leaf, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Event) -> None:
        raise ValueError(f"{SATU} {SURNAME}")

    async def also_broken(_: Event) -> None:
        raise KeyError(SATU)

    def exits(_: Event) -> None:
        raise SystemExit

    service = make(broken, also_broken, exits)
    visitor = Visitor(LoginRoutes(service))
    assert (await visitor.log_in(leaf)).status == 200
    assert (await visitor.post("/login", {"authToken": leaf.token()})).status == 403
    await service.close()
    assert len(seen) == 3
    errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert len(errors) == 3  # one for each hook, not for each event
    assert any("ValueError" in error for error in errors)
    assert SATU not in caplog.text
    assert SURNAME not in caplog.text
    assert service.events.dropped == 9


async def test_where_no_thread_can_be_started_the_login_goes_on(
    make: Make,
    leaf: Leaf,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    service = make()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert (await Visitor(LoginRoutes(service)).log_in(leaf)).status == 200
    assert "An event may be lost: RuntimeError" in caplog.text
    monkeypatch.undo()
    await service.close()


async def test_a_hook_that_hangs_delays_no_login_and_no_other_hook(
    make: Make, leaf: Leaf, caplog: pytest.LogCaptureFixture
) -> None:
    released, all_seen = threading.Event(), threading.Event()
    others: list[Event] = []

    def hangs(_: Event) -> None:
        released.wait(WAIT)

    def sees(event: Event) -> None:
        others.append(event)
        if len(others) == 40:
            all_seen.set()

    service = make(hangs, sees)
    routes = LoginRoutes(service)
    for _ in range(20):
        assert (await Visitor(routes).log_in(leaf)).status == 200
    assert await asyncio.to_thread(all_seen.wait, WAIT)
    await service.events.close(seconds=0.05)
    assert "did not finish" in caplog.text
    released.set()
    await service.close()


async def test_the_events_that_wait_for_a_hook_are_bounded(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun, released = threading.Event(), threading.Event()
    seen: list[str] = []

    def slow(event: Event) -> None:
        begun.set()
        released.wait(WAIT)
        seen.append(event.request)

    thread = HookThread(slow, capacity=3)
    thread.put(ChallengeIssued(time=NOW, request="0"))
    assert await asyncio.to_thread(begun.wait, WAIT)
    for number in range(1, 7):
        thread.put(ChallengeIssued(time=NOW, request=str(number)))
    assert thread.dropped == 3
    assert caplog.text.count("too slow") == 1
    released.set()
    await thread.close(WAIT)
    assert seen == ["0", "1", "2", "3"]


async def test_a_coroutine_function_runs_on_the_services_loop_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def hook(event: Event) -> None:
        loops.append(asyncio.get_running_loop())
        if event.request == "hangs":
            await asyncio.Event().wait()

    thread = HookThread(hook, async_seconds=0.05)
    for request in ("hangs", "next"):
        thread.put(ChallengeIssued(time=NOW, request=request))
    await thread.close(WAIT)
    assert loops == [asyncio.get_running_loop()] * 2
    assert (thread.failed, "TimeoutError" in caplog.text) == (1, True)


async def test_after_a_fork_the_hook_has_a_thread_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names: list[threading.Thread] = []
    thread = HookThread(lambda _: names.append(threading.current_thread()))
    thread.put(ChallengeIssued(time=NOW, request="0"))
    await thread.close(WAIT)
    monkeypatch.setattr("os.getpid", lambda: 1)
    thread.put(ChallengeIssued(time=NOW, request="1"))
    await thread.close(WAIT)
    assert len(set(names)) == 2


async def test_the_example_of_the_guide(
    trust: Trust, leaf: Leaf, tmp_path: Path
) -> None:
    example = tmp_path / "example.py"
    example.write_text(blocks("operations.md", "python")[0])
    defined = runpy.run_path(str(example))
    log = tmp_path / "audit.jsonl"
    service: LoginService = defined["create_service"](trust, str(log), KEY)
    await Visitor(LoginRoutes(service)).log_in(leaf)
    with pytest.raises(ValueError, match="not the signature of a PDF"):
        await defined["finish"](
            service, SimpleNamespace(satu=SATU), SimpleNamespace(kind="file"), {}
        )
    await service.close()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["event"] for line in lines] == [
        "challenge",
        "login",
        "signature-refused",
    ]
    assert {line["client"] for line in lines} == {"192.0.2.7", None}
    assert defined["logins"] == [pseudonym(KEY, SATU)]


# --- metrics


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


async def test_events_are_counted_and_timed(
    trust: Trust, leaf: Leaf, registry: CollectorRegistry
) -> None:
    # A hook that needs no pseudonym needs no key.
    service = LoginService(origin=ORIGIN, trust=trust, clock=lambda: NOW)
    Metrics(service, registry=registry)
    visitor = Visitor(LoginRoutes(service))
    await visitor.log_in(leaf)
    for _ in range(2):
        await visitor.post("/login", {"authToken": leaf.token()})
    await visitor.post("/logout", {})

    async def refuse() -> None:
        raise SignerMismatchError

    async def sign() -> None:
        return None

    with pytest.raises(SignerMismatchError):
        await service.events.finishing(refuse(), satu=SATU)
    await service.events.preparing(sign(), satu=SATU)
    await service.events.finishing(sign(), satu=SATU)
    await service.close()

    login = {"action": "login", "code": "CHALLENGE_NONCE_NOT_FOUND"}
    finish = {"action": "finish", "code": "SIGNER_MISMATCH"}
    until = trust.issuers[0].certificate.not_valid_after
    for name, labels, wanted in (
        ("events_total", {"event": "login"}, 1),
        ("events_total", {"event": "challenge"}, 1),
        ("events_total", {"event": "logout"}, 1),
        ("events_total", {"event": "refusal"}, 2),
        ("events_total", {"event": "signature-made"}, 1),
        ("refusals_total", login, 2),
        ("refusals_total", finish, 1),
        ("duration_seconds_count", {"action": "login"}, 3),
        ("duration_seconds_count", {"action": "prepare"}, 1),
        ("duration_seconds_count", {"action": "finish"}, 2),
        ("events_dropped_total", {}, 0),
        ("trust_valid_seconds", {}, (until - NOW).total_seconds()),
    ):
        found = registry.get_sample_value(f"kortilla_{name}", labels)
        assert found == wanted, (name, labels)
    text = generate_latest(registry).decode()
    for secret in (SATU, SURNAME):
        assert secret not in text


async def test_a_revocation_checker_says_how_its_sources_are(
    server: Server, root: CA, registry: CollectorRegistry
) -> None:
    chain = well(server, root, by="ocsp")
    server.handlers |= {"crl/issuing.crl": List(chain.ca), "crl/root.crl": List(root)}
    async with checker_by(by="both", clock=lambda: NOW) as revocation:
        assert revocation.status().sources == ()
        assert revocation.status().lists == ()
        await revocation.check(chain.path, at=NOW)
        del server.handlers["ocsp/issuing"]
        for _ in range(2):
            with pytest.raises(RevocationCheckFailedError):
                await revocation.check(chain.path, at=NOW)
        status = revocation.status()
        ocsp, crl = status.sources
        assert (ocsp.kind, ocsp.answers, ocsp.working) == ("ocsp", 2, False)
        assert ocsp.failures == {"http-status": 2}
        assert (crl.kind, crl.answers, crl.working) == ("crl", 2, True)
        assert crl.last_at == NOW
        assert {each.this_update for each in status.lists} == {NOW - timedelta(hours=1)}

        service = LoginService(
            origin=ORIGIN,
            trust=chain.ca.trust(root.der),
            revocation=revocation,
            clock=lambda: NOW,
        )
        Metrics(service, registry=registry)
        host = {"host": status.lists[0].host}
        failures = {"source": "ocsp", "host": ocsp.host, "reason": "http-status"}
        for name, labels, wanted in (
            ("crl_age_seconds", host, 3600),
            ("crl_valid_seconds", host, 23 * 3600),
            ("revocation_failures_total", failures, 2),
        ):
            found = registry.get_sample_value(f"kortilla_{name}", labels)
            assert found == wanted, name


async def test_a_checker_of_the_services_own_has_no_such_metrics(
    trust: Trust, registry: CollectorRegistry
) -> None:
    service = LoginService(origin=ORIGIN, trust=trust, revocation=UNCHECKED)
    Metrics(service, registry=registry)
    assert not isinstance(service.revocation, Revocation)
    assert "crl" not in generate_latest(registry).decode()
