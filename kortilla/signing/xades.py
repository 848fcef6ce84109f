# SPDX-License-Identifier: MIT
"""XML signatures with the properties of XAdES-B-B (ETSI EN 319 132-1).

A card signs the digest of the element SignedInfo in canonical form, which includes the
digests of the files and of the properties. No library is used for it: signxml needs
the private key in the process, and reads certificates with ``cryptography``, which
refuses those of FINEID cards.
"""

import base64
import mimetypes
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from lxml import etree
from lxml.etree import _Element as Element

from kortilla.signing.state import Digest
from kortilla.signing.validation_data import ValidationData

ASIC = "{http://uri.etsi.org/02918/v1.2.1#}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
XADES = "{http://uri.etsi.org/01903/v1.3.2#}"
_XADES_141 = "http://uri.etsi.org/01903/v1.4.1#"
ARCHIVE_TIMESTAMP = f"{{{_XADES_141}}}ArchiveTimeStamp"
_PREFIXES = {"asic": ASIC[1:-1], "ds": DS[1:-1], "xades": XADES[1:-1]}

#: Canonical XML 1.1. It differs from 1.0 only for attributes xml:id and xml:base.
C14N = "http://www.w3.org/2006/12/xml-c14n11"
#: The canonical forms without comments, and whether each is exclusive.
CANONICAL_FORMS = {
    C14N: False,
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315": False,
    "http://www.w3.org/2001/10/xml-exc-c14n#": True,
}
#: The type of the reference to the signed properties (EN 319 132-1 §4.4.2).
SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"
#: Identifiers of RFC 9231, by the hash function.
DIGESTS = {
    "SHA-256": "http://www.w3.org/2001/04/xmlenc#sha256",
    "SHA-384": "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "SHA-512": "http://www.w3.org/2001/04/xmlenc#sha512",
}
ECDSA, RSA = (
    {
        f"SHA-{bits}": f"http://www.w3.org/2001/04/xmldsig-more#{name}-sha{bits}"
        for bits in (256, 384, 512)
    }
    for name in ("ecdsa", "rsa")
)
_ENCODING = re.compile(r"<\?xml\s[^>]*?encoding\s*=\s*[\"']([^\"']*)")
_UNSIGNED = XADES + "UnsignedSignatureProperties"
_TYPES = mimetypes.MimeTypes()  # without the system's own files


class ForbiddenXmlError(ValueError):
    """An XML document has a part that a signature never needs."""


def media_type(name: str) -> str:
    """Return the media type of a file by its name."""
    return _TYPES.guess_type(name, strict=True)[0] or "application/octet-stream"


def canonical(element: Element, method: str = C14N) -> bytes:
    """Return an element in a canonical form of ``CANONICAL_FORMS``.

    Canonical XML 1.0 and 1.1 are the same if the document has no attribute in the
    namespace of ``xml:``. Raises ``KeyError`` for another form.
    """
    return bytes(
        etree.tostring(
            element,
            method="c14n",
            exclusive=CANONICAL_FORMS[method],
            with_comments=False,
        )
    )


def parse(document: bytes, *, comments: bool = True) -> Element:
    """Parse an XML document without loading anything that it names.

    Without ``comments`` there are none in it, as in its canonical form. Raises
    ``ValueError`` for what is not well-formed or not UTF-8, also by its declaration,
    which other programs follow, and ``ForbiddenXmlError`` for a document type
    declaration, which could define entities.
    """
    text = document.decode("utf-8-sig")
    declared = _ENCODING.match(text)
    if declared and declared[1].lower() != "utf-8":
        raise ValueError(f"the declared encoding {declared[1]}")
    if "<!DOCTYPE" in text:
        raise ForbiddenXmlError("a document type declaration")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=not comments,
    )
    try:
        return etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from error


def build_signature(
    digests: Mapping[str, Digest],
    *,
    certificate: bytes,
    chain: tuple[bytes, ...],
    ecc: bool,
    hash_function: str,
    time: datetime,
) -> Element:
    """Return the element XAdESSignatures of one signature that has no value yet.

    ``digests`` maps the names of files to their digests. ``ecc`` says whether the key
    is on a curve; an RSA key signs with the padding of PKCS #1 version 1.5.
    """
    root = etree.Element(ASIC + "XAdESSignatures", nsmap=_PREFIXES)
    signature = _add(root, DS + "Signature", Id="S0")
    info = _add(signature, DS + "SignedInfo")
    _add(info, DS + "CanonicalizationMethod", Algorithm=C14N)
    method = (ECDSA if ecc else RSA)[hash_function]
    _add(info, DS + "SignatureMethod", Algorithm=method)
    for number, (name, digest) in enumerate(digests.items()):
        uri = quote(name, safe="")
        reference = _add(info, DS + "Reference", Id=f"S0-R{number}", URI=uri)
        _add_digest(reference, digest)
    reference = _add(info, DS + "Reference", Type=SIGNED_PROPERTIES, URI="#S0-P")
    transforms = _add(reference, DS + "Transforms")
    _add(transforms, DS + "Transform", Algorithm=C14N)
    _add(signature, DS + "SignatureValue", Id="S0-V")
    data = _add(_add(signature, DS + "KeyInfo"), DS + "X509Data")
    for each in (certificate, *chain):
        _add(data, DS + "X509Certificate", _base64(each))
    qualifying = _add(
        _add(signature, DS + "Object"), XADES + "QualifyingProperties", Target="#S0"
    )
    properties = _add(qualifying, XADES + "SignedProperties", Id="S0-P")
    ours = _add(properties, XADES + "SignedSignatureProperties")
    moment = time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    _add(ours, XADES + "SigningTime", moment)
    own = _add(_add(ours, XADES + "SigningCertificateV2"), XADES + "Cert")
    _add_digest(_add(own, XADES + "CertDigest"), Digest.of(certificate, hash_function))
    formats = _add(properties, XADES + "SignedDataObjectProperties")
    for number, name in enumerate(digests):
        described = _add(
            formats, XADES + "DataObjectFormat", ObjectReference=f"#S0-R{number}"
        )
        _add(described, XADES + "MimeType", media_type(name))
    _add_digest(reference, Digest.of(canonical(properties), hash_function))
    return root


def set_value(root: Element, value: bytes) -> None:
    """Put in the signature: raw r‖s for ECDSA (RFC 9231 §2.3.6)."""
    root.find(f".//{DS}SignatureValue").text = _base64(value)


def value_to_stamp(root: Element) -> bytes:
    """Return what a timestamp of the signature's value is of (EN 319 132-1 §5.3)."""
    return canonical(root.find(f".//{DS}SignatureValue"))


def add_timestamp(root: Element, token: bytes) -> None:
    """Add a timestamp (DER) of the signature's value."""
    stamp = _add(_unsigned(root), XADES + "SignatureTimeStamp", Id="S0-T0")
    _add_token(stamp, token)


def archived(
    signature: Element,
    contents_of: Callable[[str], Iterator[bytes]],
    *,
    before: Element = None,
    method: str = C14N,
) -> Iterator[bytes]:
    """Yield what an archive timestamp is of, in pieces (EN 319 132-1 §5.5.2.2).

    It is all that the element ds:Signature signs and contains, up to the timestamp
    ``before``, or to the end. ``contents_of`` yields the file of a reference's URI.
    """
    holder = signature.find(f"{DS}Object/{XADES}QualifyingProperties")
    for reference in signature.findall(f"{DS}SignedInfo/{DS}Reference"):
        uri = reference.get("URI")
        if uri.startswith("#"):
            form = reference.find(f"{DS}Transforms/{DS}Transform")
            properties = holder.find(XADES + "SignedProperties")
            yield canonical(
                properties, method if form is None else form.get("Algorithm", "")
            )
        else:
            yield from contents_of(uri)
    for name in ("SignedInfo", "SignatureValue", "KeyInfo"):
        for each in signature.findall(DS + name):
            yield canonical(each, method)
    for each in holder.find(f"{XADES}UnsignedProperties/{_UNSIGNED}"):
        if each is before:
            break
        yield canonical(each, method)
    for each in signature.findall(DS + "Object"):
        if each is not holder.getparent():
            yield canonical(each, method)


def add_archive_timestamp(root: Element, token: bytes) -> None:
    """Add a timestamp (DER) of what ``archived`` yields."""
    # The prefix is declared here: at the root it would change what was signed.
    stamp = etree.SubElement(
        _unsigned(root), ARCHIVE_TIMESTAMP, {"Id": "S0-A0"}, {"xades141": _XADES_141}
    )
    _add_token(stamp, token)


def add_validation_data(root: Element, data: ValidationData) -> None:
    """Add certificates and revocation data (EN 319 132-1 §5.4)."""
    unsigned = _unsigned(root)
    if data.certificates:
        values = _add(unsigned, XADES + "CertificateValues")
        for each in data.certificates:
            _add(values, XADES + "EncapsulatedX509Certificate", _base64(each))
    values = _add(unsigned, XADES + "RevocationValues")
    for group, element, contents in (
        ("CRLValues", "EncapsulatedCRLValue", data.crls),
        ("OCSPValues", "EncapsulatedOCSPValue", data.ocsp_responses),
    ):
        if contents:
            parent = _add(values, XADES + group)
            for each in contents:
                _add(parent, XADES + element, _base64(each))


def serialise(root: Element) -> bytes:
    """Return the XML document of an element."""
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def _unsigned(root: Element) -> Element:
    qualifying = root.find(f".//{XADES}QualifyingProperties")
    unsigned = qualifying.find(XADES + "UnsignedProperties")
    if unsigned is None:
        unsigned = _add(qualifying, XADES + "UnsignedProperties")
        return _add(unsigned, _UNSIGNED)
    return unsigned[0]


def _add(
    parent: Element, name: str, text: str | None = None, /, **attributes: str
) -> Element:
    element = etree.SubElement(parent, name, attributes)
    element.text = text
    return element


def _add_token(parent: Element, token: bytes) -> None:
    _add(parent, DS + "CanonicalizationMethod", Algorithm=C14N)
    _add(parent, XADES + "EncapsulatedTimeStamp", _base64(token))


def _add_digest(parent: Element, digest: Digest) -> None:
    _add(parent, DS + "DigestMethod", Algorithm=DIGESTS[digest.hash_function])
    _add(parent, DS + "DigestValue", _base64(digest.value))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
