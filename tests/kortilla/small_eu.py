# SPDX-License-Identifier: MIT
"""A small EU for tests: a list of lists and lists of countries, signed, on loopback.

The form is that of ETSI TS 119 612 v2.3.1. Everything in it can be wrong in one way.
"""

import asyncio
import base64
import hashlib
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from asn1crypto import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

from kortilla.signing import xades
from kortilla.signing.trust_lists.store import KeptList, ListOfLists, TrustLists
from kortilla.signing.verification.trust_list_xml import read_list
from kortilla.signing.xades import DS
from tests.kortilla import pki
from tests.kortilla.pki import CA, Leaf
from tests.kortilla.responder import Server, always
from tests.support.patience import patience

URI = "http://uri.etsi.org/TrstSvc/"
TL = URI + "TrustedList/"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_NAMESPACES = (
    'xmlns="http://uri.etsi.org/02231/v2#" '
    'xmlns:tslx="http://uri.etsi.org/02231/v2/additionaltypes#" '
    'xmlns:xades="http://uri.etsi.org/01903/v1.3.2#" '
    'xmlns:sie="http://uri.etsi.org/TrstSvc/SvcInfoExt/eSigDir-1999-93-EC-TrustedList/#"'
)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
POLICY = "1.3.6.1.4.1.51361.1.1.1"


@dataclass(frozen=True)
class Authority:
    """A service of a list. ``states`` are statuses and since when, the newest first.

    ``more`` is XML of further extensions of the newest state.
    """

    certificate: bytes
    kind: str = "CA/QC"
    states: Sequence[tuple[str, datetime]] = (("granted", LONG_AGO),)
    uses: Sequence[str] = ("ForeSignatures", "ForeSeals")
    more: str = ""
    name: str = "SPECIMEN Service"

    def xml(self) -> str:
        """Return the element TSPService."""
        (status, since), *before = self.states
        history = "".join(
            f"<ServiceHistoryInstance>{self._state(*each)}</ServiceHistoryInstance>"
            for each in before
        )
        return (
            f"<TSPService><ServiceInformation>{self._state(status, since, self.more)}"
            f"</ServiceInformation><ServiceHistory>{history}</ServiceHistory>"
            "</TSPService>"
        )

    def _state(self, status: str, since: datetime, more: str = "") -> str:
        uses = "".join(
            '<Extension Critical="true"><AdditionalServiceInformation>'
            f'<URI xml:lang="en">{TL}SvcInfoExt/{use}</URI>'
            "</AdditionalServiceInformation></Extension>"
            for use in self.uses
        )
        return (
            f"<ServiceTypeIdentifier>{URI}Svctype/{self.kind}</ServiceTypeIdentifier>"
            f'<ServiceName><Name xml:lang="en">{self.name}</Name></ServiceName>'
            f"{_identity(self.certificate)}"
            f"<ServiceStatus>{TL}Svcstatus/{status}</ServiceStatus>"
            f"<StatusStartingTime>{_time(since)}</StatusStartingTime>"
            "<ServiceInformationExtensions>"
            f"{uses}{more}</ServiceInformationExtensions>"
        )


@dataclass(frozen=True)
class NationalList:
    """A country's list, and who signs it. ``next_update`` None is closed for good."""

    territory: str
    signer: Leaf
    authorities: Sequence[Authority] = ()
    sequence: int = 7
    issued: timedelta = timedelta(days=-2)
    next_update: timedelta | None = timedelta(days=60)
    version: int = 6
    list_type: str = "EUgeneric"
    pointers: str = ""
    information: Sequence[str] = ()
    provider: str = "SPECIMEN Trust Services"
    changes: Callable[[Any], None] = lambda root: None

    def xml(self, now: datetime) -> bytes:
        """Return the signed list. ``changes`` are made before it is signed."""
        due = "" if self.next_update is None else _date(now + self.next_update)
        addresses = "".join(
            f'<URI xml:lang="en">{each}</URI>' for each in self.information
        )
        services = "".join(each.xml() for each in self.authorities)
        text = (
            f'<TrustServiceStatusList {_NAMESPACES} Id="list">'
            "<SchemeInformation>"
            f"<TSLVersionIdentifier>{self.version}</TSLVersionIdentifier>"
            f"<TSLSequenceNumber>{self.sequence}</TSLSequenceNumber>"
            f"<TSLType>{TL}TSLType/{self.list_type}</TSLType>"
            '<SchemeOperatorName><Name xml:lang="en">SPECIMEN Operator</Name>'
            "</SchemeOperatorName>"
            f"<SchemeInformationURI>{addresses}</SchemeInformationURI>"
            f"<SchemeTerritory>{self.territory}</SchemeTerritory>"
            f"<PointersToOtherTSL>{self.pointers}</PointersToOtherTSL>"
            f"<ListIssueDateTime>{_time(now + self.issued)}</ListIssueDateTime>"
            f"<NextUpdate>{due}</NextUpdate></SchemeInformation>"
            "<TrustServiceProviderList><TrustServiceProvider><TSPInformation><TSPName>"
            f'<Name xml:lang="et">SPECIMEN</Name>'
            f'<Name xml:lang="en">{self.provider}</Name>'
            "</TSPName></TSPInformation>"
            f"<TSPServices>{services}</TSPServices></TrustServiceProvider>"
            "</TrustServiceProviderList></TrustServiceStatusList>"
        )
        root = xades.parse(text.encode())
        self.changes(root)
        return sign(root, self.signer)


def _time(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _date(when: datetime) -> str:
    return f"<dateTime>{_time(when)}</dateTime>"


def _identity(*certificates: bytes) -> str:
    found = "".join(
        f"<DigitalId><X509Certificate>{base64.b64encode(each).decode()}"
        "</X509Certificate></DigitalId>"
        for each in certificates
    )
    return f"<ServiceDigitalIdentity>{found}</ServiceDigitalIdentity>"


def pointer(
    address: str, territory: str, signers: Sequence[Leaf], *, kind: str = "EUgeneric"
) -> str:
    """Return the element OtherTSLPointer."""
    other = "".join(
        f"<OtherInformation>{each}</OtherInformation>"
        for each in (
            f"<TSLType>{TL}TSLType/{kind}</TSLType>",
            f"<SchemeTerritory>{territory}</SchemeTerritory>",
            "<tslx:MimeType>application/vnd.etsi.tsl+xml</tslx:MimeType>",
        )
    )
    return (
        "<OtherTSLPointer><ServiceDigitalIdentities>"
        f"{''.join(_identity(each.der) for each in signers)}"
        f"</ServiceDigitalIdentities><TSLLocation>{address}</TSLLocation>"
        f"<AdditionalInformation>{other}</AdditionalInformation></OtherTSLPointer>"
    )


def sign(root: Any, signer: Leaf, **ways: Any) -> bytes:
    """Return a document with an enveloped XAdES signature by a key on P-384.

    ``ways`` may have another ``uri`` and other ``transforms``.
    """
    uri = ways.get("uri", "")
    transforms = ways.get("transforms", (_ENVELOPED, _EXCLUSIVE))
    digest = xades.canonical(root, _EXCLUSIVE)
    text = (
        f'<ds:Signature xmlns:ds="{DS[1:-1]}" Id="S"><ds:SignedInfo>'
        f'<ds:CanonicalizationMethod Algorithm="{_EXCLUSIVE}"/>'
        f'<ds:SignatureMethod Algorithm="{xades.ECDSA["SHA-384"]}"/>'
        f'<ds:Reference URI="{uri}"><ds:Transforms>'
        + "".join(f'<ds:Transform Algorithm="{each}"/>' for each in transforms)
        + f"</ds:Transforms>{_digest(digest)}</ds:Reference>"
        f'<ds:Reference Type="{xades.SIGNED_PROPERTIES}" URI="#P"><ds:Transforms>'
        f'<ds:Transform Algorithm="{_EXCLUSIVE}"/></ds:Transforms>{_digest(b"")}'
        "</ds:Reference></ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo><ds:X509Data>"
        f"<ds:X509Certificate>{base64.b64encode(signer.der).decode()}"
        "</ds:X509Certificate></ds:X509Data></ds:KeyInfo><ds:Object>"
        '<xades:QualifyingProperties xmlns:xades="http://uri.etsi.org/01903/v1.3.2#" '
        'Target="#S"><xades:SignedProperties Id="P"><xades:SignedSignatureProperties>'
        "<xades:SigningTime>2026-01-01T00:00:00Z</xades:SigningTime>"
        "<xades:SigningCertificateV2><xades:Cert><xades:CertDigest>"
        f"{_digest(signer.der)}</xades:CertDigest></xades:Cert>"
        "</xades:SigningCertificateV2></xades:SignedSignatureProperties>"
        "</xades:SignedProperties></xades:QualifyingProperties></ds:Object>"
        "</ds:Signature>"
    )
    element = etree.fromstring(text)
    root.append(element)
    properties = next(element.iter(xades.XADES + "SignedProperties"))
    info = element.find(DS + "SignedInfo")
    value = hashlib.sha256(xades.canonical(properties, _EXCLUSIVE)).digest()
    info.findall(f"{DS}Reference/{DS}DigestValue")[1].text = _base64(value)
    key = signer.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signed = key.sign(xades.canonical(info, _EXCLUSIVE), ec.ECDSA(hashes.SHA384()))
    raw = b"".join(part.to_bytes(48) for part in decode_dss_signature(signed))
    element.find(DS + "SignatureValue").text = _base64(raw)
    return xades.serialise(root)


def _digest(data: bytes) -> str:
    value = _base64(hashlib.sha256(data).digest())
    return (
        f'<ds:DigestMethod xmlns:ds="{DS[1:-1]}" Algorithm="{xades.DIGESTS["SHA-256"]}"'
        f'/><ds:DigestValue xmlns:ds="{DS[1:-1]}">{value}</ds:DigestValue>'
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def list_signer(name: str) -> Leaf:
    """Return somebody who signs lists, with a key and certificate of their own."""
    ca = CA.create(f"{name} CA")
    return ca.issue(
        ec.generate_private_key(ec.SECP384R1()),
        subject_name=x509.Name.build({"common_name": name}),
        policies=(),
        null_parameter=False,
    )


def fingerprint(signer: Leaf) -> str:
    return hashlib.sha256(signer.der).hexdigest()


@dataclass
class SmallEU:
    """Three countries whose lists a server has, and the Commission's that names them.

    Change ``of_lists`` and ``countries``, then ``publish``. ``raw`` replaces the bytes
    of a list, by territory; an address that has none is not found.
    """

    server: Server
    now: datetime = field(
        default_factory=lambda: datetime.now(UTC).replace(microsecond=0)
    )
    commission: Leaf = field(default_factory=lambda: list_signer("SPECIMEN Commission"))
    countries: dict[str, NationalList] = field(default_factory=dict)
    signers: dict[str, Leaf] = field(default_factory=dict)
    next_signers: Sequence[Leaf] = ()
    pins: Sequence[Leaf] = ()
    changes: dict[str, Any] = field(default_factory=dict)

    def add(self, territory: str, *authorities: Authority, **options: Any) -> None:
        """Add a country, whose list a signer of its own signs."""
        self.signers[territory] = list_signer(f"SPECIMEN Signer of {territory}")
        self.countries[territory] = NationalList(
            territory, self.signers[territory], authorities, **options
        )

    def change(self, territory: str, **changes: Any) -> None:
        """Change a country's list; the list of lists still names the same signer."""
        self.countries[territory] = replace(self.countries[territory], **changes)

    @property
    def lists(self) -> ListOfLists:
        """The list of lists, with the Commission's signer as the pinned one."""
        pins = self.pins or [self.commission]
        return ListOfLists(
            f"{self.server.address}/lotl.xml", tuple(map(fingerprint, pins))
        )

    def publish(self, **changes: Any) -> None:
        """Put all lists on the server. ``changes`` are of the list of lists."""
        self.changes.update(changes)
        handlers = self.server.handlers
        for territory, each in self.countries.items():
            handlers[f"{territory}.xml"] = always(each.xml(self.now))
        handlers["lotl.xml"] = always(self.list_of_lists(**self.changes))

    def list_of_lists(self, **changes: Any) -> bytes:
        """Return the list of lists, signed by the Commission unless changed."""
        at = self.server.address
        own = self.next_signers or [self.commission]
        pointers = pointer(f"{at}/lotl.xml", "EU", own, kind="EUlistofthelists")
        for territory in self.countries:
            address = f"{at}/{territory}.xml"
            pointers += pointer(address, territory, [self.signers[territory]])
        options: dict[str, Any] = {
            "list_type": "EUlistofthelists",
            "pointers": pointers,
            "provider": "SPECIMEN Commission",
        }
        options |= changes
        signer = options.pop("signer", self.commission)
        return NationalList("EU", signer, **options).xml(self.now)


def add_three(eu: SmallEU, authority: CA) -> None:
    """Add Estonia with an authority, and Belgium and Latvia with others."""
    eu.add("EE", Authority(authority.der), provider="SPECIMEN Eesti")
    eu.add("BE", Authority(CA.create("SPECIMEN Belgian CA").der))
    eu.add("LV", Authority(CA.create("SPECIMEN Latvian CA").der))


def estonian(surname: str = "SPECIMEN-TAMM") -> x509.Name:
    """Return a subject as Estonia's certificates have it."""
    return x509.Name.build(
        {
            "country_name": "EE",
            "common_name": f"{surname},MARI,48001010000",
            "surname": surname,
            "given_name": "MARI",
            "serial_number": "PNOEE-48001010000",
        }
    )


_COMPLIANT, _WITH_DEVICE = "3008060604008E460101", "3008060604008E460104"
_FOR_SIGNATURES = "3013060604008E4601063009060704008E46010601"
_FOR_SEALS = "3013060604008E4601063009060704008E46010602"


def statements(*, device: bool = True, seal: bool = False) -> tuple[str, bytes]:
    """Return the extension with a qualified certificate's statements (EN 319 412-5)."""
    use = _FOR_SEALS if seal else _FOR_SIGNATURES
    parts = bytes.fromhex(_COMPLIANT + (_WITH_DEVICE if device else "") + use)
    return "1.3.6.1.5.5.7.1.3", b"\x30" + bytes((len(parts),)) + parts


def qualified_leaf(ca: CA, **more: Any) -> Leaf:
    """Issue a certificate for qualified signatures, valid for 30 days before and on."""
    return ca.issue(
        pki.key("P-384"),
        **{
            "subject_name": estonian(),
            "key_usage": pki.SIGNATURE,
            "not_before": timedelta(days=-30),
            "not_after": timedelta(days=30),
            "policies": ("0.4.0.194112.1.2",),
            "extra": [statements()],
            "null_parameter": False,
            **more,
        },
    )


def qualify(*qualifiers: str, criteria: str = "", how: str = "atLeastOne") -> str:
    """Return the extension Qualifications, by default for certificates of POLICY."""
    criteria = criteria or policies(POLICY)
    names = "".join(
        f'<sie:Qualifier uri="{TL}SvcInfoExt/{each}"/>' for each in qualifiers
    )
    return (
        '<Extension Critical="true"><sie:Qualifications><sie:QualificationElement>'
        f"<sie:Qualifiers>{names}</sie:Qualifiers>"
        f'<sie:CriteriaList assert="{how}">{criteria}</sie:CriteriaList>'
        "</sie:QualificationElement></sie:Qualifications></Extension>"
    )


def policies(*oids: str) -> str:
    found = "".join(
        "<sie:PolicyIdentifier><xades:Identifier>"
        f"urn:oid:{each}</xades:Identifier></sie:PolicyIdentifier>"
        for each in oids
    )
    return f"<sie:PolicySet>{found}</sie:PolicySet>"


def keep(each: NationalList, *, now: datetime) -> KeptList:
    """Return a list as if it was fetched and verified."""
    found = read_list(each.xml(now)).trust_list
    assert found is not None
    return KeptList(found, "", "", now)


def kept(*nationals: NationalList, now: datetime) -> TrustLists:
    """Return lists that were fetched and verified, with a list of lists."""
    of_lists = NationalList("EU", nationals[0].signer, list_type="EUlistofthelists")
    found = {each.territory: keep(each, now=now) for each in nationals}
    return TrustLists(keep(of_lists, now=now), found)


@contextmanager
def serving() -> Iterator[SmallEU]:
    """Yield a small EU whose server runs in a thread, for a program that blocks."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait(work: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(patience())

    server = Server()
    try:
        wait(server.__aenter__())
        yield SmallEU(server)
        wait(server.__aexit__())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
