# SPDX-License-Identifier: MIT
"""Verifies a signed file, and hands out what an intact signature covers."""

import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from kortilla.clock import utc_now
from kortilla.common.files import read_regular
from kortilla.errors import DocumentNotSignableError
from kortilla.revocation import RevocationChecker
from kortilla.signing.processes import shared_processes
from kortilla.signing.verification.findings import Findings, Found, read_findings
from kortilla.signing.verification.judge import Judge, problem_of
from kortilla.signing.verification.report import (
    DocumentReport,
    Problem,
    SignatureReport,
)
from kortilla.signing.verification.trusted import TrustedCAs
from kortilla.signing.verification.zip_layout import pieces
from kortilla.threads import in_thread

#: The longest file that is read. The process that reads it takes twice as much memory.
MAX_BYTES = 120_000_000
#: The longest detached signature, which may have revocation data.
MAX_SIGNATURE_BYTES = 10_000_000
#: The ends of names of each kind. Under another, a program opens it as another kind of
#: file, such as a PDF in a place that no signature covers.
_ENDS = {
    "pdf": {"", ".pdf"},
    "asice": {
        *("", ".adoc", ".asice", ".asics", ".bdoc", ".edoc", ".sce", ".scs", ".zip")
    },
}
#: What an unsigned file is, too: nobody has to say more of it than that.
_OF_CONTENT = {"ACTIVE_CONTENT", "SHOWN_DIFFERENTLY", "XFA_FORM"}
_LIMITS = {"too-slow": "TOO_SLOW", "too-much-memory": "TOO_MUCH_MEMORY"}


async def verify_document(
    content: bytes | None,
    *,
    trusted: TrustedCAs,
    signature: bytes | None = None,
    revocation: RevocationChecker | None = None,
    at: datetime | None = None,
    timestamp_cas: Iterable[bytes] = (),
) -> DocumentReport:
    """Verify a signed PDF, an ASiC container, or a detached signature.

    ``content`` is the signed file, or the file that the detached ``signature``
    (``.p7s``) is of; None if that is not there. ``trusted`` are the CAs that may have
    issued a signer's certificate; without them no signature is valid. ``revocation``
    asks whether a certificate was revoked. By default, and with ``UNCHECKED``, nobody
    is asked and nothing uses a network: only a signature for which the file itself
    answers is valid then, and another good one ``lacks_revocation``. Nobody is asked
    about a signature that is not intact or not valid. A certificate that is revoked now
    makes a signature not valid, unless a timestamp proves that it is older. For such a
    time the file's own revocation data answer, and nobody is asked. ``at`` is the time
    of verifying. ``timestamp_cas`` are certificates (DER) of CAs of time-stamping
    services, beside those of ``trusted``; without them a timestamp proves no time.

    The file is read in a process with limits of time and memory. Each fault of a file
    is a code in the report. Raises ``SigningUnavailableError`` while too many files are
    waiting, and ``ValueError`` for an ``at`` without a zone.
    """
    at = at or utc_now()
    if at.tzinfo is None:
        raise ValueError("The time of verifying has no time zone.")
    findings = await _examine(content, signature)
    judge = Judge(
        findings, trusted, revocation=revocation, at=at, timestamp_cas=timestamp_cas
    )
    signatures = [
        await judge.judge(number, finding)
        for number, finding in enumerate(findings.signatures, start=1)
    ]
    timestamps = await judge.judge_timestamps()
    problems = [problem_of(each) for each in findings.problems]
    if judge.took_too_long:
        problems.append(Problem("TOO_SLOW", "the revocation data that the file keeps"))
    if not signatures and all(each.code in _OF_CONTENT for each in problems):
        problems.append(Problem("NOT_SIGNED"))
    return DocumentReport(
        kind=findings.kind,
        signatures=tuple(map(_with_mark, signatures)),
        timestamps=tuple(timestamps),
        problems=tuple(problems),
        files=findings.files,
        sha256=await in_thread(_digest, content),
        signature_sha256=await in_thread(_digest, signature),
    )


async def verify_path(
    path: Path,
    *,
    trusted: TrustedCAs,
    of: Path | None = None,
    revocation: RevocationChecker | None = None,
    at: datetime | None = None,
    timestamp_cas: Iterable[bytes] = (),
) -> DocumentReport:
    """Verify a file. Raises as ``verify_document``, and ``OSError``.

    ``of`` is the file that a ``.p7s`` is of. By default that is the file beside it
    whose name lacks ``.p7s``, if there is one. A ``.p7m`` is read in the same way; it
    mostly contains its file. A PDF or a container with the name of
    another kind of file is not judged.
    """
    signature = None
    content = await in_thread(_read, path)
    if path.suffix.lower() in {".p7m", ".p7s"}:
        signature, content = content, None
        of = of or path.with_suffix("")
        if signature is not None and (of.is_file() or of != path.with_suffix("")):
            content = await in_thread(_read, of)
            if content is None:
                signature = None
    if content is None and signature is None:
        return DocumentReport("unknown", problems=(Problem("TOO_LARGE"),))
    report = await verify_document(
        content,
        trusted=trusted,
        signature=signature,
        revocation=revocation,
        at=at,
        timestamp_cas=timestamp_cas,
    )
    end = path.suffix.lower()
    if end not in _ENDS.get(report.kind, {end}):
        problem = Problem("OTHER_NAME", f"{report.kind} with the name {end!r}")
        return replace(report, problems=(*report.problems, problem))
    return report


def _with_mark(signature: SignatureReport) -> SignatureReport:
    """Note that a later signature added a visible mark: it was not signed."""
    if not any(e.kind == "signature" and e.rectangle for e in signature.changes):
        return signature
    return replace(signature, problems=(*signature.problems, Problem("MARK_ADDED")))


async def _examine(content: bytes | None, signature: bytes | None) -> Findings:
    if len(content or b"") > MAX_BYTES or len(signature or b"") > MAX_SIGNATURE_BYTES:
        return Findings("unknown", problems=[Found("TOO_LARGE")])
    try:
        found = await shared_processes().examine(content, signature)
        return read_findings(found)
    except ValueError:  # the file may have taken over the process
        detail = "The process that read the file gave no findings."
        return Findings("unknown", problems=[Found("BROKEN", detail)])
    except DocumentNotSignableError as error:
        code = _LIMITS.get(error.reason, "BROKEN")
        return Findings("unknown", problems=[Found(code, str(error.__cause__ or ""))])


def _digest(content: bytes | None) -> str:
    return "" if content is None else hashlib.sha256(content).hexdigest()


def _read(path: Path) -> bytes | None:
    """Return a regular file's content, or None if it is too long.

    Raises ``OSError`` as ``read_regular``.
    """
    content = read_regular(path, MAX_BYTES + 1)
    return content if len(content) <= MAX_BYTES else None


def signed_revision(content: bytes, signature: SignatureReport) -> bytes:
    """Return the PDF as it was when it was signed, with the signature in it.

    ``content`` is the file that the report is of. Raises ``ValueError`` for a signature
    that is not intact, and for one that is not in a PDF.
    """
    if not signature.intact or signature.revision_length is None:
        raise ValueError("The signature gives no revision of the file.")
    if signature.revision_length > len(content):
        raise ValueError("The report is of another file.")
    return content[: signature.revision_length]


def signed_files(content: bytes, report: DocumentReport) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of a container's files that are signed.

    These are the files that signatures cover which are intact. A name has no ``..`` and
    no drive, and may have folders. Raises ``ValueError`` for what is no container, for
    one that is irregular, and for another file than the one of the report.
    """
    if hashlib.sha256(content).hexdigest() != report.sha256:
        raise ValueError("The report is of another file.")
    if report.kind != "asice" or report.problems:
        raise ValueError("The file is no container whose files are known.")
    intact = [each for each in report.signatures if each.intact]
    names = {name for each in intact for name in each.files}
    with zipfile.ZipFile(io.BytesIO(content)) as container:
        for name in report.files:
            if name in names:
                yield name, b"".join(pieces(container, name))
