# SPDX-License-Identifier: MIT
"""The metrics of a service, and what its revocation checker says of its sources."""

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from kortilla import LoginService, Trust
from kortilla.errors import RevocationCheckFailedError, SignerMismatchError
from kortilla.prometheus import Metrics
from kortilla.revocation import UNCHECKED, Revocation
from kortilla.web.routes import LoginRoutes
from tests.kortilla.browser import Visitor
from tests.kortilla.pki import CA, NOW, ORIGIN, SATU, SURNAME, Leaf
from tests.kortilla.responder import List, Server, checker_by
from tests.kortilla.revocation_checks import well


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
