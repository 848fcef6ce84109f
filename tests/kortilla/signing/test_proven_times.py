# SPDX-License-Identifier: MIT
"""Which timestamps prove a time, and which data of a file are about them.

The certificate of the person has expired in most of these.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asn1crypto import core, x509
from pyhanko.sign.timestamps import DummyTimeStamper

from kortilla.errors import (
    UserCertificateOCSPCheckFailedError,
    UserCertificateRevokedError,
)
from kortilla.revocation import CertificatePath
from kortilla.signing.validation_data import ValidationData
from kortilla.signing.verification import (
    TimestampAuthority,
    TrustedCAs,
    Verdict,
)
from tests.kortilla import pki
from tests.kortilla.pki import CA
from tests.kortilla.responder import DIGITAL_SIGNATURE, List
from tests.kortilla.signed_files import with_signature
from tests.kortilla.signing.lasting_files import (
    Lasting,
    codes,
    days,
    later,
    renewed,
    stamped,
)
from tests.kortilla.signing_parts import GOOD, FixedRevocation, b64, flipped
from tests.kortilla.timestamps import TIME_STAMPING, Odd, stamper

VALID, CANT_SAY = Verdict.VALID, Verdict.CANT_SAY
NOBODY = "REVOCATION_NOT_ASKED"
HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)
REVOKED = {"status": "revoked"}
UNKNOWN = "TIMESTAMP_AUTHORITY_UNKNOWN"
CODE_SIGNING = x509.ExtKeyUsageSyntax(["time_stamping", "code_signing"]).dump()
KEY_AGREEMENT = bytes.fromhex("03020308")
CRITICAL = {
    "extn_id": "1.2.246.517.99.1",
    "critical": True,
    "extn_value": core.OctetString(b"\x05\x00"),
}
#: By the service that stamps: the code.
SERVICES: dict[str, tuple[Callable[[Lasting], DummyTimeStamper], str]] = {
    "the right one": (lambda lasting: lasting.service, ""),
    "an authority that is not trusted": (
        lambda _: stamper(CA.create("SPECIMEN Stamping Root CA")),
        UNKNOWN,
    ),
    "no purpose": (lambda lasting: stamper(lasting.stamping_root, purpose=()), UNKNOWN),
    "another purpose, too": (
        lambda lasting: stamper(
            lasting.stamping_root, purpose=[(TIME_STAMPING[0], CODE_SIGNING)]
        ),
        UNKNOWN,
    ),
    "a purpose that is not critical": (
        lambda lasting: stamper(lasting.stamping_root, extra_critical=False),
        UNKNOWN,
    ),
    "a certificate that had expired": (
        lambda lasting: stamper(lasting.stamping_root, days=-1),
        UNKNOWN,
    ),
    "a certificate that has expired since": (
        lambda lasting: stamper(lasting.stamping_root, days=59),
        "TIMESTAMP_EXPIRED",
    ),
    "a certificate of a person": (
        lambda lasting: stamper(lasting.ca, days=99),
        UNKNOWN,
    ),
    "a clock that is ahead": (
        lambda lasting: stamper(lasting.stamping_root, at=datetime.now(UTC) + days(99)),
        "TIME_IN_FUTURE",
    ),
    # It shows only that the file is no younger.
    "a time after the person's certificate had expired": (
        lambda lasting: stamper(lasting.stamping_root, at=datetime.now(UTC) + days(40)),
        "CERTIFICATE_EXPIRED",
    ),
    # RFC 5280 §4.2.1.12.
    "a key for signatures": (
        lambda lasting: stamper(lasting.stamping_root, key_usage=DIGITAL_SIGNATURE),
        "",
    ),
    "a key for commitments": (
        lambda lasting: stamper(lasting.stamping_root, key_usage=pki.SIGNATURE),
        "",
    ),
    "a key that is not for signatures": (
        lambda lasting: stamper(lasting.stamping_root, key_usage=KEY_AGREEMENT),
        UNKNOWN,
    ),
    # RFC 3161 §2.4.2.
    "a timestamp that does not name its certificate": (
        lambda lasting: Odd(lasting.service, names=False),
        "TIMESTAMP_BROKEN",
    ),
    "an accuracy of a second": (
        lambda lasting: Odd(lasting.service, accuracy={"seconds": 1, "millis": 1}),
        "",
    ),
    "an accuracy of ten years": (
        lambda lasting: Odd(lasting.service, accuracy={"seconds": 315_360_000}),
        "TIMESTAMP_BROKEN",
    ),
    "an accuracy below nothing": (
        lambda lasting: Odd(lasting.service, accuracy={"seconds": -1}),
        "TIMESTAMP_BROKEN",
    ),
    "an extension that must be known": (
        lambda lasting: Odd(lasting.service, extensions=[CRITICAL]),
        "TIMESTAMP_BROKEN",
    ),
    "a digest that is not safe": (
        lambda lasting: _with_sha_1(stamper(lasting.stamping_root)),
        "TIMESTAMP_BROKEN",
    ),
}


def _with_sha_1(service: DummyTimeStamper) -> DummyTimeStamper:
    service.override_md = "sha1"
    return service


@pytest.mark.parametrize("what", SERVICES)
async def test_only_a_trusted_authority_for_timestamps_proves_a_time(
    lasting: Lasting, what: str
) -> None:
    make, code = SERVICES[what]
    signed = await lasting.signed("detached", "B-T", timestamper=make(lasting))
    report = await lasting.verified(signed, at=later(), revocation=GOOD)
    if not code:
        assert (report.verdict, codes(report)) == (VALID, set())
        return
    assert report.verdict is CANT_SAY
    assert codes(report) == {code, "CERTIFICATE_EXPIRED", "CLAIMED_TIME"}


def also_trusting(lasting: Lasting, service: DummyTimeStamper) -> TrustedCAs:
    """Trust a service itself, too: then it needs no answer that it is not revoked."""
    more = TimestampAuthority(service.tsa_cert.dump())
    trusted = lasting.trusted
    return replace(trusted, time_stamping=(*trusted.time_stamping, more))


#: Which signature timestamps a file has, in their order, and what is said of it when
#: the certificate has expired.
STAMPS: dict[str, tuple[str, Verdict, set[str]]] = {
    "an unknown authority's first": ("unknown good", VALID, set()),
    "a broken one first": ("broken good", VALID, {"TIMESTAMP_BROKEN"}),
    "a broken one last": ("good broken", VALID, {"TIMESTAMP_BROKEN"}),
    "garbage first": ("garbage good", VALID, {"TIMESTAMP_BROKEN"}),
    "one of another signature first": ("other good", VALID, {"TIMESTAMP_BROKEN"}),
    "a late one first": ("late good", VALID, set()),
    "as many as are looked at": ("unknown " * 19 + "good", VALID, set()),
    "one more": (
        "unknown " * 20 + "good",
        CANT_SAY,
        {UNKNOWN, "TOO_LARGE", "CERTIFICATE_EXPIRED", "CLAIMED_TIME"},
    ),
    # None of them is of the other, as an archive timestamp would be.
    "one that has expired, and a late one": (
        "expired late",
        CANT_SAY,
        {"CERTIFICATE_EXPIRED", "CLAIMED_TIME"},
    ),
}


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        (what, kind)
        for what, (names, *_) in STAMPS.items()
        for kind in ("detached", "pdf", "container", "in one element")
        if kind != "pdf" or len(names) < 99  # a PDF has room for a few only
    ],
)
async def test_each_timestamp_of_a_signature_is_looked_at(
    lasting: Lasting, what: str, kind: str
) -> None:
    names, verdict, codes_then = STAMPS[what]
    services = {
        "good": lasting.service,
        "other": lasting.service,
        "unknown": stamper(CA.create("SPECIMEN Stamping Root CA")),
        "late": stamper(lasting.stamping_root, at=datetime.now(UTC) + days(40)),
        "expired": stamper(lasting.stamping_root, days=59),
    }
    stamps = [
        (services.get(each), each in {"other", "garbage"}) for each in names.split()
    ]
    signed = await lasting.signed(kind.replace("in one element", "container"), "B-T")
    made = await stamped(kind, signed, stamps)
    trusted = also_trusting(lasting, services["expired"])
    report = await lasting.verified(made, at=later(), revocation=GOOD, trusted=trusted)
    assert (report.verdict, codes(report)) == (verdict, codes_then), report


@pytest.mark.parametrize("kind", ["pdf", "container"])
async def test_a_later_timestamp_takes_no_proof_away(
    lasting: Lasting, kind: str
) -> None:
    """The network alone proves the first, and the later one came too late to help."""
    content, _ = await lasting.signed(kind, "B-T")
    late = stamper(lasting.stamping_root, at=datetime.now(UTC) + days(40))
    reports = [
        await lasting.verified((each, None), at=later(), revocation=GOOD)
        for each in (content, await renewed(kind, content, late, None))
    ]
    for each in reports:
        assert (each.verdict, codes(each)) == (VALID, set()), each
    assert reports[0].signatures[0].time == reports[1].signatures[0].time
    assert [each.trusted for each in reports[1].timestamps] == [True]


async def test_an_archive_timestamp_proves_nothing_of_what_comes_after_it(
    lasting: Lasting,
) -> None:
    content, _ = await lasting.signed("container", "B-T")
    bare = with_signature(
        content, lambda xml: re.sub("<xades:Signature(TimeStamp).*\\1>", "", xml)
    )
    late = stamper(lasting.stamping_root, at=datetime.now(UTC) + days(40))
    archived = await renewed("container", bare, late, None)
    forged = stamper(lasting.stamping_root, days=59)
    made = await stamped("container", (archived, None), [(forged, False)])
    trusted = also_trusting(lasting, forged)
    report = await lasting.verified(made, at=later(), revocation=GOOD, trusted=trusted)
    assert report.verdict is CANT_SAY
    assert codes(report) == {"TIMESTAMP_BROKEN", "CERTIFICATE_EXPIRED", "CLAIMED_TIME"}


@pytest.mark.parametrize(
    ("granted", "code"),
    [
        ([(-1, 1)], set()),
        ([(1, None)], {UNKNOWN}),
        ([(-2, -1)], {UNKNOWN}),
        ([(-2, -1), (-1, None)], set()),
        ([], {UNKNOWN}),
        (None, set()),
    ],
)
async def test_an_authority_counts_while_a_list_grants_it(
    lasting: Lasting, granted: list[tuple[int, int | None]] | None, code: set[str]
) -> None:
    now = datetime.now(UTC)
    times = None
    if granted is not None:
        times = tuple(
            (now + days(since), None if until is None else now + days(until))
            for since, until in granted
        )
    authority = TimestampAuthority(lasting.stamping_root.der, times)
    trusted = TrustedCAs(None, lasting.trusted.test, time_stamping=(authority,))
    signed = await lasting.signed("detached", "B-T")
    report = await lasting.verified(signed, revocation=GOOD, trusted=trusted)
    assert codes(report) & {UNKNOWN} == code


@pytest.mark.parametrize(
    ("error", "codes_then"),
    [
        (None, set()),
        (UserCertificateRevokedError("x"), {"TIMESTAMP_REVOKED"}),
        # What the file keeps about the authority is enough.
        (UserCertificateOCSPCheckFailedError("x"), set()),
    ],
)
async def test_an_authority_is_asked_about_when_somebody_may_be_asked(
    lasting: Lasting, error: Exception | None, codes_then: set[str]
) -> None:
    signed = await lasting.signed("container", "B-LT")
    asked = FixedRevocation(error)
    report = await lasting.verified(signed, at=later(), revocation=asked)
    if codes_then:
        # It could have been stolen, and then every time be false.
        codes_then |= {"CERTIFICATE_EXPIRED", "CLAIMED_TIME", "CERTIFICATE_REVOKED"}
    assert codes(report) == codes_then
    assert report.signatures[0].timestamp
    assert report.signatures[0].timestamp.trusted == (not codes_then)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, ""),
        ({"serial": 77}, "TIMESTAMP_UNCHECKED"),
        ({"this_update": -HOUR}, "TIMESTAMP_UNCHECKED"),
        # An hour ago: a second after the timestamp it would do no harm.
        ({**REVOKED, "after": -HOUR, "this_update": HOUR}, "TIMESTAMP_REVOKED"),
    ],
)
async def test_what_a_file_says_of_the_authority_counts(
    lasting: Lasting, changes: dict[str, Any], code: str
) -> None:
    def change(data: ValidationData) -> ValidationData:
        *others, _ = data.ocsp_responses
        about = lasting.of_service(**changes)
        return ValidationData((*others, about), (), data.certificates)

    signed = await lasting.signed("pdf", "B-LT", change)
    report = await lasting.verified(signed)
    if code:
        assert codes(report) == {code, NOBODY, "CLAIMED_TIME"}
        assert report.signatures[0].level == "B-T"
    else:
        assert (report.verdict, codes(report)) == (VALID, set())


#: For each reason of a revocation, and its time: whether older timestamps stay.
REASONS: dict[tuple[str | None, timedelta], bool] = {
    ("unspecified", HOUR): True,
    ("affiliation_changed", HOUR): True,
    ("superseded", HOUR): True,
    ("cessation_of_operation", HOUR): True,
    ("superseded", -HOUR): False,
    (None, HOUR): False,
    ("key_compromise", HOUR): False,
    ("ca_compromise", HOUR): False,
    ("certificate_hold", HOUR): False,
}


@pytest.mark.parametrize("source", ["answer", "list"])
@pytest.mark.parametrize(("reason", "after"), REASONS)
async def test_older_timestamps_stay_when_a_service_ended_without_harm(
    lasting: Lasting, source: str, reason: str | None, after: timedelta
) -> None:
    """RFC 3161 §4."""
    then = datetime.now(UTC).replace(microsecond=0) + after
    said: dict[str, Any] = {"at": then, "this_update": 2 * HOUR, "reason": reason}

    def change(data: ValidationData) -> ValidationData:
        if source == "list":
            serials = [lasting.service.tsa_cert.serial_number]
            made = List(lasting.stamping_root, serials, next_update=WEEK, **said)
            return replace(data, crls=(made.encode(),))
        about = lasting.of_service(status="revoked", **said)
        return replace(data, ocsp_responses=(*data.ocsp_responses, about))

    signed = await lasting.signed("pdf", "B-LT", change)
    report = await lasting.verified(signed, at=datetime.now(UTC) + days(1))
    assert ("TIMESTAMP_REVOKED" in codes(report)) != REASONS[reason, after], report
    assert (report.verdict is VALID) == REASONS[reason, after]


@dataclass
class Ended:
    """Says of some that they were revoked, with a reason that keeps timestamps."""

    names: str
    since: datetime | None

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        """Look at the issuer, too, if its own issuer is there."""
        asked = [path.leaf, path.issuer] if path.root else [path.leaf]
        if any(each.subject.native["common_name"] in self.names for each in asked):
            raise UserCertificateRevokedError(since=self.since, keeps_timestamps=True)


@pytest.mark.parametrize(
    ("ended", "after", "stays"),
    [
        ("SPECIMEN Timestamps", HOUR, True),
        ("SPECIMEN Timestamps", -HOUR, False),
        ("SPECIMEN Timestamps", None, False),
        # The reason is the service's alone: a CA's says nothing about the service.
        ("SPECIMEN Stamping CA", HOUR, False),
        ("SPECIMEN Timestamps, SPECIMEN Stamping CA", HOUR, False),
    ],
)
async def test_the_network_says_why_a_service_ended(
    lasting: Lasting, ended: str, after: timedelta | None, stays: bool
) -> None:
    ca = CA.create("SPECIMEN Stamping CA", parent=lasting.stamping_root)
    since = None if after is None else datetime.now(UTC) + after
    signed = await lasting.signed(
        "container",
        "B-LT",
        timestamper=stamper(ca),
        validation_data=ValidationData((), certificates=(ca.der,)),
    )
    report = await lasting.verified(signed, revocation=Ended(ended, since))
    [signature] = report.signatures
    assert signature.timestamp
    assert signature.timestamp.trusted == stays
    found = [each.code for each in signature.timestamp.problems]
    assert found == [] if stays else ["TIMESTAMP_REVOKED"]


@pytest.mark.parametrize("kind", ["pdf", "container"])
@pytest.mark.parametrize("broken", [False, True])
async def test_a_broken_chain_of_archive_timestamps_proves_nothing(
    lasting: Lasting, kind: str, broken: bool
) -> None:
    """The next one is an unknown authority's, or broken. The first has expired."""
    content, _ = await lasting.signed(kind, "B-LTA")
    when = datetime.now(UTC) + days(200)
    ca = lasting.stamping_root if broken else CA.create("SPECIMEN Stamping Root CA")
    service = stamper(ca, days=4000, at=when)
    about = lasting.of_service(at=when.replace(microsecond=0))
    made = await renewed(kind, content, service, ValidationData((about,)))
    if broken and kind == "pdf":
        made = made.replace(about, flipped(about, -1))
    elif broken:
        [value] = map(b64, (about,))
        made = with_signature(made, lambda xml: xml.replace(value, b64(about[:-1])))
    early = await lasting.verified((made, None), at=when + days(1))
    assert (early.verdict, early.signatures[0].level) == (VALID, "B-LTA")
    report = await lasting.verified((made, None), at=when + days(150))
    assert report.verdict is CANT_SAY
    assert "TIMESTAMP_EXPIRED" in codes(report)
    assert [each.trusted for each in report.timestamps] == [False, False]
    assert report.timestamps[-1].intact != broken


@pytest.mark.parametrize("kind", ["pdf", "container"])
async def test_data_that_no_archive_timestamp_is_of_do_not_raise_the_level(
    lasting: Lasting, kind: str
) -> None:
    content, _ = await lasting.signed(kind, "B-T")
    leaf, service = lasting.maker.leaf.der, lasting.service
    data = await lasting.collect((leaf, lasting.ca.der, service.tsa_cert.dump()))
    stamped = await renewed(kind, content, service, None)
    added = await renewed(kind, stamped, None, data)
    whole = await renewed(kind, added, service, None)
    for made, level in ((stamped, "B-T"), (added, "B-LT"), (whole, "B-LTA")):
        report = await lasting.verified((made, None))
        assert report.signatures[0].level == level
        assert (report.verdict is VALID) == (level != "B-T")
