# SPDX-License-Identifier: MIT
"""Gathers the certificates and revocation data that a signed file keeps for later.

They are copied byte for byte. Nothing of them is judged here: ``evidence`` does that.
"""

from collections.abc import Callable, Iterable, Iterator

from asn1crypto import cms, parser
from lxml.etree import _Element as Element

from kortilla.signing.verification.findings import Kept
from kortilla.signing.xades import ARCHIVE_TIMESTAMP, XADES

#: What is left out: what is longer, and what comes after as many or as much.
_MAX_OCTETS, MAX_ITEMS, _MAX_TOTAL = 4 << 20, 200, 16 << 20
_VALIDATION_DATA = ARCHIVE_TIMESTAMP.replace("Archive", "") + "ValidationData"
_VALUES = {XADES + "CertificateValues", XADES + "RevocationValues"}
#: ETSI EN 319 122-1 §A.1.1.1, §A.1.1.2, and RFC 5940 §2.1.
_CERT_VALUES, _REVOCATION_VALUES = (
    f"1.2.840.113549.1.9.16.2.{number}" for number in (23, 24)
)
_OCSP_RESPONSE = bytes.fromhex("06082B06010505071002")
_BASIC_RESPONSE = bytes.fromhex("06092B0601050507300101")


def keep(
    certificates: Iterable[bytes] = (),
    ocsp_responses: Iterable[bytes] = (),
    crls: Iterable[bytes] = (),
    *,
    stamped_by: int | None = None,
) -> Kept:
    """Return what is kept, within the limits."""
    left = [MAX_ITEMS, _MAX_TOTAL]

    def bounded(items: Iterable[bytes]) -> Iterator[bytes]:
        for each in dict.fromkeys(items):
            left[0] -= 1
            left[1] -= len(each)
            if min(left) >= 0 and len(each) <= _MAX_OCTETS:
                yield each

    return Kept(
        tuple(bounded(certificates)),
        tuple(bounded(ocsp_responses)),
        tuple(bounded(crls)),
        stamped_by,
    )


def kept_in_xml(
    unsigned: Element, decoded: Callable[[Element], bytes], *, first: int
) -> list[Kept]:
    """Gather the unsigned properties of XAdES (EN 319 132-1 §5.4, §5.5.2).

    ``first`` is the number of the signature's first archive timestamp.
    """
    archives = len(unsigned.findall(ARCHIVE_TIMESTAMP))
    found, before = [], 0
    for each in unsigned:
        if each.tag == ARCHIVE_TIMESTAMP:
            before += 1
            continue
        parts = [*each] if each.tag == _VALIDATION_DATA else [each]
        values = [part for part in parts if part.tag in _VALUES]
        contents = [
            [*_decoded(values, XADES + name, decoded)]
            for name in (
                "EncapsulatedX509Certificate",
                "EncapsulatedOCSPValue",
                "EncapsulatedCRLValue",
            )
        ]
        if any(contents):
            stamped_by = first + before if before < archives else None
            found.append(keep(*contents, stamped_by=stamped_by))
    return found


def _decoded(
    holders: list[Element], name: str, decoded: Callable[[Element], bytes]
) -> Iterator[bytes]:
    for each in (each for holder in holders for each in holder.iter(name)):
        try:
            yield decoded(each)
        except Exception:  # noqa: S112 - what can't be read is no evidence
            continue


def kept_in_cms(signed: cms.SignedData, signer: cms.SignerInfo) -> Kept:
    """Gather what a CMS signature keeps (EN 319 122-1 §5.5, and Adobe's attribute)."""
    certificates: list[bytes] = []
    responses: list[bytes] = []
    crls: list[bytes] = []
    try:
        for each in elements(signed["crls"].contents or b""):
            if each[0] == 0x30:
                crls.append(each)
            elif _OCSP_RESPONSE in each[:16]:
                _, response = elements(_content(each))
                responses.append(response)
        for attribute in (*signer["signed_attrs"], *(signer["unsigned_attrs"] or ())):
            kind = attribute["type"]
            for value in attribute["values"]:
                if kind.native == "adobe_revocation_info_archival":
                    responses += [each.dump() for each in value["ocsp"] or ()]
                    crls += [each.dump() for each in value["crl"] or ()]
                elif kind.dotted == _CERT_VALUES:
                    certificates += elements(value.contents)
                elif kind.dotted == _REVOCATION_VALUES:
                    parts = {each[0]: each for each in elements(value.contents)}
                    crls += _inside(parts.get(0xA0))
                    responses += map(_whole_response, _inside(parts.get(0xA1)))
    except Exception:  # noqa: S110 - of asn1crypto, any; what was read counts
        pass
    return keep(certificates, responses, crls)


def _inside(tagged: bytes | None) -> Iterator[bytes]:
    """Yield the elements of a sequence with an explicit tag."""
    return iter(()) if tagged is None else elements(_content(_content(tagged)))


def _content(element: bytes) -> bytes:
    return bytes(parser.parse(element)[4])


def elements(contents: bytes) -> Iterator[bytes]:
    """Yield the elements of DER byte for byte; asn1crypto may encode them anew."""
    while contents:
        size = parser.peek(contents)
        yield contents[:size]
        contents = contents[size:]


def _whole_response(basic: bytes) -> bytes:
    """Return the OCSPResponse of a BasicOCSPResponse (RFC 6960 §4.2.1)."""

    def sequence(*parts: bytes) -> bytes:
        return bytes(parser.emit(0, 1, 16, b"".join(parts)))

    octets = bytes(parser.emit(0, 0, 4, basic))
    inside = parser.emit(2, 1, 0, sequence(_BASIC_RESPONSE, octets))
    return sequence(bytes.fromhex("0A0100"), bytes(inside))
