# SPDX-License-Identifier: MIT
"""Signing a PDF in the demo, over HTTP: what it takes, refuses and gives back."""

import asyncio
import base64
import io
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from relying_party import Trust
from relying_party.demo import DemoServer
from relying_party.demo.contract import contract_pdf
from relying_party.demo.desks import Desks, clean_name
from relying_party.errors import RelyingPartyError, UserCertificateRevokedError
from relying_party.revocation import CertificatePath
from relying_party.texts import catalogue

from . import pki
from .pki import CA, Leaf, key
from .signing_parts import b64, make_pdf, page_answer
from .test_demo import LANGUAGES, Outline, Visitor

NOW = datetime.now(UTC)
OTHER_SATU = "99900335E"


class Signer:
    """A visitor whose scripts call the service."""

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
        """Return the status and the answer's JSON."""
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
        """Do all of it, and return the signed PDF."""
        status, prepared = await self.prepare(leaf, language)
        assert status == 200, prepared
        assert (await self.post("/document/finish", answer_to(prepared, leaf)))[
            0
        ] == 200
        status, signed, _ = await self.get(f"/{language}/signed.pdf")
        assert status == 200
        return signed


def answer_to(prepared: Any, leaf: Leaf) -> dict[str, Any]:
    """Return what ``kortilla.sign`` gives for what the service had prepared."""
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
            "not_before": NOW - timedelta(days=1),
            "not_after": NOW + timedelta(days=365),
            **changes,
        },
    )


@pytest.fixture(scope="module")
def signing_leaf(ca: CA) -> Leaf:
    return issue(ca)


@pytest.fixture
async def demo(trust: Trust) -> AsyncIterator[DemoServer]:
    async with DemoServer(trust, host="127.0.0.1") as demo:
        yield demo


@pytest.fixture
async def stranger(demo: DemoServer) -> AsyncIterator[Signer]:
    """Somebody who has not logged in."""
    signer = Signer(demo)
    yield signer
    await signer.visitor.http.close()


@pytest.fixture
async def signer(demo: DemoServer, ca: CA) -> AsyncIterator[Signer]:
    signer = Signer(demo)
    await signer.visitor.log_in(ca)
    yield signer
    await signer.visitor.http.close()


async def check(pdf: bytes, ca: CA, root: CA) -> Any:
    """Have pyHanko's own validator look at the last signature, and return it."""
    [*_, signature] = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    context = ValidationContext(
        trust_roots=[root.certificate], other_certs=[ca.certificate]
    )
    status = await async_validate_pdf_signature(signature, context)
    assert status.bottom_line, status.summary()
    assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    return signature


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_example_is_signed_in_the_language_of_the_page(
    signer: Signer, signing_leaf: Leaf, ca: CA, root: CA, language: str
) -> None:
    original = (await signer.get(f"/{language}/document.pdf"))[1]
    text = catalogue(language, "relying_party.demo.texts")
    assert original == contract_pdf(text, language=language)
    signed = await signer.sign(signing_leaf, language)
    assert signed.startswith(original)
    signature = await check(signed, ca, root)
    assert signature.sig_field["/Rect"] == [64, 96, 360, 150]
    _, page = await signer.visitor.get(f"/{language}/signed")
    assert '<dd id="signer">MAIJA SPECIMEN-MEIKÄLÄINEN</dd>' in page
    assert "PAdES B-B" in page
    headers = (await signer.get(f"/{language}/signed.pdf"))[2]
    assert headers["Content-Type"] == "application/pdf"
    assert headers["Content-Disposition"].startswith("attachment;")
    assert f"-{text['signed.suffix']}.pdf" in headers["Content-Disposition"]


def test_the_contract_reads_as_it_should(tmp_path: Path) -> None:
    for language in LANGUAGES:
        text = catalogue(language, "relying_party.demo.texts")
        file = tmp_path / "contract.pdf"
        file.write_bytes(contract_pdf(text, language=language))
        run = subprocess.run(
            ["pdftotext", file, "-"], capture_output=True, check=True, text=True
        )
        assert run.stderr == ""
        words = " ".join(run.stdout.split())
        for name in ("title", "p1", "p2", "p3", "p4", "signature"):
            assert text[f"contract.{name}"] in words


async def test_an_own_pdf_is_signed_and_the_example_comes_back(
    signer: Signer, signing_leaf: Leaf, ca: CA, root: CA
) -> None:
    pdf = make_pdf("Oma")
    name = "..%2Foma%0D%0Apa%E2%80%AEperi.PDF"
    status, answer = await signer.upload(pdf, name)
    assert (status, answer) == (200, {"name": "omapaperi.pdf", "size": len(pdf)})
    _, page = await signer.visitor.get("/fi/sign")
    assert "<h2>omapaperi.pdf</h2>" in page
    assert (await signer.get("/fi/document.pdf"))[1] == pdf
    signed = await signer.sign(signing_leaf, "fi")
    assert signed.startswith(pdf)
    signature = await check(signed, ca, root)
    assert signature.sig_field["/Rect"] == [0, 0, 0, 0]
    # A second signature goes on top, and the first stays good.
    await signer.upload(signed)
    twice = await signer.sign(signing_leaf)
    await check(twice, ca, root)
    assert len(PdfFileReader(io.BytesIO(twice)).embedded_signatures) == 2
    async with signer.visitor.http.post(
        f"{signer.origin}/fi/example", headers={"Origin": signer.origin}
    ) as answer:
        assert answer.url.path == "/fi/sign"
        assert "Vuokrasopimus" in await answer.text()


async def test_only_who_logged_in_may_sign(
    signer: Signer, ca: CA, signing_leaf: Leaf
) -> None:
    other = issue(ca, subject_name=pki.subject(satu=OTHER_SATU))
    answer = await signer.prepare(other)
    assert code(answer) == (403, "SIGNER_MISMATCH")
    assert "log out" in answer[1]["error"]["message"]
    # Nor may they finish what somebody else began.
    prepared = (await signer.prepare(signing_leaf))[1]
    finished = await signer.post("/document/finish", answer_to(prepared, other))
    assert code(finished) == (403, "SIGNER_MISMATCH")
    assert (await signer.get("/en/signed.pdf"))[0] == 302


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"key_usage": pki.AUTHENTICATION}, "USER_CERTIFICATE_WRONG_PURPOSE"),
        ({"key_usage": None}, "USER_CERTIFICATE_MISSING_PURPOSE"),
        ({"not_after": NOW - timedelta(hours=1)}, "CERTIFICATE_EXPIRED"),
        ({"policies": ["2.999"]}, "USER_CERTIFICATE_DISALLOWED_POLICY"),
    ],
)
async def test_a_certificate_that_may_not_sign_is_refused(
    signer: Signer, ca: CA, changes: dict[str, Any], refused: str
) -> None:
    answer = await signer.prepare(issue(ca, **changes))
    assert code(answer) == (403, refused)
    assert "identif" not in answer[1]["error"]["message"]


async def test_a_revoked_certificate_is_refused_in_either_step(
    trust: Trust, ca: CA, signing_leaf: Leaf
) -> None:
    revoked: list[bool] = []

    class Checker:
        async def check(self, path: CertificatePath, *, at: datetime) -> None:
            if revoked:
                raise UserCertificateRevokedError("It was.")

    async with DemoServer(trust, host="127.0.0.1", revocation=Checker()) as demo:
        signer = Signer(demo)
        await signer.visitor.log_in(ca)
        prepared = (await signer.prepare(signing_leaf))[1]
        revoked.append(True)
        for answer in (
            await signer.post("/document/finish", answer_to(prepared, signing_leaf)),
            await signer.prepare(signing_leaf),
        ):
            assert code(answer) == (403, "USER_CERTIFICATE_REVOKED")
        await signer.visitor.http.close()


async def test_what_was_prepared_is_finished_once(
    signer: Signer, signing_leaf: Leaf
) -> None:
    answer = answer_to((await signer.prepare(signing_leaf))[1], signing_leaf)
    answers = await asyncio.gather(
        *(signer.post("/document/finish", answer) for _ in range(5))
    )
    statuses = sorted(status for status, _ in answers)
    assert statuses == [200, 409, 409, 409, 409]
    # And what was refused is used up as well.
    await signer.prepare(signing_leaf)
    bad = await signer.post("/document/finish", answer)
    assert code(bad) == (403, "SIGNATURE_VALIDATION")
    again = await signer.post("/document/finish", answer)
    assert code(again) == (409, "NOTHING_PREPARED")


async def test_what_was_shown_is_what_is_signed(
    signer: Signer, signing_leaf: Leaf
) -> None:
    """Another tab can't change the document under a page."""
    await signer.upload(make_pdf("first"))
    shown = await signer.shown()
    await signer.upload(make_pdf("second"))
    asked = {"certificate": b64(signing_leaf.der), "document": shown}
    answer = await signer.post("/document/prepare", asked)
    assert code(answer) == (409, "DOCUMENT_CHANGED")


async def test_nobody_else_gets_a_persons_documents(
    demo: DemoServer, signer: Signer, signing_leaf: Leaf, ca: CA, stranger: Signer
) -> None:
    await signer.upload(make_pdf("mine"))
    await signer.sign(signing_leaf)
    for path in ("sign", "signed", "document.pdf", "signed.pdf"):
        status, _, headers = await stranger.get(f"/sv/{path}")
        assert (status, headers["Location"]) == (302, "/sv/")
    await stranger.visitor.log_in(ca)  # even to the same person in another session
    assert (await stranger.get("/sv/signed.pdf"))[0] == 302
    assert b"mine" not in (await stranger.get("/sv/document.pdf"))[1]


async def test_logging_out_forgets_the_documents(
    signer: Signer, signing_leaf: Leaf, ca: CA
) -> None:
    await signer.upload(make_pdf("mine"))
    await signer.sign(signing_leaf)
    async with signer.visitor.http.post(
        f"{signer.origin}/en/logout", headers={"Origin": signer.origin}
    ):
        pass
    for _ in range(2):
        assert (await signer.get("/en/signed.pdf"))[0] == 302
        await signer.visitor.log_in(ca)
    assert b"mine" not in (await signer.get("/en/document.pdf"))[1]


@pytest.mark.parametrize("path", ["/document", "/document/prepare", "/document/finish"])
async def test_scripts_of_others_and_of_nobody_are_refused(
    signer: Signer, stranger: Signer, path: str
) -> None:
    for origin in ("https://other.example", "null", None):
        answer = await signer.post(path, {}, Origin=origin)
        assert code(answer) == (403, "ORIGIN_REFUSED")
    assert code(await stranger.post(path, {})) == (403, "NOT_LOGGED_IN")
    for language, words in (("fi", "kirjautuneena"), ("sv", "inloggad")):
        answer = await stranger.post(path, {}, Accept_Language=language)
        assert words in answer[1]["error"]["message"]


async def test_the_example_comes_back_at_the_own_pages_word_only(
    signer: Signer,
) -> None:
    async with signer.visitor.http.post(
        f"{signer.origin}/fi/example", headers={"Origin": "https://other.example"}
    ) as answer:
        assert answer.status == 403
        assert "Etusivulle" in await answer.text()


NOT_PDF = (400, "DOCUMENT_NOT_SIGNABLE")


async def test_an_upload_is_bounded_and_a_pdf(signer: Signer) -> None:
    largest = b"%PDF-" + bytes(5_000_000 - 5)
    assert (await signer.upload(largest))[0] == 200
    assert code(await signer.upload(largest + b"1")) == (413, "DOCUMENT_TOO_LARGE")
    for content in (b"", b"<html>", b" %PDF-1.7"):
        assert code(await signer.upload(content)) == NOT_PDF
    for headers in (
        {"Content_Type": "text/html"},
        {"Content_Type": None},
        {"Content_Type": "application/pdf", "Content_Encoding": "gzip"},
    ):
        answer = await signer.post("/document", data=make_pdf(), **headers)
        assert answer[0] == 415
        code(answer)


@pytest.mark.parametrize(
    "pdf", [b"%PDF-1.7 nothing more", make_pdf()[:200], b"%PDF-" + bytes(100_000)]
)
async def test_a_broken_pdf_is_refused_when_it_is_to_be_signed(
    signer: Signer, signing_leaf: Leaf, pdf: bytes
) -> None:
    assert (await signer.upload(pdf))[0] == 200
    answer = await signer.prepare(signing_leaf)
    assert code(answer) == (403, "DOCUMENT_NOT_SIGNABLE")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'"text"', 400),
        (b"{}", 400),
        (b"\xff", 400),
        (b"[" * 50_000, 400),
        (b" " * 200_000, 413),
        (b'{"certificate": "AAAA", "document": "0", "more": 1}', 400),
        (b'{"certificate": "AAAA"}', 400),
        (b'{"certificate": 1, "document": "0"}', 400),
        (b'{"certificate": "AAAA", "document": ["0"]}', 400),
        (b'{"certificate": "AAAA", "certificate": "AAAA", "document": "0"}', 400),
        (b'{"certificate": "\\ud800", "document": "%s"}', 403),
        (b'{"certificate": "", "document": "%s"}', 403),
        (b'{"certificate": "AAAA", "document": "%s"}', 403),
        (b'{"certificate": "' + b"A" * 9000 + b'", "document": "%s"}', 403),
    ],
)
async def test_nonsense_is_refused(signer: Signer, data: bytes, status: int) -> None:
    data = data.replace(b"%s", (await signer.shown()).encode())
    answer = await signer.post("/document/prepare", data=data)
    assert answer[0] == status
    code(answer)
    answer = await signer.post(
        "/document/prepare", data=data, Content_Type="text/plain"
    )
    assert code(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"signature": "AAAA"},
        {"certificate": "AAAA", "signatures": []},
        {"certificate": "AAAA", "signatures": [{}]},
        {"certificate": None, "signatures": "x" * 90_000},
        {"signature": 1, "signatureAlgorithm": {}},
    ],
)
async def test_a_nonsense_answer_is_refused(
    signer: Signer, signing_leaf: Leaf, answer: Any
) -> None:
    await signer.prepare(signing_leaf)
    assert code(await signer.post("/document/finish", answer))[0] == 403
    refused = await signer.post("/document/finish", answer)
    assert code(refused) == (409, "NOTHING_PREPARED")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_pages_are_well_formed_and_labelled(
    signer: Signer, signing_leaf: Leaf, language: str
) -> None:
    pages = [(await signer.visitor.get(f"/{language}/sign"))[1]]
    await signer.upload(make_pdf(), "%3Cscript%3E%22.pdf")
    pages.append((await signer.visitor.get(f"/{language}/sign"))[1])
    await signer.sign(signing_leaf, language)
    pages.append((await signer.visitor.get(f"/{language}/signed"))[1])
    for page in pages:
        outline = Outline(page)
        assert outline.open == []
        assert outline.references <= outline.ids
        assert outline.headings.count(1) == 1
        assert "<script>" not in page
    assert "&lt;script&gt;&quot;.pdf" in pages[1]
    # Identifying is never said where PIN2 is asked for.
    assert "PIN2" in pages[0]
    assert "PIN1" not in pages[0]
    for word in ("Kirjaudu", "Logga in", "Log in"):
        assert word not in pages[0]


async def test_the_document_is_nothing_but_a_pdf_to_the_browser(
    signer: Signer,
) -> None:
    await signer.upload(b"%PDF-<script>alert(1)</script>", "x.html")
    _, _, headers = await signer.get("/en/document.pdf")
    assert headers["Content-Type"] == "application/pdf"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"].startswith("inline;")
    assert "x.html.pdf" in headers["Content-Disposition"]
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("", "document.pdf"),
        ("....pdf", "document.pdf"),
        ("C:\\Users\\aino\\Sopimus.PDF", "Sopimus.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("a\u202efdp.exe", "afdp.exe.pdf"),
        ("Säätiön čáŋ\x00\n.pdf", "Säätiön čáŋ.pdf"),
        ("x" * 300 + ".pdf", "x" * 100 + ".pdf"),
    ],
)
def test_names_of_files(name: str, clean: str) -> None:
    assert clean_name(name) == clean


def test_desks_do_not_grow_without_end() -> None:
    desks = Desks(capacity=3)
    first = desks.of("a")
    for name in "bc":
        desks.of(name)
    assert desks.of("a") is first
    desks.of("d")
    assert desks.of("a") is first
    assert desks.of("b") is not None
    desks.clear("a")
    assert desks.of("a") is not first


def test_without_pyhanko_it_says_that_it_cannot_sign() -> None:
    program = """
import asyncio, sys
sys.modules["pyhanko"] = None
import aiohttp
from relying_party import Trust
from relying_party.demo import DemoServer

async def main():
    async with DemoServer(Trust((), True)) as demo, aiohttp.ClientSession() as http:
        for path in ("/sv/", "/sv/sign"):
            async with http.get(demo.origin + path) as answer:
                print(answer.status, "kortilla[signing]" in await answer.text())

asyncio.run(main())
"""
    run = subprocess.run(
        [sys.executable, "-I", "-c", program],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert run.stdout.split() == ["200", "False", "503", "True"], run.stderr


def test_each_refusal_of_signing_has_words_of_its_own() -> None:
    """What the validator says of a login would be wrong of a signature."""
    own = catalogue("en", "relying_party.demo.texts")
    general = catalogue("en")
    for error in RelyingPartyError.__subclasses__():
        text = own.get(f"refused.{error.code}", general[error.code])
        if error.code.startswith(("USER_CERTIFICATE", "SIGN", "DOCUMENT")):
            assert "identifying yourself" not in text, error.code
