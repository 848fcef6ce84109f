# SPDX-License-Identifier: MIT
"""Any file is signed in two calls, and ``openssl cms`` verifies the signature."""

import hashlib
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms, pem

from kortilla import Trust
from kortilla.errors import DocumentNotSignableError
from kortilla.signing import Digest
from kortilla.signing.cades import MAX_FILE_BYTES, finish_file, prepare_file
from kortilla.signing.state import PreparedSignature
from tests.kortilla import pki
from tests.kortilla.pki import CA, NOW, Leaf, key
from tests.kortilla.signing_parts import answer_to

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
