# SPDX-License-Identifier: MIT
"""Reads a trusted list: XML of ETSI TS 119 612 v2.2.1 to v2.4.1, with its signature.

This runs in a process with limits: a list comes from the network, and who signed it is
known only after all of it was parsed.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime

from asn1crypto import x509
from lxml.etree import _Element as Element

from kortilla.signing import xades
from kortilla.signing.trust_lists.entries import (
    Assert,
    Criteria,
    Pointer,
    Qualification,
    ReadList,
    Service,
    State,
    TrustList,
    encode,
    subject_key,
)
from kortilla.signing.verification.findings import printable
from kortilla.signing.verification.xml_signature import examine_enveloped
from kortilla.signing.xades import DS, XADES

TSL = "{http://uri.etsi.org/02231/v2#}"
TSLX = "{http://uri.etsi.org/02231/v2/additionaltypes#}"
SIE = "{http://uri.etsi.org/TrstSvc/SvcInfoExt/eSigDir-1999-93-EC-TrustedList/#}"
_KINDS = {"CA/QC": "qc", "TSA/QTST": "qtst"}
#: Extensions that say nothing about whether a service was granted.
_HARMLESS = {TSLX + "TakenOverBy", TSL + "ExpiredCertsRevocationInfo"}
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_MOST_DEPTH = 8  # of criteria


def read_list(document: bytes) -> ReadList:
    """Read a list whose signature fits its content and the certificate in it."""
    try:
        root = xades.parse(document, comments=False)
    except ValueError as error:
        return ReadList(problem="NOT_A_LIST", detail=printable(str(error)))
    if root.tag != TSL + "TrustServiceStatusList":
        return ReadList(problem="NOT_A_LIST", detail=printable(str(root.tag)))
    signatures = [each for each in root.iter() if each.tag == DS + "Signature"]
    if len(signatures) != 1:
        return ReadList(problem="UNSUPPORTED", detail=f"{len(signatures)} signatures")
    found = examine_enveloped(signatures[0])
    if not found.intact or found.problems or found.certificate is None:
        codes = [each.code for each in found.problems] or ["SIGNATURE_BROKEN"]
        detail = "; ".join(each.detail for each in found.problems if each.detail)
        return ReadList(problem=codes[0], detail=printable(detail))
    try:
        read = _list(root)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        detail = f"{type(error).__name__}: {error}"
        return ReadList(problem="NOT_A_LIST", detail=printable(detail))
    return ReadList(read, encode(found.certificate))


def _list(root: Element) -> TrustList:
    scheme = _one(root, "SchemeInformation")
    places = f"{TSL}PointersToOtherTSL/{TSL}OtherTSLPointer"
    providers = f"{TSL}TrustServiceProviderList/{TSL}TrustServiceProvider"
    next_update = _one(scheme, "NextUpdate").findtext(TSL + "dateTime")
    return TrustList(
        territory=_text(scheme, "SchemeTerritory"),
        operator=_name(scheme.find(TSL + "SchemeOperatorName")),
        list_type=_end(_text(scheme, "TSLType")),
        version=int(_text(scheme, "TSLVersionIdentifier")),
        sequence=int(_text(scheme, "TSLSequenceNumber")),
        issued=_time(_text(scheme, "ListIssueDateTime")),
        next_update=None if next_update is None else _time(next_update),
        information=tuple(
            printable((each.text or "").strip())
            for each in scheme.findall(f"{TSL}SchemeInformationURI/{TSL}URI")
        ),
        pointers=tuple(_pointer(each) for each in scheme.findall(places)),
        services=tuple(_services(root.findall(providers))),
    )


def _one(parent: Element, name: str) -> Element:
    found = parent.findall(TSL + name)
    if len(found) != 1:
        raise ValueError(f"{len(found)} elements {name}")
    return found[0]


def _text(parent: Element, name: str) -> str:
    text = (_one(parent, name).text or "").strip()
    if not text.isprintable():
        raise ValueError(f"an odd text of {name}")
    return text


def _end(uri: str) -> str:
    """Return the end of a URI of a type, such as ``CA/QC``, ``granted``."""
    known = ("Svctype/", "Svcstatus/", "SvcInfoExt/", "TSLType/")
    for each in known:
        if uri.startswith("http://uri.etsi.org/TrstSvc/") and each in uri:
            return uri.partition(each)[2]
    return uri


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text.strip())
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _name(names: Element | None) -> str:
    """Return a name in English, or the first."""
    found = [] if names is None else names.findall(TSL + "Name")
    found.sort(key=lambda each: (each.get(_LANGUAGE) or "").lower() != "en")
    return printable(" ".join((found[0].text or "").split())) if found else ""


def _pointer(element: Element) -> Pointer:
    path = f"{TSL}ServiceDigitalIdentities/{TSL}ServiceDigitalIdentity"
    said = {"SchemeTerritory": "", "TSLType": "", "MimeType": ""}
    other = f"{TSL}AdditionalInformation/{TSL}OtherInformation"
    for each in element.findall(other):
        for part in each.iter():
            name = part.tag.rpartition("}")[2]
            if name in said:
                said[name] = printable((part.text or "").strip())
    return Pointer(
        address=printable((element.findtext(TSL + "TSLLocation") or "").strip()),
        territory=said["SchemeTerritory"],
        list_type=_end(said["TSLType"]),
        media_type=said["MimeType"],
        signers=tuple(
            encode(der)
            for identity in element.findall(path)
            for der in _certificates(identity)
        ),
    )


def _certificates(identity: Element) -> Iterator[bytes]:
    for each in identity.findall(f"{TSL}DigitalId/{TSL}X509Certificate"):
        try:
            der = base64.b64decode("".join((each.text or "").split()), validate=True)
        except binascii.Error:
            continue
        yield der


def _services(providers: Iterable[Element]) -> Iterator[Service]:
    for provider in providers:
        name = _name(provider.find(f"{TSL}TSPInformation/{TSL}TSPName"))
        for each in provider.findall(f"{TSL}TSPServices/{TSL}TSPService"):
            service = _service(name, each)
            if service is not None:
                yield service


def _service(provider: str, element: Element) -> Service | None:
    """Read a service; None if it never issued certificates or timestamps."""
    now = _one(element, "ServiceInformation")
    history = f"{TSL}ServiceHistory/{TSL}ServiceHistoryInstance"
    states = [_state(each) for each in (now, *element.findall(history))]
    if all(each.kind is None for each in states):
        return None
    certificates, subjects = [], []
    for der in _certificates(_one(now, "ServiceDigitalIdentity")):
        # asn1crypto raises any exception on odd input.
        with suppress(Exception):
            subjects.append(subject_key(x509.Certificate.load(der).subject))
            certificates.append(encode(der))
    if not certificates:
        return None
    return Service(
        provider,
        _name(now.find(TSL + "ServiceName")),
        tuple(certificates),
        tuple(subjects),
        tuple(states),
    )


def _state(element: Element) -> State:
    uses: list[str] = []
    qualifications: list[Qualification] = []
    unknown = False
    path = f"{TSL}ServiceInformationExtensions/{TSL}Extension"
    for extension in element.findall(path):
        critical = extension.get("Critical") in {"true", "1"}
        for each in extension:
            if each.tag == TSL + "AdditionalServiceInformation":
                uses.append(_end(_text(each, "URI")))
            elif each.tag == SIE + "Qualifications":
                found = each.findall(SIE + "QualificationElement")
                qualifications += map(_qualification, found)
            elif critical and each.tag not in _HARMLESS:
                unknown = True
    return State(
        since=_time(_text(element, "StatusStartingTime")),
        kind=_KINDS.get(_end(_text(element, "ServiceTypeIdentifier"))),  # type: ignore[arg-type]
        status=_end(_text(element, "ServiceStatus")).rpartition("/")[2],
        uses=tuple(uses),
        qualifications=tuple(qualifications),
        unknown=unknown,
    )


def _qualification(element: Element) -> Qualification:
    found = element.findall(f"{SIE}Qualifiers/{SIE}Qualifier")
    lists = element.findall(SIE + "CriteriaList")
    if len(lists) != 1:
        raise ValueError(f"{len(lists)} lists of criteria")
    return Qualification(
        tuple(_end(each.get("uri") or "") for each in found), _criteria(lists[0], 0)
    )


def _criteria(element: Element, depth: int) -> Criteria:
    how = element.get("assert") or "all"
    if how not in {"all", "atLeastOne", "none"} or depth > _MOST_DEPTH:
        raise ValueError("odd criteria")
    usages, policies, purposes, attributes, inner = [], [], [], [], []
    unknown = False
    for each in element:
        if each.tag == SIE + "KeyUsage":
            bits = each.findall(SIE + "KeyUsageBit")
            usages.append(tuple(map(_bit, bits)))
        elif each.tag == SIE + "PolicySet":
            policies.append(_identifiers(each, f"{SIE}PolicyIdentifier"))
        elif each.tag == SIE + "CriteriaList":
            inner.append(_criteria(each, depth + 1))
        elif each.tag == SIE + "otherCriteriaList":
            for other in each:
                if other.tag == TSLX + "ExtendedKeyUsage":
                    purposes.append(_identifiers(other, f"{TSLX}KeyPurposeId"))
                elif other.tag == TSLX + "CertSubjectDNAttribute":
                    attributes.append(_identifiers(other, f"{TSLX}AttributeOID"))
                else:
                    unknown = True
        elif each.tag != SIE + "Description":
            unknown = True
    return Criteria(
        _assert(how),
        tuple(usages),
        tuple(policies),
        tuple(purposes),
        tuple(attributes),
        tuple(inner),
        unknown,
    )


def _assert(how: str) -> Assert:
    return "none" if how == "none" else "all" if how == "all" else "atLeastOne"


def _bit(element: Element) -> tuple[str, bool]:
    value = (element.text or "").strip()
    return element.get("name") or "", value in {"true", "1"}


def _identifiers(element: Element, name: str) -> tuple[str, ...]:
    """Return dotted OIDs; others are kept as they are, and match nothing."""
    return tuple(
        (each.findtext(XADES + "Identifier") or "")
        .strip()
        .removeprefix("urn:oid:")
        .removeprefix("URN:OID:")
        for each in element.findall(name)
    )
