# SPDX-License-Identifier: MIT
"""What was signed, in bytes; and whether a PDF still shows it.

``signed_revision`` and ``signed_files`` give only what a signature that is intact
covers. What the pages show is drawn and compared in a process with limits.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace

from kortilla.errors import DocumentNotSignableError
from kortilla.signing.pages.comparison import Compared, Mark, Picture, Revision
from kortilla.signing.processes import shared_processes
from kortilla.signing.verification.report import (
    DocumentReport,
    Problem,
    SignatureReport,
    TimestampReport,
    Verdict,
)
from kortilla.signing.verification.zip_layout import pieces

_LIMITS = {"too-slow", "too-much-memory"}


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


async def compare_pages(
    content: bytes,
    signatures: Sequence[SignatureReport],
    timestamps: Sequence[TimestampReport],
) -> list[SignatureReport]:
    """Draw and compare what came after a signature; return the completed reports.

    Raises ``SigningUnavailableError`` as ``verify_document``.
    """
    known = _known(signatures, timestamps)
    revisions = {
        index: Revision(each.revision_length, _marks(each, known))
        for index, each in enumerate(signatures)
        if each.intact and each.revision_length and each.covers == "earlier-revision"
    }
    found: list[tuple[Compared, tuple[Picture, ...]]]
    try:
        wanted = list(revisions.values())
        found = await shared_processes().compare(content, wanted) if wanted else []
    except DocumentNotSignableError as error:
        found = [(Compared(left="not-drawn"), ())] * len(revisions)
        if error.reason in _LIMITS:
            found = [(Compared(left="too-many"), ())] * len(revisions)
    done = list(signatures)
    for index, (compared, pictures) in zip(revisions, found, strict=True):
        problems = (*done[index].problems, *_problems(compared))
        done[index] = replace(
            done[index], problems=problems, comparison=compared, pictures=pictures
        )
    return done


def _known(
    signatures: Sequence[SignatureReport], timestamps: Sequence[TimestampReport]
) -> set[str]:
    """Return the fields whose marks say who made them.

    A doubt about the certificate, such as that nobody was asked about it, changes no
    page, and ``MARK_ADDED`` names it.
    """
    good = {
        each.place
        for each in signatures
        if each.intact
        and each.issuer != "unknown"
        and not any(p.verdict is Verdict.NOT_VALID for p in each.problems)
    }
    good |= {each.place for each in timestamps if each.intact and each.trusted}
    every = [e.place for e in signatures] + [e.place for e in timestamps]
    # Names may look the same once they are shortened.
    return {each for each in good if every.count(each) == 1}


def _marks(signature: SignatureReport, known: set[str]) -> tuple[Mark, ...]:
    return tuple(
        Mark(change.page, change.rectangle)
        for change in signature.changes
        if change.kind in {"signature", "timestamp"}
        and change.text in known
        and change.page is not None
        and change.rectangle is not None
    )


def _problems(compared: Compared) -> Iterator[Problem]:
    if compared.differences:
        pages = ", ".join(f"{each.page} ({each.kind})" for each in compared.differences)
        yield Problem("SHOWS_OTHER_CONTENT", f"pages: {pages}")
    if compared.left and not compared.compared:
        yield Problem("PAGES_NOT_COMPARED", compared.left)
    elif compared.left:
        done = f"{compared.compared} of {compared.pages}"
        yield Problem("PAGES_LEFT_OUT", f"{compared.left}: {done}")
