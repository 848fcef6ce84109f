# SPDX-License-Identifier: MIT
"""What is said of signatures by certificates of the EU's authorities."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import x509
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from kortilla.errors import UserCertificateRevokedError
from kortilla.revocation.ocsp import build_request
from kortilla.signing.trust_lists import authorities
from kortilla.signing.trust_lists.judgement import check_listed, judge_listed
from kortilla.signing.trust_lists.store import TrustLists
from kortilla.signing.verification import (
    DocumentReport,
    SignatureReport,
    TrustedCAs,
    Verdict,
    verify_document,
)
from kortilla.signing.verification.findings import Kept
from kortilla.signing.verification.proofs.evidence import Evidence
from kortilla.validation.leaf import load_leaf
from kortilla.validation.trust import PRODUCTION_POLICIES
from tests.kortilla.foreign_files import foreign_container, foreign_pdf
from tests.kortilla.pki import CA, TEST_POLICY, Leaf
from tests.kortilla.responder import DIGITAL_SIGNATURE, OCSPAnswer
from tests.kortilla.signing_parts import FixedRevocation
from tests.kortilla.small_eu import (
    LONG_AGO,
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

#: Late enough that no test signs after it, however long all tests take.
NOW = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)
TOMORROW = NOW + timedelta(days=1)
_P384_ORDER = (1 << 384) - 0x389CB27E0BC8D220A7E5F24DB74F58851313E695333AD68D


@pytest.fixture(scope="module")
def authority(root: CA) -> CA:
    return CA.create("SPECIMEN-ESTEID", parent=root)


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
    time: datetime = NOW,
) -> tuple[authorities.Authority | None, list[str]]:
    """Return what the lists say of a certificate, and the codes of the problems."""
    found, problems = await judge_listed(
        lists, load_leaf(leaf.der), path, time=time, proven=proven, at=NOW
    )
    return found, [each.code for each in problems]


def twin_of(certificate: x509.Certificate) -> x509.Certificate:
    """Return it with the other valid signature on P-384, which anybody can make."""
    made = x509.Certificate.load(certificate.dump())
    r, s = decode_dss_signature(certificate["signature_value"].native)
    made["signature_value"] = encode_dss_signature(r, _P384_ORDER - s)
    return x509.Certificate.load(made.dump(force=True))


def codes(signature: SignatureReport) -> set[str]:
    return {each.code for each in signature.problems} - {"CLAIMED_TIME"}


@pytest.mark.parametrize("container", [False, True])
async def test_an_estonian_signature_is_valid_and_says_who_vouches(
    authority: CA, signer: Leaf, container: bool
) -> None:
    leaf = qualified_leaf(authority)
    signed = await (foreign_container(leaf) if container else foreign_pdf(leaf))
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
    signed = await foreign_pdf(qualified_leaf(authority, **leaf))
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
        ("CERTIFICATE_OUTSIDE_VALIDITY", {"not_before": timedelta(days=1)}),
        ("CERTIFICATE_OUTSIDE_VALIDITY", {"not_after": timedelta(days=-1)}),
    ],
)
async def test_a_certificate_has_its_own_limits(
    authority: CA, signer: Leaf, code: str, leaf: dict[str, Any]
) -> None:
    certificate = load_leaf(qualified_leaf(authority, **leaf).der)
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
    signed = await foreign_pdf(qualified_leaf(authority))
    states = [("withdrawn", NOW + timedelta(hours=1)), ("granted", LONG_AGO)]
    withdrawing = Authority(authority.der, states=states)
    # A list of two hours later says so.
    lists = listing(withdrawing, signer=signer, issued=timedelta(hours=2))
    signature = await judged(signed, lists)
    assert codes(signature) == {"AUTHORITY_WITHDRAWN"}
    assert signature.verdict is Verdict.CANT_SAY
    leaf = qualified_leaf(authority)
    for proven, expected in ((True, []), (False, ["AUTHORITY_WITHDRAWN"])):
        _, problems = await judge(lists, leaf, proven=proven)
        assert problems == expected


WITHDRAWN = [("withdrawn", NOW - timedelta(days=100)), ("granted", LONG_AGO)]


@pytest.mark.parametrize("twin", [False, True])
@pytest.mark.parametrize(
    ("code", "near"),
    [
        (None, [{}]),
        ("AUTHORITY_NOT_GRANTED", [{"states": WITHDRAWN}]),
        ("AUTHORITY_NOT_GRANTED", [{}, {"states": WITHDRAWN}]),
        ("NOT_QUALIFIED", [{"more": qualify("NotQualified")}]),
        ("NOT_QUALIFIED", [{"more": qualify("NotQualified")}, {}]),
    ],
)
async def test_the_weakest_entry_nearest_to_the_signer_decides(
    root: CA,
    authority: CA,
    signer: Leaf,
    code: str | None,
    near: list[dict[str, Any]],
    twin: bool,
) -> None:
    """The root is granted. A twin is another certificate of the same key and name."""
    entries = [Authority(authority.der, **each) for each in near]
    lists = listing(Authority(root.der), *entries, signer=signer)
    own = authority.certificate
    came = twin_of(own) if twin else own
    assert (came.sha256 != own.sha256) is twin
    _, problems = await judge(lists, qualified_leaf(authority), came)
    assert problems == [code] * (code is not None)


@pytest.mark.parametrize(
    ("qualifier", "code", "qualification"),
    [("NotQualified", "NOT_QUALIFIED", "none"), ("QCNoQSCD", "", "advanced-signature")],
)
async def test_an_unproven_time_counts_for_nothing(
    authority: CA, signer: Leaf, qualifier: str, code: str, qualification: str
) -> None:
    changed, signed = NOW - timedelta(days=50), NOW - timedelta(days=60)
    issuer = Authority(
        authority.der,
        states=[("granted", changed), ("granted", LONG_AGO)],
        more=qualify(qualifier),
    )
    lists = listing(issuer, signer=signer)
    leaf = qualified_leaf(authority, not_before=timedelta(days=-90))
    found, problems = await judge(lists, leaf, time=signed)
    assert found is not None
    assert (found.qualification, problems) == (qualification, [code] * bool(code))
    found, problems = await judge(lists, leaf, time=signed, proven=True)
    assert found is not None
    assert (found.qualification, problems) == ("qualified-signature", [])


@pytest.mark.parametrize("forged", ["name", "key"])
async def test_a_forged_authority_vouches_for_nobody(
    authority: CA, signer: Leaf, forged: str
) -> None:
    """It has the listed one's name, or comes along in the file."""
    false = CA.create("SPECIMEN-ESTEID" if forged == "name" else "SPECIMEN-X")
    signed = await foreign_pdf(qualified_leaf(false))
    lists = listing(Authority(authority.der), signer=signer)
    signature = await judged(signed, lists)
    assert codes(signature) == {"UNKNOWN_ISSUER"}
    assert signature.issuer == "unknown"
    assert signature.listed is None


async def test_an_authority_below_a_listed_root_is_checked_as_well(
    root: CA, authority: CA, signer: Leaf
) -> None:
    lists = listing(Authority(root.der), signer=signer)
    leaf = qualified_leaf(authority)
    found, problems = await judge(lists, leaf, authority.certificate)
    assert problems == []
    assert found is not None
    asked = FixedRevocation()
    await check_listed(found, asked, at=NOW)
    assert asked.count == 2
    # Without the one between, there is no path.
    assert await judge(lists, leaf) == (None, ["UNKNOWN_ISSUER"])


async def test_revocation_is_asked_and_counts(authority: CA, signer: Leaf) -> None:
    signed = await foreign_pdf(qualified_leaf(authority))
    lists = listing(Authority(authority.der), signer=signer)
    revoked = FixedRevocation(UserCertificateRevokedError("x"))
    signature = await judged(signed, lists, revocation=revoked)
    assert codes(signature) == {"CERTIFICATE_REVOKED"}
    assert signature.verdict is Verdict.NOT_VALID
    signature = await judged(signed, lists, revocation=None)
    assert codes(signature) == {"REVOCATION_NOT_ASKED"}
    assert signature.lacks_revocation


async def test_a_seal_is_an_organisations(authority: CA, signer: Leaf) -> None:
    leaf = qualified_leaf(
        authority,
        subject_name=x509.Name.build(
            {"country_name": "EE", "common_name": "SPECIMEN-PANK AS"}
        ),
        extra=[statements(seal=True)],
    )
    signature = await judged(
        await foreign_pdf(leaf), listing(Authority(authority.der), signer=signer)
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
        signed = await foreign_pdf(qualified_leaf(authority, policies=(policy,)))
        lists = listing(Authority(authority.der), signer=signer)
        signature = await judged(signed, lists)
        assert codes(signature) == {"NO_TRUST"}
        assert signature.verdict is Verdict.CANT_SAY
    signed = await foreign_pdf(qualified_leaf(authority, policies=(TEST_POLICY,)))
    assert codes(await judged(signed, lists)) == {"TEST_CARD_NOT_TRUSTED"}


async def test_without_lists_it_says_which_button_helps(
    authority: CA, tmp_path: Path
) -> None:
    signed = await foreign_pdf(qualified_leaf(authority))
    signature = await judged(signed, TrustLists.load(tmp_path))
    assert codes(signature) == {"NO_TRUST_LISTS"}
    # Where a service uses no lists, nothing is said of them.
    assert codes(await judged(signed, None)) == {"NO_TRUST"}


async def test_lists_of_before_do_not_speak_for_later(
    authority: CA, signer: Leaf
) -> None:
    signed = await foreign_pdf(qualified_leaf(authority))
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
        _, problems = await judge(lists, qualified_leaf(other))
        assert problems == [code]


@pytest.mark.parametrize("own", [True, False])
async def test_a_qualified_timestamp_proves_the_time_while_it_was_granted(
    authority: CA, signer: Leaf, own: bool
) -> None:
    """A list names the service's own certificate, or the CA above it."""
    stamps = CA.create("SPECIMEN-TSA")
    made = stamper(stamps)
    listed = made.tsa_cert.dump() if own else stamps.der
    signed = await foreign_pdf(qualified_leaf(authority), timestamper=made)
    issuer = Authority(authority.der)
    granted = Authority(listed, kind="TSA/QTST")
    states = [("withdrawn", NOW - timedelta(days=1)), ("granted", LONG_AGO)]
    withdrawn = Authority(listed, kind="TSA/QTST", states=states)
    for service, proves in ((granted, True), (withdrawn, False), (issuer, False)):
        signature = await judged(signed, listing(issuer, service, signer=signer))
        assert signature.timestamp is not None
        assert signature.timestamp.trusted is proves
        assert signature.time_source == ("timestamp" if proves else "claimed")
        assert signature.verdict is Verdict.VALID
    # The CA above is granted. What is nearest decides, and the weakest entry of it.
    above = Authority(stamps.der, kind="TSA/QTST")
    for entries, proves in (
        ([above, withdrawn], False),
        ([above, granted], True),
        ([granted, withdrawn], False),
    ):
        signature = await judged(signed, listing(issuer, *entries, signer=signer))
        assert signature.timestamp is not None
        assert signature.timestamp.trusted is proves
    outdated = listing(issuer, granted, signer=signer, next_update=timedelta(0))
    signature = await judged(signed, outdated, at=NOW + timedelta(days=1))
    assert signature.timestamp is not None
    assert not signature.timestamp.trusted


async def test_what_the_file_keeps_answers_for_a_foreign_signer(
    authority: CA, signer: Leaf
) -> None:
    lists = listing(Authority(authority.der), signer=signer)
    found, _ = await judge(lists, qualified_leaf(authority), proven=True)
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
