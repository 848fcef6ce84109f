# SPDX-License-Identifier: MIT
"""Signatures on the server: verification, signed PDFs and signed files.

``verify_signatures`` verifies the answer of ``kortilla.sign`` and returns the signer.
``kortilla.signing.pades`` signs a PDF, ``kortilla.signing.cades`` any file, and
``kortilla.signing.asice`` several files together, in two calls around the browser's
signature. ``kortilla.signing.verification`` verifies signed files. Only these modules
need ``kortilla[signing]``.
"""

from typing import TYPE_CHECKING

from kortilla.common.imports import lazy_names

# The processes that read PDFs need none of these, and load faster without.
if TYPE_CHECKING:
    from kortilla.signing.answer import (
        VerifiedSignature,
        VerifiedSignatures,
        verify_signatures,
    )
    from kortilla.signing.state import Digest
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "kortilla.signing.answer": "VerifiedSignature VerifiedSignatures "
            "verify_signatures",
            "kortilla.signing.state": "Digest",
        },
    )

__all__ = ["Digest", "VerifiedSignature", "VerifiedSignatures", "verify_signatures"]
