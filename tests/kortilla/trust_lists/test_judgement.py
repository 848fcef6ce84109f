# SPDX-License-Identifier: MIT
"""What is said of signatures by certificates of the EU's authorities."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import x509
from pyhanko.sign.timestamps import DummyTimeStamper

from kortilla.errors import UserCertificateRevokedError
from kortilla.revocation.ocsp import build_request
from kortilla.signing.trust_lists import authorities
from kortilla.signing.trust_lists.store import TrustLists
from kortilla.signing.verification import (
    DocumentReport,
    SignatureReport,
    TrustedCAs,
    Verdict,
    verify_document,
)
from kortilla.signing.verification.findings import Kept
from kortilla.signing.verification.listed import check_listed, judge_listed
from kortilla.signing.verification.proofs.evidence import Evidence
from kortilla.validation.leaf import load_leaf
from kortilla.validation.trust import PRODUCTION_POLICIES
from tests.kortilla.foreign_files import foreign_container, foreign_pdf
from tests.kortilla.pki import CA, CA_TRUE, CERTIFICATE_SIGN, TEST_POLICY, Leaf
from tests.kortilla.responder import DIGITAL_SIGNATURE, OCSPAnswer
from tests.kortilla.signing_parts import FixedRevocation
from tests.kortilla.small_eu import (
    LONG_AGO,
    POLICY,
    Authority,
    NationalList,
    keep,
    kept,
    pointer,
    qualified_leaf,
    qualify,
    statements,
)
from tests.kortilla.timestamps import stamper

#: When files were signed, and when they are judged, an hour later.
SIGNED = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
NOW = SIGNED + timedelta(hours=1)
TOMORROW = NOW + timedelta(days=1)


@pytest.fixture(scope="module")
def authority(root: CA) -> CA:
    return CA.create("SPECIMEN-ESTEID", parent=root)


def issued(authority: CA, *, half: int = 30, **more: Any) -> Leaf:
    """Issue a certificate that is valid half of its days before and after ``NOW``."""
    days = timedelta(days=half)
    dates = {"not_before": NOW - days, "not_after": NOW + days}
    return qualified_leaf(authority, **{**dates, **more})


async def signed_pdf(leaf: Leaf, **more: Any) -> bytes:
    return await foreign_pdf(leaf, time=SIGNED, **more)


def service(ca: CA) -> DummyTimeStamper:
    """Return a time-stamping service whose clock says ``SIGNED``."""
    year = timedelta(days=365)
    dates: dict[str, Any] = {"not_before": SIGNED - year, "not_after": SIGNED + year}
    return stamper(ca, at=SIGNED, **dates)


def listing(*authorities: Authority, signer: Leaf, **options: Any) -> TrustLists:
    national = NationalList(
        "EE", signer, authorities, provider="SPECIMEN Eesti", **options
    )
    return kept(national, now=NOW)


async def judged(
    signed: bytes, lists: TrustLists | None, **options: Any
) -> SignatureReport:
    report = await verify_document(
        signed,
        trusted=TrustedCAs(lists=lists),
        **{"revocation": FixedRevocation(), "at": NOW, **options},
    )
    [signature] = report.signatures
    return signature


async def judge(
    lists: TrustLists,
    leaf: Leaf,
    *path: x509.Certificate,
    proven: bool = False,
    at: datetime = NOW,
    time: datetime | None = None,
) -> tuple[authorities.Authority | None, list[str]]:
    """Return what the lists say of a certificate, and the codes of the problems."""
    found, problems = await judge_listed(
        lists, load_leaf(leaf.der), path, time=time or at, proven=proven, at=at
    )
    return found, [each.code for each in problems]


def codes(signature: SignatureReport) -> set[str]:
    return {each.code for each in signature.problems} - {"CLAIMED_TIME"}


@pytest.mark.parametrize("container", [False, True])
async def test_an_estonian_signature_is_valid_and_says_who_vouches(
    authority: CA, signer: Leaf, container: bool
) -> None:
    leaf = issued(authority)
    signed = await (
        foreign_container(leaf, time=SIGNED) if container else signed_pdf(leaf)
    )
    lists = listing(Authority(authority.der), signer=signer)
    signature = await judged(signed, lists)
    assert codes(signature) == set()
    assert signature.verdict is Verdict.VALID
    assert signature.issuer == "eu"
    assert signature.revocation == "good"
    assert signature.signer is not None
    assert signature.signer.name == "MARI SPECIMEN-TAMM"
    assert signature.signer.satu == ""
    assert signature.signer.identifier == "PNOEE-48001010000"
    assert signature.listed is not None
    assert signature.listed.country == "EE"
    assert signature.listed.name == "SPECIMEN Eesti"
    assert signature.listed.qualification == "qualified-signature"
    said = DocumentReport("pdf", (signature,)).to_json()["signatures"][0]
    assert said["listed"]["qualification"] == "qualified-signature"


@pytest.mark.parametrize(
    ("code", "leaf", "listed", "options"),
    [
        ("NOT_QUALIFIED", {"extra": ()}, {}, {}),
        ("NOT_QUALIFIED", {}, {"uses": ["ForeSeals"]}, {}),
        ("AUTHORITY_NOT_GRANTED", {}, {"states": [("withdrawn", LONG_AGO)]}, {}),
        ("AUTHORITY_NOT_GRANTED", {}, {"states": [("granted", TOMORROW)]}, {}),
        ("UNKNOWN_ISSUER", {}, {"kind": "TSA/QTST"}, {}),
        ("TRUST_LIST_OUTDATED", {}, {}, {"next_update": timedelta(seconds=-1)}),
        ("TRUST_LIST_OUTDATED", {}, {}, {"next_update": None}),
    ],
)
async def test_signers_that_the_lists_do_not_vouch_for(
    authority: CA,
    signer: Leaf,
    code: str,
    leaf: dict[str, Any],
    listed: dict[str, Any],
    options: dict[str, Any],
) -> None:
    signed = await signed_pdf(issued(authority, **leaf))
    lists = listing(Authority(authority.der, **listed), signer=signer, **options)
    asked = FixedRevocation()
    signature = await judged(signed, lists, revocation=asked)
    assert codes(signature) == {code}
    assert signature.verdict is Verdict.CANT_SAY
    assert asked.count == 0


@pytest.mark.parametrize(
    ("code", "leaf"),
    [
        ("WRONG_PURPOSE", {"key_usage": DIGITAL_SIGNATURE}),
        ("WRONG_PURPOSE", {"key_usage": None}),
        ("CERTIFICATE_OUTSIDE_VALIDITY", {"not_before": TOMORROW}),
        ("CERTIFICATE_OUTSIDE_VALIDITY", {"not_after": SIGNED}),
    ],
)
async def test_a_certificate_has_its_own_limits(
    authority: CA, signer: Leaf, code: str, leaf: dict[str, Any]
) -> None:
    certificate = load_leaf(issued(authority, **leaf).der)
    found, problems = await judge_listed(
        listing(Authority(authority.der), signer=signer),
        certificate,
        (),
        time=NOW,
        proven=True,
        at=NOW,
    )
    assert found is not None
    assert [each.code for each in problems] == [code]
    assert problems[0].verdict is Verdict.NOT_VALID


async def test_an_authority_that_lost_its_grant_counts_for_an_earlier_time(
    authority: CA, signer: Leaf
) -> None:
    signed = await signed_pdf(issued(authority))
    states = [("withdrawn", NOW + timedelta(hours=1)), ("granted", LONG_AGO)]
    withdrawing = Authority(authority.der, states=states)
    # A list of two hours later says so.
    lists = listing(withdrawing, signer=signer, issued=timedelta(hours=2))
    signature = await judged(signed, lists)
    assert codes(signature) == {"AUTHORITY_WITHDRAWN"}
    assert signature.verdict is Verdict.CANT_SAY
    leaf = issued(authority)
    for proven, expected in ((True, []), (False, ["AUTHORITY_WITHDRAWN"])):
        _, problems = await judge(lists, leaf, proven=proven)
        assert problems == expected


WITHDRAWN: dict[str, Any] = {
    "states": [("withdrawn", NOW - timedelta(days=100)), ("granted", LONG_AGO)]
}
GRANTED: dict[str, Any] = {}
NOT_QUALIFIED = {"more": qualify("NotQualified")}
NO_DEVICE = {"more": qualify("QCNoQSCD")}
SIGNATURES, SEALS = {"uses": ["ForeSignatures"]}, {"uses": ["ForeSeals"]}


def fixed(authority: CA) -> Leaf:
    """Issue a certificate of a policy, for a year."""
    return issued(authority, half=180, policies=(POLICY,))


@pytest.mark.parametrize("chain", [True, False])
@pytest.mark.parametrize(
    ("codes", "above", "own"),
    [
        (["AUTHORITY_NOT_GRANTED"], GRANTED, [WITHDRAWN]),
        (["AUTHORITY_NOT_GRANTED"], GRANTED, [WITHDRAWN, GRANTED]),
        (["AUTHORITY_NOT_GRANTED"], GRANTED, [GRANTED, WITHDRAWN]),
        (["NOT_QUALIFIED"], GRANTED, [NOT_QUALIFIED]),
        (["NOT_QUALIFIED"], GRANTED, [GRANTED, NOT_QUALIFIED]),
        (["NOT_QUALIFIED"], GRANTED, [SEALS]),
        ([], WITHDRAWN, [GRANTED]),
        ([], NOT_QUALIFIED, [GRANTED]),
        # Two entries of one certificate may be for two uses.
        ([], GRANTED, [SEALS, SIGNATURES]),
        ([], GRANTED, [{**SEALS, **WITHDRAWN}, SIGNATURES]),
        (["AUTHORITY_NOT_GRANTED"], GRANTED, [SEALS, {**SIGNATURES, **WITHDRAWN}]),
    ],
)
async def test_the_listed_certificate_nearest_to_the_signer_decides(
    root: CA,
    authority: CA,
    signer: Leaf,
    codes: list[str],
    above: dict[str, Any],
    own: list[dict[str, Any]],
    chain: bool,
) -> None:
    entries = [Authority(authority.der, **each) for each in own]
    lists = listing(Authority(root.der, **above), *entries, signer=signer)
    path = [authority.certificate] * chain
    found, problems = await judge(lists, fixed(authority), *path, at=NOW)
    assert found is not None
    assert problems == codes


async def test_an_authority_is_a_name_and_a_key(root: CA, signer: Leaf) -> None:
    """The file has another certificate of the listed CA, which has expired itself."""
    old = CA.create("SPECIMEN-ESTEID", parent=root, years=(2021, 2022))
    new = root.issue(
        old.key,
        subject_name=old.certificate.subject,
        not_before=NOW - timedelta(days=300),
        not_after=NOW + timedelta(days=300),
        key_usage=CERTIFICATE_SIGN,
        basic_constraints=CA_TRUE,
        policies=(),
        null_parameter=False,
    )
    path = x509.Certificate.load(new.der)
    for states, expected in ((GRANTED, []), (WITHDRAWN, ["AUTHORITY_NOT_GRANTED"])):
        listed = Authority(root.der), Authority(old.der, **states)
        lists = listing(*listed, signer=signer)
        found, problems = await judge(lists, fixed(old), path, at=NOW)
        assert found is not None
        assert problems == expected


@pytest.mark.parametrize(
    ("more", "status", "codes", "qualified"),
    [
        (NOT_QUALIFIED, "granted", ["NOT_QUALIFIED"], "none"),
        (NO_DEVICE, "granted", [], "advanced-signature"),
        (GRANTED, "withdrawn", ["AUTHORITY_WITHDRAWN"], "none"),
    ],
)
async def test_a_time_that_nothing_proves_counts_only_with_the_present_one(
    authority: CA,
    signer: Leaf,
    more: dict[str, Any],
    status: str,
    codes: list[str],
    qualified: str,
) -> None:
    """Of what a list says for 50 days, a claimed time 60 days ago saves nobody."""
    states = [(status, NOW - timedelta(days=50)), ("granted", LONG_AGO)]
    entry = Authority(authority.der, **{"states": states, **more})
    lists = listing(entry, signer=signer)
    for proven in (False, True):
        found, problems = await judge(
            lists,
            fixed(authority),
            time=NOW - timedelta(days=60),
            at=NOW,
            proven=proven,
        )
        assert found is not None
        assert problems == ([] if proven else codes)
        expected = "qualified-signature" if proven else qualified
        assert found.qualification == expected


@pytest.mark.parametrize("forged", ["name", "key"])
async def test_a_forged_authority_vouches_for_nobody(
    authority: CA, signer: Leaf, forged: str
) -> None:
    """It has the listed one's name, or comes along in the file."""
    false = CA.create("SPECIMEN-ESTEID" if forged == "name" else "SPECIMEN-X")
    signed = await signed_pdf(issued(false))
    lists = listing(Authority(authority.der), signer=signer)
    signature = await judged(signed, lists)
    assert codes(signature) == {"UNKNOWN_ISSUER"}
    assert signature.issuer == "unknown"
    assert signature.listed is None


async def test_an_authority_below_a_listed_root_is_checked_as_well(
    root: CA, authority: CA, signer: Leaf
) -> None:
    lists = listing(Authority(root.der), signer=signer)
    leaf = issued(authority)
    found, problems = await judge(lists, leaf, authority.certificate)
    assert problems == []
    assert found is not None
    asked = FixedRevocation()
    await check_listed(found, asked, at=NOW)
    assert asked.count == 2
    # Without the one between, there is no path.
    assert await judge(lists, leaf) == (None, ["UNKNOWN_ISSUER"])


async def test_revocation_is_asked_and_counts(authority: CA, signer: Leaf) -> None:
    signed = await signed_pdf(issued(authority))
    lists = listing(Authority(authority.der), signer=signer)
    revoked = FixedRevocation(UserCertificateRevokedError("x"))
    signature = await judged(signed, lists, revocation=revoked)
    assert codes(signature) == {"CERTIFICATE_REVOKED"}
    assert signature.verdict is Verdict.NOT_VALID
    signature = await judged(signed, lists, revocation=None)
    assert codes(signature) == {"REVOCATION_NOT_ASKED"}
    assert signature.lacks_revocation


async def test_a_seal_is_an_organisations(authority: CA, signer: Leaf) -> None:
    leaf = issued(
        authority,
        subject_name=x509.Name.build(
            {"country_name": "EE", "common_name": "SPECIMEN-PANK AS"}
        ),
        extra=[statements(seal=True)],
    )
    signature = await judged(
        await signed_pdf(leaf), listing(Authority(authority.der), signer=signer)
    )
    assert signature.signer is not None
    assert signature.signer.name == "SPECIMEN-PANK AS"
    assert signature.listed is not None
    assert signature.listed.qualification == "qualified-seal"
    assert signature.verdict is Verdict.VALID


async def test_no_list_vouches_for_a_citizen_certificate(
    authority: CA, signer: Leaf
) -> None:
    """Its authority is pinned. A list that names another would weaken that."""
    for policy in PRODUCTION_POLICIES:
        signed = await signed_pdf(issued(authority, policies=(policy,)))
        lists = listing(Authority(authority.der), signer=signer)
        signature = await judged(signed, lists)
        assert codes(signature) == {"NO_TRUST"}
        assert signature.verdict is Verdict.CANT_SAY
    signed = await signed_pdf(issued(authority, policies=(TEST_POLICY,)))
    assert codes(await judged(signed, lists)) == {"TEST_CARD_NOT_TRUSTED"}


async def test_without_lists_it_says_which_button_helps(
    authority: CA, tmp_path: Path
) -> None:
    signed = await signed_pdf(issued(authority))
    signature = await judged(signed, TrustLists.load(tmp_path))
    assert codes(signature) == {"NO_TRUST_LISTS"}
    # Where a service uses no lists, nothing is said of them.
    assert codes(await judged(signed, None)) == {"NO_TRUST"}


async def test_lists_of_before_do_not_speak_for_later(
    authority: CA, signer: Leaf
) -> None:
    signed = await signed_pdf(issued(authority))
    lists = listing(Authority(authority.der), signer=signer)
    later = NOW + timedelta(days=61)
    found = codes(await judged(signed, lists, at=later))
    assert "TRUST_LIST_OUTDATED" in found


async def test_a_list_that_was_refused_may_have_named_the_issuer(
    authority: CA, signer: Leaf
) -> None:
    """So the button stays for signers of that country, and for no others."""
    lists = listing(Authority(authority.der), signer=signer)
    pointers = pointer("http://127.0.0.1/LV.xml", "LV", [signer])
    of_lists = NationalList(
        "EU", signer, list_type="EUlistofthelists", pointers=pointers
    )
    lists = replace(lists, of_lists=keep(of_lists, now=NOW))
    assert lists.missing() == {"LV"}
    for country, code in (("LV", "TRUST_LIST_OUTDATED"), ("LT", "UNKNOWN_ISSUER")):
        other = CA.create("SPECIMEN Other", country=country)
        _, problems = await judge(lists, issued(other))
        assert problems == [code]


@pytest.mark.parametrize("own", [True, False])
async def test_a_qualified_timestamp_proves_the_time_while_it_was_granted(
    authority: CA, signer: Leaf, own: bool
) -> None:
    """A list names the service's own certificate, or the CA above it."""
    stamps = CA.create("SPECIMEN-TSA")
    made = service(stamps)
    listed = made.tsa_cert.dump() if own else stamps.der
    signed = await signed_pdf(issued(authority), timestamper=made)
    issuer = Authority(authority.der)
    granted = Authority(listed, kind="TSA/QTST")
    states = [("withdrawn", NOW - timedelta(days=1)), ("granted", LONG_AGO)]
    withdrawn = Authority(listed, kind="TSA/QTST", states=states)
    for listed_service, proves in (
        (granted, True),
        (withdrawn, False),
        (issuer, False),
    ):
        signature = await judged(signed, listing(issuer, listed_service, signer=signer))
        assert signature.timestamp is not None
        assert signature.timestamp.trusted is proves
        assert signature.time_source == ("timestamp" if proves else "claimed")
        assert signature.verdict is Verdict.VALID
    outdated = listing(issuer, granted, signer=signer, next_update=timedelta(0))
    signature = await judged(signed, outdated, at=NOW + timedelta(days=1))
    assert signature.timestamp is not None
    assert not signature.timestamp.trusted


@pytest.mark.parametrize(
    ("proves", "services"),
    [
        (False, [("unit", "withdrawn"), ("CA", "granted")]),
        (False, [("another of the unit's", "withdrawn"), ("CA", "granted")]),
        (False, [("unit", "withdrawn"), ("unit", "granted")]),
        (True, [("unit", "granted"), ("CA", "withdrawn")]),
    ],
)
async def test_the_nearest_listed_certificate_decides_of_a_timestamp(
    authority: CA, signer: Leaf, proves: bool, services: list[tuple[str, str]]
) -> None:
    stamps = CA.create("SPECIMEN-TSA")
    made, other = service(stamps), service(stamps)
    of = {
        "unit": made.tsa_cert.dump(),
        "another of the unit's": other.tsa_cert.dump(),
        "CA": stamps.der,
    }
    entries = [
        Authority(of[name], kind="TSA/QTST", states=[(status, LONG_AGO)])
        for name, status in services
    ]
    signed = await signed_pdf(issued(authority), timestamper=made)
    lists = listing(Authority(authority.der), *entries, signer=signer)
    signature = await judged(signed, lists)
    assert signature.timestamp is not None
    assert signature.timestamp.trusted is proves


async def test_what_the_file_keeps_answers_for_a_foreign_signer(
    authority: CA, signer: Leaf
) -> None:
    lists = listing(Authority(authority.der), signer=signer)
    found, _ = await judge(lists, issued(authority), proven=True)
    assert found is not None
    leaf, issuer = found.chain
    request = build_request(leaf, issuer, b"n" * 32)
    later = NOW + timedelta(days=400)
    for status in ("good", "revoked"):
        answer = OCSPAnswer(authority, status=status, at=NOW).encode(request)
        evidence = Evidence([Kept(ocsp_responses=(answer,))], at=later)
        said = evidence.about_chain(found.chain, since=NOW)
        assert said.was_good(NOW) is (status == "good")
        assert said.was_revoked(NOW) is (status == "revoked")
    assert not Evidence([], at=later).about_chain(found.chain, since=NOW).good
