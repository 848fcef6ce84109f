# SPDX-License-Identifier: MIT
"""The fields of validated certificates that revocation checking uses."""

import functools
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from asn1crypto import x509

from kortilla.revocation import der
from kortilla.revocation.interface import NoAnswerError, Reason

#: The longest name that is prepared to be compared with others.
MOST_NAME_OCTETS = 1024

_EXTENSIONS = 0xA3
_BASIC_CONSTRAINTS = bytes.fromhex("0603551D13")
_DISTRIBUTION_POINTS = bytes.fromhex("0603551D1F")
_AUTHORITY_INFORMATION = bytes.fromhex("06082B06010505070101")
_READ_HERE = {_BASIC_CONSTRAINTS, _DISTRIBUTION_POINTS, _AUTHORITY_INFORMATION}


@dataclass(frozen=True)
class Subject:
    """The fields of a certificate that OCSP and CRL refer to.

    ``name`` and ``issuer`` are names in DER, ``spki`` is the public key with its
    algorithm, ``key_bits`` the key alone. ``fingerprint`` is the SHA-256 of the whole.
    ``extensions`` are the extensions' values by OID, both in DER.
    """

    certificate: x509.Certificate
    serial: int
    name: bytes
    issuer: bytes
    spki: bytes
    key_bits: bytes
    fingerprint: bytes
    is_ca: bool
    extensions: Mapping[bytes, bytes] = field(repr=False)

    @classmethod
    def of(cls, certificate: x509.Certificate, encoded: bytes | None = None) -> Self:
        """Read a certificate, given as it was received.

        Raises ``NoAnswerError`` when it can't be read.
        """
        with _reading():
            encoded = encoded or bytes(certificate.dump())
            tbs = der.SignedPart.parse(encoded).signed
            fields = [f for f in der.children(tbs) if f.tag != 0xA0]  # without version
            if len(fields) < 6:
                raise der.MalformedError("not a certificate")
            spki = fields[5]
            *_, key = der.children(spki)
            extensions = _extensions(fields[6:])
            return cls(
                certificate,
                int.from_bytes(fields[0].value, signed=True),
                fields[4].whole,
                fields[2].whole,
                spki.whole,
                der.bit_string(key),
                hashlib.sha256(encoded).digest(),
                _is_ca(extensions.get(_BASIC_CONSTRAINTS)),
                extensions,
            )

    @classmethod
    def of_authority(cls, certificate: x509.Certificate) -> "Subject":
        """Read the certificate of a CA, once. Raises as ``of``."""
        return _authority(bytes(certificate.dump()))

    @functools.cached_property
    def key_hash(self) -> bytes:
        """SHA-1 of the key, as OCSP names keys (RFC 6960 §4.1.1)."""
        return hashlib.sha1(self.key_bits, usedforsecurity=False).digest()

    def check_still_known(self, at: datetime, *, since: datetime | None) -> None:
        """Check that an answer of a time would tell if the certificate was revoked.

        Unless it says since when it keeps them, it may lack those that have expired.
        Raises ``NoAnswerError``.
        """
        end: datetime = self.certificate.not_valid_after
        if at > end and (since is None or since > end):
            raise NoAnswerError(
                Reason.NOT_KEPT,
                "the certificate has expired, and the answer need not know such ones.",
            )

    def is_valid(self, at: datetime) -> bool:
        start: datetime = self.certificate.not_valid_before
        end: datetime = self.certificate.not_valid_after
        return start <= at <= end


def same_name(one: bytes, other: bytes) -> bool:
    """Return whether two names in DER are equal (RFC 5280 §7.1)."""
    if one == other:
        return True
    # String preparation is slow, and the sender may be unauthenticated.
    if max(len(one), len(other)) > MOST_NAME_OCTETS:
        return False
    return bool(x509.Name.load(one) == x509.Name.load(other))


def ocsp_address(subject: Subject) -> str | None:
    """Return the first http address of an OCSP responder (RFC 5280 §4.2.2.1).

    Raises ``NoAnswerError`` when it can't be read.
    """
    value = subject.extensions.get(_AUTHORITY_INFORMATION)
    if value is None:
        return None
    with _reading():
        return _read_ocsp_address(value)


def crl_addresses(subject: Subject) -> tuple[str, ...]:
    """Return the http addresses of the issuer's own full CRL (RFC 5280 §4.2.1.13).

    Distribution points for some reasons only, or with another CA's CRL, are skipped.
    Raises ``NoAnswerError``, as ``ocsp_address`` does.
    """
    value = subject.extensions.get(_DISTRIBUTION_POINTS)
    if value is None:
        return ()
    with _reading():
        return _read_crl_addresses(value)


# Reading takes long, and most values are the same in all leaves of a CA. So what was
# read is remembered.


@functools.lru_cache(maxsize=64)
def _read_ocsp_address(value: bytes) -> str | None:
    for description in x509.AuthorityInfoAccessSyntax.load(value):
        if description["access_method"].native == "ocsp":
            address = _http(description["access_location"])
            if address:
                return address
    return None


@functools.lru_cache(maxsize=64)
def _read_crl_addresses(value: bytes) -> tuple[str, ...]:
    addresses = []
    for point in x509.CRLDistributionPoints.load(value):
        if point["reasons"].native is not None or point["crl_issuer"].native:
            continue
        name = point["distribution_point"]
        if name.native is None or name.name != "full_name":
            continue
        addresses += [a for each in name.chosen if (a := _http(each))]
    return tuple(addresses)


@functools.lru_cache(maxsize=64)
def _is_ca(value: bytes | None) -> bool:
    return value is not None and bool(x509.BasicConstraints.load(value)["ca"].native)


@functools.lru_cache(maxsize=32)
def _authority(encoded: bytes) -> Subject:
    return Subject.of(x509.Certificate.load(encoded), encoded)


def _extensions(optional: list[der.Element]) -> dict[bytes, bytes]:
    """Return the values of extensions by OID, from the fields after the key."""
    found: dict[bytes, bytes] = {}
    for wrapper in optional:
        if wrapper.tag != _EXTENSIONS:  # a unique identifier
            continue
        content = der.only(wrapper.value).value
        start, end = 0, len(content)
        while start < end:
            _, _, after = der.header(content, start, end)
            oid, value = _open_extension(content[start:after])
            start = after
            if oid in found:
                raise der.MalformedError("an extension that occurs twice")
            found[oid] = value
    return found


@functools.lru_cache(maxsize=256)
def _open_extension(encoded: bytes) -> tuple[bytes, bytes]:
    oid, _, value = der.extension(der.only(encoded))
    if oid in _READ_HERE:
        der.only(value)
    return oid, value


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # asn1crypto parses some fields only now, and raises any exception.
        raise NoAnswerError(
            Reason.BAD_ADDRESS, "the addresses in it, or all of it, can't be read."
        ) from error


def _http(name: x509.GeneralName) -> str | None:
    if name.name != "uniform_resource_identifier":
        return None
    try:
        # The encoded text: asn1crypto's ``native`` decodes percent signs.
        text: str = name.chosen.contents.decode("ascii")
    except UnicodeDecodeError:
        return None
    return text if text.lower().startswith(("http://", "https://")) else None
