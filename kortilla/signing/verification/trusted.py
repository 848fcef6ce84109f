# SPDX-License-Identifier: MIT
"""The CA certificates that signatures are compared with."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from asn1crypto import x509

from kortilla.errors import TrustConfigurationError
from kortilla.signing.trust_lists.store import TrustLists
from kortilla.validation.pinned_cas import PINS
from kortilla.validation.trust import (
    Trust,
    certificate_der,
    certificate_files,
    read_certificate,
)

_AUTHORITY = {pin.sha256 for pin in PINS if not pin.test}


@dataclass(frozen=True)
class TrustedCAs:
    """The authority's CAs, known by their fingerprints, and those of test cards.

    A signature of a test card is marked as such, and shows nothing about a person.
    Each may be None: then nothing can be said about such signatures.

    ``timestamp_authorities`` are all certificates (DER) that may vouch for timestamps:
    the CAs, and those that are for time-stamping only. Nothing uses them unless they
    are given to ``verify_document`` as ``timestamp_cas``.

    ``lists`` are the EU's trusted lists, for signatures from other countries.
    """

    authority: Trust | None = None
    test: Trust | None = None
    timestamp_authorities: tuple[bytes, ...] = ()
    lists: TrustLists | None = None

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
                contents.append(read_certificate(file))
            except OSError as error:
                raise TrustConfigurationError(
                    f"The CA file {file} can't be read: {error.strerror}."
                ) from error
            except ValueError as error:
                raise TrustConfigurationError(
                    f"The CA file {file} is {error}."
                ) from error
        return cls.from_certificates(contents)

    @classmethod
    def from_certificates(cls, certificates: Iterable[bytes]) -> Self:
        """Use these CA certificates, DER or PEM. Raises as ``from_folder``."""
        authority: list[bytes] = []
        test: list[bytes] = []
        try:
            every = tuple(map(certificate_der, certificates))
        except ValueError as error:
            raise TrustConfigurationError(f"A CA certificate is {error}.") from error
        for each in every:
            if hashlib.sha256(each).hexdigest() in _AUTHORITY:
                authority.append(each)
            else:
                test.append(each)
        test = [each for each in test if not _is_for_timestamps(each)]
        issuing = not all(map(_is_root, test))
        return cls(
            Trust.from_certificates(authority) if authority else None,
            # Roots without an issuing CA are a time-stamping authority's.
            Trust.from_certificates(test, test=True) if issuing else None,
            every,
        )


def _is_for_timestamps(certificate: bytes) -> bool:
    """Return whether a certificate is only for time-stamping (RFC 3161 §2.3)."""
    with suppress(Exception):  # of asn1crypto, any; ``Trust`` says what is wrong
        purposes = _load(certificate).extended_key_usage_value
        return purposes is not None and purposes.native == ["time_stamping"]
    return False


def _is_root(certificate: bytes) -> bool:
    with suppress(Exception):
        parsed = _load(certificate)
        return bool(parsed.ca) and parsed.subject == parsed.issuer
    return False


def _load(certificate: bytes) -> x509.Certificate:
    return x509.Certificate.load(certificate, strict=True)
