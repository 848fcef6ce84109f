# SPDX-License-Identifier: MIT
"""Which certificates are checked: the issuing CA once, and those with an address."""

import asyncio
import logging
from datetime import timedelta

import pytest

from kortilla.errors import UserCertificateOCSPCheckFailedError
from kortilla.revocation import Revocation
from tests.kortilla.pki import CA, NOW, SATU, SURNAME, Clock, key
from tests.kortilla.responder import (
    CA_SERIAL,
    LEAF_SERIAL,
    Chain,
    List,
    OCSPAnswer,
    Server,
    addresses,
    distribution_points,
    make_ca,
)
from tests.kortilla.revocation_checks import Checks

# --- the issuing CA


async def test_the_issuing_ca_is_asked_about_once_for_all_logins(
    ocsp: Checks, clock: Clock
) -> None:
    asked = ocsp.server.asked
    async with ocsp.checker(clock=clock, max_age=timedelta(days=1)) as revocation:
        await asyncio.gather(*(revocation.check(ocsp.path, at=NOW) for _ in range(20)))
        assert asked.count("ocsp/root") == 1
        assert asked.count("ocsp/issuing") == 20
        for minutes, count in ((59, 1), (1, 2)):
            clock.forward(minutes=minutes)
            await revocation.check(ocsp.path, at=NOW)
            assert asked.count("ocsp/root") == count


async def test_the_issuing_ca_is_asked_about_again_after_its_answer_has_expired(
    ocsp: Checks, clock: Clock
) -> None:
    ocsp.server.handlers["ocsp/root"] = OCSPAnswer(
        ocsp.chain.root, next_update=timedelta(minutes=1)
    )
    async with ocsp.checker(clock=clock) as revocation:
        await revocation.check(ocsp.path, at=NOW)
        clock.forward(minutes=1)
        await revocation.check(ocsp.path, at=NOW)
    assert ocsp.server.asked.count("ocsp/root") == 2


@pytest.mark.parametrize("by", ["ocsp", "crl"])
async def test_without_its_root_the_issuing_ca_is_not_asked_about(
    request: pytest.FixtureRequest, by: str
) -> None:
    checks: Checks = request.getfixturevalue(by)
    await checks.accept(checks.leaf_alone)
    assert len(checks.server.asked) == 1


async def test_an_issuing_ca_that_is_not_known_to_be_good_is_refused(
    ocsp: Checks,
) -> None:
    # The issuing CA signs the response about itself.
    ocsp.server.handlers["ocsp/root"] = OCSPAnswer(ocsp.chain.ca)
    async with ocsp.checker() as revocation:
        for _ in range(2):
            with pytest.raises(UserCertificateOCSPCheckFailedError) as caught:
                await revocation.check(ocsp.path, at=NOW)
            assert caught.value.reason == "responder-not-authorised"


@pytest.mark.parametrize("by", ["ocsp", "both", "ocsp-or-crl"])
async def test_an_issuing_ca_that_names_no_responder_is_looked_up_in_its_roots_list(
    server: Server, root: CA, by: str
) -> None:
    points = distribution_points(f"{server.address}/crl/root.crl")
    ca = make_ca(root, extra=[("2.5.29.31", points)])
    leaf = ca.issue(
        key("P-384"),
        serial_number=LEAF_SERIAL,
        extra=addresses(server.address, "issuing"),
    )
    checks = Checks(server, Chain(server.address, root, ca, leaf), by)
    server.handlers = {
        "ocsp/issuing": OCSPAnswer(ca),
        "crl/issuing.crl": List(ca),
        "crl/root.crl": List(root),
    }
    await checks.accept()
    server.handlers["crl/root.crl"] = List(root, serials=[CA_SERIAL])
    assert "issuing CA" in await checks.revoked()


# --- addresses


async def test_a_certificate_without_an_address_is_refused(
    root: CA, server: Server
) -> None:
    chain = Chain.create(server.address, root, extra=())
    for by in ("ocsp", "ocsp-or-crl"):
        checks = Checks(server, chain, by)
        await checks.refuse("no-address", checks.leaf_alone, kind="ocsp")


async def test_logs_name_no_person(
    ocsp: Checks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ocsp.answer(nonce=None)
    ocsp.server.handlers["crl/issuing.crl"] = List(ocsp.chain.ca)
    await ocsp.accept(by="ocsp-or-crl")
    assert "nonce" in caplog.text
    assert SURNAME not in caplog.text and SATU not in caplog.text


def test_how_to_check_is_one_of_four() -> None:
    with pytest.raises(ValueError, match="ocsp-or-crl"):
        Revocation(by="none")  # type: ignore[arg-type] # that is what is tested
