# SPDX-License-Identifier: MIT
"""A chain whose certificates are not revoked, and what a checker says of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from kortilla.errors import (
    RevocationCheckFailedError,
    UserCertificateCRLCheckFailedError,
    UserCertificateOCSPCheckFailedError,
    UserCertificateRevokedError,
)
from kortilla.revocation import CertificatePath, Reason, Revocation
from tests.kortilla.pki import CA, NOW, SATU, SURNAME
from tests.kortilla.responder import (
    Chain,
    Handler,
    List,
    OCSPAnswer,
    Server,
    checker_by,
)

KINDS: dict[str, type[RevocationCheckFailedError]] = {
    "ocsp": UserCertificateOCSPCheckFailedError,
    "crl": UserCertificateCRLCheckFailedError,
}
#: The reasons for which older timestamps stay (RFC 3161 §4).
KEEPING = (
    "unspecified",
    "affiliation_changed",
    "superseded",
    "cessation_of_operation",
)


def well(
    server: Server,
    root: CA,
    *,
    by: Literal["crl", "ocsp", "both"],
    address: str = "",
) -> Chain:
    """Return a chain in which no certificate is revoked.

    ``address`` is that of the server in the certificates, if not its own.
    """
    made = Chain.create(address or server.address, root)
    if by != "crl":
        server.handlers["ocsp/issuing"] = OCSPAnswer(made.ca)
        server.handlers["ocsp/root"] = OCSPAnswer(root)
    if by != "ocsp":
        server.handlers["crl/issuing.crl"] = List(made.ca)
        server.handlers["crl/root.crl"] = List(root)
    return made


@dataclass
class Checks:
    """Checks of a chain by a server's answers; ``by`` and ``options`` are a checker's.

    ``path`` is the one that is checked: without the root it is the leaf alone.
    """

    server: Server
    chain: Chain
    by: str
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.path = self.chain.path
        self.leaf_alone = self.chain.path_without_root

    def serve(self, handler: Handler) -> None:
        """Have a handler answer about the leaf."""
        where = "crl/issuing.crl" if self.by == "crl" else "ocsp/issuing"
        self.server.handlers[where] = handler

    def answer(self, **changes: Any) -> None:
        """Answer about the leaf: rightly, but for these changes."""
        if self.by == "crl":
            self.serve(List(self.chain.ca, **changes))
        else:
            self.serve(OCSPAnswer(self.chain.ca, **changes))

    def checker(self, **options: Any) -> Revocation:
        return checker_by(**{"by": self.by} | self.options | options)

    async def accept(self, path: CertificatePath | None = None, **options: Any) -> None:
        """Expect a check not to fail."""
        async with self.checker(**options) as revocation:
            await revocation.check(path or self.path, at=NOW)

    async def refuse(
        self,
        reason: str,
        path: CertificatePath | None = None,
        *,
        kind: str = "",
        **options: Any,
    ) -> str:
        """Expect a check to fail for a reason; return the message.

        The reason may be one of several, with spaces between them. ``kind`` is whose
        error it has to be, where ``by`` names two. No message names a person.
        """
        error = KINDS.get(kind or self.by, RevocationCheckFailedError)
        with pytest.raises(error) as caught:
            await self.accept(path, **options)
        assert caught.value.reason in set(Reason) & set(reason.split())
        return _checked(caught.value)

    async def revoked(self, *, keeps: bool = False, **options: Any) -> str:
        """Expect a check to say that a certificate is revoked; return the message."""
        with pytest.raises(UserCertificateRevokedError) as caught:
            await self.accept(**options)
        assert caught.value.keeps_timestamps == keeps
        return _checked(caught.value)


def _checked(error: Exception) -> str:
    message = str(error)
    assert SURNAME not in message and SATU not in message
    assert message.isprintable()
    return message


def listing(folder: Path) -> list[Path]:
    """Return the names of a folder's files."""
    return sorted(folder.iterdir())
