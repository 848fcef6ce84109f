# SPDX-License-Identifier: MIT
"""``revoked.crl`` in a mock card's folder: the CRL of its CA."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from kortilla.testing.authority import Authority
from kortilla.testing.files import locked, write_atomically

__all__ = ["revoke", "revoked_serials"]

_FILE = "revoked.crl"


def revoked_serials(folder: Path) -> frozenset[int]:
    """Return the serial numbers of the revoked leaves.

    Raises ``OSError`` and ``ValueError`` for a file that can't be read.
    """
    try:
        content = (folder / _FILE).read_bytes()
    except FileNotFoundError:
        return frozenset()
    return frozenset(entry.serial_number for entry in x509.load_der_x509_crl(content))


def revoke(folder: Path, serial_numbers: Iterable[int]) -> None:
    """Revoke leaves of the card's CA, in addition to the revoked ones."""
    with locked(folder / "card.lock"):
        serials = revoked_serials(folder) | frozenset(serial_numbers)
        now = datetime.now(UTC).replace(microsecond=0)
        content = Authority.open(folder).revoke(sorted(serials), now)
        write_atomically(folder / _FILE, content)
