# SPDX-License-Identifier: MIT
"""False revocation data and certificates in a file prove nothing.

The certificate of the person has expired in all of these, so that only what the file
keeps can make it valid.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asn1crypto import core, x509

from kortilla.errors import (
    UserCertificateRevokedError,
)
from kortilla.revocation import ocsp
from kortilla.revocation.certificates import Subject
from kortilla.signing.trust_lists.authorities import read_subject
from kortilla.signing.validation_data import ValidationData
from kortilla.signing.verification import (
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
)
from tests.kortilla.pki import CA, Leaf, key
from tests.kortilla.responder import DIGITAL_SIGNATURE, NO_CHECK, OCSP_SIGNING, List
from tests.kortilla.signing.lasting_files import (
    Lasting,
    codes,
    days,
    later,
    only_about,
)
from tests.kortilla.signing_parts import FixedRevocation

VALID, NOT_VALID, CANT_SAY = Verdict.VALID, Verdict.NOT_VALID, Verdict.CANT_SAY
NOBODY = "REVOCATION_NOT_ASKED"
MINUTE, HOUR, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(weeks=1)


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
