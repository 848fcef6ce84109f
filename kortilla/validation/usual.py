# SPDX-License-Identifier: MIT
"""Validates the certificates that cards usually have, fast.

``accept`` returns the result for a certificate of exactly the usual form, and None for
every other one: those that are wrong, and those that are only unusual. Then
``validator`` judges with asn1crypto and pyhanko-certvalidator. So this module refuses
nobody, and it must accept nothing that those refuse. A test compares both on mutated
certificates.

Only DER in its canonical form is accepted, except for the two defects that
docs/reference/certificates.md describes. The issuing CA's signature is verified before
names and extensions are read, so that only what a trusted CA has signed gets that far.
"""

import functools
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

from asn1crypto import x509

from kortilla.revocation import der
from kortilla.validation.identity import Identity, is_satu
from kortilla.validation.issuing_ca import IssuingCA
from kortilla.validation.signature import PublicKey, read_public_key
from kortilla.validation.trust import Trust

__all__ = ["LOGIN", "SIGNING", "Accepted", "Purpose", "accept"]

# Octets of keyUsage (RFC 5280 §4.2.1.3).
_DIGITAL_SIGNATURE, _NON_REPUDIATION = 0x80, 0x40


class Purpose(NamedTuple):
    """A purpose: the bit of keyUsage that it needs, and the one that it excludes."""

    needed: int
    excluded: int


LOGIN = Purpose(_DIGITAL_SIGNATURE, _NON_REPUDIATION)
SIGNING = Purpose(_NON_REPUDIATION, _DIGITAL_SIGNATURE)


class Accepted(NamedTuple):
    """A valid certificate: its issuer, its key and its holder."""

    issuer: IssuingCA
    key: PublicKey
    identity: Identity


def accept(
    encoded: bytes, purpose: Purpose, trust: Trust, at: datetime
) -> Accepted | None:
    """Return a valid certificate of the usual form; None for any other one.

    ``at`` is in UTC. Revocation is not checked. Raises nothing: what can't be read here
    is judged elsewhere.
    """
    try:
        parts = _split(encoded)
        if not parts.not_before <= at <= parts.not_after:
            return None
        issuer = _issuer(parts, trust, at)
        if issuer is None:
            return None
        usage, policies = _read_extensions(parts.extensions, issuer)
        policy = trust.allowed_policy(policies)
        if policy is None or not usage & purpose.needed or usage & purpose.excluded:
            return None
        names = _read_subject(parts.subject)
        key = _read_key(parts.key)
        common_name = issuer.common_name
    except Exception:
        return None
    identity = Identity(
        surname=names[_SURNAME],
        given_names=names[_GIVEN_NAME],
        satu=names[_SATU],
        country=names[_COUNTRY],
        issuer=common_name,
        serial=str(parts.serial),
        not_before=parts.not_before,
        not_after=parts.not_after,
        assurance="test" if trust.test else "citizen-certificate",
        policy=policy,
    )
    return Accepted(issuer, key, identity)


class _UnusualError(ValueError):
    """A certificate that is judged elsewhere."""


class _Parts(NamedTuple):
    """The parts of a certificate, each in DER, as RFC 5280 §4.1 has them."""

    signed: bytes
    serial: int
    algorithm: bytes
    issuer: bytes
    not_before: datetime
    not_after: datetime
    subject: bytes
    key: bytes
    extensions: bytes  # the content alone
    signature: bytes


_VERSION_3 = bytes.fromhex("A003020102")
_EXTENSIONS = 0xA3
#: Certificate policies of a certificate. The other way refuses a thousand.
_MOST_POLICIES = 64
#: Octets of the longest serial number (RFC 5280 §4.1.2.2).
_MAX_SERIAL_BYTES = 20


def _split(data: bytes) -> _Parts:
    tag, whole, end = der.header(data, 0, len(data))
    if tag != der.SEQUENCE or end != len(data):
        raise _UnusualError
    tag, start, signed_end = der.header(data, whole, end)
    if tag != der.SEQUENCE or not data.startswith(_VERSION_3, start):
        raise _UnusualError
    tag, serial, after_serial = der.header(data, start + len(_VERSION_3), signed_end)
    if tag != der.INTEGER:
        raise _UnusualError
    after_algorithm = _after(data, after_serial, signed_end)
    after_issuer = _after(data, after_algorithm, signed_end)
    after_times = _after(data, after_issuer, signed_end)
    after_subject = _after(data, after_times, signed_end)
    after_key = _after(data, after_subject, signed_end)
    tag, start, after_extensions = der.header(data, after_key, signed_end)
    if tag != _EXTENSIONS or after_extensions != signed_end:
        raise _UnusualError
    tag, extensions, extensions_end = der.header(data, start, signed_end)
    if tag != der.SEQUENCE or extensions_end != signed_end:
        raise _UnusualError
    algorithm = data[after_serial:after_algorithm]
    # RFC 5280 §4.1.1.2: the algorithm beside the signature is the signed one.
    if not data.startswith(algorithm, signed_end):
        raise _UnusualError
    tag, bits, after_bits = der.header(data, signed_end + len(algorithm), end)
    if tag != der.BIT_STRING or after_bits != end or data[bits : bits + 1] != b"\0":
        raise _UnusualError
    not_before, not_after = _read_times(data[after_issuer:after_times])
    return _Parts(
        data[whole:signed_end],
        _read_serial(data[serial:after_serial]),
        algorithm,
        data[after_algorithm:after_issuer],
        not_before,
        not_after,
        data[after_times:after_subject],
        data[after_subject:after_key],
        data[extensions:extensions_end],
        data[bits + 1 : end],
    )


def _after(data: bytes, start: int, end: int) -> int:
    """Return where the SEQUENCE at ``start`` ends."""
    tag, _, after = der.header(data, start, end)
    if tag != der.SEQUENCE:
        raise _UnusualError
    return after


def _read_serial(content: bytes) -> int:
    if len(content) > _MAX_SERIAL_BYTES or not der.is_shortest(content):
        raise _UnusualError
    serial = int.from_bytes(content, signed=True)
    if serial <= 0:
        raise _UnusualError
    return serial


# --- validity


def _read_times(encoded: bytes) -> tuple[datetime, datetime]:
    """Read two times of this form: UTCTime of the years 2000 to 2049, with Z."""
    first, second = encoded[4:16], encoded[19:31]
    if encoded != b"\x30\x1e\x17\x0d%bZ\x17\x0d%bZ" % (first, second):
        raise _UnusualError
    return _read_time(first), _read_time(second)


def _read_time(digits: bytes) -> datetime:
    # RFC 5280 §4.1.2.5.1: 50 to 99 are years of 19…
    if len(digits) != 12 or not digits.isdigit() or digits >= b"50":
        raise _UnusualError
    return datetime(
        2000 + int(digits[:2]),
        int(digits[2:4]),
        int(digits[4:6]),
        int(digits[6:8]),
        int(digits[8:10]),
        int(digits[10:]),
        tzinfo=UTC,
    )


# --- issuer


def _issuer(parts: _Parts, trust: Trust, at: datetime) -> IssuingCA | None:
    """Return the CA that signed, if it and its root are valid."""
    for issuer in trust.named(parts.issuer):
        if issuer.has_signed(parts.signed, parts.algorithm, parts.signature):
            return issuer if issuer.is_valid(at) else None
    return None


# --- key

#: A SubjectPublicKeyInfo of P-256, P-384 or P-521 up to the coordinates, and that of an
#: RSA key from its fifth octet on.
_EC_KEYS = tuple(
    bytes.fromhex(each)
    for each in (
        "3059301306072A8648CE3D020106082A8648CE3D03010703420004",
        "3076301006072A8648CE3D020106052B8104002203620004",
        "30819B301006072A8648CE3D020106052B810400230381860004",
    )
)
_RSA_KEY = bytes.fromhex("300D06092A864886F70D01010105000382")


def _read_key(encoded: bytes) -> PublicKey:
    if not encoded.startswith(_EC_KEYS) and not encoded.startswith(_RSA_KEY, 4):
        raise _UnusualError
    return read_public_key(encoded)


# --- subject

_COUNTRY, _SATU, _GIVEN_NAME, _SURNAME, _COMMON_NAME = (
    bytes.fromhex("0603550406"),
    bytes.fromhex("0603550405"),
    bytes.fromhex("060355042A"),
    bytes.fromhex("0603550404"),
    bytes.fromhex("0603550403"),
)
_ATTRIBUTES = {_COUNTRY, _SATU, _GIVEN_NAME, _SURNAME, _COMMON_NAME}
_UTF8_STRING, _PRINTABLE_STRING = 0x0C, 0x13
_PRINTABLE = re.compile(rb"[A-Za-z0-9 '()+,./:=?-]*")


def _read_subject(encoded: bytes) -> dict[bytes, str]:
    """Return the attributes by encoded OID: all five of FINEID S2, each once."""
    _, position, end = der.header(encoded, 0, len(encoded))
    found: dict[bytes, str] = {}
    while position < end:
        tag, start, position = der.header(encoded, position, end)
        inner, value_start, value_end = der.header(encoded, start, position)
        if tag != der.SET or inner != der.SEQUENCE or value_end != position:
            raise _UnusualError
        oid = encoded[value_start : value_start + 5]
        if oid in found or oid not in _ATTRIBUTES:
            raise _UnusualError
        tag, start, after = der.header(encoded, value_start + 5, value_end)
        if after != value_end:
            raise _UnusualError
        found[oid] = _read_text(tag, encoded[start:after])
    if len(found) != len(_ATTRIBUTES) or found[_COUNTRY] != "FI":
        raise _UnusualError
    if not is_satu(found[_SATU]):
        raise _UnusualError
    return found


def _read_text(tag: int, content: bytes) -> str:
    if tag == _PRINTABLE_STRING:
        if not _PRINTABLE.fullmatch(content):
            raise _UnusualError
    elif tag != _UTF8_STRING:
        raise _UnusualError
    text = content.decode("utf-8")
    if not text or not text.isprintable():
        raise _UnusualError
    return text


# --- extensions


def _oid(text: str) -> bytes:
    """Return the DER of an OID of 2.5.29, given in hexadecimal."""
    return bytes.fromhex(f"0603551D{text}")


_SUBJECT_KEY, _KEY_USAGE, _ALTERNATIVE_NAME = _oid("0E"), _oid("0F"), _oid("11")
_BASIC_CONSTRAINTS, _LISTS, _POLICIES = _oid("13"), _oid("1F"), _oid("20")
_AUTHORITY_KEY = _oid("23")
_ACCESS = bytes.fromhex("06082B06010505070101")
_QC_STATEMENTS = bytes.fromhex("06082B06010505070103")
_CRITICAL = bytes.fromhex("0101FF")
#: cA FALSE: as it should be, and as FINEID leaves have it.
_NO_CA = {bytes.fromhex("3000"), bytes.fromhex("3003010100")}
_ANY_POLICY = "2.5.29.32.0"
_QUALIFIERS = {"certification_practice_statement", "user_notice"}
_RFC822_NAME = 0x81
#: An address that IDNA leaves as it is.
_MAIL = re.compile(
    rb"[A-Za-z0-9_.+-]{1,64}@"
    rb"(?:(?![Xx][Nn]--)[A-Za-z0-9-]{1,63}\.)+(?![Xx][Nn]--)[A-Za-z0-9-]{1,63}"
)
#: The tags in the values of extensions, see ``der.outline``.
_OUTLINES = {
    oid: re.compile(pattern)
    for oid, pattern in {
        # policies, each with any number of CPS and user notices with a text
        _POLICIES: r"30\((30\(06(30\((30\(06(16|30\((0C|16|1A|1E)\))\))+\))?\))+\)",
        # distribution points with their full names, which are URLs
        _LISTS: r"30\((30\(A0\(A0\((86)+\)\)\))+\)",
        # methods of access, each with a URL
        _ACCESS: r"30\((30\(0686\))+\)",
        _AUTHORITY_KEY: r"30\(80\)",
        _QC_STATEMENTS: r"30\(.+\)",
    }.items()
}
_READ_BY_ASN1CRYPTO = {
    _LISTS: x509.CRLDistributionPoints,
    _ACCESS: x509.AuthorityInfoAccessSyntax,
}


class _Extension(NamedTuple):
    """An extension: its OID in DER, its policies and the octet of keyUsage."""

    oid: bytes
    policies: tuple[str, ...] = ()
    usage: int = 0


def _read_extensions(content: bytes, issuer: IssuingCA) -> tuple[int, tuple[str, ...]]:
    """Return keyUsage and the policies. Each extension is known and occurs once."""
    position, end = 0, len(content)
    seen: dict[bytes, _Extension] = {}
    while position < end:
        start = position
        _, _, position = der.header(content, start, end)
        encoded = content[start:position]
        if encoded.startswith((_SUBJECT_KEY, _ALTERNATIVE_NAME), 2):
            # They differ from person to person.
            extension = _read_own(encoded)
        else:
            extension = _read_common(encoded)
        if extension.oid in seen:
            raise _UnusualError
        if extension.oid == _AUTHORITY_KEY and encoded != issuer.authority_key:
            raise _UnusualError
        seen[extension.oid] = extension
    if _KEY_USAGE not in seen or _POLICIES not in seen:
        raise _UnusualError
    return seen[_KEY_USAGE].usage, seen[_POLICIES].policies


def _open_extension(encoded: bytes) -> tuple[bytes, bool, bytes]:
    """Return OID, criticality and value of an extension."""
    tag, start, end = der.header(encoded, 0, len(encoded))
    inner, _, after_oid = der.header(encoded, start, end)
    if tag != der.SEQUENCE or inner != der.OID or end != len(encoded):
        raise _UnusualError
    critical = encoded.startswith(_CRITICAL, after_oid)
    tag, value, after = der.header(
        encoded, after_oid + (len(_CRITICAL) if critical else 0), end
    )
    if tag != der.OCTET_STRING or after != end:
        raise _UnusualError
    return encoded[start:after_oid], critical, encoded[value:end]


def _read_own(encoded: bytes) -> _Extension:
    """Read an extension with its holder's key identifier or address."""
    oid, critical, value = _open_extension(encoded)
    tag, start, end = der.header(value, 0, len(value))
    if critical or end != len(value):
        raise _UnusualError
    if oid == _SUBJECT_KEY:
        if tag != der.OCTET_STRING:
            raise _UnusualError
        return _Extension(oid)
    kind, mail, after = der.header(value, start, end)
    if tag != der.SEQUENCE or kind != _RFC822_NAME or after != end:
        raise _UnusualError
    if not _MAIL.fullmatch(value[mail:end]):
        raise _UnusualError
    return _Extension(oid)


@functools.lru_cache(maxsize=256)
def _read_common(encoded: bytes) -> _Extension:
    """Read an extension that is the same in many leaves of a CA.

    asn1crypto reads the values that it reads in the slow way too, so that both
    understand the same. What it read is remembered.
    """
    oid, critical, value = _open_extension(encoded)
    if oid == _KEY_USAGE:
        return _Extension(oid, usage=_read_usage(value))
    if oid == _BASIC_CONSTRAINTS:
        if value not in _NO_CA:
            raise _UnusualError
        return _Extension(oid)
    if oid not in _OUTLINES or not _OUTLINES[oid].fullmatch(der.outline(value)):
        raise _UnusualError
    if oid == _POLICIES:
        return _Extension(oid, policies=_read_policies(value))
    if critical:
        raise _UnusualError
    if oid in _READ_BY_ASN1CRYPTO:
        _parse(_READ_BY_ASN1CRYPTO[oid], value)
    return _Extension(oid)


def _read_usage(value: bytes) -> int:
    """Return the octet of keyUsage, a BIT STRING of one octet (X.690 §11.2)."""
    if len(value) != 4 or value[:2] != b"\x03\x02" or value[2] > 7:
        raise _UnusualError
    unused, octet = value[2], value[3]
    if not octet >> unused & 1 or octet & ((1 << unused) - 1):
        raise _UnusualError  # The last bit that is used is set in DER.
    return octet


def _read_policies(value: bytes) -> tuple[str, ...]:
    parsed = _parse(x509.CertificatePolicies, value)
    for policy in parsed.native:
        for qualifier in policy["policy_qualifiers"] or ():
            if qualifier["policy_qualifier_id"] not in _QUALIFIERS:
                raise _UnusualError
    policies = tuple(policy["policy_identifier"].dotted for policy in parsed)
    if (
        len(policies) > _MOST_POLICIES
        or len(set(policies)) != len(policies)
        or _ANY_POLICY in policies
    ):
        raise _UnusualError
    return policies


def _parse(kind: type[Any], value: bytes) -> Any:
    try:
        parsed = kind.load(value, strict=True)
        parsed.native  # noqa: B018 - reading is the check
    except Exception as error:  # asn1crypto raises any exception on odd input
        raise _UnusualError from error
    return parsed
