# SPDX-License-Identifier: MIT
"""False timestamps and revocation data in a file prove nothing.

The certificate of the person has expired in all of these, so that only what the file
keeps can make it valid.
"""

import re
from collections.abc import Callable, Sequence
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
from kortilla.revocation import CertificatePath, ocsp
from kortilla.revocation.certificates import Subject
from kortilla.signing.validation_data import ValidationData
from kortilla.signing.verification import (
    TimestampAuthority,
    TrustedCAs,
    Verdict,
    judge,
)
from kortilla.signing.verification.findings import Kept
from kortilla.signing.verification.proofs import evidence
from kortilla.signing.verification.proofs.evidence import (
    Evidence,
    chain_of,
    read_authorities,
    read_subject,
)
from tests.kortilla import pki
from tests.kortilla.pki import CA, Leaf, key
from tests.kortilla.responder import DIGITAL_SIGNATURE, NO_CHECK, OCSP_SIGNING, List
from tests.kortilla.signed_files import with_signature
from tests.kortilla.signing.lasting_files import (
    Lasting,
    codes,
    days,
    only_about,
    renewed,
    stamped,
)
from tests.kortilla.signing_parts import GOOD, FixedRevocation, b64, flipped
from tests.kortilla.timestamps import TIME_STAMPING, Odd, stamper

VALID, NOT_VALID, CANT_SAY = Verdict.VALID, Verdict.NOT_VALID, Verdict.CANT_SAY
NOBODY = "REVOCATION_NOT_ASKED"
MINUTE, HOUR, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(weeks=1)


@pytest.fixture(scope="module")
def lasting() -> Lasting:
    return Lasting.create()


def later() -> datetime:
    """Return a time at which the certificate has expired."""
    return datetime.now(UTC) + days(60)


def delegate(
    by: CA, *, until: timedelta = WEEK, checked: bool = False, critical: bool = False
) -> Leaf:
    """Return a responder that a CA has authorised."""
    return by.issue(
        key("P-256"),
        serial_number=0xDE1E,
        not_before=days(-9),
        not_after=until,
        key_usage=DIGITAL_SIGNATURE,
        extended_key_usage=OCSP_SIGNING,
        subject_name=x509.Name.build({"common_name": "SPECIMEN Responder"}),
        policies=(),
        extra=[] if checked else [NO_CHECK, ("1.2.3.4", b"\x05\x00")],
        extra_critical=critical,
    )


def invalid_since(when: timedelta) -> dict[str, Any]:
    date = core.GeneralizedTime((datetime.now(UTC) + when).replace(microsecond=0))
    return {"extn_id": "invalidity_date", "extn_value": date}


#: What a file has about the person: answers, as changes of the right one, or lists.
#: A time is counted from the signature.
Data = Callable[[Lasting], tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]]]]
REVOKED = {"status": "revoked"}
DATA: dict[str, tuple[Data, Verdict, str]] = {
    "the right answer": (lambda _: ([{}], []), VALID, ""),
    "nothing": (lambda _: ([], []), CANT_SAY, NOBODY),
    "an answer from a minute before": (
        lambda _: ([{"this_update": -MINUTE}], []),
        VALID,
        "",
    ),
    # The card could have been reported lost between.
    "an answer from before": (
        lambda _: ([{"this_update": -10 * MINUTE}], []),
        CANT_SAY,
        NOBODY,
    ),
    "an answer that was produced before": (
        lambda _: ([{"produced_at": -HOUR}], []),
        CANT_SAY,
        NOBODY,
    ),
    "a list from before": (lambda _: ([], [{"this_update": -HOUR}]), CANT_SAY, NOBODY),
    "a list from then": (lambda _: ([], [{"this_update": MINUTE}]), VALID, ""),
    "an answer of the future": (
        lambda _: ([{"this_update": days(90)}], []),
        CANT_SAY,
        NOBODY,
    ),
    "an answer about another certificate": (
        lambda _: ([{"serial": 77}], []),
        CANT_SAY,
        NOBODY,
    ),
    "an answer that knows nothing": (
        lambda _: ([{"status": "unknown"}], []),
        CANT_SAY,
        NOBODY,
    ),
    "an answer of a responder": (
        lambda lasting: ([{"signer": delegate(lasting.ca)}], []),
        VALID,
        "",
    ),
    "an answer of a responder with an extension that must be known": (
        lambda lasting: ([{"signer": delegate(lasting.ca, critical=True)}], []),
        CANT_SAY,
        NOBODY,
    ),
    "an answer of another CA's responder": (
        lambda lasting: ([{"signer": delegate(lasting.stamping_root)}], []),
        CANT_SAY,
        NOBODY,
    ),
    "an answer of a responder that had expired": (
        lambda lasting: ([{"signer": delegate(lasting.ca, until=-HOUR)}], []),
        CANT_SAY,
        NOBODY,
    ),
    "an answer of a responder that may be revoked": (
        lambda lasting: ([{"signer": delegate(lasting.ca, checked=True)}], []),
        CANT_SAY,
        NOBODY,
    ),
    "an answer of a responder that is on no list": (
        lambda lasting: (
            [{"signer": delegate(lasting.ca, checked=True)}],
            [{"this_update": -HOUR}],
        ),
        VALID,
        "",
    ),
    "an answer of a responder that is on a list": (
        lambda lasting: (
            [{"signer": delegate(lasting.ca, checked=True)}],
            [{"this_update": -HOUR, "serials": [0xDE1E]}],
        ),
        CANT_SAY,
        NOBODY,
    ),
    "an answer by sha 1": (
        lambda _: ([{"algorithm": "sha1_ecdsa"}], []),
        CANT_SAY,
        NOBODY,
    ),
    "an answer with another's signature": (
        lambda lasting: ([{"signing_key": lasting.root.key}], []),
        CANT_SAY,
        NOBODY,
    ),
    "revoked before": (
        lambda _: ([{**REVOKED, "after": -HOUR, "this_update": HOUR}], []),
        NOT_VALID,
        "CERTIFICATE_REVOKED",
    ),
    "revoked afterwards": (
        lambda _: ([{**REVOKED, "after": HOUR}], []),
        VALID,
        "REVOKED_SINCE",
    ),
    "good at first, and revoked with a date before": (
        lambda _: ([{}, {**REVOKED, "after": -HOUR, "this_update": 2 * HOUR}], []),
        NOT_VALID,
        "CERTIFICATE_REVOKED",
    ),
    "on a list since before": (
        lambda _: ([], [{"serials": [4242], "after": -HOUR, "this_update": 2 * HOUR}]),
        NOT_VALID,
        "CERTIFICATE_REVOKED",
    ),
    "on a list since later": (
        lambda _: ([], [{"serials": [4242], "after": HOUR}]),
        VALID,
        "REVOKED_SINCE",
    ),
    "on a list since later, but a thief's since before": (
        lambda _: (
            [],
            [
                {
                    "serials": [4242],
                    "after": HOUR,
                    "entry_extensions": [invalid_since(-HOUR)],
                }
            ],
        ),
        NOT_VALID,
        "CERTIFICATE_REVOKED",
    ),
    # Who need not keep expired certificates calls them good.
    "an answer after the certificate has expired": (
        lambda _: ([{"this_update": days(40)}], []),
        CANT_SAY,
        NOBODY,
    ),
    "a list after the certificate has expired": (
        lambda _: ([], [{"this_update": days(40), "next_update": days(70)}]),
        CANT_SAY,
        NOBODY,
    ),
    "a list with expired certificates": (
        lambda _: (
            [],
            [
                {
                    "this_update": days(40),
                    "next_update": days(70),
                    "extensions": [
                        {
                            "extn_id": "2.5.29.60",
                            "extn_value": core.GeneralizedTime(
                                datetime(2026, 1, 1, tzinfo=UTC)
                            ).dump(),
                        }
                    ],
                }
            ],
        ),
        VALID,
        "",
    ),
}


@pytest.mark.parametrize("what", DATA)
async def test_only_data_that_are_bound_to_the_time_answer(
    lasting: Lasting, what: str
) -> None:
    make, verdict, code = DATA[what]
    answers, lists = make(lasting)
    now = datetime.now(UTC).replace(microsecond=0)

    usual: dict[str, Any] = {"ca": lasting.ca, "serials": [9]}

    def timed(changes: dict[str, Any]) -> dict[str, Any]:
        changes = dict(changes)
        return {"at": now + changes.pop("after", timedelta(0))} | changes

    change = only_about(
        lasting,
        *(lasting.answer(lasting.maker.leaf.der, **timed(each)) for each in answers),
        crls=[List(**usual | timed(each)).encode() for each in lists],
    )
    signed = await lasting.signed("container", "B-LT", change)
    report = await lasting.verified(signed, at=later())
    assert (report.verdict, codes(report)) == (verdict, {code} - {""}), report
    [signature] = report.signatures
    assert signature.time_source == "timestamp"
    # A level is claimed only if its data verify.
    assert signature.level == ("B-LT" if verdict is VALID else "B-T")


async def test_data_prove_nothing_for_a_time_that_nobody_has_proven(
    lasting: Lasting,
) -> None:
    signed = await lasting.signed("pdf", "B-LT", timestamper=None)
    report = await lasting.verified(signed)
    assert codes(report) == {NOBODY, "CLAIMED_TIME"}
    assert report.signatures[0].level == "B-B"


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


@pytest.mark.parametrize(
    ("since", "verdict", "code"),
    [
        (HOUR, VALID, "REVOKED_SINCE"),
        (-HOUR, NOT_VALID, "CERTIFICATE_REVOKED"),
        (None, NOT_VALID, "CERTIFICATE_REVOKED"),
    ],
)
async def test_a_revocation_after_the_proven_time_does_no_harm(
    lasting: Lasting, since: timedelta | None, verdict: Verdict, code: str
) -> None:
    date = None if since is None else datetime.now(UTC) + since

    class OfPerson(FixedRevocation):
        async def check(self, path: Any, *, at: datetime) -> None:
            if path.leaf.serial_number == 4242:
                await super().check(path, at=at)

    asked = OfPerson(UserCertificateRevokedError("x", since=date))
    trusted = lasting.trusted
    for level in ("B-T", "B-B"):
        signed = await lasting.signed("container", level)
        report = await lasting.verified(signed, revocation=asked, trusted=trusted)
        if level == "B-T":
            assert (report.verdict, codes(report)) == (verdict, {code})
        else:  # of a time that only the signer claims
            assert report.verdict is NOT_VALID


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


# ------------------------------------------------------------- anybody's certificates


@pytest.mark.parametrize(
    ("lacks", "level"), [("nothing", "B-LT"), ("root", "B-T"), ("issuer", "B-T")]
)
async def test_nothing_is_shown_of_a_certificate_whose_issuer_is_not_known(
    lasting: Lasting, lacks: str, level: str
) -> None:
    """The CA's issuer may be missing, too: then nothing is shown of the CA."""
    lacking = {"nothing": [], "root": [lasting.root], "issuer": [lasting.ca]}[lacks]

    def change(data: ValidationData) -> ValidationData:
        others = {*data.certificates} - {each.der for each in lacking}
        return replace(data, certificates=tuple(others))

    chain = () if lacks == "issuer" else (lasting.ca.der,)
    content, _ = await lasting.signed("container", "B-LT", change, chain=chain)
    # Nobody is trusted: the level rests on the file alone.
    report = await lasting.verified((content, None), trusted=TrustedCAs())
    assert report.signatures[0].level == level


async def test_a_trusted_ca_needs_no_issuer_for_the_level(lasting: Lasting) -> None:
    def change(data: ValidationData) -> ValidationData:
        return replace(data, certificates=(lasting.stamping_root.der,))

    signed = await lasting.signed("container", "B-LT", change)
    trusted = TrustedCAs.from_certificates([lasting.ca.der])
    report = await lasting.verified(signed, trusted=trusted)
    assert report.signatures[0].level == "B-LT"


async def test_too_many_data_of_a_file_make_it_too_slow_to_be_valid(
    lasting: Lasting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A false answer costs the time of a true one, and a file may have thousands."""
    right = lasting.answer(lasting.maker.leaf.der)
    wrong = (right[:-4] + number.to_bytes(4, "big") for number in range(150))
    change = only_about(lasting, *wrong, right)
    signed = await lasting.signed("container", "B-LT", change)
    assert (await lasting.verified(signed, at=later())).verdict is VALID
    judged = []
    judge_kept = ocsp.judge_kept

    def count(answer: bytes, **options: Any) -> ocsp.Response:
        judged.append(answer)
        return judge_kept(answer, **options)

    monkeypatch.setattr(ocsp, "judge_kept", count)
    monkeypatch.setattr(evidence, "MOST_SECONDS", 0.01)
    report = await lasting.verified(signed, at=later())
    assert report.verdict is CANT_SAY
    assert [each.code for each in report.problems] == ["TOO_SLOW"]
    assert 0 < len(judged) < 100


async def test_trusted_cas_are_read_once_for_all_signatures(
    lasting: Lasting, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, _ = await lasting.signed("pdf", "B-B")
    twice = await lasting.maker.pdf(content, chain=(lasting.ca.der,))
    read = []

    def count(certificate: bytes) -> Subject:
        read.append(certificate)
        return read_subject(certificate)

    monkeypatch.setattr(judge, "read_trusted", count)
    report = await lasting.verified((twice, None))
    assert len(report.signatures) == 2
    assert len(read) == 1


def test_odd_certificates_of_a_file_are_no_error(lasting: Lasting) -> None:
    ca, person = lasting.ca.der, read_subject(lasting.maker.leaf.der)
    name = lasting.ca.certificate.subject.dump()
    odd = ca.replace(name, name[:-1] + b"\xff")
    timeless = ca.replace(b"410101000000Z", b"41010100000XX")
    assert ca not in {odd, timeless}
    others = read_authorities([odd, timeless, ca + bytes(1 << 16)])
    assert len(others) == 2
    assert chain_of(person, others) == [person, others[1]]
    now = datetime.now(UTC)
    crl = List(lasting.ca).encode()
    assert not Evidence([Kept(crls=(crl,))], at=now).covers(
        [person, others[1]], now, person=True
    )
