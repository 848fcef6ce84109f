# SPDX-License-Identifier: MIT
"""``kortilla verify``: what it says of files, and its exit status."""

import asyncio
import io
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import tzset
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from kortilla.errors import (
    UserCertificateOCSPCheckFailedError,
    UserCertificateRevokedError,
)
from kortilla.mock_card.authority import Authority
from kortilla.mock_card.state import MockCardState, default_folder
from kortilla.signing import xades
from native_host.files import revocation
from native_host.files import words as catalogue
from native_host.platform.paths import own_folder
from tests.cli.conftest import NewCard, Run
from tests.kortilla.pki import CA
from tests.kortilla.signed_files import Maker, issue, replace_text, updated
from tests.kortilla.signing_parts import Services, make_pdf
from tests.kortilla.timestamps import stamper

SIGN = ("--card", "mock", "--prompt", "automatic", "--lang", "en")


@pytest.fixture(autouse=True)
def signed(
    run: Run, new_card: NewCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The present folder, with ``a-signed.pdf`` and ``b.asice``."""
    new_card("v5", "active")
    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "a.pdf").write_bytes(make_pdf("Sopimus"))
    (folder / "b.txt").write_text("muistio")
    assert run("sign", "a.pdf", "b.txt", *SIGN).status == 0
    return folder


@pytest.fixture
def trust(signed: Path, home: Path) -> Path:
    """A folder with the test CAs of the card that signed."""
    folder = signed / "trust"
    folder.mkdir()
    for each in (home / ".local/share/kortilla/mock-card").glob("*.der"):
        shutil.copy(each, folder)
    return folder


@pytest.fixture(autouse=True)
def service(monkeypatch: pytest.MonkeyPatch) -> Services:
    """The CAs' services, which know of no certificate that was revoked."""
    service = Services()
    monkeypatch.setattr(revocation, "Revocation", lambda **_: service)
    return service


def codes(file: dict[str, Any]) -> set[str]:
    found = [*file["reasons"]]
    for signature in file["signatures"]:
        found += signature["reasons"]
    return {each["code"] for each in found}


def test_what_a_known_ca_issued_is_valid_and_marked_as_a_test_cards(
    run: Run, trust: Path
) -> None:
    words = ("verify", "a-signed.pdf", "b.asice", "--trust", str(trust))
    outcome = run(*words)
    assert (len(outcome.lines), outcome.words) == (1, "")
    assert (outcome.status, outcome.result["verdict"]) == (0, "valid")
    for file in outcome.result["files"]:
        [signature] = file["signatures"]
        assert (signature["issuer"], signature["intact"]) == ("test", True)
        assert "der" not in signature["certificate"]
    told = run(*words, json=False)
    assert told.words.count("Test card. This is not a real person's signature.") == 2
    assert "Signed files: b.txt" in told.words
    first, second = told.lines[:2]
    assert first.startswith("a-signed.pdf: Test card.")
    assert second == "  The signature is valid."


def test_without_a_folder_it_says_what_it_can_not_judge(run: Run) -> None:
    outcome = run("verify", "a-signed.pdf", "--offline")
    assert (outcome.status, outcome.result["verdict"]) == (3, "cant-say")
    told = run("verify", "a-signed.pdf", "--offline", json=False).words
    assert "It could not be confirmed that the signature is valid." in told
    # The signer is named, but not as somebody who is known to have signed.
    assert "SPECIMEN-" in told
    assert ": could not be confirmed" in told


def test_the_worst_of_several_files_decides(
    run: Run, signed: Path, trust: Path
) -> None:
    content = (signed / "a-signed.pdf").read_bytes()
    (signed / "changed.pdf").write_bytes(content.replace(b"Sopimus", b"Sopinus"))
    (signed / "plain.txt").write_text("plain")
    trusted = ("--trust", str(trust))
    table = {
        ("a-signed.pdf",): (0, "valid", set()),
        ("changed.pdf",): (1, "not-valid", {"DIGEST_MISMATCH"}),
        ("a.pdf",): (1, "not-valid", {"NOT_SIGNED"}),
        ("plain.txt",): (3, "cant-say", {"NOT_A_SIGNED_FORMAT"}),
        ("a-signed.pdf", "plain.txt"): (3, "cant-say", set()),
        ("a-signed.pdf", "plain.txt", "changed.pdf"): (1, "not-valid", set()),
    }
    for files, (status, verdict, wanted) in table.items():
        outcome = run("verify", *files, *trusted)
        assert (outcome.status, outcome.result["verdict"]) == (status, verdict), files
        assert wanted <= codes(outcome.result["files"][0])
    told = run("verify", "a.pdf", *trusted, json=False)
    assert "Nobody has signed this file." in told.words


@pytest.mark.parametrize(
    ("configured", "asked", "spoken"),
    [
        ("fi", "sv", "sv"),
        ("fi", "de", "fi"),
        ("sv", None, "sv"),
        ("system", "fi", "fi"),
    ],
)
def test_the_language_of_the_command_wins_over_the_configured_one(
    run: Run, home: Path, configured: str, asked: str | None, spoken: str
) -> None:
    config = home / ".config/kortilla/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'language = "{configured}"\n')
    (home / "plain.txt").write_text("plain")
    options = ("--lang", asked) if asked else ()
    told = run("verify", str(home / "plain.txt"), *options, json=False)
    assert catalogue.load(spoken)["verdict.cant-say"] in told.words


def test_a_file_that_can_not_be_read_is_not_judged(run: Run, signed: Path) -> None:
    os.mkfifo(signed / "pipe")
    for name in ("missing.pdf", "pipe", "."):
        outcome = run("verify", name, "--offline")
        assert (outcome.status, outcome.result["verdict"]) == (3, "cant-say")
        assert outcome.result["files"][0]["error"]
    told = run("verify", "pipe", "--offline", "--lang", "fi", json=False)
    assert "Tiedostoa ei voi lukea." in told.words


@pytest.mark.parametrize("signed_format", ["a-signed.pdf", "b.asice"])
@pytest.mark.parametrize("missing", ["missing.p7s", "{}.p7s", "gone.asice"])
def test_a_missing_file_hides_no_verdict_on_another(
    run: Run, trust: Path, signed_format: str, missing: str
) -> None:
    missing = missing.format(signed_format)
    words = ("verify", signed_format, missing, "--trust", str(trust))
    outcome = run(*words, "--report", "out.json")
    report = json.loads(Path("out.json").read_text())
    for result in (outcome.result, report):
        first, second = result["files"]
        assert (first["verdict"], second["verdict"]) == ("valid", "cant-say")
        assert second["error"] == "No such file or directory"
    assert outcome.status == 3
    told = run(*words, json=False)
    assert f"{signed_format}: Test card." in told.words
    assert f"{missing}: The file can't be read.\n  No such file or" in told.words
    assert run("verify", "a.pdf", *words[1:]).status == 1


def test_a_file_with_signatures_of_its_own_is_judged_beside_its_p7s(
    run: Run, signed: Path, trust: Path
) -> None:
    (signed / "b.asice.p7s").write_bytes(b"0\x80")
    outcome = run("verify", "b.asice", "b.asice.p7s", "--trust", str(trust))
    first, second = outcome.result["files"]
    assert (first["verdict"], second["verdict"]) == ("valid", "cant-say")


async def _detach(folder: Path) -> Path:
    """Sign ``b.txt`` in a .p7s in a folder of its own, and return its CAs' folder."""
    root = CA.create("SPECIMEN Root CA")
    ca = CA.create("SPECIMEN Issuing CA", parent=root)
    maker = Maker(issue(ca), ca)
    (folder / "apart").mkdir()
    content = (folder / "b.txt").read_bytes()
    (folder / "apart" / "c.p7s").write_bytes(await maker.detached(content))
    (folder / "cas").mkdir()
    for number, each in enumerate((root, ca)):
        (folder / "cas" / f"{number}.der").write_bytes(each.der)
    return folder / "cas"


def test_a_detached_signature_may_be_elsewhere_than_its_file(
    run: Run, signed: Path
) -> None:
    trust = asyncio.run(_detach(signed))
    (signed / "other.txt").write_text("other")
    trusted = ("--trust", str(trust))
    # The file beside it is checked with it, once.
    (signed / "c.txt").write_text("c")
    (signed / "c.txt.p7s").write_bytes(b"0\x80")
    outcome = run("verify", "c.txt", "c.txt.p7s", "--offline")
    assert [each["name"] for each in outcome.result["files"]] == ["c.txt.p7s"]
    assert outcome.status == 3
    table = {
        "apart/c.p7s --file b.txt": (0, set()),
        "b.txt apart/c.p7s": (0, set()),
        "apart/c.p7s --file other.txt": (1, {"DIGEST_MISMATCH"}),
        "apart/c.p7s other.txt": (1, {"DIGEST_MISMATCH"}),
        "apart/c.p7s": (3, {"NO_CONTENT"}),
        "apart/c.p7s b.txt other.txt": (3, {"NO_CONTENT"}),
    }
    for arguments, (status, wanted) in table.items():
        outcome = run("verify", *arguments.split(), *trusted)
        assert outcome.status == status, arguments
        first = outcome.result["files"][0]
        assert first["name"] == "c.p7s"
        assert wanted <= codes(first)
    # The file beside it comes before another.
    (signed / "apart" / "c").write_text("other")
    assert run("verify", "apart/c.p7s", "b.txt", *trusted).status == 1
    missing = run("verify", "apart/c.p7s", "--file", "gone.txt", *trusted, json=False)
    assert missing.status == 3
    assert "gone.txt: No such file or directory" in missing.words
    for wrong in (["b.asice"], ["apart/c.p7s", "b.asice"]):
        outcome = run("verify", *wrong, "--file", "b.txt")
        assert (outcome.status, outcome.error) == (2, "INVALID_ARGUMENT")


def test_a_test_cards_ca_counts_only_where_somebody_names_it(
    run: Run, trust: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trust, own_folder())
    words = ("verify", "a-signed.pdf")
    outcome = run(*words)
    assert (outcome.status, outcome.result["verdict"]) == (3, "cant-say")
    monkeypatch.setenv("KORTILLA_TRUST", str(trust))
    outcome = run(*words)
    assert (outcome.status, outcome.result["verdict"]) == (0, "valid")
    [signature] = outcome.result["files"][0]["signatures"]
    assert signature["issuer"] == "test"


def test_a_time_stamping_authority_in_the_folder_proves_the_time(
    run: Run, tmp_path: Path
) -> None:
    authority = Authority.create()
    ca = CA.create("SPECIMEN Issuing CA", parent=CA.create("SPECIMEN Root CA"))
    service = stamper(authority)
    maker = Maker(issue(ca), ca)
    file = tmp_path / "a.pdf"
    file.write_bytes(asyncio.run(maker.pdf(timestamper=service)))
    folder = tmp_path / "trust"
    folder.mkdir()
    (folder / "ca.der").write_bytes(ca.der)
    for known, source in (
        (b"", "claimed"),
        (service.tsa_cert.dump(), "timestamp"),
        (authority.root_der, "claimed"),  # nobody sends the CA between
        (authority.issuing_der, "timestamp"),
    ):
        (folder / "tsa.der").unlink(missing_ok=True)
        if known:
            (folder / "tsa.der").write_bytes(known)
        outcome = run("verify", str(file), "--trust", str(folder))
        [signature] = outcome.result["files"][0]["signatures"]
        assert (outcome.status, signature["timeSource"]) == (0, source)


def test_what_was_signed_of_a_changed_file_is_saved(
    run: Run, signed: Path, trust: Path, tmp_path: Path
) -> None:
    original = (signed / "a-signed.pdf").read_bytes()
    (signed / "other.pdf").write_bytes(updated(original, replace_text))
    folder = tmp_path / "saved"
    folder.mkdir()
    save = ("--save-signed", str(folder), "--offline", "--trust", str(trust))
    outcome = run("verify", "other.pdf", "b.asice", "a.pdf", *save, "--lang", "fi")
    pdf, container, unsigned = outcome.result["files"]
    assert "CHANGED_AFTER_SIGNING" in codes(pdf)
    assert pdf["saved"] == [str(folder / "other-allekirjoitettu-sisältö.pdf")]
    assert container["saved"] == [str(folder / "b-allekirjoitettu-sisältö/b.txt")]
    assert unsigned["saved"] == []
    for path, content in (
        (Path(pdf["saved"][0]), original),
        (Path(container["saved"][0]), (signed / "b.txt").read_bytes()),
    ):
        assert path.read_bytes() == content
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # Nothing is overwritten, and what a signature does not fit is not written.
    (signed / "changed.pdf").write_bytes(original.replace(b"Sopimus", b"Sopinus"))
    outcome = run("verify", "other.pdf", "changed.pdf", *save, "--lang", "fi")
    again, changed = outcome.result["files"]
    assert again["saved"] == [str(folder / "other-allekirjoitettu-sisältö-2.pdf")]
    assert changed["saved"] == []
    told = run("verify", "other.pdf", *save, "--lang", "en", json=False).words
    assert "The file was changed after it was signed. Don't trust it." in told
    assert f"What was signed is in the file {folder / 'other-as-signed.pdf'}" in told
    told = run("verify", "other.pdf", "--offline", "--lang", "en", json=False).words
    assert "The option --save-signed saves what was signed." in told
    outcome = run("verify", "other.pdf", "--save-signed", "/proc", "--offline")
    assert (outcome.status, outcome.error) == (1, "FILE_NOT_WRITABLE")
    outcome = run("verify", "other.pdf", "--save-signed", "missing")
    assert (outcome.status, outcome.error) == (2, "INVALID_ARGUMENT")


def test_a_later_mark_is_named_in_each_form_of_the_result(
    run: Run, signed: Path, trust: Path
) -> None:
    mark = ("--visible", "1:bottom-left")
    assert run("sign", "a-signed.pdf", *SIGN, *mark).status == 0
    words = ("verify", "a-signed-signed.pdf", "--trust", str(trust))
    outcome = run(*words, "--report", "r.json")
    first, second = outcome.result["files"][0]["signatures"]
    assert (outcome.status, first["verdict"]) == (0, "valid")
    [change] = first["changes"]
    assert (change["kind"], change["page"]) == ("signature", 1)
    for each, marked in ((first, True), (second, False)):
        assert ("MARK_ADDED" in {p["code"] for p in each["reasons"]}) == marked
    [file] = json.loads(Path("r.json").read_text())["files"]
    codes = [{r["code"] for r in each["reasons"]} for each in file["signatures"]]
    assert ["MARK_ADDED" in each for each in codes] == [True, False]
    told = run(*words, "--lang", "en", json=False)
    name = "AINO SPECIMEN-VIRTANEN"
    said = f"{name} signed the document without the mark of {name} on page 1."
    head, verdict, mark_added, first_signer, added, *_ = told.lines
    assert head.endswith("Test card. This is not a real person's signature.")
    assert verdict == "  Both signatures are valid."
    assert mark_added == "  A later signer added a mark."
    assert (first_signer, added) == (f"  1. {name}: valid", f"    {said}")
    assert told.lines[-1] == "  The option --save-signed saves what was signed."


@pytest.fixture
def in_finland() -> Iterator[None]:
    """The computer's time zone is Finland's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Europe/Helsinki")
        tzset()
        yield
    tzset()


@pytest.mark.usefixtures("in_finland")
def test_a_claimed_time_that_the_zone_lacks_ends_no_check(
    run: Run, trust: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = CA.create("CA")
    (trust / "ca.der").write_bytes(ca.der)
    build, claimed = xades.build_signature, datetime(9999, 12, 31, 23, tzinfo=UTC)

    def building(*arguments: Any, **more: Any) -> Any:
        return build(*arguments, **{**more, "time": claimed})

    monkeypatch.setattr(xades, "build_signature", building)
    container = asyncio.run(Maker(issue(ca), ca).container())
    Path("claimed.asice").write_bytes(container)
    words = ("verify", "claimed.asice", "--trust", "trust", "--report", "r.pdf")
    assert "9999" in run(*words, "--lang", "en", json=False).words


def test_hostile_names_do_not_garble_the_terminal(run: Run, signed: Path) -> None:
    hostile = "c\x1b]0;x\x07\u202ecisa.asice"
    made = io.BytesIO()
    with zipfile.ZipFile(signed / "b.asice") as old, zipfile.ZipFile(made, "w") as new:
        for each in old.infolist():
            new.writestr(each, old.read(each))
        new.writestr("\x1b[2J\u202e.txt", b"")
    (signed / hostile).write_bytes(made.getvalue())
    told = run("verify", hostile, "--offline", json=False).words
    assert "\\u{1B}]0;x\\u{7}\\u{202E}cisa.asice: " in told
    outcome = run("verify", hostile, "--offline")
    assert outcome.status in (1, 3)
    assert (told + outcome.lines[0]).replace("\n", "").isprintable()


def test_what_was_signed_gets_no_hostile_name(run: Run, signed: Path) -> None:
    for end in (".pdf", ".asice"):
        shutil.copy(next(signed.glob(f"[ab]*{end}")), signed / f"c\u202e\x1b{end}")
    (signed / "saved").mkdir()
    files = ("c\u202e\x1b.pdf", "c\u202e\x1b.asice")
    run("verify", *files, "--offline", "--save-signed", "saved", "--lang", "en")
    run("verify", *files, "--offline", "--report", "saved/r\u202e.json")
    made = {str(each.relative_to("saved")) for each in Path("saved").rglob("*")}
    assert {"c__-as-signed", "c__-as-signed/b.txt", "r_.json"} <= made
    assert all(each.isprintable() for each in made)


def test_a_hostile_argument_is_shown_escaped(run: Run) -> None:
    hostile = "c\x1b[2J\u202ecisa"
    for words in (("doctor", hostile), ("verify", f"--{hostile}"), (hostile,)):
        told = run(*words, json=False).words
        assert told.replace("\n", "").isprintable(), words


def test_the_authority_is_asked_about_revocation_unless_offline(
    run: Run, trust: Path, service: Services
) -> None:
    words = ("verify", "a-signed.pdf", "--trust", str(trust))
    service.error = UserCertificateRevokedError("revoked")
    outcome = run(*words)
    assert outcome.status == 1
    assert "CERTIFICATE_REVOKED" in codes(outcome.result["files"][0])
    assert service.count == 1
    outcome = run(*words, "--offline")
    assert (outcome.status, outcome.result["verdict"]) == (3, "cant-say")
    assert "REVOCATION_NOT_ASKED" in codes(outcome.result["files"][0])
    assert service.count == 1


@pytest.mark.parametrize(
    ("language", "unasked", "unanswered"),
    [
        ("en", "has not been checked whether the card", "could not be checked whether"),
        ("fi", "Ei ole tarkistettu, onko kortti", "Ei voitu tarkistaa, onko kortti"),
        ("sv", "har inte kontrollerats om kortet", "gick inte att kontrollera om"),
    ],
)
def test_a_good_file_without_an_answer_is_no_warning_and_says_what_is_missing(
    run: Run,
    trust: Path,
    service: Services,
    language: str,
    unasked: str,
    unanswered: str,
) -> None:
    words = ("verify", "a-signed.pdf", "--trust", str(trust), "--lang", language)
    service.error = UserCertificateOCSPCheckFailedError("no answer")
    texts = catalogue.load(language)
    for more, said in (("--offline",), unasked), ((), unanswered):
        told = run(*words, *more, json=False)
        assert told.status == 3
        assert said in told.words
        assert "SPECIMEN-" in told.words.split(said)[0]
        assert texts["verdict.cant-say"] not in told.words


def test_a_folder_with_something_else_is_refused(run: Run, signed: Path) -> None:
    (signed / "bad").mkdir()
    (signed / "bad" / "ca.pem").write_text("no certificate")
    outcome = run("verify", "a-signed.pdf", "--offline", "--trust", "bad")
    assert (outcome.status, outcome.error) == (2, "INVALID_ARGUMENT")
    for arguments in ([], ["a-signed.pdf", "--trust", "missing"]):
        outcome = run("verify", *arguments)
        assert (outcome.status, outcome.error) == (2, "INVALID_ARGUMENT")


@pytest.mark.parametrize("content", ["a leaf certificate", "a key"])
def test_a_folder_of_cas_with_another_file_is_wrong_usage_that_names_it(
    run: Run, trust: Path, content: str
) -> None:
    other = trust / "SPECIMEN.pem"
    if content == "a key":
        key = ec.generate_private_key(ec.SECP256R1())
        pem = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        other.write_bytes(key.private_bytes(*pem))
    else:
        keys = MockCardState.open(default_folder()).read().keys
        other.write_bytes(next(each.certificate for each in keys))
    for words in (
        ("verify", "a-signed.pdf"),
        ("encrypt", "a.pdf", "--own-card", "--card", "mock"),
        ("sign", "a.pdf", *SIGN, "--level", "lt", "--tsa", "http://127.0.0.1:9"),
    ):
        outcome = run(*words, "--trust", str(trust))
        assert (outcome.status, outcome.error) == (2, "INVALID_ARGUMENT"), words
        assert str(other) in outcome.result["error"]["message"]
