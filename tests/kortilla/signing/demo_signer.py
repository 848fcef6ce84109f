# SPDX-License-Identifier: MIT
"""A visitor of the demo's signing page, and checks of the signed PDF."""

import base64
import io
import json
from datetime import timedelta
from typing import Any

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from tests.kortilla import pki
from tests.kortilla.pki import CA, Leaf, key
from tests.kortilla.signing_parts import b64, page_answer
from tests.kortilla.test_demo import Visitor
from tools.demo.site import DemoServer

OTHER_SATU = "99900335E"


class Signer:
    """A visitor with scripts that call the service."""

    def __init__(self, demo: DemoServer) -> None:
        self.visitor = Visitor(demo)
        self.origin = demo.origin

    async def post(
        self,
        path: str,
        content: Any = None,
        *,
        data: Any = None,
        **headers: str | None,
    ) -> tuple[int, Any]:
        """Return the status and the response's JSON."""
        sent = {
            "Origin": self.origin,
            "Content-Type": "application/json",
            "Accept-Language": "en",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        async with self.visitor.http.post(
            self.origin + path,
            data=json.dumps(content) if data is None else io.BytesIO(data),
            headers={name: value for name, value in sent.items() if value is not None},
            allow_redirects=False,
        ) as answer:
            assert answer.content_type == "application/json", await answer.text()
            assert answer.headers["Cache-Control"] == "no-store"
            return answer.status, await answer.json()

    async def get(self, path: str) -> tuple[int, bytes, Any]:
        async with self.visitor.http.get(
            self.origin + path, allow_redirects=False
        ) as answer:
            return answer.status, await answer.read(), answer.headers

    async def upload(self, content: bytes, name: str = "own.pdf") -> tuple[int, Any]:
        return await self.post(
            f"/document?name={name}", data=content, Content_Type="application/pdf"
        )

    async def shown(self, language: str = "en") -> str:
        """Return the digest of the document that the page shows."""
        _, page = await self.visitor.get(f"/{language}/sign")
        return page.split('data-digest="')[1].split('"')[0]

    async def prepare(self, leaf: Leaf, language: str = "en") -> tuple[int, Any]:
        asked = {"certificate": b64(leaf.der), "document": await self.shown(language)}
        return await self.post("/document/prepare", asked)

    async def sign(self, leaf: Leaf, language: str = "en") -> bytes:
        """Run all steps and return the signed PDF."""
        status, prepared = await self.prepare(leaf, language)
        assert status == 200, prepared
        assert (await self.post("/document/finish", answer_to(prepared, leaf)))[
            0
        ] == 200
        status, signed, _ = await self.get(f"/{language}/signed.pdf")
        assert status == 200
        return signed


def answer_to(prepared: Any, leaf: Leaf) -> dict[str, Any]:
    """Return the result of ``kortilla.sign`` for what the service has prepared."""
    [wanted] = prepared["hashes"]
    digests = {wanted["name"]: base64.b64decode(wanted["hash"])}
    return page_answer(leaf, digests, wanted["hashFunction"])


def code(answer: tuple[int, Any]) -> tuple[int, str]:
    assert set(answer[1]) == {"error"}
    assert answer[1]["error"]["message"]
    return answer[0], answer[1]["error"]["code"]


def issue(ca: CA, **changes: Any) -> Leaf:
    return ca.issue(
        key("P-384"),
        **{
            "key_usage": pki.SIGNATURE,
            "not_before": timedelta(days=-1),
            "not_after": timedelta(days=365),
            **changes,
        },
    )


async def check(pdf: bytes, ca: CA, root: CA) -> Any:
    """Validate the last signature with pyHanko's own validator; return the status."""
    [*_, signature] = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    context = ValidationContext(
        trust_roots=[root.certificate], other_certs=[ca.certificate]
    )
    status = await async_validate_pdf_signature(signature, context)
    assert status.bottom_line, status.summary()
    assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    return signature
