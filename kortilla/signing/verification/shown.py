# SPDX-License-Identifier: MIT
"""What was signed, in bytes: only what a signature that is intact covers."""

import hashlib
import io
import zipfile
from collections.abc import Iterator

from kortilla.signing.verification.report import DocumentReport, SignatureReport
from kortilla.signing.verification.zip_layout import pieces


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
