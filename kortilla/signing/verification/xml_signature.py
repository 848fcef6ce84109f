# SPDX-License-Identifier: MIT
"""Verifies one XAdES signature (ETSI EN 319 132-1) of files.

Only one form is accepted: each reference is to a whole file, or to this signature's
own signed properties, which are at their place. So no element elsewhere can be taken
for what was signed (signature wrapping).
"""

import base64
import binascii
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial

from asn1crypto import cms, x509
from lxml.etree import _Element as Element
from pydantic import ValidationError

from kortilla.errors import (
    RelyingPartyError,
    SignatureValidationError,
    UserCertificateWeakKeyError,
)
from kortilla.signing import xades
from kortilla.signing.answer import PageSignature, verify_digest
from kortilla.signing.state import HASHES, Digest
from kortilla.signing.validation_data import are_revocation_data
from kortilla.signing.verification.cms_signature import examine_stamp, hasher
from kortilla.signing.verification.findings import (
    Finding,
    Found,
    RefusedError,
    Stamp,
    broken,
)
from kortilla.signing.xades import DS, XADES
from kortilla.validation.leaf import load_leaf

#: Returns the pieces of the file of a reference's URI. Raises ``KeyError`` at once if
#: there is none.
ContentsOf = Callable[[str], Iterator[bytes]]

#: The form of a reference without a transform (XML Signature §4.4.3.2).
_DEFAULT_FORM = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_FUNCTIONS = {uri: name for name, uri in xades.DIGESTS.items()}
_METHODS = {
    **{uri: ("ECC", name, "NONE") for name, uri in xades.ECDSA.items()},
    **{uri: ("RSA", name, "PKCS1.5") for name, uri in xades.RSA.items()},
    **{
        f"http://www.w3.org/2007/05/xmldsig-more#sha{bits}-rsa-MGF1": (
            "RSA",
            f"SHA-{bits}",
            "PSS",
        )
        for bits in (256, 384, 512)
    },
}
_WEAK = ("sha1", "md5", "sha224")  # at the end of what names an algorithm
_POLICY = "/".join(
    f"{XADES}{name}"
    for name in (
        *("SignaturePolicyIdentifier", "SignaturePolicyId"),
        *("SigPolicyId", "Identifier"),
    )
)
#: The policies of BDOC, by which an answer about revocation proves the time, if it has
#: the signature's digest as its nonce. Estonia made such signatures until about 2019.
_TIME_MARK = "1.3.6.1.4.1.10015.1000.3."
_XML = "{http://www.w3.org/XML/1998/namespace}"
_MAX_REFERENCES = 1000


def examine_signature(
    element: Element, contents_of: ContentsOf, *, place: str
) -> tuple[Finding, list[Stamp]]:
    """Return what is found in an element ds:Signature, and its archive timestamps.

    ``Finding.files`` are the URIs of the references to files.
    """
    finding = Finding(place, covers="files")
    stamps: list[Stamp] = []
    try:
        unsigned = _examine(element, contents_of, finding)
        if unsigned is not None:
            _read_unsigned(element, unsigned, finding)
            stamps += _archive_stamps(element, unsigned, contents_of, place)
            finding.has_archive_timestamp = any(each.intact for each in stamps)
    except RefusedError as error:
        finding.problems.append(error.found)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        finding.problems.append(broken(error))
    return finding, stamps


def _examine(element: Element, contents_of: ContentsOf, finding: Finding) -> Element:
    """Verify the signature, and return its unsigned properties, or None."""
    _check_document(element.getroottree().getroot())
    info = _only(element, DS + "SignedInfo")
    qualifying = _only(_holder(element), XADES + "QualifyingProperties")
    properties = _only(qualifying, XADES + "SignedProperties")
    if qualifying.get("Target") != "#" + (element.get("Id") or "-"):
        raise RefusedError("UNSUPPORTED", "properties of another signature")
    ours = _only(properties, XADES + "SignedSignatureProperties")
    finding.claimed_time = _time(ours)
    if _TIME_MARK in (ours.findtext(_POLICY) or ""):
        finding.problems.append(Found("UNSUPPORTED", "a time-mark of BDOC"))
    finding.certificate, finding.chain = _certificates(element, ours, finding)
    _check_references(info, properties, contents_of, finding)
    _check_value(element, info, finding)
    return qualifying.find(
        f"{XADES}UnsignedProperties/{XADES}UnsignedSignatureProperties"
    )


def _check_document(root: Element) -> None:
    if any(not isinstance(each.tag, str) for each in root.iter()):
        # A value is read up to a comment, and signed without it.
        raise RefusedError("UNSUPPORTED", "a comment or processing instruction")
    identifiers = Counter(
        value
        for each in root.iter()
        for name, value in each.attrib.items()
        if name.rpartition("}")[2].lower() == "id"
    )
    if any(count > 1 for count in identifiers.values()):
        raise RefusedError("DUPLICATE_ID")
    if any(name.startswith(_XML) for each in root.iter() for name in each.attrib):
        raise RefusedError("UNSUPPORTED", "an attribute in the namespace of xml:")


def _only(parent: Element, name: str) -> Element:
    found = parent.findall(name)
    if len(found) != 1:
        raise RefusedError("UNSUPPORTED", f"{len(found)} elements {name}")
    return found[0]


def _holder(element: Element) -> Element:
    """Return the one ds:Object with the properties."""
    holders = [
        each
        for each in element.findall(DS + "Object")
        if each.find(XADES + "QualifyingProperties") is not None
    ]
    if len(holders) != 1:
        raise RefusedError("UNSUPPORTED", f"{len(holders)} objects with properties")
    return holders[0]


def media_types(element: Element) -> dict[str, str]:
    """Return the media types that a signature states, by the URIs of its files."""
    uris = {
        f"#{each.get('Id')}": each.get("URI") or ""
        for each in element.findall(f"{DS}SignedInfo/{DS}Reference")
    }
    return {
        uris[of]: (each.findtext(XADES + "MimeType") or "").strip()
        for each in element.iter(XADES + "DataObjectFormat")
        if (of := each.get("ObjectReference")) in uris
    }


def _time(ours: Element) -> datetime | None:
    text = ours.findtext(XADES + "SigningTime")
    time = None if text is None else datetime.fromisoformat(text.strip())
    return time if time is not None and time.tzinfo is not None else None


def _certificates(
    element: Element, ours: Element, finding: Finding
) -> tuple[bytes | None, tuple[bytes, ...]]:
    """Return the certificate that the signed properties name, and the others."""
    cert = ours.find(f"{XADES}SigningCertificateV2/{XADES}Cert/{XADES}CertDigest")
    if cert is None:
        cert = ours.find(f"{XADES}SigningCertificate/{XADES}Cert/{XADES}CertDigest")
    if cert is None:
        raise RefusedError("UNSUPPORTED", "the signed properties name no certificate")
    function, wanted = read_digest(cert)
    path = f"{DS}KeyInfo/{DS}X509Data/{DS}X509Certificate"
    found = [_decoded(each) for each in element.findall(path)]
    own = [each for each in found if Digest.of(each, function).value == wanted]
    if not own:
        code = "CERTIFICATE_SWAPPED" if found else "CERTIFICATE_UNREADABLE"
        finding.intact = False if found else None
        raise RefusedError(code)
    return own[0], tuple(each for each in found if each != own[0])


def _check_references(
    info: Element, properties: Element, contents_of: ContentsOf, finding: Finding
) -> None:
    references = info.findall(DS + "Reference")
    if len(references) > _MAX_REFERENCES:
        raise RefusedError("TOO_LARGE", f"{len(references)} references")
    own = "#" + (properties.get("Id") or "-")
    covered, uris, wrong = 0, [], []
    for reference in references:
        uri = reference.get("URI") or ""
        function, wanted = read_digest(reference)
        transforms = reference.findall(f"{DS}Transforms/{DS}Transform")
        if uri == own and reference.get("Type") == xades.SIGNED_PROPERTIES:
            if len(transforms) > 1:
                raise RefusedError("UNSUPPORTED", "several transforms")
            form = _form(transforms[0]) if transforms else _DEFAULT_FORM
            covered += 1
            signed = xades.canonical(properties, form)
            digest: bytes | None = Digest.of(signed, function).value
        elif uri == "" or uri.startswith("#") or transforms:
            raise RefusedError("UNSUPPORTED", f"a reference to {uri or 'everything'!r}")
        else:
            uris.append(uri)
            digest = _digest_of_file(contents_of, uri, function)
        if digest is None:
            wrong.append(Found("FILE_MISSING", uri))
        elif digest != wanted:
            wrong.append(Found("DIGEST_MISMATCH", uri))
    if covered != 1 or not uris:
        raise RefusedError("UNSUPPORTED", "no reference to the properties or to a file")
    finding.files = tuple(uris)
    finding.problems += wrong


def _digest_of_file(contents_of: ContentsOf, uri: str, function: str) -> bytes | None:
    try:
        pieces = contents_of(uri)
    except KeyError:
        return None
    return hash_all(HASHES[function].name, pieces)


def _check_value(element: Element, info: Element, finding: Finding) -> None:
    """Verify the signature with the key of the certificate."""
    form = _form(_only(info, DS + "CanonicalizationMethod"))
    method = _algorithm(_only(info, DS + "SignatureMethod"))
    if method.endswith(_WEAK):
        raise RefusedError("WEAK_ALGORITHM", method)
    if method not in _METHODS:
        raise RefusedError("UNSUPPORTED", method)
    family, function, scheme = _METHODS[method]
    value = _only(element, DS + "SignatureValue")
    try:
        signature = PageSignature.model_validate(
            {
                "signature": base64.b64encode(_decoded(value)).decode(),
                "signatureAlgorithm": {
                    "cryptoAlgorithm": family,
                    "hashFunction": function,
                    "paddingScheme": scheme,
                },
            }
        )
        certificate: x509.Certificate = load_leaf(finding.certificate or b"")
        signed = Digest.of(xades.canonical(info, form), function)
        verify_digest(certificate, signature, signed.value)
    except (SignatureValidationError, ValidationError):
        finding.intact = False
        raise RefusedError("SIGNATURE_BROKEN") from None
    except UserCertificateWeakKeyError as error:
        raise RefusedError("WEAK_ALGORITHM", str(error)) from error
    except RelyingPartyError as error:
        raise RefusedError("CERTIFICATE_UNREADABLE", str(error)) from error
    finding.intact = not any(
        each.code in {"FILE_MISSING", "DIGEST_MISMATCH"} for each in finding.problems
    )


def _read_unsigned(element: Element, unsigned: Element, finding: Finding) -> None:
    finding.has_revocation_data = _has_revocation_data(unsigned)
    stamp = unsigned.find(XADES + "SignatureTimeStamp")
    if stamp is None:
        return
    stamped = xades.canonical(
        _only(element, DS + "SignatureValue"), _form_of_stamp(stamp)
    )
    try:
        token = _token(stamp)
    except (ValueError, TypeError):
        finding.problems.append(Found("TIMESTAMP_BROKEN"))
        return
    finding.stamp = examine_stamp(token, hasher(stamped))


def _has_revocation_data(unsigned: Element) -> bool:
    """Return whether there are revocation data, all of them readable."""
    place = f"{XADES}RevocationValues/{XADES}"
    try:
        crls, responses = [
            [_decoded(each) for each in unsigned.findall(place + path)]
            for path in (
                f"CRLValues/{XADES}EncapsulatedCRLValue",
                f"OCSPValues/{XADES}EncapsulatedOCSPValue",
            )
        ]
    except RefusedError:
        return False
    return are_revocation_data(crls, responses)


def _archive_stamps(
    element: Element, unsigned: Element, contents_of: ContentsOf, place: str
) -> Iterator[Stamp]:
    """Yield the archive timestamps, each of what comes before it.

    A form that is not known here is not intact; the signature may be valid without.
    """
    for stamp in unsigned.findall(xades.ARCHIVE_TIMESTAMP):
        try:
            form, token = _form_of_stamp(stamp), _token(stamp)
        except (ValueError, TypeError, RefusedError):
            yield Stamp(intact=False, place=place)
            continue
        digest_of = partial(_digest_before, stamp, form, element, contents_of)
        yield examine_stamp(token, digest_of, place=place)


def _digest_before(
    stamp: Element, form: str, element: Element, contents_of: ContentsOf, function: str
) -> bytes:
    pieces = xades.archived(element, contents_of, before=stamp, method=form)
    return hash_all(function, pieces)


def _form_of_stamp(stamp: Element) -> str:
    method = stamp.find(DS + "CanonicalizationMethod")
    return _DEFAULT_FORM if method is None else _form(method)


def _token(stamp: Element) -> cms.ContentInfo:
    """Return the one timestamp. Raises ``ValueError`` and ``TypeError`` for none."""
    return cms.ContentInfo.load(_decoded(_only(stamp, XADES + "EncapsulatedTimeStamp")))


def _form(element: Element) -> str:
    """Return the canonical form that an element names."""
    form = _algorithm(element)
    if form not in xades.CANONICAL_FORMS or len(element):
        raise RefusedError("UNSUPPORTED", f"the canonical form {form}")
    return form


def _algorithm(element: Element) -> str:
    return element.get("Algorithm") or ""


def read_digest(parent: Element) -> tuple[str, bytes]:
    """Return the hash function and value of a digest. Raises ``RefusedError``."""
    algorithm = _algorithm(_only(parent, DS + "DigestMethod"))
    if algorithm.endswith(_WEAK):
        raise RefusedError("WEAK_ALGORITHM", algorithm)
    if algorithm not in _FUNCTIONS:
        raise RefusedError("UNSUPPORTED", algorithm)
    return _FUNCTIONS[algorithm], _decoded(_only(parent, DS + "DigestValue"))


def _decoded(element: Element) -> bytes:
    if len(element):
        raise RefusedError("UNSUPPORTED", "elements within a value")
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except binascii.Error as error:
        raise RefusedError("BROKEN", str(error)) from error


def hash_all(function: str, pieces: Iterable[bytes]) -> bytes:
    """Hash pieces with a function that hashlib knows."""
    hasher = hashlib.new(function)
    for each in pieces:
        hasher.update(each)
    return hasher.digest()
