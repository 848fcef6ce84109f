# SPDX-License-Identifier: MIT
"""Certificates that are not revoked, by CRL or by OCSP, and failing checks."""

from pathlib import Path
from typing import Any, Literal

import pytest

from kortilla.errors import (
    RevocationCheckFailedError,
    UserCertificateCRLCheckFailedError,
    UserCertificateOCSPCheckFailedError,
)
from kortilla.revocation import CertificatePath, Reason
from tests.kortilla.pki import CA, NOW, SATU, SURNAME
from tests.kortilla.responder import Chain, List, OCSPAnswer, Server, checker_by

KINDS: dict[str, type[RevocationCheckFailedError]] = {
    "ocsp": UserCertificateOCSPCheckFailedError,
    "crl": UserCertificateCRLCheckFailedError,
}


class Clock:
    """Returns the time that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> Any:
        return self.now


def well(server: Server, root: CA, *, by: Literal["crl", "ocsp"]) -> Chain:
    """Return a chain in which no certificate is revoked."""
    made = Chain.create(server.address, root)
    server.handlers = (
        {"crl/issuing.crl": List(made.ca), "crl/root.crl": List(root)}
        if by == "crl"
        else {"ocsp/issuing": OCSPAnswer(made.ca), "ocsp/root": OCSPAnswer(root)}
    )
    return made


async def refused(
    path: CertificatePath,
    *,
    by: str,
    kind: type[RevocationCheckFailedError] | None = None,
    **options: Any,
) -> RevocationCheckFailedError:
    """Expect a check to fail; return the error, which names no person."""
    async with checker_by(by=by, **options) as revocation:
        with pytest.raises(kind or KINDS[by]) as caught:
            await revocation.check(path, at=NOW)
    message = str(caught.value)
    assert SURNAME not in message and SATU not in message
    assert message.isprintable()
    assert caught.value.reason in set(Reason)
    return caught.value


async def accepted(path: CertificatePath, *, by: str, **options: Any) -> None:
    """Expect a check not to fail."""
    async with checker_by(by=by, **options) as revocation:
        await revocation.check(path, at=NOW)


def listing(folder: Path) -> list[Path]:
    """Return the names of a folder's files."""
    return sorted(folder.iterdir())
