# SPDX-License-Identifier: MIT
"""Verification of signed PDF files, ASiC containers and detached signatures.

    trusted = TrustedCAs.from_folder("ca")
    report = await verify_document(pdf, trusted=trusted, revocation=service.revocation)
    report.verdict  # Verdict.VALID, NOT_VALID or CANT_SAY

A file that can't be judged is never called valid.
"""

from typing import TYPE_CHECKING

from kortilla.common.imports import lazy_names

if TYPE_CHECKING:
    from kortilla.signing.verification.codes import CODES, Verdict
    from kortilla.signing.verification.document import (
        signed_files,
        signed_revision,
        verify_document,
        verify_path,
    )
    from kortilla.signing.verification.findings import Change
    from kortilla.signing.verification.report import (
        CertificateFacts,
        DocumentReport,
        ListedAuthority,
        Problem,
        SignatureReport,
        Signer,
        TimestampReport,
    )
    from kortilla.signing.verification.trusted import (
        TimestampAuthority,
        TrustedCAs,
    )
else:
    __getattr__ = lazy_names(
        __name__,
        {
            f"{__name__}.codes": "CODES Verdict",
            f"{__name__}.document": "signed_files signed_revision "
            "verify_document verify_path",
            f"{__name__}.findings": "Change",
            f"{__name__}.report": "CertificateFacts DocumentReport "
            "ListedAuthority Problem SignatureReport Signer TimestampReport",
            f"{__name__}.trusted": "TimestampAuthority TrustedCAs",
        },
    )

__all__ = [
    "CODES",
    "CertificateFacts",
    "Change",
    "DocumentReport",
    "ListedAuthority",
    "Problem",
    "SignatureReport",
    "Signer",
    "TimestampAuthority",
    "TimestampReport",
    "TrustedCAs",
    "Verdict",
    "signed_files",
    "signed_revision",
    "verify_document",
    "verify_path",
]
