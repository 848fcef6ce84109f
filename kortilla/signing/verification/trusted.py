# SPDX-License-Identifier: MIT
"""The CA certificates that signatures are compared with."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
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
    load_ca,
    read_certificate,
)

_AUTHORITY = {pin.sha256 for pin in PINS if not pin.test}


@dataclass(frozen=True)
class TimestampAuthority:
    """A certificate (DER) that may vouch for timestamps: a CA's, or a service's.

    ``granted`` says from when until when a trusted list vouches for it, which is never
    for an empty one; None is until now. Without ``granted`` it always counts.
    """

    certificate: bytes
    granted: tuple[tuple[datetime, datetime | None], ...] | None = None

    def counts_at(self, time: datetime) -> bool:
        """Return whether it counts for a timestamp of a time."""
        return self.granted is None or any(
            since <= time and (until is None or time < until)
            for since, until in self.granted
        )


@dataclass(frozen=True)
class TrustedCAs:
    """The authority's CAs, known by their fingerprints, and those of test cards.

    A signature of a test card is marked as such, and shows nothing about a person.
    Each may be None: then nothing can be said about such signatures.

    ``timestamp_authorities`` are all certificates (DER) that may vouch for timestamps:
    the CAs, and those that are for time-stamping only. Nothing uses them unless they
    are given to ``verify_document`` as ``timestamp_cas``. ``time_stamping`` are always
    used.

    ``lists`` are the EU's trusted lists, for signatures and timestamps from other
    countries.
    """

    authority: Trust | None = None
    test: Trust | None = None
    timestamp_authorities: tuple[bytes, ...] = ()
    time_stamping: tuple[TimestampAuthority, ...] = ()
    lists: TrustLists | None = None

    @classmethod
    def from_folder(cls, folder: Path | str) -> Self:
        """Read a folder's certificate files: ``*.der *.crt *.cer *.pem``.

        A CA whose fingerprint is not pinned as the authority's is one of test cards.
        An empty or missing folder gives none. Raises ``TrustConfigurationError`` for a
        file that is no CA certificate or can't be read.
        """
        named = _read_folder(folder)
        try:
            return cls.from_certificates(named.values())
        except TrustConfigurationError:
            for file, content in named.items():
                load_ca(str(file), content)  # names the file that it refuses
            raise

    def with_timestamps_of(self, folder: Path | str) -> Self:
        """Let a folder's certificates vouch for timestamps, and for nothing else.

        They are CAs', or time-stamping services'. Raises as ``from_folder``.
        """
        more = map(TimestampAuthority, _read_folder(folder).values())
        return replace(self, time_stamping=(*self.time_stamping, *more))

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


def _read_folder(folder: Path | str) -> dict[Path, bytes]:
    contents = {}
    for file in certificate_files(Path(folder)):
        try:
            contents[file] = read_certificate(file)
        except OSError as error:
            raise TrustConfigurationError(
                f"The CA file {file} can't be read: {error.strerror}."
            ) from error
        except ValueError as error:
            raise TrustConfigurationError(f"The CA file {file} is {error}.") from error
    return contents


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
