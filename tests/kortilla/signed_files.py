# SPDX-License-Identifier: MIT
"""Makes signed files for the tests of verification, good and bad ones."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.signers import SimpleSigner, sign_pdf
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata

from kortilla.signing.own_card import OWN_CARD
from kortilla.signing.pades import Appearance
from kortilla.signing.verification import TrustedCAs
from tests.kortilla import pki
from tests.kortilla.pki import CA, Leaf, key
from tests.kortilla.signing_parts import FORMATS, answer_to, for_pyhanko

SIGNATURES = "META-INF/signatures0.xml"
_FINISHING = {"archive", "timestamper", "validation_data"}


def issue(ca: CA, **more: Any) -> Leaf:
    """Issue a signature certificate that is valid today."""
    return ca.issue(
        key("P-384"),
        **{
            "key_usage": pki.SIGNATURE,
            "not_before": timedelta(days=-30),
            "not_after": timedelta(days=30),
            **more,
        },
    )


@dataclass(frozen=True)
class Maker:
    """Signs files with a leaf of a test CA. Nothing about the leaf is checked."""

    leaf: Leaf
    ca: CA

    @property
    def trusted(self) -> TrustedCAs:
        """The CA, which is one of test cards."""
        return TrustedCAs.from_certificates([self.ca.der])

    async def _signed(self, kind: str, content: Any, **more: Any) -> bytes:
        """Sign in a format. ``more`` are arguments of either call."""
        form = FORMATS[kind]
        answering = {name: more.pop(name) for name in _FINISHING & more.keys()}
        state = await form.prepared(self.leaf.der, OWN_CARD, content, **more)
        answer = answer_to(state, self.leaf)
        return (await form.finish(state, answer, trust=OWN_CARD, **answering)).content

    async def pdf(
        self, pdf: bytes | None = None, *, visible: bool = False, **more: Any
    ) -> bytes:
        """Return a signed PDF."""
        appearance = Appearance((72, 72, 300, 120)) if visible else None
        return await self._signed("pdf", pdf, appearance=appearance, **more)

    async def container(
        self, files: dict[str, bytes] | None = None, **more: Any
    ) -> bytes:
        """Return a signed container, of two files by default."""
        files = files or {"a.txt": b"a", "ä&.txt": b"b"}
        return await self._signed("container", files, **more)

    async def detached(self, content: bytes, **more: Any) -> bytes:
        """Return a ``.p7s`` of a content."""
        return await self._signed("file", content, **more)


def repacked(
    container: bytes,
    changes: dict[str, bytes | None] | None = None,
    *more: tuple[str, bytes],
) -> bytes:
    """Return a container with files changed, taken out (None) or added."""
    changes = changes or {}
    output = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(container)) as old,
        zipfile.ZipFile(output, "w") as new,
    ):
        for entry in old.infolist():
            content = changes.get(entry.filename, old.read(entry))
            if content is not None:
                new.writestr(entry, content)
        for name, content in more:
            new.writestr(name, content)
    return output.getvalue()


def signature_of(container: bytes) -> str:
    """Return the XML of a container's signature."""
    with zipfile.ZipFile(io.BytesIO(container)) as opened:
        return opened.read(SIGNATURES).decode()


def with_signature(container: bytes, change: Callable[[str], str]) -> bytes:
    """Return a container with its signature's XML changed."""
    xml = signature_of(container)
    changed = change(xml)
    assert changed != xml
    return repacked(container, {SIGNATURES: changed.encode()})


def updated(pdf: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    """Return a PDF with an incremental update."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    change(writer)
    output = io.BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    return output.getvalue()


def replace_text(writer: IncrementalPdfFileWriter) -> None:
    """Show another text on the page."""
    other = generic.StreamObject(stream_data=b"BT /F 24 Tf 72 720 Td (Velka) Tj ET")
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Contents"] = writer.add_object(other)
    writer.update_container(page)


def cover_with_note(writer: IncrementalPdfFileWriter) -> None:
    """Put a note over the text."""
    name = generic.NameObject
    note = generic.DictionaryObject(  # type: ignore[no-untyped-call]
        {
            name("/Type"): name("/Annot"),
            name("/Subtype"): name("/FreeText"),
            name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 9, 9))),
            name("/Contents"): generic.TextStringObject("Velka"),
        }
    )
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Annots"] = generic.ArrayObject([writer.add_object(note)])
    writer.update_container(page)


def certified(pdf: bytes, leaf: Leaf, permission: MDPPerm | None = None) -> bytes:
    """Sign with another program, perhaps as an author who allows only some changes."""
    signer = SimpleSigner(*for_pyhanko(leaf))
    meta = PdfSignatureMetadata(
        field_name="Author",
        certify=permission is not None,
        docmdp_permissions=permission or MDPPerm.FILL_FORMS,
        md_algorithm="sha256",
    )
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
    return bytes(sign_pdf(writer, meta, signer).getvalue())


def encrypted(pdf: bytes, opens_with: str = "secret") -> bytes:
    """Return an encrypted PDF; an empty password opens it without any."""
    writer = copy_into_new_writer(PdfFileReader(io.BytesIO(pdf)))
    writer.encrypt(owner_pass="owner", user_pass=opens_with)  # type: ignore[no-untyped-call]
    output = io.BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    return output.getvalue()
