# SPDX-License-Identifier: MIT
"""A revocation checker for tests, which knows the revoked mock cards."""

from datetime import datetime
from pathlib import Path

from kortilla.errors import RevocationCheckFailedError, UserCertificateRevokedError
from kortilla.mock_card.issue import revoked_serials
from kortilla.revocation.interface import CertificatePath


class RevokedCards:
    """A ``RevocationChecker`` for tests, by the ``revoked.crl`` of mock cards.

    ``folders`` are the folders of all cards that the service under test accepts. The
    files are read at each check, so that a card can be revoked between two logins.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        """Raise ``UserCertificateRevokedError`` for a revoked card.

        ``RevocationCheckFailedError`` if no folder has the CA of the card, as when a
        responder does not know it.
        """
        issuer = path.issuer.dump()
        mine = [each for each in self._folders if _issuing_ca(each) == issuer]
        if not mine:
            raise RevocationCheckFailedError(
                "No folder of a mock card has the CA that issued the certificate."
            )
        if any(path.leaf.serial_number in revoked_serials(each) for each in mine):
            raise UserCertificateRevokedError("The mock card is revoked.")


def _issuing_ca(folder: Path) -> bytes:
    return (folder / "issuing.der").read_bytes()
