# SPDX-License-Identifier: MIT
"""The CA certificates that signatures are compared with."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from asn1crypto import pem

from kortilla.errors import TrustConfigurationError
from kortilla.validation.trust import MAX_FILE_BYTES, PINS, Trust, certificate_files

__all__ = ["TrustedCAs"]

_AUTHORITY = {pin.sha256 for pin in PINS if not pin.test}


@dataclass(frozen=True)
class TrustedCAs:
    """The authority's CAs, known by their fingerprints, and those of test cards.

    A signature of a test card is marked as such, and shows nothing about a person.
    Each may be None: then nothing can be said about such signatures.
    """

    authority: Trust | None = None
    test: Trust | None = None

    @classmethod
    def from_folder(cls, folder: Path | str) -> Self:
        """Read a folder's certificate files: ``*.der *.crt *.cer *.pem``.

        A CA whose fingerprint is not pinned as the authority's is one of test cards.
        An empty or missing folder gives none. Raises ``TrustConfigurationError`` for a
        file that is no CA certificate or can't be read.
        """
        contents = []
        for file in certificate_files(Path(folder)):
            try:
                if file.stat().st_size > MAX_FILE_BYTES:
                    raise TrustConfigurationError(
                        f"The CA file {file} is too long for a certificate."
                    )
                contents.append(file.read_bytes())
            except OSError as error:
                raise TrustConfigurationError(
                    f"The CA file {file} can't be read: {error.strerror}."
                ) from error
        return cls.from_certificates(contents)

    @classmethod
    def from_certificates(cls, certificates: Iterable[bytes]) -> Self:
        """Use these CA certificates, DER or PEM. Raises as ``from_folder``."""
        authority: list[bytes] = []
        test: list[bytes] = []
        for each in certificates:
            (authority if _fingerprint(each) in _AUTHORITY else test).append(each)
        return cls(
            Trust.from_certificates(authority) if authority else None,
            Trust.from_certificates(test, test=True) if test else None,
        )


def _fingerprint(certificate: bytes) -> str:
    try:
        if pem.detect(certificate):
            _, _, certificate = pem.unarmor(certificate)
    except ValueError as error:
        raise TrustConfigurationError("A CA file is not a certificate.") from error
    return hashlib.sha256(certificate).hexdigest()
