# SPDX-License-Identifier: MIT
"""Signatures on the server: verification, signed PDFs and signed files.

``verify_signatures`` verifies the answer of ``kortilla.sign`` and returns the signer.
``kortilla.signing.pades`` signs a PDF and ``kortilla.signing.cades`` any file, in two
calls around the browser's signature. Only those two modules need ``kortilla[signing]``.
"""

from kortilla.signing.algorithms import Digest
from kortilla.signing.verify import (
    VerifiedSignature,
    VerifiedSignatures,
    verify_signatures,
)

__all__ = ["Digest", "VerifiedSignature", "VerifiedSignatures", "verify_signatures"]
