# SPDX-License-Identifier: MIT
"""Compares Kortilla's verdict on a file with what other programs show of it."""

import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from kortilla.signing.verification import DocumentReport, Verdict, verify_document
from tests.corpus import containers
from tests.corpus.cases import Case, File
from tests.corpus.readers import PdfReaders, Shown
from tests.kortilla.pki import CA
from tests.kortilla.signed_files import Maker, issue
from tests.kortilla.signing_parts import FixedRevocation


def new_maker() -> Maker:
    """Return a signer of a new CA."""
    ca = CA.create("SPECIMEN Issuing CA", parent=CA.create("SPECIMEN Root CA"))
    return Maker(issue(ca), ca)


async def verified(maker: Maker, file: File) -> DocumentReport:
    """Return the report on a file. No certificate was revoked."""
    content, signature = file
    return await verify_document(
        content,
        signature=signature,
        trusted=maker.trusted,
        revocation=FixedRevocation(),
    )


class Readers:
    """The programs that show files, of all kinds. It is a context manager."""

    def __init__(
        self,
        of_pdf: Iterable[str] = PdfReaders.EVERY,
        of_zip: Iterable[str] = containers.EVERY,
    ) -> None:
        self._pdf = PdfReaders(of_pdf)
        self._zip = tuple(of_zip)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pdf.__exit__()

    def compare(self, case: Case, file: File) -> dict[str, Shown]:
        """Return what each program shows of a file, compared with what was signed."""
        content, signature = file
        if signature is not None:
            assert isinstance(case.signed, bytes)
            return {"openssl": _by_openssl(content, signature, case.signed)}
        content = content or b""
        if isinstance(case.signed, bytes):
            return self._pdf.compare(
                content,
                case.signed,
                case.marks + case.added,
                only_pixels=case.only_pixels,
            )
        return containers.compare(content, case.signed, self._zip)

    def agree(self, pdf: bytes) -> dict[str, Shown]:
        """Return which programs show other texts or pages of a PDF than the first."""
        return self._pdf.agree(pdf)


def defect(case: Case, report: DocumentReport, shown: dict[str, Shown]) -> str:
    """Return what is wrong with a report, or an empty text."""
    verdict = report.verdict
    named = {
        (change.page, *(change.rectangle or ()))
        for each in report.signatures
        for change in each.changes
        if any(problem.code == "MARK_ADDED" for problem in each.problems)
    }
    if verdict is Verdict.VALID and named != set(case.added):
        return f"{case.name} has marks of later signers, and others are named: {named}"
    if verdict is Verdict.VALID and "other" in shown.values():
        return f"{case.name} is called valid, but programs show other content: {shown}"
    if verdict is not case.verdict:
        return f"{case.name} is {verdict}, and should be {case.verdict}"
    return ""


def _by_openssl(content: bytes | None, signature: bytes, signed: bytes) -> Shown:
    form = "PEM" if signature.startswith(b"-----") else "DER"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.p7s").write_bytes(signature)
        command = ["openssl", "cms", "-verify", "-noverify", "-binary", "-in", "a.p7s"]
        command += ["-inform", form, "-out", "shown"]
        if content is not None:
            (folder / "content").write_bytes(content)
            command += ["-content", "content"]
        subprocess.run(command, cwd=folder, capture_output=True, check=False)
        shown = folder / "shown"
        found = shown.read_bytes() if shown.exists() else b""
    if not found:
        return "nothing"
    return "same" if found == signed else "other"
