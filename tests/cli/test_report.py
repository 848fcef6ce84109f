# SPDX-License-Identifier: MIT
"""``kortilla verify --report``: what reports say, and where they are written."""

import asyncio
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from kortilla.common.escaping import group_digest
from kortilla.errors import UserCertificateRevokedError
from kortilla.signing.verification import (
    CertificateFacts,
    DocumentReport,
    Problem,
    SignatureReport,
    Signer,
    TrustedCAs,
    Verdict,
    document,
)
from kortilla.signing.verification.codes import NOT_YET_VALID
from kortilla.validation.trust import IssuingCA, Trust
from native_host.files import check as checking
from native_host.files import report, revocation, words
from native_host.files.check import Basis, CheckedFile
from native_host.files.report_fields import Report
from tests.cli.conftest import Run
from tests.kortilla.pki import CA
from tests.kortilla.signed_files import Maker, issue
from tests.kortilla.signing_parts import Services, make_pdf

CA_NAME = "SPECIMEN Issuing CA"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Services:
    """The CAs' services, which know of no certificate that was revoked."""
    service = Services()
    monkeypatch.setattr(revocation, "Revocation", lambda **_: service)
    return service


@pytest.fixture
def maker() -> Maker:
    root = CA.create("SPECIMEN Root CA")
    ca = CA.create(CA_NAME, parent=root)
    return Maker(issue(ca), ca)


@pytest.fixture
def files(
    maker: Maker, tmp_path: Path, service: Services, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The present folder, with signed files and the folder ``trust``."""
    folder = tmp_path / "files"
    (folder / "trust").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("KORTILLA_TRUST", str(folder / "trust"))

    async def sign() -> None:
        (folder / "a.pdf").write_bytes(await maker.pdf())
        (folder / "b.asice").write_bytes(await maker.container())
        (folder / "c.txt.p7s").write_bytes(await maker.detached(b"Sopimus"))

    asyncio.run(sign())
    (folder / "c.txt").write_bytes(b"Sopimus")
    signed = (folder / "a.pdf").read_bytes()
    (folder / "changed.pdf").write_bytes(signed.replace(b"(Sopimus)", b"(Sopimaa)"))
    (folder / "trust/ca.der").write_bytes(maker.ca.der)
    return folder


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def text_of(pdf: Path) -> str:
    told = subprocess.run(
        ["pdftotext", "-layout", str(pdf), "-"], stdout=subprocess.PIPE, check=True
    )
    return told.stdout.decode()


def read(path: Path) -> dict[str, Any]:
    """Return a report as other software reads it."""
    content = path.read_bytes()
    assert content.isascii()
    found: dict[str, Any] = json.loads(content)
    schema = json.loads(Report.schema_text())
    assert fits(found, schema, schema["$defs"])
    return found


def fits(value: Any, schema: dict[str, Any], known: dict[str, Any]) -> bool:
    """Return whether JSON has what a schema says, and nothing else."""
    if "$ref" in schema:
        return fits(value, known[schema["$ref"].rpartition("/")[2]], known)
    if "anyOf" in schema:
        return any(fits(value, each, known) for each in schema["anyOf"])
    if schema.get("type") == "object":
        parts = schema["properties"]
        return (
            isinstance(value, dict)
            and {*schema["required"]} <= value.keys() <= parts.keys()
            and all(fits(each, parts[key], known) for key, each in value.items())
        )
    if schema.get("type") == "array" and "items" in schema:
        return all(fits(each, schema["items"], known) for each in value)
    return schema.get("type") != "null" or value is None


def test_a_root_of_several_issuers_is_listed_once() -> None:
    root = CA.create("SPECIMEN Root CA")
    issuers = [CA.create(f"SPECIMEN {each}", parent=root) for each in "AB"]
    trust = Trust(
        tuple(IssuingCA(each.certificate, root.certificate) for each in issuers), True
    )
    trusted = TrustedCAs(trust, None, (root.der,))
    basis = Basis(datetime.now(UTC), False, trusted)
    checked = CheckedFile(Path("a.pdf"), None, basis=basis)
    found = report.make_report([checked]).trusted
    assert [(each.name, each.use) for each in found] == [
        ("SPECIMEN A", "authority"),
        ("SPECIMEN Root CA", "authority"),
        ("SPECIMEN B", "authority"),
    ]


def test_the_json_says_what_was_checked_and_what_came_of_it(
    run: Run, files: Path, maker: Maker
) -> None:
    names = ["a.pdf", "b.asice", "c.txt.p7s", "changed.pdf", "gone.pdf"]
    outcome = run("verify", *names, "--report", "out.json")
    assert outcome.status == 1
    found = read(files / "out.json")
    assert (found["reportFormat"], found["reportVersion"]) == (
        "kortilla-verification-report",
        1,
    )
    at = datetime.fromisoformat(found["checkedAt"])
    assert timedelta(0) <= datetime.now(UTC) - at < timedelta(minutes=5)
    assert (found["verdict"], found["indication"]) == ("not-valid", "TOTAL-FAILED")
    assert found["revocationAsked"] is True
    digest = hashlib.sha256(maker.ca.der).hexdigest()
    assert found["trusted"] == [{"name": CA_NAME, "sha256": digest, "use": "test"}]
    pdf, container, detached, changed, gone = found["files"]
    for file, name in (
        (pdf, "a.pdf"),
        (container, "b.asice"),
        (detached, "c.txt.p7s"),
        (changed, "changed.pdf"),
    ):
        assert (file["name"], file["sha256"]) == (name, sha256(files / name))
    for file in (pdf, container, detached):
        assert (file["indication"], file["subIndication"]) == ("TOTAL-PASSED", None)
        [signature] = file["signatures"]
        assert signature["indication"] == "TOTAL-PASSED"
        assert signature["signer"]["satu"] == "99902038C"
        assert (signature["revocation"], signature["issuer"]) == ("good", "test")
        assert signature["certificate"]["issuer"] == CA_NAME
    assert container["files"] == ["a.txt", "ä&.txt"]
    assert detached["signedFile"] == {
        "name": "c.txt",
        "sha256": sha256(files / "c.txt"),
    }
    assert (changed["indication"], changed["subIndication"]) == (
        "TOTAL-FAILED",
        "HASH_FAILURE",
    )
    [signature] = changed["signatures"]
    reasons = {each["code"]: each["subIndication"] for each in signature["reasons"]}
    assert reasons["DIGEST_MISMATCH"] == "HASH_FAILURE"
    assert reasons["CLAIMED_TIME"] is None
    assert (gone["sha256"], gone["indication"]) == (None, "INDETERMINATE")
    assert gone["error"]


def test_what_was_not_asked_and_what_was_revoked_is_in_it(
    run: Run, files: Path, service: Services
) -> None:
    run("verify", "a.pdf", "--offline", "--report", "offline.json")
    found = read(files / "offline.json")
    [file] = found["files"]
    assert found["revocationAsked"] is False
    assert (file["indication"], file["subIndication"]) == ("INDETERMINATE", "TRY_LATER")
    assert file["signatures"][0]["revocation"] == "not-asked"
    service.error = UserCertificateRevokedError("revoked")
    run("verify", "a.pdf", "--report", "revoked.json")
    [file] = read(files / "revoked.json")["files"]
    assert (file["indication"], file["subIndication"]) == ("TOTAL-FAILED", "REVOKED")


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_the_pdf_says_it_in_the_persons_language(
    run: Run, files: Path, maker: Maker, language: str
) -> None:
    names = ["a.pdf", "c.txt.p7s", "changed.pdf"]
    run("verify", *names, "--report", "out.PDF", "--lang", language)
    texts = words.load(language)
    said = " ".join(text_of(files / "out.PDF").split())
    for wanted in (
        texts["report.title"],
        texts["verdict.valid"],
        texts["verdict.not-valid"],
        texts["verdict.test"],
        texts["DIGEST_MISMATCH"],
        texts["report.proves_nothing"],
        f"{texts['report.file']}: changed.pdf",
        f"{texts['report.signed_file']}: c.txt",
        f"{texts['report.signer']}: MAIJA SPECIMEN-",
        "TOTAL-FAILED, HASH_FAILURE",
        # Each letter of a digest can be copied.
        group_digest(sha256(files / "a.pdf")),
        group_digest(sha256(files / "c.txt")),
        group_digest(hashlib.sha256(maker.ca.der).hexdigest()),
    ):
        assert wanted in said
    with (files / "out.PDF").open("rb") as opened:
        reader = PdfFileReader(opened)
        assert reader.root["/Lang"] == language
        assert reader.root["/ViewerPreferences"]["/DisplayDocTitle"]
        assert reader.trailer["/Info"]["/Title"] == texts["report.title"]


LIE = "The signature is valid."
HOSTILE = f"a\u202efdp\n\u2028{LIE} \N{HEBREW LETTER ALEF}<b>x.pdf"


def _hostile() -> CheckedFile:
    """Return a file whose every text tries to pass for a sentence of the report."""
    # Lines as wide as a page, so that one begins with a lie.
    lie = f"x\n{LIE}\u202e\u2029<h1>{LIE}</h1>" + f" {'x' * 60} {LIE}" * 3
    now = datetime.now(UTC)
    signature = SignatureReport(
        number=1,
        place=lie,
        intact=True,
        signer=Signer(lie, lie, lie, lie),
        certificate=CertificateFacts("01", lie, "EE", now, now, "0" * 64, b""),
        issuer="unknown",
        time=now,
        time_source="claimed",
        timestamp=None,
        covers="whole-file",
        files=(lie,),
        changes=(),
        revocation="not-asked",
        level="B-B",
        reason=lie * 100,
        location=lie,
        problems=(Problem("UNKNOWN_ISSUER", lie),),
    )
    return CheckedFile(
        Path(HOSTILE),
        DocumentReport("asice", (signature,), files=(lie,), sha256="f" * 64),
        basis=Basis(now, asked=True, trusted=TrustedCAs()),
    )


def test_no_text_of_a_file_passes_for_the_reports(tmp_path: Path) -> None:
    checked = [_hostile()]
    path = tmp_path / "out.pdf"
    path.write_bytes(report.render(checked, "en", pdf=True))
    said = text_of(path)
    texts = words.load("en")
    lines = [each for each in said.splitlines() if each.strip()]
    assert not {"\u202e", "\u2028", "\u2029"} & set(said)
    edge = min(len(each) - len(each.lstrip()) for each in lines)
    labels = [
        words[: words.index("{")] if "{" in words else f"{words}:"
        for words in (
            texts[key]
            for key in texts
            if key.startswith("report.") or key in {"files", "issuer.foreign"}
        )
    ]
    ours = [each[edge:] for each in lines if each[edge] != " "]
    assert len([each for each in lines if LIE in each]) > 5
    for line in ours:
        assert LIE not in line or any(map(line.startswith, labels)), line
    assert "<h1>" in said
    # Letters are not joined, so that each can be copied.
    assert group_digest("f" * 64) in " ".join(said.split())
    assert texts["verdict.cant-say"] in ours
    assert any(each.startswith(texts["report.claimed_signer"]) for each in ours)
    assert not any(each.startswith(f"{texts['report.signer']}:") for each in ours)
    found = json.loads(report.render(checked, "en", pdf=False))
    [file] = found["files"]
    assert file["name"].startswith("a\\u{202E}fdp\\u{A}\\u{2028}The")
    shown = json.dumps(found, ensure_ascii=False)
    assert not {"\u202e", "\u2028", "\u2029"} & set(shown)
    assert not any("\n" in each for each in _strings(found))


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list):
        return [text for each in value for text in _strings(each)]
    return [value] if isinstance(value, str) else []


def test_a_pdf_without_qt_is_refused_in_words(
    run: Run, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "native_host.files.report_pdf", None)
    outcome = run("verify", "a.pdf", "--offline", "--report", "out.pdf")
    assert (outcome.status, outcome.error) == (1, "TOOL_MISSING")
    assert not (files / "out.pdf").exists()


@pytest.mark.parametrize("end", [pytest.param("pdf", marks=pytest.mark.window), "json"])
def test_no_file_is_replaced_unless_it_is_wanted(
    run: Run, files: Path, end: str
) -> None:
    out = files / f"out.{end}"
    out.write_text("mine")
    (files / f"link.{end}").symlink_to("nowhere")
    for name in (out.name, f"link.{end}"):
        outcome = run("verify", "a.pdf", "--report", name)
        assert (outcome.status, outcome.error) == (1, "INVALID_ARGUMENT")
    assert out.read_text() == "mine"
    assert run("verify", "a.pdf", "--report", out.name, "--force").status == 0
    assert out.read_bytes()[:1] in b"%{"
    left = {each.name for each in files.iterdir()}
    assert not [each for each in left if "-2" in each or each.startswith(".")]


def test_a_file_that_is_checked_is_never_replaced(run: Run, files: Path) -> None:
    before = sha256(files / "a.pdf")
    (files / "same.pdf").symlink_to("a.pdf")
    shutil.copy("c.txt", "c.json")
    p7s = ["c.txt.p7s", "--file", "c.json"]
    for arguments in (
        ["a.pdf", "--report", "a.pdf"],
        ["a.pdf", "--report", "same.pdf"],
        ["a.pdf", "--report", "../files/a.pdf"],
        [*p7s, "--report", "c.json"],
    ):
        outcome = run("verify", *arguments, "--force")
        assert (outcome.status, outcome.error) == (1, "INVALID_ARGUMENT"), arguments
    assert sha256(files / "a.pdf") == before
    assert (files / "c.json").read_bytes() == b"Sopimus"


def test_a_report_is_written_whole_or_not_at_all(
    run: Run, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (files / "folder.json").mkdir()
    outcome = run("verify", "a.pdf", "--report", "folder.json", "--force")
    assert (outcome.status, outcome.error) == (1, "FILE_NOT_WRITABLE")
    outcome = run("verify", "a.pdf", "--report", "nowhere/out.json")
    assert (outcome.status, outcome.error) == (1, "FILE_NOT_WRITABLE")
    for wrong in ("out.txt", "out", ".pdf"):
        outcome = run("verify", "a.pdf", "--report", wrong)
        assert (outcome.status, outcome.error) == (2, "INVALID_ARGUMENT")

    def late(*arguments: Any, **options: Any) -> bytes:
        Path("late.json").write_text("another program's")
        return real(*arguments, **options)

    real: Callable[..., bytes] = report.render
    monkeypatch.setattr(report, "render", late)
    # It was not there when the check began.
    outcome = run("verify", "a.pdf", "--report", "late.json")
    assert (outcome.status, outcome.error) == (1, "INVALID_ARGUMENT")
    assert Path("late.json").read_text() == "another program's"
    assert not [each for each in files.iterdir() if "-2" in each.name]


def test_a_file_that_comes_at_the_last_moment_is_not_replaced(
    run: Run, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, looks = report.check_place, []

    def check_place(path: Path, *arguments: Any, **options: Any) -> None:
        real(path, *arguments, **options)
        looks.append(path)
        if len(looks) == 2:
            path.write_text("another program's")

    monkeypatch.setattr(report, "check_place", check_place)
    outcome = run("verify", "a.pdf", "--report", "late.json")
    assert (outcome.status, outcome.error) == (1, "INVALID_ARGUMENT")
    assert Path("late.json").read_text() == "another program's"
    assert not [each for each in files.iterdir() if "-2" in each.name]


def test_the_digest_is_of_the_bytes_that_were_verified(
    run: Run, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sha256(files / "a.pdf")
    real = document.verify_path

    async def verify_path(path: Path, **more: Any) -> DocumentReport:
        found = await real(path, **more)
        await asyncio.to_thread(path.write_bytes, make_pdf("VELKA"))
        return found

    monkeypatch.setattr(checking, "verify_path", verify_path)
    run("verify", "a.pdf", "--report", "out.json")
    [file] = read(files / "out.json")["files"]
    assert (file["sha256"], file["verdict"]) == (before, "valid")


def test_an_early_signature_has_not_expired(maker: Maker) -> None:
    checked = _hostile()
    assert checked.report
    [signature] = checked.report.signatures
    assert signature.certificate
    for detail, wanted in ((NOT_YET_VALID, "NOT_YET_VALID"), ("", "EXPIRED")):
        problems = (Problem("CERTIFICATE_OUTSIDE_VALIDITY", detail),)
        early = replace(signature, problems=problems)
        other = replace(checked, report=replace(checked.report, signatures=(early,)))
        [file] = report.make_report([other]).files
        assert file.sub_indication == file.signatures[0].sub_indication == wanted


def test_a_verdict_that_no_code_explains_has_a_sub_indication() -> None:
    checked = _hostile()
    assert checked.report
    [signature] = checked.report.signatures
    for intact, verdict in ((None, Verdict.CANT_SAY), (True, Verdict.CANT_SAY)):
        unclear = replace(signature, intact=intact, problems=())
        other = replace(checked, report=replace(checked.report, signatures=(unclear,)))
        [file] = report.make_report([other]).files
        assert (file.verdict, file.sub_indication) == (
            verdict,
            "SIG_CONSTRAINTS_FAILURE",
        )
    none = replace(checked, report=DocumentReport("pdf"))
    [file] = report.make_report([none]).files
    assert (file.verdict, file.sub_indication) == (Verdict.NOT_VALID, "FORMAT_FAILURE")
