# SPDX-License-Identifier: MIT
"""Verifies one XAdES signature (ETSI EN 319 132-1) of files, or of its own document.

Only one form is accepted: each reference is to a whole file, or to this signature's
own signed properties, which are at their place. So no element elsewhere can be taken
for what was signed (signature wrapping). A signature of its own document has one
reference to all of that, and none to a file.
"""

import base64
import binascii
import copy
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
from kortilla.signing.verification.cms_signature import (
    add_stamps,
    examine_stamp,
    read_stamp,
)
from kortilla.signing.verification.findings import (
    Finding,
    Found,
    RefusedError,
    Stamp,
    broken,
)
from kortilla.signing.verification.proofs.kept import kept_in_xml
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
_TOKEN = XADES + "EncapsulatedTimeStamp"
_XML = "{http://www.w3.org/XML/1998/namespace}"
_MAX_REFERENCES = 1000
_SHA_1 = "http://www.w3.org/2000/09/xmldsig#sha1"
_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"


def examine_signature(
    element: Element, contents_of: ContentsOf, *, place: str, first: int = 0
) -> tuple[Finding, list[Stamp]]:
    """Return what is found in an element ds:Signature, and its archive timestamps.

    ``Finding.files`` are the URIs of the references to files. ``first`` is the number
    of the first archive timestamp.
    """
    finding = Finding(place, covers="files")
    stamps: list[Stamp] = []
    try:
        unsigned = _examine(element, contents_of, finding)
        if unsigned is not None:
            add_stamps(finding, _own_stamps(element, unsigned))
            stamps += _archive_stamps(element, unsigned, contents_of, place)
            finding.archive = [*range(first, first + len(stamps))]
            finding.kept += kept_in_xml(unsigned, _decoded, first=first)
    except RefusedError as error:
        finding.problems.append(error.found)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        finding.problems.append(broken(error))
    return finding, stamps


def examine_enveloped(element: Element) -> Finding:
    """Return what is found in an element ds:Signature that signs its document."""
    finding = Finding("", covers="whole-file")
    try:
        _examine(element, None, finding)
    except RefusedError as error:
        finding.problems.append(error.found)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        finding.problems.append(broken(error))
    return finding


def _examine(
    element: Element, contents_of: ContentsOf | None, finding: Finding
) -> Element:
    """Verify the signature, and return its unsigned properties, or None.

    Without ``contents_of`` it is of the document that it is in.
    """
    _check_document(element)
    info = _only(element, DS + "SignedInfo")
    qualifying = _only(_holder(element), XADES + "QualifyingProperties")
    properties = _only(qualifying, XADES + "SignedProperties")
    if qualifying.get("Target") != "#" + (element.get("Id") or "-"):
        raise RefusedError("UNSUPPORTED", "properties of another signature")
    ours = _only(properties, XADES + "SignedSignatureProperties")
    finding.claimed_time = _time(ours)
    if _TIME_MARK in (ours.findtext(_POLICY) or ""):
        finding.problems.append(Found("UNSUPPORTED", "a time-mark of BDOC"))
    finding.certificate, finding.chain = _certificates(
        element, ours, finding, weak=contents_of is None
    )
    if contents_of is None:
        _check_own_document(element, info, properties, finding)
    else:
        _check_references(info, properties, contents_of, finding)
    _check_value(element, info, finding, strict=contents_of is not None)
    return qualifying.find(
        f"{XADES}UnsignedProperties/{XADES}UnsignedSignatureProperties"
    )


def _check_document(element: Element) -> None:
    root = element.getroottree().getroot()
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
    # What is signed in parts inherits them, in other ways in each canonical form.
    around = (*element.iterancestors(), *element.iter())
    if any(name.startswith(_XML) for each in around for name in each.attrib):
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
    element: Element, ours: Element, finding: Finding, *, weak: bool
) -> tuple[bytes | None, tuple[bytes, ...]]:
    """Return the certificate that the signed properties name, and the others.

    With ``weak`` they may name it by SHA-1: the caller knows the whole certificate.
    """
    cert = ours.find(f"{XADES}SigningCertificateV2/{XADES}Cert/{XADES}CertDigest")
    if cert is None:
        cert = ours.find(f"{XADES}SigningCertificate/{XADES}Cert/{XADES}CertDigest")
    if cert is None:
        raise RefusedError("UNSUPPORTED", "the signed properties name no certificate")
    function, wanted = read_digest(cert, weak=weak)
    path = f"{DS}KeyInfo/{DS}X509Data/{DS}X509Certificate"
    found = [_decoded(each) for each in element.findall(path)]
    name = function.replace("-", "").lower()
    own = [each for each in found if hashlib.new(name, each).digest() == wanted]
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
            covered += 1
            digest: bytes | None = _digest_of_properties(
                properties, transforms, function
            )
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


def _digest_of_properties(
    properties: Element, transforms: list[Element], function: str
) -> bytes:
    if len(transforms) > 1:
        raise RefusedError("UNSUPPORTED", "several transforms")
    form = _form(transforms[0]) if transforms else _DEFAULT_FORM
    return Digest.of(xades.canonical(properties, form), function).value


def _check_own_document(
    element: Element, info: Element, properties: Element, finding: Finding
) -> None:
    """Check that the whole document is signed, and the properties, and nothing more."""
    root = element.getroottree().getroot()
    if root.getprevious() is not None or root.getnext() is not None:
        raise RefusedError("UNSUPPORTED", "something beside the document's element")
    own = "#" + (properties.get("Id") or "-")
    # Identifiers occur once, so the root's is the whole document's.
    whole = {"", "#" + (root.get("Id") or "-")}
    covered: list[str] = []
    for reference in info.findall(DS + "Reference"):
        uri = reference.get("URI")
        function, wanted = read_digest(reference)
        transforms = reference.findall(f"{DS}Transforms/{DS}Transform")
        if uri == own and reference.get("Type") == xades.SIGNED_PROPERTIES:
            digest = _digest_of_properties(properties, transforms, function)
            covered.append("properties")
        elif uri in whole:
            digest = Digest.of(_without(element, transforms), function).value
            covered.append("document")
        else:
            raise RefusedError("UNSUPPORTED", f"a reference to {uri!r}")
        if digest != wanted:
            finding.problems.append(Found("DIGEST_MISMATCH", uri or ""))
    if sorted(covered) != ["document", "properties"]:
        raise RefusedError("UNSUPPORTED", f"{len(covered)} references")


def _without(element: Element, transforms: list[Element]) -> bytes:
    """Return the document without its signature (XML Signature §6.6.4)."""
    enveloped, *forms = transforms or (element,)
    if _algorithm(enveloped) != _ENVELOPED or len(enveloped) or len(forms) > 1:
        raise RefusedError("UNSUPPORTED", "transforms of the document")
    root = element.getroottree().getroot()
    if element.getparent() is not root:
        raise RefusedError("UNSUPPORTED", "a signature deep in the document")
    rest = copy.deepcopy(root)
    signature = rest[root.index(element)]
    # The text behind it belongs to the document.
    tail, before = signature.tail or "", signature.getprevious()
    if before is None:
        rest.text = (rest.text or "") + tail
    else:
        before.tail = (before.tail or "") + tail
    rest.remove(signature)
    return xades.canonical(rest, _form(forms[0]) if forms else _DEFAULT_FORM)


def _digest_of_file(contents_of: ContentsOf, uri: str, function: str) -> bytes | None:
    try:
        pieces = contents_of(uri)
    except KeyError:
        return None
    return hash_all(HASHES[function].name, pieces)


def _check_value(
    element: Element, info: Element, finding: Finding, *, strict: bool
) -> None:
    """Verify the signature with the key of the certificate.

    That has to be a person's, unless the caller knows the whole certificate.
    """
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
        load = load_leaf if strict else x509.Certificate.load
        certificate: x509.Certificate = load(finding.certificate or b"")
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


def _own_stamps(element: Element, unsigned: Element) -> Iterator[Stamp]:
    """Yield the timestamps of the signature's value."""
    archived = False
    value = _only(element, DS + "SignatureValue")
    for stamp in unsigned:
        archived = archived or stamp.tag == xades.ARCHIVE_TIMESTAMP
        if stamp.tag != XADES + "SignatureTimeStamp":
            continue
        if archived:
            # No archive timestamp before it shows that it existed by then.
            yield Stamp(intact=False, fault="it follows an archive timestamp")
            continue
        for token in stamp.findall(_TOKEN) or [stamp]:
            try:
                stamped = xades.canonical(value, _form_of_stamp(stamp))
                yield read_stamp(_decoded(token), stamped)
            except RefusedError as error:
                yield Stamp(intact=False, fault=error.found.detail)


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
    return cms.ContentInfo.load(_decoded(_only(stamp, _TOKEN)))


def _form(element: Element) -> str:
    """Return the canonical form that an element names."""
    form = _algorithm(element)
    if form not in xades.CANONICAL_FORMS or len(element):
        raise RefusedError("UNSUPPORTED", f"the canonical form {form}")
    return form


def _algorithm(element: Element) -> str:
    return element.get("Algorithm") or ""


def read_digest(parent: Element, *, weak: bool = False) -> tuple[str, bytes]:
    """Return the hash function and value of a digest."""
    algorithm = _algorithm(_only(parent, DS + "DigestMethod"))
    if weak and algorithm == _SHA_1:
        return "SHA-1", _decoded(_only(parent, DS + "DigestValue"))
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
