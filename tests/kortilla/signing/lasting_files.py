# SPDX-License-Identifier: MIT
"""Makes signed files that are to be verified for years, and false ones like them."""

import io
import re
import zipfile
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self
from urllib.parse import unquote

from asn1crypto import cms, parser, x509
from lxml import etree
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore

from kortilla.revocation.certificates import Subject
from kortilla.revocation.ocsp import build_request
from kortilla.signing import xades
from kortilla.signing.processes import shared_processes
from kortilla.signing.signature import request_timestamp
from kortilla.signing.state import Digest
from kortilla.signing.validation_data import ValidationData
from kortilla.signing.verification import (
    DocumentReport,
    TimestampAuthority,
    TrustedCAs,
    verify_document,
)
from kortilla.validation.leaf import ExactCertificate
from tests.kortilla.pki import CA
from tests.kortilla.responder import OCSPAnswer
from tests.kortilla.signed_files import SIGNATURES, Maker, issue, repacked, signature_of
from tests.kortilla.signing_parts import cms_of
from tests.kortilla.timestamps import stamper

#: What a test changes about the data of a file, given those that are right.
Change = Callable[[ValidationData], ValidationData]
LEVELS = ("B-B", "B-T", "B-LT", "B-LTA")


@dataclass(frozen=True)
class Lasting:
    """A person's CA and a time-stamping service of another, each below a root."""

    root: CA
    ca: CA
    stamping_root: CA
    service: DummyTimeStamper
    maker: Maker
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def create(cls, *, service_days: int = 299, **leaf: Any) -> Self:
        """Make them. ``leaf`` is for ``issue``; the person has 30 days by default."""
        root = CA.create("SPECIMEN Root CA")
        ca = CA.create("SPECIMEN Issuing CA", parent=root, serial_number=7)
        stamping = CA.create("SPECIMEN Stamping Root CA")
        service = stamper(stamping, days=service_days)
        return cls(root, ca, stamping, service, Maker(issue(ca, **leaf), ca))

    @property
    def trusted(self) -> TrustedCAs:
        known = TrustedCAs.from_certificates([self.ca.der, self.root.der])
        authority = TimestampAuthority(self.stamping_root.der)
        return TrustedCAs(None, known.test, time_stamping=(authority,))

    def answer(
        self, certificate: bytes, *, after: timedelta = timedelta(0), **changes: Any
    ) -> bytes:
        """Return the OCSP answer of a certificate's CA, so long after now."""
        about = ExactCertificate.load(certificate)
        above = next(
            each
            for each in (self.ca, self.root, self.stamping_root)
            if each.certificate.subject == about.issuer
        )
        request = build_request(
            Subject.of(about), Subject.of(above.certificate), bytes(32)
        )
        at = datetime.now(UTC).replace(microsecond=0) + after
        options: dict[str, Any] = {"ca": above, "at": at, "nonce": None}
        return OCSPAnswer(**options | changes).encode(request)

    async def collect(
        self, certificates: Iterable[bytes], change: Change = lambda data: data
    ) -> ValidationData:
        """Ask the CAs about certificates, and change the data that they give."""
        answers = tuple(map(self.answer, certificates))
        above = (self.root.der, self.stamping_root.der)
        return change(ValidationData(answers, certificates=above))

    async def signed(
        self, kind: str, level: str, change: Change = lambda data: data, **more: Any
    ) -> tuple[bytes, bytes | None]:
        """Return a file, and its detached signature if it has one."""
        options: dict[str, Any] = {"chain": (self.ca.der,)}
        if level != "B-B":
            options["timestamper"] = self.service
        if level in {"B-LT", "B-LTA"}:
            options["validation_data"] = partial(self.collect, change=change)
        if level == "B-LTA":
            options["archive"] = True
        if kind == "detached":
            return b"a", await self.maker.detached(b"a", **options | more)
        make: Callable[..., Awaitable[bytes]] = getattr(self.maker, kind)
        return await make(**options | more), None

    async def verified(
        self, signed: tuple[bytes | None, bytes | None], **options: Any
    ) -> DocumentReport:
        """Verify a file by what it has itself: nobody is asked."""
        content, signature = signed
        return await verify_document(
            content, signature=signature, **{"trusted": self.trusted} | options
        )

    def of_service(self, **changes: Any) -> bytes:
        """Return an answer about the time-stamping service."""
        return self.answer(self.service.tsa_cert.dump(), **changes)


def only_about(lasting: Lasting, *answers: bytes, crls: Sequence[bytes] = ()) -> Change:
    """Return a change: these data about the person in place of the right answer."""
    person = lasting.maker.leaf.der

    def change(data: ValidationData) -> ValidationData:
        serial = x509.Certificate.load(person).serial_number
        kept = [
            each
            for each, parsed in zip(
                data.ocsp_responses, data.parsed_ocsp_responses(), strict=True
            )
            if parsed.response_data["responses"][0]["cert_id"]["serial_number"].native
            != serial
        ]
        return ValidationData((*kept, *answers), tuple(crls), data.certificates)

    return change


async def stamped(
    kind: str,
    signed: tuple[bytes, bytes | None],
    stamps: Iterable[tuple[DummyTimeStamper | None, bool]],
) -> tuple[bytes, bytes | None]:
    """Return a file whose signature has these timestamps alone.

    Each is a service's, or broken, and of another signature or garbage if ``True`` says
    so. Those of CAdES are
    in two attributes. Those of XAdES are an element each, or all "in one element".
    """
    content, signature = signed
    if kind in {"container", "in one element"}:
        root = xades.parse(signature_of(content).encode())
        value = xades.value_to_stamp(root)
    else:
        info = cms_of(content) if signature is None else cms.ContentInfo.load(signature)
        [signer] = info["content"]["signer_infos"]
        value = signer["signature"].native
    tokens = []
    for service, other in stamps:
        if service is None:
            broken = cms.ContentInfo({"content_type": "data", "content": b"a"}).dump()
            tokens.append(b"\x02\x01\x05" if other else broken)
        else:
            digest = Digest.of(value + b"a" * other, "SHA-256")
            tokens.append((await request_timestamp(service, digest)).token.dump())
    if kind in {"container", "in one element"}:
        tag = xades.XADES + "SignatureTimeStamp"
        for old in root.findall(f".//{tag}"):
            old.getparent().remove(old)
        for each in tokens:
            xades.add_timestamp(root, each)
        first, *others = elements = root.findall(f".//{tag}")
        for number, element in enumerate(elements):
            element.set("Id", f"S0-T{number}")
        for element in others if kind == "in one element" else ():
            first.append(element[-1])
            element.getparent().remove(element)
        return repacked(content, {SIGNATURES: xades.serialise(root)}), None
    # By hand: asn1crypto would sort them.
    kind_of = cms.CMSAttributeType("signature_time_stamp_token").dump()
    attributes = [
        parser.emit(0, 1, 16, kind_of + parser.emit(0, 1, 17, b"".join(part)))
        for part in (tokens[:1], tokens[1:])
        if part
    ]
    unsigned = parser.emit(0, 1, 17, b"".join(attributes))
    signer["unsigned_attrs"] = cms.CMSAttributes.load(unsigned)
    if signature is not None:
        return content, info.dump()
    found = re.search(rb"/Contents <([0-9A-Fa-f]+)>", content)
    assert found
    start, end = found.span(1)
    digits = info.dump().hex().encode()
    return content[:start] + digits.ljust(end - start, b"0") + content[end:], None


async def renewed(
    kind: str,
    content: bytes,
    service: DummyTimeStamper | None,
    data: ValidationData | None,
) -> bytes:
    """Add data, and the next timestamp of all of a file, if they are given."""
    made = _renewed_pdf if kind == "pdf" else _renewed_container
    return await made(content, service, data)


async def _renewed_pdf(
    pdf: bytes, service: DummyTimeStamper | None, data: ValidationData | None
) -> bytes:
    if data is not None:
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
        DocumentSecurityStore.supply_dss_in_writer(
            writer,
            None,
            certs=data.parsed_certificates(),
            ocsps=data.parsed_ocsp_responses(),
            crls=data.parsed_crls(),
        )
        output = io.BytesIO()
        writer.write(output)  # type: ignore[no-untyped-call] # it has no types
        pdf = output.getvalue()
    if service is None:
        return pdf
    pool = shared_processes()
    (start, stop), digest, pdf = await pool.put_timestamp(pdf, "SHA-384")
    stamp = await request_timestamp(service, Digest(digest, "SHA-384"))
    digits = stamp.token.dump().hex().upper().encode()
    filled: bytes = digits.ljust(stop - start - 2, b"0")
    return pdf[: start + 1] + filled + pdf[stop - 1 :]


async def _renewed_container(
    container: bytes, service: DummyTimeStamper | None, data: ValidationData | None
) -> bytes:
    root = xades.parse(signature_of(container).encode())
    unsigned = root.find(f".//{xades.XADES}UnsignedSignatureProperties")
    if data is not None:
        kept = etree.SubElement(
            unsigned,
            xades.ARCHIVE_TIMESTAMP.replace("Archive", "") + "ValidationData",
            nsmap={"xades141": xades.ARCHIVE_TIMESTAMP[1:].partition("}")[0]},
        )
        before = len(unsigned)
        xades.add_validation_data(root, data)
        kept.extend(unsigned[before:])
    if service is not None:
        with zipfile.ZipFile(io.BytesIO(container)) as opened:
            pieces = xades.archived(
                root.find(xades.DS + "Signature"),
                lambda uri: iter([opened.read(unquote(uri))]),
            )
            digest = Digest.of(b"".join(pieces), "SHA-384")
        stamp = await request_timestamp(service, digest)
        xades.add_archive_timestamp(root, stamp.token.dump())
    for number, each in enumerate(unsigned.findall(xades.ARCHIVE_TIMESTAMP)):
        each.set("Id", f"S0-A{number}")
    return repacked(container, {SIGNATURES: xades.serialise(root)})


def later() -> datetime:
    """Return a time at which the certificate has expired."""
    return datetime.now(UTC) + days(60)


def days(number: float) -> timedelta:
    return timedelta(days=number)


def codes(report: DocumentReport) -> set[str]:
    """Return the codes of all problems but that of a test card."""
    found = {problem.code for each in report.signatures for problem in each.problems}
    return found - {"TEST_CARD"}
