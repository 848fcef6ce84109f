# SPDX-License-Identifier: MIT
"""Helpers for the tests of signatures: PDF files, and responses of a page."""

import asyncio
import base64
import hashlib
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from asn1crypto import cms, keys, x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
)
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko_certvalidator.registry import SimpleCertificateStore

from kortilla import Trust
from kortilla.revocation import CertificatePath
from kortilla.signing import state as signing_state
from kortilla.signing.asice import finish_container, prepare_container
from kortilla.signing.cades import finish_file, prepare_file
from kortilla.signing.own_card import OwnCard
from kortilla.signing.pades import finish_pdf, prepare_pdf
from kortilla.signing.signature import SignedDocument
from kortilla.signing.state import PreparedSignature
from kortilla.testing import KortillaCard
from tests.kortilla.pki import NOW, ORIGIN, Leaf

HASHES = {"SHA-224": hashes.SHA224(), **signing_state.HASHES}


def b64(data: bytes) -> str:
    """Encode bytes as in JSON."""
    return base64.b64encode(data).decode()


def digest(content: bytes, function: str = "SHA-384") -> bytes:
    """Hash a content with a hash function by its Web eID name."""
    return hashlib.new(HASHES[function].name.replace("-", "_"), content).digest()


def raw_signature(
    leaf: Leaf, value: bytes, function: str, scheme: str, salt: int | None = None
) -> bytes:
    """Sign a digest as a card does."""
    algorithm = HASHES[function]
    if isinstance(leaf.key, ec.EllipticCurvePrivateKey):
        size = (leaf.key.curve.key_size + 7) // 8
        der = leaf.key.sign(value, ec.ECDSA(Prehashed(algorithm)))
        return b"".join(number.to_bytes(size) for number in decode_dss_signature(der))
    if scheme == "PSS":
        length = algorithm.digest_size if salt is None else salt
        pss = padding.PSS(padding.MGF1(algorithm), length)
        return leaf.key.sign(value, pss, Prehashed(algorithm))
    return leaf.key.sign(value, padding.PKCS1v15(), Prehashed(algorithm))


def page_answer(
    leaf: Leaf,
    digests: dict[str, bytes],
    function: str = "SHA-384",
    scheme: str = "NONE",
    salt: int | None = None,
) -> dict[str, Any]:
    """Return the result of ``kortilla.sign`` on a page for a card with this leaf."""
    algorithm = {
        "cryptoAlgorithm": "ECC" if scheme == "NONE" else "RSA",
        "hashFunction": function,
        "paddingScheme": scheme,
    }
    return {
        "certificate": b64(leaf.der),
        "signatures": [
            {
                "name": name,
                "hash": b64(value),
                "hashFunction": function,
                "signature": b64(raw_signature(leaf, value, function, scheme, salt)),
                "signatureAlgorithm": algorithm,
            }
            for name, value in digests.items()
        ],
    }


def answer_to(state: PreparedSignature, leaf: Leaf, scheme: str = "") -> dict[str, Any]:
    """Return the page's response for a prepared signature."""
    on_curve = isinstance(leaf.key, ec.EllipticCurvePrivateKey)
    scheme = scheme or ("NONE" if on_curve else "PKCS1.5")
    value = {state.name: state.digest.value}
    return page_answer(leaf, value, state.digest.hash_function, scheme)


def card_answer(state: PreparedSignature, card: KortillaCard) -> dict[str, Any]:
    """Sign a prepared signature with a complete mock card."""
    value = {state.name: state.digest.value}
    return card.sign(ORIGIN, value, state.digest.hash_function)


def signing_certificate(card: KortillaCard) -> bytes:
    """Return the card's signing certificate, as the page receives it first."""
    answer = card.sign(ORIGIN, {"first": bytes(48)})
    return base64.b64decode(answer["certificate"])


def make_pdf(text: str = "Sopimus", *, pages: int = 1, catalog: str = "") -> bytes:
    """Return a small PDF with a text on each page."""
    content = f"BT /F 24 Tf 72 720 Td ({text}) Tj ET"
    kids = " ".join(f"{4 + i} 0 R" for i in range(pages))
    objects = [
        f"<</Type/Catalog/Pages 2 0 R{catalog}>>",
        f"<</Type/Pages/Kids[{kids}]/Count {pages}>>",
        f"<</Length {len(content)}>>stream\n{content}\nendstream",
    ] + pages * [
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 3 0 R"
        "/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>"
    ]
    return pdf_of(objects)


def pdf_of(objects: list[str], trailer: str = "") -> bytes:
    """Build a PDF of objects, numbered from 1; the first is its root."""
    body, offsets = "%PDF-1.7\n", []
    for number, each in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{each}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    return (
        f"{body}xref\n0 {size}\n0000000000 65535 f \n{table}"
        f"trailer\n<</Size {size}/Root 1 0 R{trailer}>>\n"
        f"startxref\n{len(body)}\n%%EOF\n"
    ).encode("latin-1")


def cms_of(pdf: bytes) -> cms.ContentInfo:
    """Return the last CMS signature in a PDF."""
    signature = PdfFileReader(io.BytesIO(pdf)).embedded_signatures[-1]
    return cms.ContentInfo.load(bytes(signature.pkcs7_content))


def for_pyhanko(
    leaf: Leaf,
) -> tuple[x509.Certificate, keys.PrivateKeyInfo, SimpleCertificateStore]:
    """Return what pyHanko needs to sign with a leaf."""
    own_key = leaf.key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call] # it has no types
    certificate = x509.Certificate.load(leaf.der)
    return certificate, keys.PrivateKeyInfo.load(own_key), store


def flipped(data: bytes, position: int) -> bytes:
    """Return data with one bit changed."""
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)


class FixedRevocation:
    """A check of revocation with a given outcome, which counts."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.count = error, 0

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        self.count += 1
        if self.error is not None:
            raise self.error


#: Where a test is about something else than revocation.
GOOD = FixedRevocation()


class Services(FixedRevocation):
    """Stands at the place of ``Revocation``, whose services are not reached from here.

    It answers nobody while it is ``silent``.
    """

    silent = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close nothing."""

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        await super().check(path, at=at)
        if self.silent:
            await asyncio.Event().wait()


@dataclass(frozen=True)
class Format:
    """A format of signatures, and two contents to sign."""

    kind: str
    prepare: Callable[..., Awaitable[PreparedSignature]]
    finish: Callable[..., Awaitable[SignedDocument]]
    content: Any
    other: Any

    async def prepared(
        self,
        certificate: bytes,
        trust: Trust | OwnCard,
        content: Any = None,
        **more: Any,
    ) -> PreparedSignature:
        """Prepare the signature of a content."""
        content = self.content if content is None else content
        options = {"certificate": certificate, "trust": trust, "name": "sopimus"}
        return await self.prepare(content, **{**options, **more})


FORMATS = {
    each.kind: each
    for each in (
        Format("pdf", prepare_pdf, finish_pdf, make_pdf(), make_pdf("Toinen")),
        Format(
            "container",
            prepare_container,
            finish_container,
            {"sopimus ä&%.txt": b"Sopimus", "tyhjä": b""},
            {"sopimus ä&%.txt": b"Toinen"},
        ),
        Format("file", prepare_file, finish_file, b"Sopimus", b"Toinen"),
    )
}


async def prepared_pdf(
    leaf: Leaf, trust: Trust, pdf: bytes | None = None, **more: Any
) -> PreparedSignature:
    """Prepare the signature of a small PDF by a leaf."""
    options = {"name": "sopimus.pdf", "at": NOW, **more}
    return await FORMATS["pdf"].prepared(leaf.der, trust, pdf, **options)


async def signed_pdf(
    leaf: Leaf, trust: Trust, pdf: bytes | None = None, **more: Any
) -> bytes:
    """Sign a PDF by a leaf."""
    state = await prepared_pdf(leaf, trust, pdf, **more)
    answer = answer_to(state, leaf)
    return (await finish_pdf(state, answer, trust=trust, at=NOW)).content
