# SPDX-License-Identifier: MIT
"""Signing a PDF in the demo, over HTTP: the result, its bounds, and what is refused."""

import asyncio
import base64
import io
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from kortilla import Trust
from kortilla.common.texts import catalogue
from kortilla.errors import RelyingPartyError, UserCertificateRevokedError
from kortilla.signing import processes
from kortilla.signing.verification import Verdict, verify_document
from kortilla.web.refusals import TEXTS as REFUSALS
from tests.kortilla import pki
from tests.kortilla.pki import CA, Leaf
from tests.kortilla.signed_files import Maker, issue
from tests.kortilla.signing_parts import (
    GOOD,
    FixedRevocation,
    b64,
    make_pdf,
    page_answer,
)
from tests.kortilla.test_demo import LANGUAGES, Outline, Visitor
from tests.support.patience import patience
from tools.demo.site import DemoServer
from tools.demo.site.answers import TEXTS
from tools.demo.site.contract import contract_pdf
from tools.demo.site.desks import Desks, clean_name

NOT_PDF = (400, "DOCUMENT_NOT_SIGNABLE")


class Person:
    """A visitor whose browser runs the page's scripts."""

    def __init__(self, demo: DemoServer) -> None:
        self.visitor = Visitor(demo)
        self.origin = demo.origin

    async def post(
        self, path: str, content: Any = None, *, data: Any = None, **headers: str | None
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

    async def submit(
        self, path: str, origin: str | None = None
    ) -> tuple[int, str, str]:
        """Submit a form; return the status, the final path and the page."""
        headers = {"Origin": origin or self.origin}
        async with self.visitor.http.post(
            self.origin + path, headers=headers
        ) as answer:
            return answer.status, answer.url.path, await answer.text()

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
        finished = await self.post("/document/finish", answer_to(prepared, leaf))
        assert finished[0] == 200
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


@pytest.fixture
def leaf(maker: Maker) -> Leaf:
    """The certificate of the person who is logged in, for signing."""
    return maker.leaf


@pytest.fixture
async def stranger(demo: DemoServer) -> AsyncIterator[Person]:
    """A person who has not logged in."""
    person = Person(demo)
    yield person
    await person.visitor.http.close()


@pytest.fixture
async def person(demo: DemoServer, ca: CA) -> AsyncIterator[Person]:
    """A person who has logged in."""
    person = Person(demo)
    await person.visitor.log_in(ca)
    yield person
    await person.visitor.http.close()


def well_formed(page: str) -> bool:
    outline = Outline(page)
    named = outline.references <= outline.ids
    return outline.open == [] and named and outline.headings.count(1) == 1


async def rectangles(pdf: bytes, maker: Maker) -> list[list[int]]:
    """Return the place of each signature in a PDF, all of which are valid."""
    report = await verify_document(pdf, trusted=maker.trusted, revocation=GOOD)
    assert report.verdict is Verdict.VALID
    signatures = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    return [list(each.sig_field["/Rect"]) for each in signatures]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_example_is_signed_in_the_language_of_the_page(
    person: Person, maker: Maker, language: str
) -> None:
    original = (await person.get(f"/{language}/document.pdf"))[1]
    text = catalogue(TEXTS, language)
    assert original == contract_pdf(text, language=language)
    _, asking = await person.visitor.get(f"/{language}/sign")
    signed = await person.sign(maker.leaf, language)
    assert signed.startswith(original)
    assert await rectangles(signed, maker) == [[64, 96, 360, 150]]
    _, page = await person.visitor.get(f"/{language}/signed")
    assert '<dd id="signer">MAIJA SPECIMEN-MEIKÄLÄINEN</dd>' in page
    assert "PAdES B-B" in page
    assert well_formed(asking)
    assert well_formed(page)
    # A page that asks for PIN2 must not speak of identification.
    assert "PIN2" in asking
    for word in ("PIN1", "Kirjaudu", "Logga in", "Log in"):
        assert word not in asking
    headers = (await person.get(f"/{language}/signed.pdf"))[2]
    assert headers["Content-Type"] == "application/pdf"
    assert headers["Content-Disposition"].startswith("attachment;")
    assert f"-{text['signed.suffix']}.pdf" in headers["Content-Disposition"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_contract_reads_as_it_should(tmp_path: Path, language: str) -> None:
    text = catalogue(TEXTS, language)
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
    person: Person, maker: Maker
) -> None:
    pdf = make_pdf("Oma")
    answer = await person.upload(pdf, "..%2F%3Cscript%3E%22%0D%0Apa%E2%80%AEperi.PDF")
    assert answer == (200, {"name": '<script>"paperi.pdf', "size": len(pdf)})
    _, page = await person.visitor.get("/fi/sign")
    assert "<h2>&lt;script&gt;&#34;paperi.pdf</h2>" in page
    assert "<script>" not in page
    assert well_formed(page)
    assert (await person.get("/fi/document.pdf"))[1] == pdf
    signed = await person.sign(maker.leaf, "fi")
    assert signed.startswith(pdf)
    # A second signature is added, and the first stays valid.
    await person.upload(signed)
    twice = await person.sign(maker.leaf)
    assert await rectangles(twice, maker) == 2 * [[0, 0, 0, 0]]
    # At the word of another origin's page, it stays.
    status, _, page = await person.submit("/fi/example", "https://other.example")
    assert (status, "Etusivulle" in page) == (403, True)
    _, path, page = await person.submit("/fi/example")
    assert (path, "Vuokrasopimus" in page) == ("/fi/sign", True)


async def test_only_who_logged_in_may_sign(person: Person, ca: CA, leaf: Leaf) -> None:
    other = issue(ca, subject_name=pki.subject(satu="99900335E"))
    login = issue(ca, key_usage=pki.AUTHENTICATION)
    for each, refused in (
        (other, "SIGNER_MISMATCH"),
        (login, "USER_CERTIFICATE_WRONG_PURPOSE"),
    ):
        assert code(await person.prepare(each)) == (403, refused)
    # Nor can another person finish this signature.
    prepared = (await person.prepare(leaf))[1]
    finished = await person.post("/document/finish", answer_to(prepared, other))
    assert code(finished) == (403, "SIGNER_MISMATCH")
    assert (await person.get("/en/signed.pdf"))[0] == 302


async def test_a_revoked_certificate_is_refused_in_either_step(
    trust: Trust, ca: CA, leaf: Leaf
) -> None:
    checker = FixedRevocation()
    async with DemoServer(trust, host="127.0.0.1", revocation=checker) as demo:
        person = Person(demo)
        await person.visitor.log_in(ca)
        prepared = (await person.prepare(leaf))[1]
        checker.error = UserCertificateRevokedError("It was.")
        for answer in (
            await person.post("/document/finish", answer_to(prepared, leaf)),
            await person.prepare(leaf),
        ):
            assert code(answer) == (403, "USER_CERTIFICATE_REVOKED")
        await person.visitor.http.close()


async def test_what_was_prepared_is_finished_once(person: Person, leaf: Leaf) -> None:
    answer = answer_to((await person.prepare(leaf))[1], leaf)
    answers = await asyncio.gather(
        *(person.post("/document/finish", answer) for _ in range(5))
    )
    statuses = sorted(status for status, _ in answers)
    assert statuses == [200, 409, 409, 409, 409]
    # A refused preparation is used up as well.
    await person.prepare(leaf)
    bad = await person.post("/document/finish", answer)
    assert code(bad) == (403, "SIGNATURE_VALIDATION")
    again = await person.post("/document/finish", answer)
    assert code(again) == (409, "NOTHING_PREPARED")


async def test_what_was_shown_is_what_is_signed(person: Person, leaf: Leaf) -> None:
    """Another tab can't replace the document that a page shows."""
    await person.upload(make_pdf("first"))
    shown = await person.shown()
    await person.upload(make_pdf("second"))
    asked = {"certificate": b64(leaf.der), "document": shown}
    answer = await person.post("/document/prepare", asked)
    assert code(answer) == (409, "DOCUMENT_CHANGED")


async def test_nobody_else_gets_a_persons_documents(
    person: Person, leaf: Leaf, ca: CA, stranger: Person
) -> None:
    await person.upload(make_pdf("mine"))
    await person.sign(leaf)
    for path in ("sign", "signed", "document.pdf", "signed.pdf"):
        status, _, headers = await stranger.get(f"/sv/{path}")
        assert (status, headers["Location"]) == (302, "/sv/")
    await stranger.visitor.log_in(ca)  # not even for the same person in another session
    await person.submit("/en/logout")  # which forgets them
    await person.visitor.log_in(ca)
    for each in (stranger, person):
        assert (await each.get("/en/signed.pdf"))[0] == 302
        assert b"mine" not in (await each.get("/en/document.pdf"))[1]


@pytest.mark.parametrize("path", ["/document", "/document/prepare", "/document/finish"])
async def test_scripts_of_others_and_of_nobody_are_refused(
    person: Person, stranger: Person, path: str
) -> None:
    for origin in ("https://other.example", "null", None):
        answer = await person.post(path, {}, Origin=origin)
        assert code(answer) == (403, "ORIGIN_REFUSED")
    assert code(await stranger.post(path, {})) == (403, "NOT_LOGGED_IN")
    for language, words in (("fi", "Istuntosi"), ("sv", "session")):
        answer = await stranger.post(path, {}, Accept_Language=language)
        assert words in answer[1]["error"]["message"]


async def test_an_upload_is_bounded_and_a_pdf(person: Person) -> None:
    largest = b"%PDF-" + bytes(5_000_000 - 5)
    assert (await person.upload(largest))[0] == 200
    assert code(await person.upload(largest + b"1")) == (413, "DOCUMENT_TOO_LARGE")
    for content in (b"", b"<html>", b" %PDF-1.7"):
        assert code(await person.upload(content)) == NOT_PDF
    for headers in (
        {"Content_Type": "text/html"},
        {"Content_Type": None},
        {"Content_Type": "application/pdf", "Content_Encoding": "gzip"},
    ):
        answer = await person.post("/document", data=make_pdf(), **headers)
        assert code(answer)[0] == 415


async def test_a_broken_pdf_or_a_lack_of_room_is_said_when_it_is_to_be_signed(
    person: Person, leaf: Leaf, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await person.upload(make_pdf()[:200]))[0] == 200
    assert code(await person.prepare(leaf)) == (403, "DOCUMENT_NOT_SIGNABLE")
    monkeypatch.setattr(processes, "MOST_PREPARING", 0)
    assert code(await person.prepare(leaf)) == (503, "SIGNING_UNAVAILABLE")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b"\xff", 400),
        (b"[" * 50_000, 400),
        (b" " * 200_000, 413),
        (b'{"certificate": "AAAA", "document": "0", "more": 1}', 400),
        (b'{"certificate": 1, "document": "0"}', 400),
        (b'{"certificate": "AAAA", "document": ["0"]}', 400),
        (b'{"certificate": "AAAA", "certificate": "AAAA", "document": "0"}', 400),
        (b'{"certificate": "\\ud800", "document": "%s"}', 403),
        (b'{"certificate": "", "document": "%s"}', 403),
        (b'{"certificate": "' + b"A" * 9000 + b'", "document": "%s"}', 403),
    ],
)
async def test_nonsense_is_refused(person: Person, data: bytes, status: int) -> None:
    data = data.replace(b"%s", (await person.shown()).encode())
    answer = await person.post("/document/prepare", data=data)
    assert code(answer)[0] == status
    answer = await person.post(
        "/document/prepare", data=data, Content_Type="text/plain"
    )
    assert code(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "answer", [{}, {"signature": 1}, {"certificate": None, "signatures": "x" * 90_000}]
)
async def test_a_nonsense_answer_is_refused(
    person: Person, leaf: Leaf, answer: Any
) -> None:
    await person.prepare(leaf)
    assert code(await person.post("/document/finish", answer))[0] == 403
    refused = await person.post("/document/finish", answer)
    assert code(refused) == (409, "NOTHING_PREPARED")


async def test_the_document_is_nothing_but_a_pdf_to_the_browser(person: Person) -> None:
    await person.upload(b"%PDF-<script>alert(1)</script>", "x.html")
    _, _, headers = await person.get("/en/document.pdf")
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
    for name in "bcad":
        desks.of(name)
    assert desks.of("a") is first
    for name in "xyz":
        desks.of(name)
    assert desks.of("a") is not first


def test_without_pyhanko_it_says_that_it_cannot_sign() -> None:
    program = """
import asyncio, sys
sys.modules["pyhanko"] = None
import aiohttp
from kortilla import Trust
from tools.demo.site import DemoServer

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
        timeout=patience(),
    )
    assert run.stdout.split() == ["200", "False", "503", "True"], run.stderr


def test_each_refusal_of_signing_has_words_of_its_own() -> None:
    """The texts for a login would be wrong for a signature."""
    own = catalogue(TEXTS, "en")
    general = catalogue(REFUSALS, "en")
    for error in RelyingPartyError.__subclasses__():
        text = own.get(f"refused.{error.code}", general[error.code])
        if error.code.startswith(("USER_CERTIFICATE", "SIGN", "DOCUMENT")):
            assert "identifying yourself" not in text, error.code
