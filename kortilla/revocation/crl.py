# SPDX-License-Identifier: MIT
"""CRLs of any length (RFC 5280 §5 and §6.3).

A real one has 45 MB and a million entries, so entries do not become objects. These
functions block; call them in a thread.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from asn1crypto import core, crl, x509

from kortilla.common.files import open_regular
from kortilla.revocation import der
from kortilla.revocation.certificates import Subject, same_name
from kortilla.revocation.interface import NoAnswerError, Reason, Revoked
from kortilla.revocation.signatures import verify

# Object identifiers below 2.5.29, in DER.
_ID_CE = bytes.fromhex("0603551D")
_REASON_CODE, _HOLD_INSTRUCTION, _INVALIDITY_DATE = (
    _ID_CE + bytes((n,)) for n in (21, 23, 24)
)
_DELTA, _SCOPE, _CERTIFICATE_ISSUER = (_ID_CE + bytes((n,)) for n in (27, 28, 29))
#: unspecified, affiliationChanged, superseded, cessationOfOperation (ENUMERATED).
_KEEPING = {bytes((0x0A, 1, reason)) for reason in (0, 3, 4, 5)}
_EXPIRED_TOO = _ID_CE + bytes((60,))  # expiredCertsOnCRL, ITU-T X.509 §9.5.2.8

_BUCKETS = 1 << 14
#: How many different entry extensions are cached as checked.
_MOST_KNOWN = 4096
_MOST_ENCODED = 1 << 20  # octets; up to 16 CRLs stay in memory


@dataclass(frozen=True)
class RevocationList:
    """A complete CRL with a verified signature and no unknown critical extension.

    ``users`` and ``authorities`` tell which certificates it covers. ``addresses`` are
    the URLs of its issuing distribution point. It keeps certificates that have expired
    since ``expired_since``, if that is known. ``encoded`` is the CRL as it was
    verified, or None for one that is too long to be kept in a signature.
    """

    this_update: datetime
    next_update: datetime
    users: bool
    authorities: bool
    addresses: tuple[str, ...]
    expired_since: datetime | None
    count: int
    encoded: bytes | None = field(repr=False)
    _index: dict[int, bytearray] = field(repr=False)

    def lists(self, serial: int) -> bool:
        """Return whether a serial number is on the CRL, for any reason.

        A certificate on hold is on the CRL until the hold ends.
        """
        wanted = der.integer(serial)
        bucket = self._index.get(hash(wanted) % _BUCKETS, b"")
        position = 0
        while position < len(bucket):
            start = position + 1
            position = start + bucket[position]
            if bucket[start:position] == wanted:
                return True
        return False

    def revoked(self, serial: int) -> Revoked:
        """Return what the CRL says of a certificate that it lists.

        That is nothing on one that is too long to be kept, or that can't be read.
        """
        if self.encoded is None:
            return Revoked()
        wanted, times, reasons = der.integer(serial), [], []
        entries = _split(der.SignedPart.parse(self.encoded).signed)[2]
        try:
            for number, date, extensions in _entries(entries):
                if number == wanted:
                    more = _extensions(extensions)
                    times.append(_time(date.whole))
                    if _INVALIDITY_DATE in more:  # RFC 5280 §5.3.2
                        invalid = _time(more[_INVALIDITY_DATE], core.GeneralizedTime)
                        times.append(invalid)
                    reasons.append(more.get(_REASON_CODE))
        except Exception:
            # asn1crypto raises undocumented exceptions on odd input.
            return Revoked()
        return Revoked(min(times), all(each in _KEEPING for each in reasons))

    def check_covers(self, subject: Subject, addresses: tuple[str, ...]) -> None:
        """Raise ``NoAnswerError`` unless the CRL covers such a certificate.

        ``addresses`` are the CRL URLs in the certificate (RFC 5280 §6.3.3 b 2).
        """
        covered = self.authorities if subject.is_ca else self.users
        if not covered or (self.addresses and not {*self.addresses} & {*addresses}):
            raise NoAnswerError(
                Reason.WRONG_SCOPE, "the list is for other certificates than this."
            )

    def check_times(
        self, at: datetime, *, skew_seconds: float, since: datetime | None = None
    ) -> None:
        """Raise ``NoAnswerError`` unless the CRL is valid at this time.

        One that somebody kept must have been valid at ``since``, or be from later.
        """
        if (self.this_update - at).total_seconds() > skew_seconds:
            raise NoAnswerError(
                Reason.FROM_THE_FUTURE,
                "the list is from the future; are both clocks right?",
            )
        if ((since or at) - self.next_update).total_seconds() > skew_seconds:
            raise NoAnswerError(
                Reason.EXPIRED, "the list has expired, and no newer one is there."
            )


def load(file: Path, *, issuer: Subject, most_octets: int) -> RevocationList:
    """Read, verify and index a CRL of a CA. Raises ``NoAnswerError``.

    It needs about twice the file's size in memory, and keeps about 20 octets for each
    entry. ``check_times`` checks the validity.
    """
    try:
        # Not mapped into memory: truncation by another program would raise SIGBUS.
        with os.fdopen(open_regular(file), "rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            data = b"" if size > most_octets else opened.read(size)
    except OSError as error:
        raise NoAnswerError(
            Reason.STORAGE, f"the list in {file.parent} can't be read: {error.strerror}"
        ) from error
    if size > most_octets:
        raise NoAnswerError(
            Reason.TOO_LARGE, f"the list is longer than {most_octets:,} octets."
        )
    return parse(data, issuer=issuer)


def parse(data: bytes, *, issuer: Subject) -> RevocationList:
    """Verify and index a CRL of a CA. Raises ``NoAnswerError`` as ``load``."""
    try:
        part = der.SignedPart.parse(data)
        _check_signer(part, issuer)
        return _read(part.signed, data if len(data) <= _MOST_ENCODED else None)
    except NoAnswerError:
        raise
    except Exception as error:
        # asn1crypto raises undocumented exceptions on odd input.
        raise NoAnswerError(
            Reason.NOT_CRL,
            "what came is not a list of revoked certificates in DER, or not all of it.",
        ) from error


def _check_signer(part: der.SignedPart, issuer: Subject) -> None:
    _, algorithm, name, *_ = _fields(part.signed)
    if not same_name(name.whole, issuer.name):
        raise NoAnswerError(Reason.WRONG_ISSUER, "the list is one of another CA.")
    usage = issuer.certificate.key_usage_value
    if usage is not None and "crl_sign" not in usage.native:
        raise NoAnswerError(
            Reason.WRONG_ISSUER, "the CA's certificate is not for signing lists."
        )
    if algorithm.whole != part.algorithm:
        raise der.MalformedError("two different signature algorithms")
    signed = memoryview(part.signed.data)[part.signed.start : part.signed.end]
    verify(issuer.spki, part.algorithm, part.signature, signed)


def _fields(signed: der.Element) -> list[der.Element]:
    fields = list(der.children(signed))
    if fields[0].tag != der.INTEGER or fields[0].value != b"\x01":
        raise der.MalformedError("not version 2")
    return fields


def _split(
    signed: der.Element,
) -> tuple[der.Element, der.Element, der.Element | None, der.Element | None]:
    """Return thisUpdate, nextUpdate, the entries, and the tagged extensions."""
    _, _, _, this_update, next_update, *rest = _fields(signed)
    # Optional fields, in this order (RFC 5280 §5.1).
    entries = rest.pop(0) if rest and rest[0].tag == der.SEQUENCE else None
    tagged = rest.pop(0) if rest and rest[0].tag == 0xA0 else None
    if rest:
        raise der.MalformedError("more than there should be")
    return this_update, next_update, entries, tagged


def _entries(
    entries: der.Element | None,
) -> Iterator[tuple[bytes, der.Element, der.Element | None]]:
    """Yield serial number, date and extensions of each entry of a short CRL."""
    if entries is None:
        return
    start = entries.content
    while start < entries.end:
        entry = der.read(entries.data, start, entries.end)
        number, date, *more = der.children(entry)
        yield number.value, date, more[0] if more else None
        start = entry.end


def _extensions(encoded: der.Element | None) -> dict[bytes, bytes]:
    """Return the values of an entry's extensions by OID."""
    every = () if encoded is None else der.children(encoded)
    return {oid: value for oid, _, value in map(der.extension, every)}


def _read(signed: der.Element, encoded: bytes | None) -> RevocationList:
    this_update, next_update, entries, tagged = _split(signed)
    scope, expired_since = None, None
    if tagged is not None:
        [extensions] = der.children(tagged)
        scope, expired_since = _check_extensions(extensions)
    users, authorities, addresses = _read_scope(scope)
    count, index = _index_entries(entries)
    return RevocationList(
        _time(this_update.whole),
        _time(next_update.whole),
        users,
        authorities,
        addresses,
        expired_since,
        count,
        encoded,
        index,
    )


def _time(
    encoded: bytes, kind: type[x509.Time | core.GeneralizedTime] = x509.Time
) -> datetime:
    value: datetime = kind.load(encoded, strict=True).native
    if value.tzinfo is None:
        raise der.MalformedError("a time without its zone")
    return value


def _check_extensions(
    extensions: der.Element,
) -> tuple[bytes | None, datetime | None]:
    """Return the issuing distribution point, and since when it has expired ones."""
    scope, expired_since, seen = None, None, set()
    for oid, critical, value in map(der.extension, der.children(extensions)):
        if oid in seen:
            raise der.MalformedError("an extension twice")
        seen.add(oid)
        if oid == _DELTA:
            raise NoAnswerError(
                Reason.DELTA, "it is a list of changes, not the whole list."
            )
        if oid == _SCOPE:
            scope = value
        elif oid == _EXPIRED_TOO:
            expired_since = _time(value, core.GeneralizedTime)
        elif critical:
            raise _unknown_extension()
    return scope, expired_since


def _read_scope(value: bytes | None) -> tuple[bool, bool, tuple[str, ...]]:
    """Return whether it covers users, whether CAs, and its URLs (§5.2.5)."""
    if value is None:
        return True, True, ()
    scope = crl.IssuingDistributionPoint.load(value, strict=True)
    if scope["indirect_crl"].native:
        raise _indirect()
    if scope["only_some_reasons"].native is not None:
        raise NoAnswerError(
            Reason.WRONG_SCOPE, "the list is for some reasons of revocation only."
        )
    attributes = scope["only_contains_attribute_certs"].native
    addresses: list[str] = []
    name = scope["distribution_point"]
    if name.native is not None:
        if name.name != "full_name":
            raise NoAnswerError(Reason.WRONG_SCOPE, "the list is for a part only.")
        addresses = [
            each.chosen.contents.decode("ascii")
            for each in name.chosen
            if each.name == "uniform_resource_identifier"
        ]
        if not addresses:
            raise NoAnswerError(Reason.WRONG_SCOPE, "the list is for a part only.")
    return (
        not scope["only_contains_ca_certs"].native and not attributes,
        not scope["only_contains_user_certs"].native and not attributes,
        tuple(addresses),
    )


def _index_entries(entries: der.Element | None) -> tuple[int, dict[int, bytearray]]:
    """Return the number of serial numbers, and a hash table of them.

    A set of a million serial numbers would take 120 MB, and Python would grow it in
    steps that block all other threads. Here each bucket has the serial numbers with one
    hash, each preceded by its length.
    """
    index: dict[int, bytearray] = {}
    if entries is None:
        return 0, index
    count, known = 0, {b""}
    data, position, end = entries.data, entries.content, entries.end
    while position < end:
        # der.read() inlined: this runs a million times.
        size, start = data[position + 1], position + 2
        if size >= 0x80:
            long = der.read(data, position, end)
            start, size = long.content, long.end - long.content
        after = start + size
        length = data[start + 1]
        date = start + 2 + length
        extensions = date + 2 + data[date + 1]
        if (
            data[position] != der.SEQUENCE
            or data[start] != der.INTEGER
            or not 0 < length < 0x80
            or data[date] not in der.TIMES
            or extensions > after
            or after > end
        ):
            raise der.MalformedError("not an entry")
        serial = data[start + 2 : date]
        if (
            serial[0] in (0, 0xFF)
            and der.integer(int.from_bytes(serial, signed=True)) != serial
        ):
            raise der.MalformedError("a number longer than need be")
        more = data[extensions:after]
        if more not in known:
            _check_entry(more)
            if len(known) < _MOST_KNOWN:
                known.add(more)
        number = hash(serial) % _BUCKETS
        bucket = index.get(number)
        if bucket is None:
            bucket = index[number] = bytearray()
        bucket.append(length)
        bucket += serial
        count += 1
        position = after
    return count, index


def _check_entry(encoded: bytes) -> None:
    for oid, critical, _ in map(der.extension, der.children(der.only(encoded))):
        if oid == _CERTIFICATE_ISSUER:
            raise _indirect()
        if critical and oid not in {_REASON_CODE, _HOLD_INSTRUCTION, _INVALIDITY_DATE}:
            raise _unknown_extension()


def _indirect() -> NoAnswerError:
    return NoAnswerError(
        Reason.INDIRECT, "it is a list of several CAs, which is not supported."
    )


def _unknown_extension() -> NoAnswerError:
    return NoAnswerError(
        Reason.CRITICAL_EXTENSION, "the list has an extension that must be known."
    )
