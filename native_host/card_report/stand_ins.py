# SPDX-License-Identifier: MIT
"""Stand-ins: harmless values of the same length, the same for the same card.

A parser takes the same way with a stand-in as with the value in whose place it is. A
replaced id still pairs a key with its certificate: equal values have equal stand-ins.
"""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from native_host.operations.activation_table import Scheme, scheme_on

__all__ = [
    "StandIns",
    "client_identifier",
    "filler",
    "number",
    "serial_number",
    "text",
    "time",
    "validity",
    "wide_text",
]

_FILLER = b"\xaa"  # as a tag it begins no data object: its length has a forbidden form

_PERSON = "SPECIMEN-"
_CLIENT_IDENTIFIER = b"99999999D"  # a SATU with its check character

#: When the stand-in of a certificate begins to be valid, by its activation scheme.
_BEGINNINGS = {
    Scheme.EIGHT_DIGITS: datetime(2021, 6, 1, tzinfo=UTC),
    Scheme.UNCLEAR: datetime(2026, 1, 13, tzinfo=UTC),
    Scheme.SEVEN_DIGITS: datetime(2026, 6, 1, tzinfo=UTC),
}
_LAST_OF_UTC_TIME = datetime(2049, 12, 31, tzinfo=UTC)
_LONGEST = 100 * 366  # days
_DAY = timedelta(days=1)

#: UTCTime and GeneralizedTime as RFC 5280 §4.1.2.5 writes them, by their lengths.
_TIMES = {13: "%y%m%d%H%M%SZ", 15: "%Y%m%d%H%M%SZ"}

_CURVES: dict[str, ec.EllipticCurve] = {
    "1.2.840.10045.3.1.7": ec.SECP256R1(),
    "1.3.132.0.34": ec.SECP384R1(),
    "1.3.132.0.35": ec.SECP521R1(),
}
_FIRST_PRIVATE_KEY = 1000


class StandIns:
    """The stand-ins of one report that tell values apart."""

    def __init__(self) -> None:
        self._octets: dict[bytes, int] = {}
        self._keys: dict[bytes, int] = {}

    def octets(self, value: bytes) -> bytes:
        """Return bytes of which different values have different ones."""
        order = self._octets.setdefault(value, len(self._octets) + 1)
        return filler(len(value) - 1) + bytes([order & 0xFF]) if value else b""

    def curve_point(self, curve: str, value: bytes) -> bytes:
        """Return a point on a curve as a public key, compressed where ``value`` is.

        The private keys are the numbers from 1000 on, so everybody knows them.
        """
        if curve not in _CURVES or not value:
            return filler(len(value))
        private = ec.derive_private_key(
            _FIRST_PRIVATE_KEY + self._order(value), _CURVES[curve]
        )
        form = PublicFormat.UncompressedPoint
        if value[0] != 0x04:
            form = PublicFormat.CompressedPoint
        point = private.public_key().public_bytes(Encoding.X962, form)
        return point if len(point) == len(value) else filler(len(value))

    def modulus(self, value: bytes) -> bytes:
        """Return an odd number of as many bits, as the modulus of an RSA key."""
        if len(value) < 4 or value[0] or not value[1] & 0x80:
            return filler(len(value))
        order = bytes([self._order(value)])
        return b"\x00\xaa" + order + filler(len(value) - 4) + b"\xab"

    def _order(self, key: bytes) -> int:
        return self._keys.setdefault(key, len(self._keys)) & 0xFF


def filler(size: int) -> bytes:
    """Return bytes that mean nothing."""
    return _FILLER * size


def text(value: bytes) -> bytes:
    """Return a text as long."""
    return _specimen(len(value)).encode()


def wide_text(value: bytes) -> bytes:
    """Return a text as long, of characters of two bytes (BMPString)."""
    wide = _specimen(len(value) // 2).encode("utf-16-be")
    return wide + filler(len(value) - len(wide))


def client_identifier(value: bytes) -> bytes:
    """Return a SATU, or nines where the value is not as long as one."""
    same = len(value) == len(_CLIENT_IDENTIFIER)
    return _CLIENT_IDENTIFIER if same else b"9" * len(value)


def serial_number(value: bytes) -> bytes:
    """Return a card's serial number with nines for digits and X for letters."""
    if value.isalnum():
        return re.sub(rb"[A-Za-z]", b"X", re.sub(rb"[0-9]", b"9", value))
    if all(each >> 4 < 10 and each & 0x0F < 10 for each in value):
        return b"\x99" * len(value)  # two digits in a byte
    return filler(len(value))


def number(value: bytes) -> bytes:
    """Return a positive INTEGER as long."""
    first = b"\x00" if value[:1] == b"\x00" else b"\x2a"
    return (first + filler(len(value) - 1))[: len(value)]


def time(value: bytes) -> bytes:
    """Return a date and time that says nothing."""
    return re.sub(rb"[^Z]", b"1", value)


def validity(begin: bytes, end: bytes) -> tuple[bytes, bytes]:
    """Return the times of a validity of as many days, and of the same scheme.

    Its beginning is one of three dates, and both are at midnight.
    """
    first, last = _parsed(begin), _parsed(end)
    if first is None or last is None:
        return time(begin), time(end)
    days = min(max(round((last - first) / _DAY), 0), _LONGEST)
    stand_in = _BEGINNINGS[scheme_on(first)]
    until = stand_in + days * _DAY
    if len(end) == 13:
        until = min(until, _LAST_OF_UTC_TIME)
    return _written(stand_in, begin), _written(until, end)


def _written(moment: datetime, like: bytes) -> bytes:
    return moment.strftime(_TIMES[len(like)]).encode()


def _parsed(value: bytes) -> datetime | None:
    with suppress(KeyError, ValueError):
        # strptime takes other forms too, such as a digit less.
        if value[:-1].isdigit():
            parsed = datetime.strptime(value.decode(), _TIMES[len(value)])
            return parsed.replace(tzinfo=UTC)
    return None


def _specimen(size: int) -> str:
    return (_PERSON * (size // len(_PERSON) + 1))[:size]
