# SPDX-License-Identifier: MIT
"""The levels of signed files of one's own: what can't be had only lowers them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cryptography import x509
from pyhanko.sign.timestamps import DummyTimeStamper

from kortilla.clock import utc_now
from kortilla.errors import TimestampFailedError
from kortilla.mock_card.authority import Authority
from native_host.files import library
from native_host.files.library import Finished
from native_host.files.sources import Wish
from tests.kortilla import pki
from tests.kortilla.pki import CA, Leaf, key
from tests.kortilla.responder import Chain, OCSPAnswer, Server, addresses, checker_by
from tests.kortilla.revocation_checks import well
from tests.kortilla.signing_parts import answer_to, make_pdf
from tests.kortilla.timestamps import stamper

TSA = "https://tsa.example"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as running:
        yield running


@pytest.fixture
def chain(server: Server, monkeypatch: pytest.MonkeyPatch) -> Chain:
    """CAs whose responder is asked, and a time-stamping service of the same CA."""
    chain = well(server, CA.create("SPECIMEN Root CA"), by="ocsp")
    # They answer now, as the timestamps are of now.
    now = datetime.now(UTC).replace(microsecond=0)
    for where, ca in (("issuing", chain.ca), ("root", chain.root)):
        server.handlers[f"ocsp/{where}"] = OCSPAnswer(ca, at=now)
    authority = SimpleNamespace(
        issuing=x509.load_der_x509_certificate(chain.ca.der),
        issuing_key=chain.ca.key,
    )
    made = stamper(cast(Authority, authority), more=addresses(chain.address, "issuing"))
    checker = partial(checker_by, by="ocsp", clock=utc_now)
    monkeypatch.setattr(library, "Revocation", lambda **_: checker())
    monkeypatch.setattr(library, "HTTPTimeStamper", lambda *_, **__: made)
    return chain


@pytest.fixture
def signer(chain: Chain) -> Leaf:
    extra = addresses(chain.address, "issuing")
    return chain.ca.issue(key("P-384"), key_usage=pki.SIGNATURE, extra=extra)


async def finished(
    signer: Leaf, chain: Chain, wanted: str, *, container: bool = False
) -> Finished:
    unrelated = CA.create("SPECIMEN Other CA")
    above = (chain.ca.der, unrelated.der, chain.root.der)
    state = await library.prepare(
        "1",
        {"a.txt": b"a"} if container else {"a.pdf": make_pdf()},
        kind="container" if container else "pdf",
        certificate=signer.der,
    )
    tsa = None if wanted == "B-B" else TSA
    wish = Wish(files=(), language="en", level=wanted, tsa=tsa, authorities=above)
    return await library.finish(state, answer_to(state, signer), wish)


@pytest.mark.parametrize("container", [False, True])
@pytest.mark.parametrize("wanted", ["B-B", "B-T", "B-LT", "B-LTA"])
async def test_each_level_is_reached(
    chain: Chain, signer: Leaf, wanted: str, container: bool
) -> None:
    made = await finished(signer, chain, wanted, container=container)
    assert (made.level, made.shortfall) == (wanted, "")


@pytest.mark.parametrize("trouble", ["no answer", "revoked"])
async def test_without_revocation_data_there_is_a_timestamp_still(
    chain: Chain, signer: Leaf, server: Server, trouble: str
) -> None:
    if trouble == "revoked":
        server.handlers["ocsp/issuing"] = OCSPAnswer(chain.ca, status="revoked")
    else:
        server.handlers.clear()
    made = await finished(signer, chain, "B-LTA")
    assert made.level == "B-T"
    assert made.shortfall


async def test_a_private_address_is_told_in_a_citizens_words(
    chain: Chain, signer: Leaf, monkeypatch: pytest.MonkeyPatch
) -> None:
    checker = partial(checker_by, by="ocsp", allow_private_addresses=False)
    monkeypatch.setattr(library, "Revocation", lambda **_: checker())
    made = await finished(signer, chain, "B-LT")
    assert made.level == "B-T"
    assert made.shortfall.startswith("Nobody answered whether the certificates are")
    assert "allow_private_addresses" not in made.shortfall


async def test_a_failing_time_stamping_service_is_asked_twice_at_most(
    chain: Chain, signer: Leaf, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Failing(DummyTimeStamper):
        def __init__(self) -> None:
            """Have no certificate."""

        async def async_timestamp(self, *_: Any) -> Any:
            asked.append(1)
            raise TimestampFailedError("It is away.")

        async def async_dummy_response(self, md_algorithm: Any) -> Any:
            return await self.async_timestamp(md_algorithm)

    monkeypatch.setattr(library, "HTTPTimeStamper", lambda *_, **__: Failing())
    made = await finished(signer, chain, "B-LTA")
    assert made.level == "B-B"
    assert "gave no timestamp" in made.shortfall
    assert len(asked) <= 2
