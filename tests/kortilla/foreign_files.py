# SPDX-License-Identifier: MIT
"""Files that somebody of another country signed, with another program than ours.

Ours signs with Citizen Certificates only. A PDF is signed by pyHanko, a container by
the functions that write the XML.
"""

import io
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import SimpleSigner
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner

from kortilla.clock import utc_now
from kortilla.signing import xades
from kortilla.signing.state import Digest
from tests.kortilla.pki import CA, Leaf
from tests.kortilla.signed_files import SIGNATURES, Maker, issue, repacked
from tests.kortilla.signing_parts import for_pyhanko, make_pdf


class _Signer(PdfSigner):
    """Signs at a time, or now."""

    time: datetime | None = None

    def init_signing_session(self, *args: Any, **options: Any) -> Any:
        session = super().init_signing_session(*args, **options)
        session.system_time = self.time or session.system_time
        return session


async def foreign_pdf(
    leaf: Leaf,
    pdf: bytes | None = None,
    *,
    time: datetime | None = None,
    **more: Any,
) -> bytes:
    """Return a PDF with a PAdES signature. ``more`` are arguments of the signer."""
    meta = PdfSignatureMetadata(
        field_name="Signature",
        subfilter=SigSeedSubFilter.PADES,
        md_algorithm="sha384",
        embed_validation_info=False,
    )
    signer = _Signer(meta, SimpleSigner(*for_pyhanko(leaf)), **more)
    signer.time = time
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf or make_pdf("Leping")))
    return bytes((await signer.async_sign_pdf(writer)).getvalue())


async def foreign_container(
    leaf: Leaf, *chain: bytes, time: datetime | None = None
) -> bytes:
    """Return an ASiC-E container of one file, signed with a key on P-384."""
    files = {"leping.txt": b"Leping"}
    ca = CA.create("SPECIMEN Other CA")
    ours = await Maker(issue(ca), ca).container(files)
    digests = {name: Digest.of(each, "SHA-384") for name, each in files.items()}
    root = xades.build_signature(
        digests,
        certificate=leaf.der,
        chain=chain,
        ecc=True,
        hash_function="SHA-384",
        time=time or utc_now(),
    )
    signed = xades.canonical(root.find(f".//{xades.DS}SignedInfo"))
    assert isinstance(leaf.key, ec.EllipticCurvePrivateKey)
    value = leaf.key.sign(signed, ec.ECDSA(hashes.SHA384()))
    raw = b"".join(part.to_bytes(48) for part in decode_dss_signature(value))
    xades.set_value(root, raw)
    return repacked(ours, {SIGNATURES: xades.serialise(root)})
