# SPDX-License-Identifier: MIT
"""The report on a signed file in plain words, the verdict first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kortilla.common.escaping import escape_name, group_digest, printable
from kortilla.common.texts import catalogue
from kortilla.signing.verification import (
    Change,
    Compared,
    Difference,
    DocumentReport,
    Problem,
    SignatureReport,
    Signer,
    Verdict,
)
from native_host.files.check import CheckedFile

if TYPE_CHECKING:
    from native_host.files.report_fields import Signer as SignerFields

_FOLDER = Path(__file__).parent / "texts"
#: The most characters of a common name (RFC 5280, appendix A.1).
_LONGEST_NAME = 64
#: The letters of trusted lists for countries that certificates name by others.
_LISTS = {"GR": "EL", "GB": "UK"}
#: Notes that another sentence about the signature says already.
_SAID = {"CLAIMED_TIME", "SHOWS_OTHER_CONTENT"}


def load(language: str) -> Mapping[str, str]:
    """Return the sentences of a language: fi, sv or en."""
    return catalogue(_FOLDER, language)


def verdict_words(checked: CheckedFile, texts: Mapping[str, str]) -> list[str]:
    """Return the sentences of the verdict. A test card is marked before it."""
    report = checked.report
    if report is None:
        return [texts["unreadable"]]
    words = []
    if any(each.issuer == "test" for each in report.signatures):
        words.append(texts["verdict.test"])
    if not report.signatures and any(p.code == "NOT_SIGNED" for p in report.problems):
        return [texts["verdict.unsigned"]]
    if report.verdict is Verdict.CANT_SAY and shows_other_content(report):
        return [*words, texts["SHOWS_OTHER_CONTENT"]]
    if report.lacks_revocation:
        return [*words, _without_answer(report, texts)]
    many = report.verdict is Verdict.VALID and len(report.signatures) > 1
    key = f"verdict.{report.verdict}{'.many' if many else ''}"
    return [*words, texts[key].format(count=len(report.signatures))]


def _without_answer(report: DocumentReport, texts: Mapping[str, str]) -> str:
    """Return the sentence about a good file whose signers' cards may be lost."""
    names = dict.fromkeys(_name(each, texts) for each in report.signatures)
    asked = any(each.revocation == "no-answer" for each in report.signatures)
    many = ".many" if len(names) > 1 else ""
    key = f"verdict.{'no-answer' if asked else 'not-asked'}{many}"
    return texts[key].format(names=", ".join(names))


def _name(signature: SignatureReport, texts: Mapping[str, str]) -> str:
    signer = signature.signer
    return printable(signer_name(signer) if signer else "") or texts["signer.unknown"]


def signer_name(signer: Signer | SignerFields) -> str:
    """Return given names and surname, or the common name of an organisation."""
    if signer.given_names and signer.surname:
        return f"{signer.given_names} {signer.surname}"
    return signer.name


def describe(checked: CheckedFile, texts: Mapping[str, str]) -> list[str]:
    """Return the lines about a file: the verdict, and what it rests on.

    The lines of a signature are indented by two spaces. Texts of the file are escaped.
    """
    lines = verdict_words(checked, texts)
    if checked.report is None:
        return [*lines, checked.error]
    lines += describe_problems(checked.report.problems, texts)
    for signature in checked.report.signatures:
        lines += describe_signature(signature, checked.report, texts)
    return list(dict.fromkeys(lines)) if not checked.report.signatures else lines


def describe_signature(
    signature: SignatureReport, report: DocumentReport, texts: Mapping[str, str]
) -> list[str]:
    """Return the lines about a signature: the signer, and indented what is known."""
    name = _name(signature, texts)
    head = texts[state_key(signature)]
    said = [_when(signature, texts)]
    if report.kind == "asice" and signature.files:
        names = ", ".join(escape_name(each) for each in signature.files)
        said.append(texts["files"].format(names=names))
    said += _listed(signature, texts) or _foreign(signature, texts)
    said += [_change(each, texts) for each in signature.changes]
    said += describe_comparison(signature, texts)
    if signature.revocation == "good":
        said += _not_revoked(signature, texts)
    # What decides comes before the notes.
    problems = sorted(signature.problems, key=lambda p: p.verdict is Verdict.VALID)
    said += describe_problems(problems, texts)
    return [
        head.format(number=signature.number, name=name),
        *(f"  {words}" for words in dict.fromkeys(said)),
    ]


def facts(
    signature: SignatureReport, report: DocumentReport, texts: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Return what somebody wants who knows the formats: what it is, and its value."""
    stamp = signature.timestamp
    problems = [*report.problems, *signature.problems]
    found = [
        ("format", f"{report.kind}, {signature.level}"),
        ("place", signature.place),
        ("time", _exact(signature.time)),
    ]
    if (signer := signature.signer) is not None:
        if signer.name != signer_name(signer):
            found.append(("common_name", signer.name))
        found += [("satu", signer.satu), ("identifier", signer.identifier)]
    if (certificate := signature.certificate) is not None:
        first, last = certificate.not_before, certificate.not_after
        found += [
            ("issuer", certificate.issuer),
            ("serial", certificate.serial_number),
            ("valid", f"{first:%Y-%m-%d} – {last:%Y-%m-%d}"),
            ("certificate", group_digest(certificate.sha256)),
        ]
    if stamp is not None:
        said = (_exact(stamp.time), stamp.authority)
        found.append(("timestamp", ", ".join(filter(None, said))))
    found += [
        ("reason", signature.reason),
        ("location", signature.location),
        ("codes", ", ".join(each.code for each in problems)),
    ]
    return [(texts[f"report.{key}"], printable(value)) for key, value in found if value]


def _exact(time: datetime | None) -> str:
    return "" if time is None else f"{time:%Y-%m-%d %H:%M:%S %z}"


def _listed(signature: SignatureReport, texts: Mapping[str, str]) -> list[str]:
    """Say which authority of the EU's lists vouches for a signer, and what it makes."""
    if (listed := signature.listed) is None:
        return []
    country = country_name(listed.country, texts)
    authority = printable(listed.name or listed.service)
    said = [texts["listed.by"].format(authority=authority, country=country)]
    if signature.verdict is Verdict.VALID or signature.lacks_revocation:
        said.append(texts[f"listed.{listed.qualification}"])
    return said


def _foreign(signature: SignatureReport, texts: Mapping[str, str]) -> list[str]:
    """Say that a certificate of an unknown issuer is foreign, and whom it names."""
    certificate = signature.certificate
    if certificate is None or signature.issuer != "unknown":
        return []
    letters = certificate.issuer_country.upper()
    if letters in {"", "FI"}:
        return []
    country = country_name(_LISTS.get(letters, letters)[:2], texts)
    issuer = printable(certificate.issuer[:_LONGEST_NAME])
    named = ", ".join(filter(None, (issuer, country)))
    return [texts["issuer.foreign"].format(issuer=named)]


def country_name(territory: str, texts: Mapping[str, str]) -> str:
    """Return a country's name, of the two letters of its trusted list."""
    return texts.get(f"country.{territory}", printable(territory))


def state_key(signature: SignatureReport) -> str:
    """Return the key of the words for a number, a name, and how the signature is."""
    state = "open" if signature.lacks_revocation else signature.verdict
    return f"signature.{state}"


def shows_other_content(report: DocumentReport) -> bool:
    """Whether a page shows other content than a signer signed."""
    problems = [p for each in report.signatures for p in each.problems]
    return any(each.code == "SHOWS_OTHER_CONTENT" for each in problems)


def describe_comparison(
    signature: SignatureReport, texts: Mapping[str, str]
) -> list[str]:
    """Return sentences about the pages that were compared with those signed."""
    compared = signature.comparison
    if compared is None:
        return []
    said = [describe_difference(each, compared, texts) for each in compared.differences]
    if compared.left == "no-poppler":
        said.append(texts["shown.no-poppler"])
    elif compared.compared < compared.pages:
        key, pages = "shown.compared", compared.pages
        said.append(texts[key].format(compared=compared.compared, pages=pages))
    elif not said:
        said.append(texts["shown.same"])
    return said


def describe_difference(
    difference: Difference, compared: Compared, texts: Mapping[str, str]
) -> str:
    """Return a sentence about a page that shows other content."""
    kind: str = difference.kind
    if kind == "pages":
        kind = "added" if difference.page <= compared.pages else "missing"
    places = dict.fromkeys(_place(each) for each in difference.areas)
    named = ", ".join(texts[f"place.{each}"] for each in places)
    return texts[f"shown.{kind}"].format(page=difference.page, places=named)


def _place(area: tuple[float, float, float, float]) -> str:
    """Return in which of nine parts of the page the middle of an area is."""
    left, top, right, bottom = area
    row = ("top", "middle", "bottom")[min(int(1.5 * (top + bottom)), 2)]
    column = ("left", "centre", "right")[min(int(1.5 * (left + right)), 2)]
    return f"{row}.{column}"


def _when(signature: SignatureReport, texts: Mapping[str, str]) -> str:
    """Return the sentence about the time, and about who proves it."""
    stamp = signature.timestamp
    return texts[f"time.{signature.time_source}"].format(
        time=time_words(signature.time, texts),
        authority="" if stamp is None else printable(stamp.authority),
    )


def _not_revoked(signature: SignatureReport, texts: Mapping[str, str]) -> list[str]:
    if signature.revocation_source == "file":
        return [texts["revocation.good.file"]]
    since = any(each.code == "REVOKED_SINCE" for each in signature.problems)
    return [] if since else [texts["revocation.good"]]


def describe_problems(
    problems: list[Problem] | tuple[Problem, ...], texts: Mapping[str, str]
) -> list[str]:
    """Return the sentences about problems of a file or a signature."""
    # A code of a newer library has its English sentence.
    return [
        texts.get(problem.code, problem.message).replace("{names}", problem.detail)
        for problem in problems
        if problem.code not in _SAID
    ]


def _change(change: Change, texts: Mapping[str, str]) -> str:
    if change.kind == "metadata" and change.text != "other":
        nothing = texts["change.metadata.nothing"]
        return texts[f"change.metadata.{change.text}"].format(
            before=printable(change.before) or nothing,
            after=printable(change.after) or nothing,
        )
    said = texts[f"change.{change.kind}"]
    if change.page is None or change.rectangle is None:
        return said
    left, bottom, right, top = (round(each / 72 * 25.4) for each in change.rectangle)
    place = texts["change.place"].format(
        page=change.page,
        width=right - left,
        height=top - bottom,
        left=left,
        bottom=bottom,
    )
    return f"{said}. {place}"


def time_words(time: datetime | None, texts: Mapping[str, str]) -> str:
    """Return a time in the computer's zone."""
    return "" if time is None else texts["time.format"].format(time=local(time))


def local(time: datetime) -> datetime:
    """Return a time in the computer's zone, or as it is if it has none there.

    A signer may claim the year 9999, which ends earlier east of Greenwich. Windows has
    none before 1970 and after 3000.
    """
    try:
        return time.astimezone()
    except (OSError, OverflowError):
        return time
