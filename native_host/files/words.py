# SPDX-License-Identifier: MIT
"""The report on a signed file in plain words, the verdict first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from kortilla.common.escaping import escape_name, group_digest, printable
from kortilla.signing.verification import (
    DocumentReport,
    Problem,
    SignatureReport,
    Signer,
    Verdict,
)
from native_host.files.check import CheckedFile
from native_host.texts.catalogues import catalogue

#: The most characters of a common name (RFC 5280, appendix A.1).
_LONGEST_NAME = 64
#: The letters of trusted lists for countries that certificates name by others.
_LISTS = {"GR": "EL", "GB": "UK"}
#: Notes that another sentence about the signature says already.
_SAID = {"CLAIMED_TIME"}


def load(language: str) -> Mapping[str, str]:
    """Return the sentences of a language: fi, sv or en."""
    return catalogue("files", language)


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
    key, count = f"verdict.{report.verdict}", len(report.signatures)
    if report.lacks_revocation:
        words.append(_without_answer(report, texts))
    elif report.verdict is Verdict.VALID and count > 1:
        key += ".two" if count == 2 else ".many"
        words.append(texts[key].format(count=count))
    elif _only_changed(report):
        return [*words, texts["verdict.changed"]]
    else:
        return [*words, texts[key]]
    if has_additions(checked):
        words.append(texts["verdict.marks"])
    return words


def _codes(signature: SignatureReport) -> set[str]:
    return {each.code for each in signature.problems}


def is_changed(signature: SignatureReport) -> bool:
    """Whether the file was changed after this signature."""
    return "CHANGED_AFTER_SIGNING" in _codes(signature)


def has_additions(checked: CheckedFile) -> bool:
    """Whether a signer signed less than the file shows, which can be saved apart."""
    report = checked.report
    return report is not None and any(
        is_changed(each) or "MARK_ADDED" in _codes(each) for each in report.signatures
    )


def _only_changed(report: DocumentReport) -> bool:
    """Whether later changes are all that makes the file not valid."""
    found = [*report.problems, *(p for e in report.signatures for p in e.problems)]
    wrong = {each.code for each in found if each.verdict is Verdict.NOT_VALID}
    return wrong == {"CHANGED_AFTER_SIGNING"}


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


def signer_name(signer: Signer) -> str:
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
    head = texts[state_key(signature, report)]
    added, reassures = (
        additions(signature, report, texts),
        reassuring(signature, report),
    )
    said = [*added, _when(signature, texts)]
    if report.kind == "asice" and signature.files:
        names = ", ".join(escape_name(each) for each in signature.files)
        said.append(texts["files"].format(names=names))
    if reassures:
        said += _listed(signature, texts)
        if signature.revocation == "good":
            said += _not_revoked(signature, texts)
    said += _foreign(signature, texts)
    # What decides comes before the notes.
    left_out = {"MARK_ADDED"} if added else set()
    left_out |= set() if reassures else {"REVOKED_SINCE"}
    problems = sorted(signature.problems, key=lambda p: p.verdict is Verdict.VALID)
    said += describe_problems([e for e in problems if e.code not in left_out], texts)
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


def state_key(signature: SignatureReport, report: DocumentReport) -> str:
    """Return the key of the words for a number, a name, and how the signature is."""
    if not is_good(signature):
        return f"signature.{signature.verdict}"
    if any(map(is_changed, report.signatures)):
        return "signature.later"
    if not reassuring(signature, report):
        return "signature.cant-say"
    return f"signature.{'open' if signature.lacks_revocation else 'valid'}"


def is_good(signature: SignatureReport) -> bool:
    """Whether it is valid, or would be if it was known that the card was not lost."""
    return signature.verdict is Verdict.VALID or signature.lacks_revocation


def reassuring(signature: SignatureReport, report: DocumentReport) -> bool:
    """Whether to say what is right with a signature: not in a file that is not so."""
    return (
        signature.verdict is not Verdict.NOT_VALID
        and all(each.verdict is Verdict.VALID for each in report.problems)
        and not any(map(is_changed, report.signatures))
    )


def given_name(signature: SignatureReport) -> str:
    """Return the first given name of a signer who is known, or an empty text.

    It is of letters and hyphens only: a button takes other signs for its own.
    """
    signer = signature.signer
    if signer is None or signature.issuer == "unknown":
        return ""
    name, *_ = [*signer.given_names.split(), ""]
    return name if name.replace("-", "").isalpha() else ""


def additions(
    signature: SignatureReport, report: DocumentReport, texts: Mapping[str, str]
) -> list[str]:
    """Say which marks of later signatures a good signature's document did not have."""
    marks = [e for e in signature.changes if e.kind == "signature" and e.page]
    if not marks or not is_good(signature):
        return []
    name, others = _name(signature, texts), []
    for each in marks:
        later = [e for e in report.signatures if e.place == each.text]
        known = len(later) == 1 and is_good(later[0])
        others.append(_name(later[0], texts) if known else texts["signer.other"])
    if len(marks) == 1:
        key = "signature.without"
        return [texts[key].format(name=name, other=others[0], page=marks[0].page)]
    named = [
        texts["signature.mark"].format(other=other, page=mark.page)
        for other, mark in zip(others, marks, strict=True)
    ]
    key = "signature.without.many"
    return [texts[key].format(name=name, marks="; ".join(named))]


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
