# SPDX-License-Identifier: MIT
"""Lists of revoked certificates, of any length (RFC 5280 §5 and §6.3).

A real one has 45 MB and a million entries: no object is made of an entry. Everything
here blocks for as long as it takes, and belongs in a thread.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asn1crypto import crl, x509

from kortilla.revocation import der
from kortilla.revocation.certificates import Subject, same_name
from kortilla.revocation.reasons import NoAnswerError, Reason
from kortilla.revocation.signatures import verify

__all__ = ["RevocationList", "load"]

# Object identifiers below 2.5.29, as they are encoded.
_ID_CE = bytes.fromhex("551D")
_REASON_CODE, _HOLD_INSTRUCTION, _INVALIDITY_DATE = (
    _ID_CE + bytes((n,)) for n in (21, 23, 24)
)
_DELTA, _SCOPE, _CERTIFICATE_ISSUER = (_ID_CE + bytes((n,)) for n in (27, 28, 29))

_BUCKETS = 1 << 14
#: How many different extensions of entries are remembered as looked at.
_MOST_KNOWN = 4096


@dataclass(frozen=True)
class RevocationList:
    """A list that its CA has signed, complete, with nothing in it not understood.

    ``users`` and ``authorities`` tell what it is about; ``addresses`` are those that
    it gives itself, none if it doesn't.
    """

    this_update: datetime
    next_update: datetime
    users: bool
    authorities: bool
    addresses: tuple[str, ...]
    count: int
    _index: dict[int, bytearray]

    def lists(self, serial: int) -> bool:
        """Tell whether a serial number is on the list, for whatever reason.

        A certificate on hold is; it is off the list when the hold has ended.
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

    def check_covers(self, subject: Subject, addresses: tuple[str, ...]) -> None:
        """Raise ``NoAnswerError`` unless the list is about such a certificate.

        ``addresses`` are those that the certificate gives (RFC 5280 §6.3.3 b 2).
        """
        covered = self.authorities if subject.is_ca else self.users
        if not covered or (self.addresses and not {*self.addresses} & {*addresses}):
            raise NoAnswerError(
                Reason.WRONG_SCOPE, "the list is for other certificates than this."
            )

    def check_times(self, at: datetime, *, skew_seconds: float) -> None:
        """Raise ``NoAnswerError`` unless the list is one for this time."""
        if (self.this_update - at).total_seconds() > skew_seconds:
            raise NoAnswerError(
                Reason.FROM_THE_FUTURE,
                "the list is from the future; are both clocks right?",
            )
        if (at - self.next_update).total_seconds() > skew_seconds:
            raise NoAnswerError(
                Reason.EXPIRED, "the list has expired, and no newer one is there."
            )


def load(file: Path, *, issuer: Subject, most_octets: int) -> RevocationList:
    """Read, verify and index a list of that CA. Raises ``NoAnswerError``.

    It takes about twice the file's size in memory meanwhile, and keeps about 20 octets
    for each entry. Whether it is valid now is left to ``check_times``.
    """
    try:
        # Not mapped into memory: a file that another program cuts off would be fatal.
        with file.open("rb") as opened:
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
    try:
        part = der.SignedPart.parse(data)
        _check_signer(part, issuer)
        return _read(part.signed)
    except NoAnswerError:
        raise
    except Exception as error:
        # asn1crypto raises whatever Python raises on odd input, and documents none.
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


def _read(signed: der.Element) -> RevocationList:
    _, _, _, this_update, next_update, *rest = _fields(signed)
    # In this order, each once or not at all (RFC 5280 §5.1).
    entries = rest.pop(0) if rest and rest[0].tag == der.SEQUENCE else None
    tagged = rest.pop(0) if rest and rest[0].tag == 0xA0 else None
    if rest:
        raise der.MalformedError("more than there should be")
    scope = None
    if tagged is not None:
        [extensions] = der.children(tagged)
        scope = _check_extensions(extensions)
    users, authorities, addresses = _read_scope(scope)
    count, index = _index_entries(entries)
    return RevocationList(
        _time(this_update),
        _time(next_update),
        users,
        authorities,
        addresses,
        count,
        index,
    )


def _time(element: der.Element) -> datetime:
    value: datetime = x509.Time.load(element.whole, strict=True).native
    if value.tzinfo is None:
        raise der.MalformedError("a time without its zone")
    return value


def _check_extensions(extensions: der.Element) -> bytes | None:
    """Return the value of the issuing distribution point, if there is one."""
    scope, seen = None, set()
    for oid, critical, value in _extensions(extensions):
        if oid in seen:
            raise der.MalformedError("an extension twice")
        seen.add(oid)
        if oid == _DELTA:
            raise NoAnswerError(
                Reason.DELTA, "it is a list of changes, not the whole list."
            )
        if oid == _SCOPE:
            scope = value
        elif critical:
            raise _unknown_extension()
    return scope


def _extensions(parent: der.Element) -> list[tuple[bytes, bool, bytes]]:
    """Return identifier, whether it is critical, and value of each."""
    found = []
    for extension in der.children(parent):
        oid, *critical, value = der.children(extension)
        if oid.tag != der.OID or value.tag != der.OCTET_STRING or len(critical) > 1:
            raise der.MalformedError("not an extension")
        # Anything but an explicit FALSE counts as critical.
        found.append(
            (oid.value, bool(critical) and critical[0].value != b"\0", value.value)
        )
    return found


def _read_scope(value: bytes | None) -> tuple[bool, bool, tuple[str, ...]]:
    """Return whether it is about users and about CAs, and its addresses (§5.2.5)."""
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
    """Return how many serial numbers there are, and where each is to be looked for.

    A set of a million serial numbers would take 120 MB, and Python would sort or grow
    it in steps during which nothing else runs. Here a bucket has the serial numbers
    with one hash, each after its length.
    """
    index: dict[int, bytearray] = {}
    if entries is None:
        return 0, index
    count, known = 0, {b""}
    data, position, end = entries.data, entries.content, entries.end
    while position < end:
        # What der.read() does, without a call: this runs a million times.
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
    for oid, critical, _ in _extensions(der.only(encoded)):
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
