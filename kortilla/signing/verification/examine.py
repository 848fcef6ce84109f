# SPDX-License-Identifier: MIT
"""Finds out what kind of signed file it is. It runs in a process with limits."""

from kortilla.signing.verification.cms_signature import examine_cms
from kortilla.signing.verification.container import examine_container
from kortilla.signing.verification.findings import Findings, Found
from kortilla.signing.verification.pdf import examine_pdf

__all__ = ["examine"]

_HEADER_WITHIN = 1024  # octets; where viewers look for a PDF's header


def examine(content: bytes | None, signature: bytes | None = None) -> Findings:
    """Return what is found in a file, or in a detached signature of it.

    ``content`` is None for a signature whose file is not there.
    """
    if content is None or signature is not None:
        return examine_cms(signature or b"", content)
    if content.startswith(b"PK"):
        return examine_container(content)
    if b"%PDF-" in content[:_HEADER_WITHIN]:
        try:
            return examine_pdf(content)
        except (MemoryError, SystemError):
            raise
        except Exception as error:  # pyHanko raises any exception for broken files
            cause = f"{type(error).__name__}: {error}"
            return Findings("pdf", problems=[Found("BROKEN", cause)])
    if content.startswith((b"\x30", b"-----BEGIN")):
        return examine_cms(content, None)
    return Findings("unknown", problems=[Found("NOT_A_SIGNED_FORMAT")])
