# SPDX-License-Identifier: MIT
"""Builds directories of PKCS#15 v1.1, valid or with any error."""

from native_host.card.tlv import Tlv

AUTHENTICATION_USAGE = "0520"  # sign alone
SIGNATURE_USAGE = "060040"  # nonRepudiation alone, the tenth bit


def path(file: str) -> bytes:
    """Return a Path."""
    return Tlv(0x30, Tlv(0x04, bytes.fromhex(file)))


def object_directory(keys: bytes, certificates: bytes, pins: bytes) -> bytes:
    """Return EF.OD, from the paths of each directory."""
    return Tlv(0xA0, keys) + Tlv(0xA4, certificates) + Tlv(0xA8, pins)


def private_key(
    identifier: str,
    reference: str,
    pin: str,
    *,
    usage: str = AUTHENTICATION_USAGE,
    tag: int = 0xA0,
) -> bytes:
    """Return a PrKD entry, by default of an EC key."""
    common = (
        Tlv(0x0C, b"key") + bytes.fromhex("03020780") + Tlv(0x04, bytes.fromhex(pin))
    )
    attributes = (
        Tlv(0x04, bytes.fromhex(identifier))
        + Tlv(0x03, bytes.fromhex(usage))
        + bytes.fromhex("030203B8")  # accessFlags
        + Tlv(0x02, bytes.fromhex(reference))
    )
    value = Tlv(0xA1, Tlv(0x30, path("3F004B01") + bytes.fromhex("02020180")))
    return Tlv(tag, Tlv(0x30, common) + Tlv(0x30, attributes) + value)


def certificate(identifier: str, file: str, *, authority: bool = False) -> bytes:
    """Return a CD entry."""
    attributes: bytes = Tlv(0x04, bytes.fromhex(identifier))
    if authority:
        attributes += bytes.fromhex("0101FF")
    value = Tlv(0xA1, Tlv(0x30, path(file)))
    return Tlv(0x30, Tlv(0x30, Tlv(0x0C, b"cert")) + Tlv(0x30, attributes) + value)


def pin(identifier: str, reference: str) -> bytes:
    """Return an AOD entry."""
    attributes = (
        bytes.fromhex("0303040C100A010102010402010C02010C")
        + Tlv(0x80, bytes.fromhex(reference))
        + bytes.fromhex("040100")
    )
    return Tlv(
        0x30,
        Tlv(0x30, Tlv(0x0C, b"PIN"))
        + Tlv(0x30, Tlv(0x04, bytes.fromhex(identifier)))
        + Tlv(0xA1, Tlv(0x30, attributes)),
    )
