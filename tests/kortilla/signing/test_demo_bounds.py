# SPDX-License-Identifier: MIT
"""The limits of the demo's signing service, and the content of its pages."""

import subprocess
import sys
from typing import Any

import pytest

from kortilla.common.texts import catalogue
from kortilla.errors import RelyingPartyError
from kortilla.signing import processes
from kortilla.web.refusals import TEXTS as REFUSALS
from tests.kortilla.pki import Leaf
from tests.kortilla.signing.demo_signer import Signer, code
from tests.kortilla.signing_parts import make_pdf
from tests.kortilla.test_demo import LANGUAGES, Outline
from tests.support.patience import patience
from tools.demo.site.answers import TEXTS
from tools.demo.site.desks import Desks, clean_name

NOT_PDF = (400, "DOCUMENT_NOT_SIGNABLE")


@pytest.mark.parametrize("path", ["/document", "/document/prepare", "/document/finish"])
async def test_scripts_of_others_and_of_nobody_are_refused(
    signer: Signer, stranger: Signer, path: str
) -> None:
    for origin in ("https://other.example", "null", None):
        answer = await signer.post(path, {}, Origin=origin)
        assert code(answer) == (403, "ORIGIN_REFUSED")
    assert code(await stranger.post(path, {})) == (403, "NOT_LOGGED_IN")
    for language, words in (("fi", "Istuntosi"), ("sv", "session")):
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


async def test_a_server_that_has_no_room_says_so(
    signer: Signer, signing_leaf: Leaf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "MOST_PREPARING", 0)
    answer = await signer.prepare(signing_leaf)
    assert code(answer) == (503, "SIGNING_UNAVAILABLE")


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
    assert "&lt;script&gt;&#34;.pdf" in pages[1]
    # A page that asks for PIN2 must not speak of identification.
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
