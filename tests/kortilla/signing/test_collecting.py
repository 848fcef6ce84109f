# SPDX-License-Identifier: MIT
"""Revocation data are asked for while a signature is finished, and put into it."""

import functools
from typing import Any

import pytest
from aiohttp import web
from pyhanko.sign.timestamps import DummyTimeStamper

from kortilla.errors import (
    RevocationCheckFailedError,
    UserCertificateRevokedError,
)
from kortilla.revocation import UNCHECKED
from kortilla.signing.signature import SignedDocument
from kortilla.signing.validation_data import ValidationData
from tests.kortilla import pki
from tests.kortilla.pki import CA, NOW, Leaf, key
from tests.kortilla.responder import (
    LEAF_SERIAL,
    Chain,
    List,
    OCSPAnswer,
    Server,
    addresses,
    big_list,
    checker_by,
)
from tests.kortilla.revocation_checks import well
from tests.kortilla.signing_parts import FORMATS, answer_to
from tests.kortilla.timestamps import stamper


@pytest.fixture
def chain(server: Server, root: CA) -> Chain:
    """CAs whose responder says that no certificate is revoked."""
    return well(server, root, by="ocsp")


@pytest.fixture
def signer(chain: Chain) -> Leaf:
    """A signature certificate that names the responder."""
    extra = addresses(chain.address, "issuing")
    return chain.ca.issue(key("P-384"), key_usage=pki.SIGNATURE, extra=extra)


@pytest.fixture
def timestamper(chain: Chain) -> DummyTimeStamper:
    """A time-stamping service of the same CA, which names the responder."""
    return stamper(chain.ca, more=addresses(chain.address, "issuing"), at=NOW)


async def signed(
    chain: Chain, signer: Leaf, timestamper: DummyTimeStamper, kind: str
) -> SignedDocument:
    """Sign with the revocation data that are asked for meanwhile."""
    form, trust = FORMATS[kind], chain.ca.trust(chain.root.der)
    options: dict[str, Any] = {"at": NOW, "revocation": UNCHECKED}
    state = await form.prepared(signer.der, trust, **options)
    async with checker_by(by="ocsp") as revocation:
        collect = functools.partial(
            ValidationData.collect,
            revocation=revocation,
            authorities=[chain.root.der],
        )
        return await form.finish(
            state,
            answer_to(state, signer),
            trust=trust,
            timestamper=timestamper,
            validation_data=collect,
            archive=kind == "pdf",
            **options,
        )


async def test_a_pdf_and_a_container_get_what_their_certificates_need(
    chain: Chain, signer: Leaf, timestamper: DummyTimeStamper, server: Server
) -> None:
    for kind, level in (("pdf", "B-LTA"), ("container", "B-LT")):
        assert (await signed(chain, signer, timestamper, kind)).level == level
    # The signer, its CA and the timestamp's certificate, for each of the two.
    assert sorted(server.asked) == 4 * ["ocsp/issuing"] + 2 * ["ocsp/root"]


async def test_the_list_that_is_kept_is_the_one_that_was_verified(
    chain: Chain, server: Server
) -> None:
    right = List(chain.root).encode()
    bodies = [right, b"<html>"]

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=bodies.pop(0), content_type="application/pkix-crl")

    server.handlers["crl/root.crl"] = answer
    del server.handlers["ocsp/root"]
    certificates = [chain.path.issuer.dump(), chain.root.der]
    async with checker_by(by="ocsp") as revocation:
        data = await ValidationData.collect(certificates, revocation=revocation)
    assert (data.crls, bodies) == ((right,), [b"<html>"])


async def test_a_list_that_can_not_be_kept_lowers_the_level(
    chain: Chain, signer: Leaf, timestamper: DummyTimeStamper, server: Server
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=big_list(chain.root, 25_000))

    server.handlers["crl/root.crl"] = answer
    del server.handlers["ocsp/root"]
    assert (await signed(chain, signer, timestamper, "container")).level == "B-T"


async def test_what_can_not_be_read_is_no_bare_error() -> None:
    async with checker_by(by="ocsp") as revocation:
        for junk in (b"", b"<html>", b"0\x03\x02\x01"):
            with pytest.raises(RevocationCheckFailedError, match="can't be read"):
                await ValidationData.collect([junk], revocation=revocation)


async def test_without_proof_for_each_certificate_there_are_no_data(
    chain: Chain, server: Server
) -> None:
    path = chain.path
    whole = [path.leaf, path.issuer, chain.root.certificate]
    async with checker_by(by="ocsp") as revocation:
        with pytest.raises(RevocationCheckFailedError, match="issuer is missing"):
            await revocation.collect(whole[:2])
        del server.handlers["ocsp/root"]
        with pytest.raises(RevocationCheckFailedError):
            await revocation.collect(whole)
        server.handlers["ocsp/issuing"] = OCSPAnswer(chain.ca, status="revoked")
        with pytest.raises(UserCertificateRevokedError):
            await revocation.collect(whole)
        del server.handlers["ocsp/issuing"]
        server.handlers["crl/issuing.crl"] = List(chain.ca, serials=(LEAF_SERIAL,))
        with pytest.raises(UserCertificateRevokedError):
            await revocation.collect(whole)
