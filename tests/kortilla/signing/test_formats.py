# SPDX-License-Identifier: MIT
"""Containers, and signatures of any file, that other programs accept."""

import hashlib
import io
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms, pem, x509

from kortilla import Trust
from kortilla.errors import (
    CertificateExpiredError,
    DocumentNotSignableError,
    UserCertificateWrongPurposeError,
)
from kortilla.signing import Digest
from kortilla.signing.asice import (
    MAX_CONTAINER_BYTES,
    SignedContainer,
    finish_container,
    prepare_container,
)
from kortilla.signing.cades import MAX_FILE_BYTES, finish_file, prepare_file
from kortilla.signing.own_card import OWN_CARD, OwnCard
from kortilla.signing.state import PreparedSignature
from kortilla.testing import KortillaCard
from tests.kortilla import pki
from tests.kortilla.pki import CA, NOW, Leaf, key
from tests.kortilla.signing_parts import (
    answer_to,
    card_answer,
    make_pdf,
    signing_certificate,
)

FILES = {"sopimus ä&%.pdf": make_pdf(), "liite.txt": b"Liite", "tyhjä": b""}


async def sign(leaf: Leaf, trust: Trust | OwnCard, **more: Any) -> SignedContainer:
    files = more.pop("files", FILES)
    options: dict[str, Any] = {"name": "a.asice", "at": NOW, **more}
    state = await prepare_container(files, certificate=leaf.der, trust=trust, **options)
    state = PreparedSignature.from_bytes(state.to_bytes())
    answer = answer_to(state, leaf)
    return await finish_container(state, answer, trust=trust, at=NOW)


def xmlsec1_accepts(folder: Path, *authorities: bytes) -> bool:
    """Verify the signature of an unpacked container, with the files beside it."""
    command = ["xmlsec1", "--verify", "--verification-gmt-time", "2026-11-26+12:00:00"]
    for number, der in enumerate(authorities):
        (folder / f"{number}.der").write_bytes(der)
        command += ["--trusted-der", f"{number}.der"]
    properties = "--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties"
    finished = subprocess.run(
        [*command, *properties, "META-INF/signatures0.xml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    said = finished.stdout + finished.stderr
    return finished.returncode == 0 and "(ok/all): 4/4" in said


@pytest.mark.parametrize("kind", ["P-256", "P-384", "RSA-3072"])
async def test_xmlsec1_accepts_each_kind_of_key(
    tmp_path: Path, ca: CA, root: CA, trust: Trust, kind: str
) -> None:
    signed = await sign(ca.issue(key(kind), key_usage=pki.SIGNATURE), trust)
    assert signed.level == "B-B"
    with zipfile.ZipFile(io.BytesIO(signed.content)) as opened:
        opened.extractall(tmp_path)
    assert xmlsec1_accepts(tmp_path, ca.der, root.der)
    (tmp_path / "liite.txt").write_text("another")
    assert not xmlsec1_accepts(tmp_path, ca.der, root.der)


async def test_the_container_is_laid_out_as_the_standard_demands(
    signer: Leaf, trust: Trust, ca: CA
) -> None:
    signed = await sign(signer, trust)
    assert signed.content[30:38] == b"mimetype"
    assert signed.content[38:].startswith(b"application/vnd.etsi.asic-e+zip")
    with zipfile.ZipFile(io.BytesIO(signed.content)) as opened:
        assert opened.namelist() == [
            "mimetype",
            *FILES,
            "META-INF/manifest.xml",
            "META-INF/signatures0.xml",
        ]
        assert {name: opened.read(name) for name in FILES} == FILES
        signature = opened.read("META-INF/signatures0.xml").decode()
    assert int(signed.signer.serial) == x509.Certificate.load(signer.der).serial_number
    assert signature.count("<ds:X509Certificate>") == 2  # the signer's and the CA's
    assert "SigningCertificateV2" in signature


async def test_a_card_of_ones_own_signs_without_any_ca(
    kortilla_card: KortillaCard,
) -> None:
    certificate = signing_certificate(kortilla_card)
    state = await prepare_container(
        FILES, certificate=certificate, trust=OWN_CARD, name="a.asice"
    )
    answer = card_answer(state, kortilla_card)
    signed = await finish_container(state, answer, trust=OWN_CARD)
    person = kortilla_card.person
    assert (signed.signer.satu, signed.signer.assurance) == (person.satu, "test")


async def test_a_card_of_ones_own_must_be_able_to_sign(ca: CA, signer: Leaf) -> None:
    with pytest.raises(UserCertificateWrongPurposeError):
        await sign(ca.issue(key("P-384")), OWN_CARD)
    with pytest.raises(CertificateExpiredError):
        await sign(signer, OWN_CARD, at=datetime(2050, 1, 1, tzinfo=UTC))
    citizen = "1.2.246.517.1.10.352.1"
    real = ca.issue(key("P-384"), key_usage=pki.SIGNATURE, policies=(citizen,))
    assert (await sign(real, OWN_CARD)).signer.assurance == "unknown"


@pytest.mark.parametrize(
    "files",
    [
        {},
        {f"{number}": b"" for number in range(101)},
        {"a": bytes(MAX_CONTAINER_BYTES + 1)},
        {"a.txt": b"", "A.TXT": b""},
        {"\u00e4": b"", "a\u0308": b""},
        {"mimetype": b""},
        {"META-INF": b""},
        {"../a": b""},
        {"a/b": b""},
        {"a\\b": b""},
        {"C:a": b""},
        {"": b""},
        {"..": b""},
        {" a": b""},
        {"a\n": b""},
        {"a\u202etxt.exe": b""},
        {"ä" * 128: b""},
    ],
    # Every program that handles the name of a test would handle 100 MB otherwise.
    ids=lambda files: repr([*files][:2]),
)
async def test_files_that_no_container_should_have_are_refused(
    signer: Leaf, trust: Trust, files: dict[str, bytes]
) -> None:
    with pytest.raises(DocumentNotSignableError):
        await sign(signer, trust, files=files)


CONTENT = "Sopimus\r\nVuokra on 500 € kuukaudessa.\n\0".encode()


async def prepare(
    leaf: Leaf, trust: Trust, content: bytes | Digest = CONTENT, **more: Any
) -> PreparedSignature:
    return await prepare_file(
        content, certificate=leaf.der, trust=trust, name="sopimus.txt", at=NOW, **more
    )


def openssl_accepts(
    folder: Path, signature: bytes, content: bytes, anchor: bytes
) -> bool:
    """Verify a detached signature with CAdES's attribute up to a root with OpenSSL."""
    (folder / "content").write_bytes(content)
    (folder / "signature.p7s").write_bytes(signature)
    (folder / "anchor.pem").write_bytes(pem.armor("CERTIFICATE", anchor))
    run = subprocess.run(
        [
            *("openssl", "cms", "-verify", "-binary", "-cades"),
            *("-inform", "DER", "-in", str(folder / "signature.p7s")),
            *("-content", str(folder / "content")),
            *("-CAfile", str(folder / "anchor.pem"), "-partial_chain"),
            *("-purpose", "any", "-out", str(folder / "verified")),
        ],
        capture_output=True,
        check=False,
        text=True,
    )
    assert ("CAdES Verification successful" in run.stderr) == (run.returncode == 0)
    return run.returncode == 0 and (folder / "verified").read_bytes() == content


@pytest.mark.parametrize(
    ("kind", "function", "scheme"),
    [
        ("P-256", None, "NONE"),
        ("P-384", None, "NONE"),
        ("P-384", "SHA-512", "NONE"),
        ("RSA-2048", None, "PKCS1.5"),
        ("RSA-2048", "SHA-384", "PSS"),
        ("RSA-3072", "SHA-512", "PKCS1.5"),
        ("RSA-3072", None, "PSS"),
        ("RSA-4096", "SHA-512", "PSS"),
    ],
)
async def test_openssl_verifies_each_kind_of_key(
    tmp_path: Path, ca: CA, trust: Trust, kind: str, function: str | None, scheme: str
) -> None:
    leaf = ca.issue(key(kind), key_usage=pki.SIGNATURE)
    state = await prepare(leaf, trust, hash_function=function)
    suits = "SHA-384" if kind == "P-384" else "SHA-256"
    assert state.digest.hash_function == (function or suits)
    answer = answer_to(state, leaf, scheme)
    signed = await finish_file(state, answer, trust=trust, at=NOW)
    assert openssl_accepts(tmp_path, signed.content, CONTENT, ca.der)
    assert not openssl_accepts(tmp_path, signed.content, CONTENT + b"!", ca.der)


async def test_it_is_cades_b_b(signer: Leaf, trust: Trust, ca: CA) -> None:
    state = await prepare(signer, trust)
    signed = await finish_file(state, answer_to(state, signer), trust=trust, at=NOW)
    data = cms.ContentInfo.load(signed.content, strict=True)["content"]
    assert data["encap_content_info"]["content"].native is None
    [info] = data["signer_infos"]
    attributes = {each["type"].native: each["values"] for each in info["signed_attrs"]}
    assert set(attributes) == {
        "content_type",
        "message_digest",
        "signing_certificate_v2",
        "signing_time",
    }
    [digest] = attributes["message_digest"].native
    assert digest == hashlib.sha384(CONTENT).digest()
    [time] = attributes["signing_time"].native
    assert abs(time - datetime.now(UTC)) < timedelta(minutes=1)
    assert {each.chosen.dump() for each in data["certificates"]} == {signer.der, ca.der}


async def test_a_digest_is_signed_in_place_of_its_content(
    tmp_path: Path, signer: Leaf, trust: Trust, ca: CA
) -> None:
    state = await prepare(signer, trust, Digest.of(CONTENT, "SHA-256"))
    assert state.digest.hash_function == "SHA-256"
    signed = await finish_file(state, answer_to(state, signer), trust=trust, at=NOW)
    assert openssl_accepts(tmp_path, signed.content, CONTENT, ca.der)


async def test_a_file_that_is_too_long_is_refused(signer: Leaf, trust: Trust) -> None:
    assert await prepare(signer, trust, bytes(MAX_FILE_BYTES))
    with pytest.raises(DocumentNotSignableError):
        await prepare(signer, trust, bytes(MAX_FILE_BYTES + 1))
