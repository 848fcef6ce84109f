# SPDX-License-Identifier: MIT
"""Which certificates are checked: the issuing CA once, and those with an address."""

import asyncio
import logging
from datetime import timedelta
from functools import partial

import pytest

from kortilla.errors import (
    UserCertificateOCSPCheckFailedError,
    UserCertificateRevokedError,
)
from kortilla.revocation import Revocation
from tests.kortilla.pki import CA, NOW, SATU, SURNAME, key
from tests.kortilla.responder import (
    CA_SERIAL,
    LEAF_SERIAL,
    Chain,
    List,
    OCSPAnswer,
    Server,
    addresses,
    checker_by,
    distribution_points,
    make_ca,
)
from tests.kortilla.revocation_checks import KINDS, accepted, refused, well

MINUTE = timedelta(minutes=1)


@pytest.fixture
def chain(server: Server, root: CA) -> Chain:
    """A valid chain with OCSP."""
    return well(server, root, by="ocsp")


checker = partial(checker_by, by="ocsp")


# --- the issuing CA


async def test_the_issuing_ca_is_asked_about_once_for_all_logins(
    chain: Chain, server: Server
) -> None:
    now = [NOW]
    async with checker(clock=lambda: now[0], max_age=timedelta(days=1)) as revocation:
        await asyncio.gather(*(revocation.check(chain.path, at=NOW) for _ in range(20)))
        assert server.asked.count("ocsp/root") == 1
        assert server.asked.count("ocsp/issuing") == 20
        now[0] += timedelta(minutes=59)
        await revocation.check(chain.path, at=NOW)
        assert server.asked.count("ocsp/root") == 1
        now[0] += MINUTE
        await revocation.check(chain.path, at=NOW)
        assert server.asked.count("ocsp/root") == 2


async def test_the_issuing_ca_is_asked_about_again_after_its_answer_has_expired(
    chain: Chain, server: Server
) -> None:
    server.handlers["ocsp/root"] = OCSPAnswer(chain.root, next_update=MINUTE)
    now = [NOW]
    async with checker(clock=lambda: now[0]) as revocation:
        await revocation.check(chain.path, at=NOW)
        now[0] += MINUTE
        await revocation.check(chain.path, at=NOW)
    assert server.asked.count("ocsp/root") == 2


async def test_without_its_root_the_issuing_ca_is_not_asked_about(
    chain: Chain, server: Server
) -> None:
    await accepted(chain.path_without_root, by="ocsp")
    assert server.asked == ["ocsp/issuing"]


async def test_an_issuing_ca_that_is_not_known_to_be_good_is_refused(
    chain: Chain, server: Server
) -> None:
    # The issuing CA signs the response about itself.
    server.handlers["ocsp/root"] = OCSPAnswer(chain.ca)
    async with checker() as revocation:
        for _ in range(2):
            with pytest.raises(UserCertificateOCSPCheckFailedError) as caught:
                await revocation.check(chain.path, at=NOW)
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
    chain = Chain(server.address, root, ca, leaf)
    server.handlers = {
        "ocsp/issuing": OCSPAnswer(ca),
        "crl/issuing.crl": List(ca),
        "crl/root.crl": List(root),
    }
    await accepted(chain.path, by=by)
    server.handlers["crl/root.crl"] = List(root, serials=[CA_SERIAL])
    with pytest.raises(UserCertificateRevokedError, match="issuing CA"):
        await accepted(chain.path, by=by)


# --- addresses


async def test_a_certificate_without_an_address_is_refused(
    root: CA, server: Server
) -> None:
    chain = Chain.create(server.address, root, extra=())
    for by in ("ocsp", "ocsp-or-crl"):
        error = await refused(chain.path_without_root, by=by, kind=KINDS["ocsp"])
        assert error.reason == "no-address"


async def test_logs_name_no_person(
    chain: Chain, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.handlers["ocsp/issuing"] = OCSPAnswer(chain.ca, nonce=None)
    server.handlers["crl/issuing.crl"] = List(chain.ca)
    await accepted(chain.path, by="ocsp-or-crl")
    assert "nonce" in caplog.text
    assert SURNAME not in caplog.text and SATU not in caplog.text


def test_how_to_check_is_one_of_four() -> None:
    with pytest.raises(ValueError, match="ocsp-or-crl"):
        Revocation(by="none")  # type: ignore[arg-type] # that is what is tested
