# SPDX-License-Identifier: MIT
"""Signing a PDF in the demo, over HTTP: accepted and refused input, and the result."""

import asyncio
import io
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from kortilla import Trust
from kortilla.common.texts import catalogue
from kortilla.errors import UserCertificateRevokedError
from kortilla.revocation import CertificatePath
from tests.kortilla import pki
from tests.kortilla.pki import CA, Leaf
from tests.kortilla.signing.demo_signer import (
    OTHER_SATU,
    Signer,
    answer_to,
    check,
    code,
    issue,
)
from tests.kortilla.signing_parts import b64, make_pdf
from tests.kortilla.test_demo import LANGUAGES
from tools.demo.site import DemoServer
from tools.demo.site.answers import TEXTS
from tools.demo.site.contract import contract_pdf


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_example_is_signed_in_the_language_of_the_page(
    signer: Signer, signing_leaf: Leaf, ca: CA, root: CA, language: str
) -> None:
    original = (await signer.get(f"/{language}/document.pdf"))[1]
    text = catalogue(TEXTS, language)
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
    # A second signature is added, and the first stays valid.
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
    # Nor can another person finish this signature.
    prepared = (await signer.prepare(signing_leaf))[1]
    finished = await signer.post("/document/finish", answer_to(prepared, other))
    assert code(finished) == (403, "SIGNER_MISMATCH")
    assert (await signer.get("/en/signed.pdf"))[0] == 302


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"key_usage": pki.AUTHENTICATION}, "USER_CERTIFICATE_WRONG_PURPOSE"),
        ({"key_usage": None}, "USER_CERTIFICATE_MISSING_PURPOSE"),
        ({"not_after": timedelta(hours=-1)}, "CERTIFICATE_EXPIRED"),
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
    # A refused preparation is used up as well.
    await signer.prepare(signing_leaf)
    bad = await signer.post("/document/finish", answer)
    assert code(bad) == (403, "SIGNATURE_VALIDATION")
    again = await signer.post("/document/finish", answer)
    assert code(again) == (409, "NOTHING_PREPARED")


async def test_what_was_shown_is_what_is_signed(
    signer: Signer, signing_leaf: Leaf
) -> None:
    """Another tab can't replace the document that a page shows."""
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
    await stranger.visitor.log_in(ca)  # not even for the same person in another session
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
