# SPDX-License-Identifier: MIT
"""Reads the certificates of persons.

``read_leaf`` and ``read_extensions`` accept DER in its canonical form alone, except for
the two defects of docs/reference/certificates.md, which ``cryptography`` refuses. What
they accept, asn1crypto and pyhanko-certvalidator accept and understand alike; a test
compares them on mutated certificates.

``load_leaf`` and ``ExactCertificate`` are for ``kortilla.signing`` and for revocation
checkers, which take certificates of asn1crypto.
"""

import functools
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

from asn1crypto import x509

from kortilla.errors import UserCertificateParseError
from kortilla.revocation import der

#: Octets of the longest serial number (RFC 5280 §4.1.2.2).
_MAX_SERIAL_BYTES = 20
_TWO_ALGORITHMS = "The certificate names two different signature algorithms."
_UNUSED_BITS = "The certificate's signature is not a whole number of octets."
_TWICE = "An extension of the certificate occurs twice."
_CRITICAL_UNKNOWN = "The certificate has a critical extension that is not known here."


class Leaf(NamedTuple):
    """The parts of a certificate (RFC 5280 §4.1), of which nothing is verified.

    Bytes are DER, except ``signature``, and ``extensions``, the content of a sequence.
    """

    encoded: bytes
    signed: bytes
    algorithm: bytes
    signature: bytes
    serial: int
    issuer: bytes
    not_before: datetime
    not_after: datetime
    subject: bytes
    key: bytes
    extensions: bytes


class Extensions(NamedTuple):
    """What the extensions of a leaf say.

    ``usage`` are the names of keyUsage's bits; None without it. ``policies`` are dotted
    OIDs. ``client`` is whether extKeyUsage has clientAuth; None without it.
    ``authority_key`` identifies the issuer's key, if the leaf does.
    """

    usage: frozenset[str] | None
    is_ca: bool
    policies: tuple[str, ...]
    client: bool | None
    authority_key: bytes | None


_VERSION_3 = bytes.fromhex("A003020102")
_EXTENSIONS = 0xA3


def read_leaf(data: bytes) -> Leaf:
    """Split a certificate. Raises ``UserCertificateParseError``."""
    try:
        if not isinstance(data, bytes):
            raise TypeError("not bytes")
        return _split(data)
    except (ValueError, TypeError) as error:
        raise _no_certificate() from error


def _no_certificate() -> UserCertificateParseError:
    return UserCertificateParseError(
        "The person's certificate is not an X.509 certificate."
    )


def _split(data: bytes) -> Leaf:
    whole = _open(data, 0, len(data), der.SEQUENCE)
    tag, start, signed_end = der.header(data, whole, len(data))
    if tag != der.SEQUENCE or not data.startswith(_VERSION_3, start):
        raise der.MalformedError("not version 3")
    tag, serial, after_serial = der.header(data, start + len(_VERSION_3), signed_end)
    if tag != der.INTEGER:
        raise der.MalformedError("no serial number")
    after_algorithm = _after(data, after_serial, signed_end)
    after_issuer = _after(data, after_algorithm, signed_end)
    after_times = _after(data, after_issuer, signed_end)
    after_subject = _after(data, after_times, signed_end)
    after_key = _after(data, after_subject, signed_end)
    start = _open(data, after_key, signed_end, _EXTENSIONS)
    extensions = _open(data, start, signed_end, der.SEQUENCE)
    algorithm = data[after_serial:after_algorithm]
    after_outer = _after(data, signed_end, len(data))
    if data[signed_end:after_outer] != algorithm:
        # RFC 5280 §4.1.1.2. The outer algorithm is unsigned, so it could be altered.
        raise UserCertificateParseError(_TWO_ALGORITHMS)
    bits = _open(data, after_outer, len(data), der.BIT_STRING)
    if data[bits : bits + 1] != b"\0":
        # X.690 §8.6.2. This is unsigned too.
        raise UserCertificateParseError(_UNUSED_BITS)
    not_before, not_after = _read_times(data[after_issuer:after_times])
    return Leaf(
        data,
        data[whole:signed_end],
        algorithm,
        data[bits + 1 :],
        _read_serial(data[serial:after_serial]),
        data[after_algorithm:after_issuer],
        not_before,
        not_after,
        data[after_times:after_subject],
        data[after_subject:after_key],
        data[extensions:signed_end],
    )


def _open(data: bytes, start: int, end: int, tag: int) -> int:
    """Return where the content of an element starts that has this tag and this end."""
    found, content, after = der.header(data, start, end)
    if found != tag or after != end:
        raise der.MalformedError("not the one element that is wanted")
    return content


def _after(data: bytes, start: int, end: int) -> int:
    """Return where the SEQUENCE at ``start`` ends."""
    tag, _, after = der.header(data, start, end)
    if tag != der.SEQUENCE:
        raise der.MalformedError("not a sequence")
    return after


def _read_serial(content: bytes) -> int:
    serial = int.from_bytes(content, signed=True)
    if len(content) > _MAX_SERIAL_BYTES or not der.is_shortest(content) or serial <= 0:
        raise der.MalformedError("a serial number that RFC 5280 does not allow")
    return serial


def _read_times(encoded: bytes) -> tuple[datetime, datetime]:
    """Read two times of this form: UTCTime of the years 2000 to 2049, with Z."""
    first, second = encoded[4:16], encoded[19:31]
    if encoded != b"\x30\x1e\x17\x0d%bZ\x17\x0d%bZ" % (first, second):
        raise der.MalformedError("not two times in UTC")
    return _read_time(first), _read_time(second)


def _read_time(digits: bytes) -> datetime:
    # RFC 5280 §4.1.2.5.1: 50 to 99 are years of 19…
    if len(digits) != 12 or not digits.isdigit() or digits >= b"50":
        raise der.MalformedError("not a time of these years")
    return datetime(
        2000 + int(digits[:2]),
        int(digits[2:4]),
        int(digits[4:6]),
        int(digits[6:8]),
        int(digits[8:10]),
        int(digits[10:]),
        tzinfo=UTC,
    )


# --- extensions


def _oid(text: str) -> bytes:
    """Return the DER of an OID of 2.5.29, given in hexadecimal."""
    return bytes.fromhex(f"0603551D{text}")


_SUBJECT_KEY, _KEY_USAGE, _ALTERNATIVE_NAME = _oid("0E"), _oid("0F"), _oid("11")
_BASIC_CONSTRAINTS, _POLICIES = _oid("13"), _oid("20")
_AUTHORITY_KEY, _EXTENDED_USAGE = _oid("23"), _oid("25")
#: Name constraints, policy mappings and constraints, inhibitAnyPolicy: a CA's alone.
_OF_A_CA = {_oid("1E"), _oid("21"), _oid("24"), _oid("36")}
#: The critical extensions that this package processes (RFC 5280 §4.2).
_PROCESSED = {_BASIC_CONSTRAINTS, _POLICIES, _EXTENDED_USAGE, _KEY_USAGE}
_CRITICAL = bytes.fromhex("0101FF")
_CLIENT_AUTH = bytes.fromhex("06082B06010505070302")
#: cA FALSE: as it should be, and as FINEID leaves have it.
_NO_CA = {bytes.fromhex("3000"), bytes.fromhex("3003010100")}
_USAGES = (
    *("digital_signature", "non_repudiation", "key_encipherment"),
    *("data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"),
    *("encipher_only", "decipher_only"),
)
#: Certificate policies of a certificate. asn1crypto and others refuse a thousand.
_MOST_POLICIES = 64
_QUALIFIERS = {"certification_practice_statement", "user_notice"}
_RFC822_NAME = 0x81
#: An address that IDNA leaves as it is.
_MAIL = re.compile(
    rb"[A-Za-z0-9_.+-]{1,64}@"
    rb"(?:(?![Xx][Nn]--)[A-Za-z0-9-]{1,63}\.)+(?![Xx][Nn]--)[A-Za-z0-9-]{1,63}"
)
#: The tags in the values of extensions, see ``der.outline``.
_KEY_IDENTIFIER, _PURPOSES = re.compile(r"30\(80\)"), re.compile(r"30\((06)+\)")
#: Policies, each with any number of CPS and user notices.
_POLICIES_FORM = re.compile(
    r"30\((30\(06(30\((30\(06(16|30\((TEXT30\((02)*\))?(TEXT)?\))\))+\))?\))+\)".replace(
        "TEXT", "(0C|16|1A|1E)"
    )
)


def read_extensions(content: bytes, *, remember: bool) -> Extensions:
    """Read the content of a leaf's extensions. Raises ``UserCertificateParseError``.

    Each occurs once, and each critical one is known. With ``remember``, what is the
    same in many leaves is remembered: only for what a trusted CA has signed.
    """
    read = _remembered if remember else _read_extension
    found: dict[bytes, Any] = {}
    try:
        position, end = 0, len(content)
        while position < end:
            start = position
            _, inside, position = der.header(content, start, end)
            encoded = content[start:position]
            if content.startswith((_SUBJECT_KEY, _ALTERNATIVE_NAME), inside):
                # They differ from person to person.
                oid, value = _read_extension(encoded)
            else:
                oid, value = read(encoded)
            if oid in found:
                raise UserCertificateParseError(_TWICE)
            found[oid] = value
    except ValueError as error:
        raise _no_certificate() from error
    return Extensions(
        found.get(_KEY_USAGE),
        found.get(_BASIC_CONSTRAINTS, False),
        found.get(_POLICIES, ()),
        found.get(_EXTENDED_USAGE),
        found.get(_AUTHORITY_KEY),
    )


def _read_extension(encoded: bytes) -> tuple[bytes, Any]:
    """Return an extension's OID in DER, and its value for ``Extensions``."""
    content = _open(encoded, 0, len(encoded), der.SEQUENCE)
    _, _, after_oid = der.header(encoded, content, len(encoded))
    oid = encoded[content:after_oid]
    reader = _READERS.get(oid)
    if reader is None and der.outline(oid) != "06":
        raise der.MalformedError("no OID")
    critical = encoded.startswith(_CRITICAL, after_oid)
    if critical:
        after_oid += len(_CRITICAL)
    value = encoded[_open(encoded, after_oid, len(encoded), der.OCTET_STRING) :]
    if (critical and oid not in _PROCESSED) or oid in _OF_A_CA:
        raise UserCertificateParseError(_CRITICAL_UNKNOWN)
    if reader is not None:
        return oid, reader(value)
    # What asn1crypto knows it has to be able to read: revocation checkers use it.
    kind = x509.Extension._oid_specs.get(x509.ExtensionId.load(oid).native)
    if kind is not None:
        _parse(kind, value)
    return oid, None


_remembered = functools.lru_cache(maxsize=256)(_read_extension)


def _parse(kind: type[Any], value: bytes) -> Any:
    der.outline(value)
    try:
        parsed = kind.load(value, strict=True)
        parsed.native  # noqa: B018 - reading is the check
    except Exception as error:  # asn1crypto raises any exception on odd input
        raise der.MalformedError("a value that can't be read") from error
    return parsed


def _read_subject_key(value: bytes) -> None:
    _open(value, 0, len(value), der.OCTET_STRING)


def _read_alternative_name(value: bytes) -> None:
    start, end = _open(value, 0, len(value), der.SEQUENCE), len(value)
    tag, mail, after = der.header(value, start, end)
    if tag != _RFC822_NAME or after != end or not _MAIL.fullmatch(value, mail):
        _parse(x509.GeneralNames, value)


def _read_authority_key(value: bytes) -> bytes:
    if not _KEY_IDENTIFIER.fullmatch(der.outline(value)):
        raise der.MalformedError("not a key identifier")
    return next(der.children(der.only(value))).value


def _read_usage(value: bytes) -> frozenset[str]:
    """Read keyUsage, a BIT STRING of at most two octets (X.690 §11.2)."""
    content = value[_open(value, 0, len(value), der.BIT_STRING) :]
    unused, octets = content[:1], content[1:]
    if not octets and unused == b"\0":
        return frozenset()
    bits, count = int.from_bytes(octets), 8 * len(octets)
    # The last bit that is used is set in DER.
    if not 1 <= len(octets) <= 2 or unused[0] > 7 or bits & -bits != 1 << unused[0]:
        raise der.MalformedError("not bits")
    return frozenset(
        name
        for number, name in enumerate(_USAGES)
        if number < count and bits >> count - 1 - number & 1
    )


def _read_basic_constraints(value: bytes) -> bool:
    if value in _NO_CA:
        return False
    der.outline(value)
    if not value.startswith(_CRITICAL, 2):
        raise der.MalformedError("neither a CA nor none")
    return True


def _read_purposes(value: bytes) -> bool:
    if not _PURPOSES.fullmatch(der.outline(value)):
        raise der.MalformedError("not purposes")
    return _CLIENT_AUTH in {each.whole for each in der.children(der.only(value))}


def _read_policies(value: bytes) -> tuple[str, ...]:
    if not _POLICIES_FORM.fullmatch(der.outline(value)):
        raise der.MalformedError("not policies")
    parsed = _parse(x509.CertificatePolicies, value)
    for policy in parsed.native:
        for qualifier in policy["policy_qualifiers"] or ():
            if qualifier["policy_qualifier_id"] not in _QUALIFIERS:
                raise der.MalformedError("a qualifier that nobody knows")
    policies = tuple(policy["policy_identifier"].dotted for policy in parsed)
    if len(policies) > _MOST_POLICIES or len(set(policies)) != len(policies):
        raise der.MalformedError("a policy twice, or too many")
    return policies


_READERS: dict[bytes, Any] = {
    _SUBJECT_KEY: _read_subject_key,
    _ALTERNATIVE_NAME: _read_alternative_name,
    _AUTHORITY_KEY: _read_authority_key,
    _KEY_USAGE: _read_usage,
    _BASIC_CONSTRAINTS: _read_basic_constraints,
    _EXTENDED_USAGE: _read_purposes,
    _POLICIES: _read_policies,
}


# --- certificates of asn1crypto

_KNOWN_CRITICAL = {
    "basic_constraints",
    "certificate_policies",
    "extended_key_usage",
    "key_usage",
}


class AsReceived:
    """Dumps the bytes that were parsed, without encoding them again.

    asn1crypto mistakes a definite length that ends in the octet 80 for an indefinite
    one and re-encodes the value. On one leaf in 128 this would drop the explicit FALSE
    of FINEID leaves, and the issuer's signature would not verify.
    """

    _header: bytes
    _contents: bytes
    _trailer: bytes

    def dump(self, force: bool = False) -> bytes:
        """Return the received bytes; ``force`` is ignored."""
        return self._header + self._contents + self._trailer


class _ExactTbsCertificate(AsReceived, x509.TbsCertificate):  # type: ignore[misc] # asn1crypto has no types
    pass


class ExactCertificate(AsReceived, x509.Certificate):  # type: ignore[misc] # asn1crypto has no types
    """A certificate that keeps its issuer's encoding."""

    _fields = [
        ("tbs_certificate", _ExactTbsCertificate),
        *x509.Certificate._fields[1:],
    ]


def load_leaf(der: bytes) -> x509.Certificate:
    """Parse a person's certificate strictly. No signature is verified.

    Raises ``UserCertificateParseError``.
    """
    try:
        certificate = ExactCertificate.load(der, strict=True)
        extensions = _read(certificate)
        critical = certificate.critical_extensions
        tbs = certificate["tbs_certificate"]
        outer, inner = (
            certificate["signature_algorithm"].dump(),
            tbs["signature"].dump(),
        )
        unused_bits = certificate["signature_value"].contents[:1]
    except Exception as error:
        # asn1crypto raises undocumented exceptions on odd input: ValueError, TypeError,
        # KeyError, IndexError, RecursionError, …
        raise _no_certificate() from error
    if outer != inner:
        raise UserCertificateParseError(_TWO_ALGORITHMS)
    if unused_bits != b"\x00":
        raise UserCertificateParseError(_UNUSED_BITS)
    if len(set(extensions)) != len(extensions):
        raise UserCertificateParseError(_TWICE)
    if not critical <= _KNOWN_CRITICAL:
        raise UserCertificateParseError(_CRITICAL_UNKNOWN)
    return certificate


def _read(certificate: x509.Certificate) -> list[bytes]:
    """Parse the fields that validation uses; return the extensions' encoded OIDs.

    asn1crypto parses a field at its first use, so that errors could occur anywhere.
    Parsing every field takes longer than verifying a signature. The other fields are
    used only after the issuing CA's signature is verified.
    """
    tbs = certificate["tbs_certificate"]
    if tbs["version"].native != "v3":
        raise ValueError("extensions are of version 3")
    if not 0 < certificate.serial_number < 1 << 8 * _MAX_SERIAL_BYTES:
        raise ValueError("a serial number that RFC 5280 does not allow")
    for time in (certificate.not_valid_before, certificate.not_valid_after):
        if time.tzinfo is None:  # RFC 5280 §4.1.2.5.2 demands Z
            raise ValueError("a time without its zone")
    for value in (
        certificate.key_usage_value,
        certificate.basic_constraints_value,
        certificate.extended_key_usage_value,
    ):
        if value is not None:
            value.native  # noqa: B018 - reading is the check
    for policy in certificate.certificate_policies_value or ():
        policy["policy_identifier"].dotted  # noqa: B018 - reading is the check
    return [extension["extn_id"].contents for extension in tbs["extensions"]]
