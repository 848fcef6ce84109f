# SPDX-License-Identifier: MIT
"""Any file is signed in two calls, and ``openssl cms`` verifies the signature."""

import hashlib
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms, pem

from kortilla import Trust
from kortilla.errors import (
    DocumentNotSignableError,
)
from kortilla.signing import Digest
from kortilla.signing.cades import MAX_FILE_BYTES, finish_file, prepare_file
from kortilla.signing.state import PreparedSignature
from kortilla.testing import KortillaCard
from tests.kortilla import pki
from tests.kortilla.pki import CA, NOW, Leaf, key
from tests.kortilla.signing_parts import (
    answer_to,
    card_answer,
    signing_certificate,
)

CONTENT = "Sopimus\r\nVuokra on 500 € kuukaudessa.\n\0".encode()


@pytest.fixture(scope="module")
def signer(ca: CA) -> Leaf:
    """A valid signature certificate."""
    return ca.issue(key("P-384"), key_usage=pki.SIGNATURE)


async def prepare(
    leaf: Leaf, trust: Trust, content: bytes | Digest = CONTENT, **more: Any
) -> PreparedSignature:
    return await prepare_file(
        content,
        **{
            "certificate": leaf.der,
            "trust": trust,
            "name": "sopimus.txt",
            "at": NOW,
            **more,
        },
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


@pytest.mark.parametrize("profile", ["v5", "v4.2", "v5-2026"])
async def test_openssl_verifies_what_a_card_signed(
    make_kortilla_card: Callable[..., KortillaCard], tmp_path: Path, profile: str
) -> None:
    card = make_kortilla_card(profile=profile)
    trust = Trust.from_folder(card.folder, test=True)
    state = await prepare_file(
        CONTENT, certificate=signing_certificate(card), trust=trust, name="sopimus.txt"
    )
    signed = await finish_file(state, card_answer(state, card), trust=trust)
    assert (signed.signer.satu, signed.level) == (card.person.satu, "B-B")
    root = card.root_ca.read_bytes()
    assert openssl_accepts(tmp_path, signed.content, CONTENT, root)
    assert not openssl_accepts(tmp_path, signed.content, CONTENT + b"!", root)


@pytest.mark.parametrize(
    ("kind", "function", "scheme"),
    [
        ("P-256", None, "NONE"),
        ("P-384", "SHA-512", "NONE"),
        ("RSA-2048", None, "PKCS1.5"),
        ("RSA-2048", "SHA-384", "PSS"),
        ("RSA-3072", "SHA-512", "PKCS1.5"),
    ],
)
async def test_openssl_verifies_each_kind_of_key(
    tmp_path: Path, ca: CA, trust: Trust, kind: str, function: str | None, scheme: str
) -> None:
    leaf = ca.issue(key(kind), key_usage=pki.SIGNATURE)
    state = await prepare(leaf, trust, hash_function=function)
    signed = await finish_file(
        state, answer_to(state, leaf, scheme), trust=trust, at=NOW
    )
    assert openssl_accepts(tmp_path, signed.content, CONTENT, ca.der)


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
    assert signer.der in signed.content


async def test_a_digest_is_signed_in_place_of_its_content(
    tmp_path: Path, signer: Leaf, trust: Trust, ca: CA
) -> None:
    state = await prepare(signer, trust, Digest.of(CONTENT, "SHA-256"))
    assert state.digest.hash_function == "SHA-256"
    state = PreparedSignature.from_bytes(state.to_bytes())
    signed = await finish_file(state, answer_to(state, signer), trust=trust, at=NOW)
    assert openssl_accepts(tmp_path, signed.content, CONTENT, ca.der)


async def test_a_file_that_is_too_long_is_refused(signer: Leaf, trust: Trust) -> None:
    assert await prepare(signer, trust, bytes(MAX_FILE_BYTES))
    with pytest.raises(DocumentNotSignableError):
        await prepare(signer, trust, bytes(MAX_FILE_BYTES + 1))
