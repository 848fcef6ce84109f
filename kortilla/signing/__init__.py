# SPDX-License-Identifier: MIT
"""Signatures on the server: what a page brings back, signed PDFs and signed files.

``verify_signatures`` takes the answer of ``kortilla.sign`` and returns who signed.
``kortilla.signing.pades`` signs a PDF, ``kortilla.signing.cades`` any file,
in two calls around the signature that the browser brings. Those two need
``kortilla[signing]``; nothing that is imported here does.
"""

from kortilla.signing.algorithms import Digest
from kortilla.signing.verify import (
    VerifiedSignature,
    VerifiedSignatures,
    verify_signatures,
)

__all__ = ["Digest", "VerifiedSignature", "VerifiedSignatures", "verify_signatures"]
