# SPDX-License-Identifier: MIT
"""Copies a certificate without what it says of its holder (RFC 5280 §4.1).

Of the holder's name only the country is copied. The serial number, the public key, the
signature, key identifiers and times are replaced. The copy has the encoding defects of
docs/reference/certificates.md, where the certificate has them.
"""

from collections.abc import Callable

from native_host.card.tlv import Tlv, TlvError
from native_host.card_report import facts, stand_ins
from native_host.card_report.copying import Copier, children, dotted, quoted

__all__ = ["copy_certificate"]

Copy = Callable[[Tlv, int], None]

_INTEGER, _BIT_STRING, _OCTET_STRING, _OID = 0x02, 0x03, 0x04, 0x06
_BMP_STRING = 0x1E
_TIMES = frozenset({0x17, 0x18})
_SEQUENCE, _SET = 0x30, 0x31
_VERSION, _EXTENSIONS = 0xA0, 0xA3

_COUNTRY, _SERIAL_NUMBER = "2.5.4.6", "2.5.4.5"
_RSA = "1.2.840.113549.1.1.1"
_EXPONENTS = frozenset({b"\x03", b"\x11", b"\x01\x00\x01"})

#: Extensions whose values are copied part by part; those of others are replaced whole.
_ALTERNATIVE_NAME = "2.5.29.17"
_OPENED = frozenset(
    {
        "2.5.29.14",  # subjectKeyIdentifier
        "2.5.29.15",  # keyUsage
        _ALTERNATIVE_NAME,
        "2.5.29.19",  # basicConstraints
        "2.5.29.31",  # cRLDistributionPoints
        "2.5.29.32",  # certificatePolicies
        "2.5.29.35",  # authorityKeyIdentifier
        "2.5.29.37",  # extKeyUsage
        "1.3.6.1.5.5.7.1.1",  # authorityInfoAccess
        "1.3.6.1.5.5.7.1.3",  # qcStatements
    }
)


def copy_certificate(
    content: bytes, copier: Copier, *, of_authority: bool = False
) -> None:
    """Copy the certificate that a file begins with, and its padding.

    The subject of an authority is copied as its issuer is: where all words are known.
    """
    _Certificate(copier, of_authority).copy(content)


class _Certificate:
    def __init__(self, copier: Copier, of_authority: bool) -> None:
        self._copier = copier
        self._of_authority = of_authority

    def copy(self, content: bytes) -> None:
        try:
            certificate, padding = Tlv.take(content)
        except TlvError:
            self._copier.opaque(0, content)
            return
        whole = [_SEQUENCE, _SEQUENCE, _BIT_STRING]
        if certificate.tag != _SEQUENCE or not _has(certificate, whole):
            self._copier.opaque(0, content)
            return
        self._copier.open(0, certificate)
        to_be_signed, algorithm, signature = children(certificate)
        self._to_be_signed(to_be_signed)
        self._copier.generic(algorithm, 1)
        self._bits(signature, 1, words="signature")
        self._copier.objects(padding, 0, self._nothing, padded=True)

    def _to_be_signed(self, tlv: Tlv) -> None:
        self._copier.open(1, tlv)
        parts = children(tlv)
        version = [_VERSION] if parts and parts[0].tag == _VERSION else []
        tags = [*version, _INTEGER, *[_SEQUENCE] * 5]
        if [part.tag for part in parts[: len(tags)]] != tags:
            self._copier.opaque(2, tlv.value)
            return
        if version:
            self._copier.generic(parts.pop(0), 2)
        serial, algorithm, issuer, validity, subject, key, *others = parts
        self._copier.replace(2, serial, stand_ins.number(serial.value), "serial number")
        self._copier.generic(algorithm, 2)
        self._name(issuer, "issuer")
        self._validity(validity)
        self._name(subject, "subject")
        self._public_key(key)
        for each in others:
            if each.tag == _EXTENSIONS:
                self._copier.open(2, each, "extensions")
                self._copier.objects(each.value, 3, self._extensions, tags=_sequence)
            else:
                self._replace(each, 2)

    # -- Names ------------------------------------------------------------------------

    def _name(self, tlv: Tlv, what: str) -> None:
        self._copier.open(2, tlv, what)
        of_person = what == "subject" and not self._of_authority

        def relative(part: Tlv, depth: int) -> None:
            self._copier.open(depth, part)
            self._copier.objects(part.value, depth + 1, attribute, tags=_sequence)

        def attribute(part: Tlv, depth: int) -> None:
            self._copier.open(depth, part)
            parts = children(part)
            if len(parts) != 2 or parts[0].tag != _OID:
                self._copier.opaque(depth + 1, part.value)
                return
            self._copier.generic(parts[0], depth + 1)
            self._attribute(dotted(parts[0].value), parts[1], depth + 1, of_person)

        self._copier.objects(tlv.value, 3, relative, tags=lambda tag: tag == _SET)

    def _attribute(
        self, kind: str | None, value: Tlv, depth: int, of_person: bool
    ) -> None:
        if not of_person:
            self._copier.generic(value, depth)
        elif kind == _COUNTRY and value.value == facts.COUNTRY:
            self._copier.keep(depth, value, quoted(value.value))
        else:
            make = stand_ins.text
            if value.tag == _BMP_STRING:
                make = stand_ins.wide_text
            elif kind == _SERIAL_NUMBER:
                make = stand_ins.client_identifier
            self._copier.replace(depth, value, make(value.value))

    # -- Times and key ----------------------------------------------------------------

    def _validity(self, tlv: Tlv) -> None:
        self._copier.open(2, tlv, "validity")
        times = children(tlv)
        if len(times) != 2 or not _TIMES.issuperset(each.tag for each in times):
            self._copier.opaque(3, tlv.value)
            return
        values = stand_ins.validity(times[0].value, times[1].value)
        for each, value in zip(times, values, strict=True):
            self._copier.replace(3, each, value)

    def _public_key(self, tlv: Tlv) -> None:
        self._copier.open(2, tlv, "public key")
        if not _has(tlv, [_SEQUENCE, _BIT_STRING]):
            self._copier.opaque(3, tlv.value)
            return
        algorithm, bits = children(tlv)
        self._copier.generic(algorithm, 3)
        names = [dotted(each.value) for each in children(algorithm) if each.tag == _OID]
        if names[:1] == [_RSA]:
            self._rsa_key(bits)
        else:
            curve = str(names[1]) if len(names) > 1 else ""
            point = self._copier.stand_ins.curve_point(curve, bits.value[1:])
            self._bits(bits, 3, point)

    def _rsa_key(self, bits: Tlv) -> None:
        """Copy RSAPublicKey (RFC 8017 §A.1.1), whose exponent is a usual one."""
        try:
            key, *rest = Tlv.parse_all(bits.value[1:])
        except (TlvError, ValueError):
            self._bits(bits, 3)
            return
        parts = children(key)
        usual = _has(key, [_INTEGER, _INTEGER]) and parts[1].value in _EXPONENTS
        if bits.value[:1] != b"\x00" or rest or key.tag != _SEQUENCE or not usual:
            self._bits(bits, 3)
            return
        modulus = parts[0]
        at = 1 + len(key) - len(key.value) + len(modulus) - len(modulus.value)
        value = self._copier.stand_ins.modulus(modulus.value)
        copied = bits.value[:at] + value + bits.value[at + len(value) :]
        self._copier.replace(3, bits, copied)

    # -- Extensions -------------------------------------------------------------------

    def _extensions(self, tlv: Tlv, depth: int) -> None:
        self._copier.open(depth, tlv)
        self._copier.objects(tlv.value, depth + 1, self._extension, tags=_sequence)

    def _extension(self, tlv: Tlv, depth: int) -> None:
        self._copier.open(depth, tlv)
        parts = children(tlv)
        tags = [part.tag for part in parts]
        if tags not in ([_OID, _OCTET_STRING], [_OID, 0x01, _OCTET_STRING]):
            self._copier.opaque(depth + 1, tlv.value)
            return
        *head, value = parts
        for each in head:
            self._copier.generic(each, depth + 1)
        kind = dotted(head[0].value)
        if kind not in _OPENED:
            self._replace(value, depth + 1)
            return
        self._copier.open(depth + 1, value)
        self._copier.objects(
            value.value,
            depth + 2,
            lambda inner, below: self._copier.generic(
                inner, below, texts=kind != _ALTERNATIVE_NAME
            ),
        )

    # -- Values -----------------------------------------------------------------------

    def _bits(
        self, tlv: Tlv, depth: int, value: bytes | None = None, words: str = ""
    ) -> None:
        """Replace a BIT STRING; ``value`` is one for the bytes after the count."""
        size = max(len(tlv.value) - 1, 0)
        bits = stand_ins.filler(size) if value is None else value
        self._copier.replace(depth, tlv, (b"\x00" + bits)[: len(tlv.value)], words)

    def _replace(self, tlv: Tlv, depth: int) -> None:
        self._copier.replace(depth, tlv, stand_ins.filler(len(tlv.value)))

    def _nothing(self, tlv: Tlv, depth: int) -> None:
        """Replace an object that follows the certificate."""
        self._replace(tlv, depth)


def _sequence(tag: int) -> bool:
    return tag == _SEQUENCE


def _has(tlv: Tlv, tags: list[int]) -> bool:
    return [child.tag for child in children(tlv)] == tags
