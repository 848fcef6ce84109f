# SPDX-License-Identifier: MIT
"""What is said of good and bad signed files: valid, not valid, or can't say."""

import hashlib
import os
import random
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kortilla.errors import (
    RelyingPartyError,
    TrustConfigurationError,
    UserCertificateOCSPCheckFailedError,
    UserCertificateRevokedError,
)
from kortilla.mock_card.authority import Authority
from kortilla.revocation import UNCHECKED, RevocationChecker
from kortilla.signing import signature as skeleton
from kortilla.signing.processes import shared_processes
from kortilla.signing.verification import (
    CODES,
    DocumentReport,
    Problem,
    TrustedCAs,
    Verdict,
    signed_files,
    signed_revision,
    verify_document,
    verify_path,
)
from kortilla.signing.verification.document import MAX_BYTES, MAX_SIGNATURE_BYTES
from kortilla.validation.identity import Identity, common_name
from kortilla.validation.leaf import read_leaf
from tests.kortilla.pki import AUTHENTICATION, CA, key
from tests.kortilla.signed_files import (
    Maker,
    issue,
    signature_of,
    with_signature,
)
from tests.kortilla.signing.verified_files import (
    CANT_SAY,
    CASES,
    NOT_VALID,
    TABLE,
    VALID,
    made,
)
from tests.kortilla.signing_parts import GOOD, FixedRevocation
from tests.kortilla.timestamps import stamper

#: What each signature by a test card has that is not timestamped.
USUAL = {"CLAIMED_TIME", "TEST_CARD"}


async def unchecked(certificate: bytes, **_: Any) -> Identity:
    """Take a signer whose certificate no program would sign with."""
    leaf = read_leaf(certificate)
    issuer = common_name(leaf.issuer)
    return Identity.of(leaf, issuer=issuer, assurance="unknown", policy="")


def said(report: DocumentReport) -> tuple[Verdict, set[str]]:
    """Return the verdict, and all codes except those that each signature has."""
    found = [*report.problems]
    for each in report.signatures:
        found += each.problems
    return report.verdict, {each.code for each in found} - USUAL


@pytest.mark.parametrize("what", CASES)
async def test_each_file_has_its_verdict(maker: Maker, what: str) -> None:
    *_, verdict, codes = CASES[what]
    content, signature = await made(what, maker)
    asked = FixedRevocation()
    report = await verify_document(
        content, signature=signature, trusted=maker.trusted, revocation=asked
    )
    assert said(report) == (verdict, codes), report
    # Nobody learns that somebody checks a signature which is not one.
    sound = [each for each in report.signatures if each.intact]
    assert asked.count == len([s for s in sound if s.verdict is not NOT_VALID]), what
    # Without any CA, nothing is valid.
    blind = await verify_document(content, signature=signature, trusted=TrustedCAs())
    assert blind.verdict in {NOT_VALID, CANT_SAY}


def test_the_table_has_good_and_bad_files() -> None:
    assert len(CASES) == sum(map(len, TABLE.values()))
    verdicts = [verdict for _, _, verdict, _ in CASES.values()]
    assert min(map(verdicts.count, Verdict)) >= 6
    assert {code for *_, found in CASES.values() for code in found} <= set(CODES)


async def test_a_report_names_signer_time_and_files(maker: Maker) -> None:
    report = await verify_document(
        await maker.container(), trusted=maker.trusted, revocation=GOOD
    )
    [signature] = report.signatures
    assert signature.signer
    assert signature.signer.satu == "99902038C"
    assert (signature.issuer, signature.level) == ("test", "B-B")
    assert signature.files == report.files == ("a.txt", "ä&.txt")
    assert signature.time
    assert abs(signature.time - datetime.now(UTC)) < timedelta(minutes=5)
    text = report.to_json()
    assert text["verdict"] == "valid"
    assert text["signatures"][0]["signer"]["givenNames"] == "MAIJA"
    assert text["signatures"][0]["timeSource"] == "claimed"


@pytest.mark.parametrize(
    ("more", "verdict", "codes"),
    [
        ({"policies": ("1.2.246.517.1.10.352.1",)}, VALID, ""),
        ({"policies": ("1.2.3",)}, CANT_SAY, "OTHER_POLICY"),
        ({"key_usage": AUTHENTICATION}, NOT_VALID, "WRONG_PURPOSE"),
        (
            {"not_after": timedelta(days=-1)},
            NOT_VALID,
            "CERTIFICATE_EXPIRED CERTIFICATE_OUTSIDE_VALIDITY",
        ),
        ({"not_before": timedelta(days=1)}, NOT_VALID, "CERTIFICATE_OUTSIDE_VALIDITY"),
    ],
    ids=["citizen", "other policy", "for logging in", "expired", "not yet"],
)
async def test_a_certificate_is_judged(
    ca: CA,
    maker: Maker,
    monkeypatch: pytest.MonkeyPatch,
    more: dict[str, Any],
    verdict: Verdict,
    codes: str,
) -> None:
    monkeypatch.setattr(skeleton, "check_signer", unchecked)
    signed = await replace(maker, leaf=issue(ca, **more)).pdf()
    report = await verify_document(signed, trusted=maker.trusted, revocation=GOOD)
    assert said(report) == (verdict, set(codes.split()))


async def test_a_card_that_has_expired_since_proves_nothing_without_a_timestamp(
    maker: Maker,
) -> None:
    later = datetime.now(UTC) + timedelta(days=60)
    report = await verify_document(
        await maker.pdf(), trusted=maker.trusted, revocation=GOOD, at=later
    )
    assert said(report) == (CANT_SAY, {"CERTIFICATE_EXPIRED"})


async def test_a_signature_of_tomorrow_is_not_believed(maker: Maker) -> None:
    before = datetime.now(UTC) - timedelta(days=1)
    report = await verify_document(
        await maker.pdf(), trusted=maker.trusted, revocation=GOOD, at=before
    )
    assert said(report) == (CANT_SAY, {"TIME_IN_FUTURE"})


async def test_an_unknown_authority_and_a_forged_one(maker: Maker, ca: CA) -> None:
    stranger = CA.create("SPECIMEN Other CA")
    forger = CA(ca.certificate, key("P-384"))
    asked = FixedRevocation()
    for leaf, verdict, code in (
        (issue(stranger, policies=("1.2.3",)), CANT_SAY, "NO_TRUST"),
        (issue(stranger), CANT_SAY, "TEST_CARD_NOT_TRUSTED"),
        (issue(forger), NOT_VALID, "ISSUER_FORGED"),
    ):
        signed = await replace(maker, leaf=leaf).pdf()
        report = await verify_document(signed, trusted=maker.trusted, revocation=asked)
        assert said(report) == (verdict, {code})
        assert report.signatures[0].issuer == "unknown"
    assert asked.count == 0


@pytest.mark.parametrize(
    ("error", "verdict", "word", "code"),
    [
        (None, VALID, "good", ""),
        (UserCertificateRevokedError, NOT_VALID, "revoked", "CERTIFICATE_REVOKED"),
        (
            UserCertificateOCSPCheckFailedError,
            CANT_SAY,
            "no-answer",
            "REVOCATION_UNKNOWN",
        ),
    ],
)
async def test_revocation_is_asked_when_it_is_wanted(
    maker: Maker,
    error: type[RelyingPartyError] | None,
    verdict: Verdict,
    word: str,
    code: str,
) -> None:
    asked = FixedRevocation(None if error is None else error("x"))
    report = await verify_document(
        await maker.pdf(), trusted=maker.trusted, revocation=asked
    )
    assert said(report) == (verdict, {code} - {""})
    assert (report.signatures[0].revocation, asked.count) == (word, 1)
    assert report.lacks_revocation is (verdict is CANT_SAY)


@pytest.mark.parametrize("nobody", [None, UNCHECKED], ids=["nobody", "unchecked"])
async def test_a_signature_is_not_valid_while_nobody_was_asked(
    maker: Maker, nobody: RevocationChecker | None
) -> None:
    good, bad = [
        await verify_document(content, trusted=maker.trusted, revocation=nobody)
        for content in (
            await maker.pdf(),
            (await made("a pdf with another text", maker))[0],
        )
    ]
    assert said(good) == (CANT_SAY, {"REVOCATION_NOT_ASKED"})
    assert good.signatures[0].revocation == "not-asked"
    assert good.lacks_revocation
    # It is not what is missing of a bad one, and not all that is missing of these.
    assert said(bad) == (NOT_VALID, {"DIGEST_MISMATCH"})
    [signature] = good.signatures
    doubt = Problem("IRREGULAR")
    for doubtful in (
        bad,
        replace(good, problems=(doubt,)),
        replace(good, signatures=()),
        replace(good, signatures=(signature, bad.signatures[0])),
        replace(
            good,
            signatures=(replace(signature, problems=(*signature.problems, doubt)),),
        ),
        replace(good, signatures=(replace(signature, intact=None),)),
        replace(good, signatures=(replace(signature, issuer="unknown"),)),
    ):
        assert not doubtful.lacks_revocation


@pytest.mark.parametrize("kind", ["pdf", "container", "detached"])
async def test_a_timestamp_proves_the_time_if_its_authority_is_known(
    maker: Maker, authority: Authority, kind: str
) -> None:
    content, signature, service = b"a", None, stamper(authority)
    if kind == "detached":
        signature = await maker.detached(content, timestamper=service)
    else:
        content = await getattr(maker, kind)(timestamper=service)
    today = datetime.now(UTC)
    later = today + timedelta(days=60)  # the card has expired
    known = [authority.root_der, authority.issuing_der]
    unknown = "TIMESTAMP_AUTHORITY_UNKNOWN"
    for at, cas, verdict, source, codes in (
        (today, known, VALID, "timestamp", set()),
        (later, known, VALID, "timestamp", set()),
        (today, [], VALID, "claimed", {unknown}),
        (later, [maker.ca.der], CANT_SAY, "claimed", {unknown, "CERTIFICATE_EXPIRED"}),
    ):
        report = await verify_document(
            content,
            signature=signature,
            trusted=maker.trusted,
            revocation=GOOD,
            at=at,
            timestamp_cas=cas,
        )
        [found] = report.signatures
        assert said(report) == (verdict, codes)
        assert (found.time_source, found.level) == (source, "B-T")
        assert found.timestamp
        assert found.timestamp.authority == "SPECIMEN Timestamps"


async def test_a_timestamp_of_another_signature_is_named(
    maker: Maker, authority: Authority
) -> None:
    tag = re.compile("<xades:EncapsulatedTimeStamp>[^<]*")
    one, other = [
        await maker.container(timestamper=stamper(authority)) for _ in range(2)
    ]
    [stamp] = tag.findall(signature_of(one))
    report = await verify_document(
        with_signature(other, lambda xml: tag.sub(stamp, xml)),
        trusted=maker.trusted,
        revocation=GOOD,
        timestamp_cas=[authority.issuing_der],
    )
    assert said(report) == (VALID, {"TIMESTAMP_BROKEN"})
    assert report.signatures[0].level == "B-B"


async def test_files_are_read_from_a_folder(maker: Maker, tmp_path: Path) -> None:
    content, trusted = b"Sopimus", maker.trusted
    container, p7s = await maker.container(), await maker.detached(content)
    pdf = await maker.pdf()
    (tmp_path / "a.txt").write_bytes(content)
    (tmp_path / "b.txt").write_bytes(b"Toinen")
    for name, signed, of, verdict, code in (
        ("apart.p7s", p7s, "", CANT_SAY, "NO_CONTENT"),
        ("a.txt.p7s", p7s, "", VALID, ""),
        ("a.txt.p7s", p7s, "b.txt", NOT_VALID, "DIGEST_MISMATCH"),
        ("a.pdf", pdf, "", VALID, ""),
        ("a.ASICE", container, "", VALID, ""),
        ("b.pdf", container, "", CANT_SAY, "OTHER_NAME"),
        ("A.PDF", pdf, "", VALID, ""),
        ("c", pdf, "", VALID, ""),
        *(
            (f"c{end}", pdf, "", CANT_SAY, "OTHER_NAME")
            for end in (".asice", ".zip", ".html", ".pdf.exe", ".pdf ")
        ),
        ("b.txt.p7s", bytes(MAX_SIGNATURE_BYTES + 1), "", CANT_SAY, "TOO_LARGE"),
    ):
        (tmp_path / name).write_bytes(signed)
        report = await verify_path(
            tmp_path / name,
            of=tmp_path / of if of else None,
            trusted=trusted,
            revocation=GOOD,
        )
        assert said(report) == (verdict, {code} - {""}), name
    os.truncate(tmp_path / "a.pdf", MAX_BYTES + 1)
    report = await verify_path(tmp_path / "a.pdf", trusted=trusted)
    assert said(report) == (CANT_SAY, {"TOO_LARGE"})
    os.mkfifo(tmp_path / "pipe.pdf")
    for name in ("pipe.pdf", "nowhere.pdf", "."):
        with pytest.raises(OSError, match=r"regular|nowhere"):
            await verify_path(tmp_path / name, trusted=trusted)


async def test_findings_that_are_none_are_not_believed(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def taken_over(*_: Any, **__: Any) -> Any:
        return {"findings": {"kind": "pdf", "signatures": [{"place": 7}]}}, b""

    monkeypatch.setattr(shared_processes(), "_run", taken_over)
    report = await verify_document(b"%PDF-", trusted=maker.trusted, revocation=GOOD)
    assert said(report) == (CANT_SAY, {"BROKEN"})


def test_cas_are_told_apart_by_their_fingerprints(
    tmp_path: Path, ca: CA, root: CA
) -> None:
    assert TrustedCAs.from_folder(tmp_path) == TrustedCAs()
    (tmp_path / "ca.der").write_bytes(ca.der)
    (tmp_path / "root.der").write_bytes(root.der)
    trusted = TrustedCAs.from_folder(tmp_path)
    assert trusted.authority is None
    assert trusted.test
    assert trusted.test.test
    for content in (b"", bytes(100_000), b"-----BEGIN CERTIFICATE-----\n"):
        (tmp_path / "ca.der").write_bytes(content)
        with pytest.raises(TrustConfigurationError):
            TrustedCAs.from_folder(tmp_path)
    (tmp_path / "ca.der").unlink()
    os.mkfifo(tmp_path / "ca.der")
    with pytest.raises(TrustConfigurationError, match="not a regular file"):
        TrustedCAs.from_folder(tmp_path)


async def test_random_changes_are_never_called_valid_and_raise_nothing(
    maker: Maker,
) -> None:
    chance = random.Random(7)  # noqa: S311 - the same each time
    for signed in (await maker.pdf(), await maker.container()):
        for _ in range(30):
            changed = bytearray(signed)
            for _ in range(chance.randrange(1, 5)):
                changed[chance.randrange(len(changed))] ^= chance.randrange(1, 256)
            report = await verify_document(
                bytes(changed), trusted=maker.trusted, revocation=GOOD
            )
            if report.verdict is VALID:  # in what no signature covers, as a ZIP's times
                assert report.files
                assert all(each.intact for each in report.signatures)


async def test_what_a_file_states_is_shown_without_control_characters(
    maker: Maker,
) -> None:
    pdf = await maker.pdf(reason="a\u202eb\x1b[2J", field_name="a\u202eb")
    report = await verify_document(pdf, trusted=maker.trusted, revocation=GOOD)
    [signature] = report.signatures
    assert (signature.reason, signature.place) == ("a\ufffdb\ufffd[2J", "a\ufffdb")
    container = with_signature(
        await maker.container(), lambda xml: xml.replace('"a.txt"', '"&#x202e;b"')
    )
    report = await verify_document(container, trusted=maker.trusted, revocation=GOOD)
    details = {each.code: each.detail for each in report.signatures[0].problems}
    assert details["FILE_MISSING"] == "\ufffdb"


async def test_a_signature_is_valid_only_if_it_is_intact_and_of_a_given_ca(
    maker: Maker,
) -> None:
    report = await verify_document(
        await maker.pdf(), trusted=maker.trusted, revocation=GOOD
    )
    [signature] = report.signatures
    assert signature.verdict is VALID
    for doubtful in (
        replace(signature, intact=None),
        replace(signature, intact=False),
        replace(signature, issuer="unknown"),
    ):
        assert doubtful.verdict is CANT_SAY
        assert replace(report, signatures=(doubtful,)).verdict is CANT_SAY
    assert replace(report, signatures=()).verdict is NOT_VALID


async def test_the_bytes_that_were_signed_are_handed_out(maker: Maker) -> None:
    once = await maker.pdf()
    twice = await maker.pdf(once, visible=True)
    report = await verify_document(twice, trusted=maker.trusted)
    assert report.sha256 == hashlib.sha256(twice).hexdigest()
    first, second = report.signatures
    assert signed_revision(twice, first) == once
    assert signed_revision(twice, second) == twice
    for wrong in (replace(first, intact=False), replace(first, revision_length=None)):
        with pytest.raises(ValueError, match="no revision"):
            signed_revision(twice, wrong)
    with pytest.raises(ValueError, match="another file"):
        signed_revision(once[:-1], first)
    changed = twice.replace(b"(Sopimus)", b"(Sopimaa)")
    report = await verify_document(changed, trusted=maker.trusted)
    assert not any(each.intact for each in report.signatures)


async def test_the_files_that_were_signed_are_handed_out(maker: Maker) -> None:
    files = {"a.txt": b"a", "ä.txt": b"b" * 10_000}
    container = await maker.container(files)
    report = await verify_document(container, trusted=maker.trusted)
    assert dict(signed_files(container, report)) == files
    [signature] = report.signatures
    for none in (replace(signature, intact=False), replace(signature, files=())):
        assert [*signed_files(container, replace(report, signatures=(none,)))] == []
    doubtful = replace(report, problems=report.signatures[0].problems)
    with pytest.raises(ValueError, match="no container"):
        next(signed_files(container, doubtful))
    with pytest.raises(ValueError, match="another file"):
        next(signed_files(container + b"\0", report))
