# SPDX-License-Identifier: MIT
"""Signatures are verified years later, by timestamps and by what the files keep."""

from datetime import UTC, datetime

import pytest
from asn1crypto import core

from kortilla.signing.validation_data import ValidationData
from kortilla.signing.verification import (
    TrustedCAs,
    Verdict,
    verify_document,
)
from tests.kortilla.pki import CA
from tests.kortilla.responder import OCSPAnswer, Server, addresses, checker_by
from tests.kortilla.revocation_checks import well
from tests.kortilla.signed_files import Maker, issue
from tests.kortilla.signing.lasting_files import (
    LEVELS,
    Lasting,
    codes,
    days,
    renewed,
)
from tests.kortilla.timestamps import stamper


@pytest.mark.parametrize("kind", ["pdf", "container", "detached"])
async def test_what_a_file_keeps_answers_when_nobody_is_asked(
    lasting: Lasting, kind: str
) -> None:
    """Today, when the certificate has expired, and when the timestamp's has."""
    not_asked, unchecked = "REVOCATION_NOT_ASKED", "TIMESTAMP_UNCHECKED"
    expired, claimed = "CERTIFICATE_EXPIRED", "CLAIMED_TIME"
    table = {
        "B-B": ({not_asked, claimed}, {not_asked, claimed, expired}),
        "B-T": (
            {not_asked, claimed, unchecked},
            {not_asked, claimed, unchecked, expired},
        ),
        "B-LT": (set[str](), set[str]()),
        "B-LTA": (set[str](), set[str]()),
    }
    levels = LEVELS if kind != "detached" else LEVELS[:2]
    for level in levels:
        signed = await lasting.signed(kind, level)
        for after, wanted in zip((0, 60), table[level], strict=True):
            report = await lasting.verified(signed, at=datetime.now(UTC) + days(after))
            assert codes(report) == wanted, (level, after)
            good = Verdict.CANT_SAY if wanted else Verdict.VALID
            [signature] = report.signatures
            assert (report.verdict, signature.level) == (good, level)
            source = "claimed" if wanted else "timestamp"
            assert signature.time_source == source
            assert signature.revocation_source == ("none" if wanted else "file")
        late = await lasting.verified(signed, at=datetime.now(UTC) + days(300))
        assert late.verdict is Verdict.CANT_SAY
        assert expired in codes(late)
        if level != "B-B":
            assert "TIMESTAMP_EXPIRED" in codes(late)


@pytest.mark.parametrize("kind", ["pdf", "container"])
async def test_the_next_archive_timestamp_keeps_it_when_the_first_has_expired(
    lasting: Lasting, kind: str
) -> None:
    content, _ = await lasting.signed(kind, "B-LTA")
    later = datetime.now(UTC) + days(200)
    newer = stamper(lasting.stamping_root, days=4000, at=later)
    about = [
        lasting.answer(each.tsa_cert.dump(), at=later.replace(microsecond=0))
        for each in (lasting.service, newer)
    ]
    data = ValidationData(tuple(about))
    content = await renewed(kind, content, newer, data)
    for after in (201, 3650):
        report = await lasting.verified(
            (content, None), at=datetime.now(UTC) + days(after)
        )
        assert (report.verdict, codes(report)) == (Verdict.VALID, set()), report
        assert report.signatures[0].level == "B-LTA"
        assert [each.trusted for each in report.timestamps] == [True, True]
    report = await lasting.verified((content, None), at=datetime.now(UTC) + days(4001))
    assert report.verdict is Verdict.CANT_SAY


@pytest.mark.parametrize("keeps", [False, True])
async def test_an_expired_certificate_needs_a_responder_that_still_knows_it(
    keeps: bool,
) -> None:
    """A responder calls what it no longer keeps good, unless it says since when."""
    later = datetime.now(UTC).replace(microsecond=0) + days(60)
    async with Server() as server:
        chain = well(server, CA.create("SPECIMEN Root CA"), by="ocsp")
        cutoff = {
            "extn_id": "archive_cutoff",
            "extn_value": core.GeneralizedTime(later - days(90)),
        }
        for where, ca in (("issuing", chain.ca), ("root", chain.root)):
            server.handlers[f"ocsp/{where}"] = OCSPAnswer(
                ca, at=later, single_extensions=[cutoff] if keeps else []
            )
        extra = addresses(chain.address, "issuing")
        maker = Maker(issue(chain.ca, extra=extra), chain.ca)
        service = stamper(chain.ca, more=extra)
        signed = await maker.detached(b"a", timestamper=service)
        async with checker_by(by="ocsp", clock=lambda: later) as revocation:
            report = await verify_document(
                b"a",
                signature=signed,
                trusted=TrustedCAs.from_certificates([chain.ca.der, chain.root.der]),
                revocation=revocation,
                at=later,
                timestamp_cas=[chain.ca.der],
            )
    [signature] = report.signatures
    wanted: tuple[Verdict, str, set[str]] = (Verdict.VALID, "network", set())
    if not keeps:
        wanted = (Verdict.CANT_SAY, "none", {"REVOCATION_UNKNOWN"})
    said = (report.verdict, signature.revocation_source, codes(report))
    assert (*said, signature.time_source) == (*wanted, "timestamp")
