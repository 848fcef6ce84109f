# SPDX-License-Identifier: MIT
"""What a trust can be made of, and the errors for invalid input."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import x509

from kortilla import LoginService, Trust
from kortilla.errors import TrustConfigurationError
from kortilla.revocation import CertificatePath
from kortilla.validation.identity import is_satu
from kortilla.validation.pinned_cas import PINS
from tests.kortilla.pki import CA, CA_TRUE, Leaf

MAY_NOT_SIGN: dict[str, Any] = {"basic_constraints": CA_TRUE, "null_parameter": False}


def pem(der: bytes) -> bytes:
    body = base64.encodebytes(der)
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"


def test_a_folder_of_der_and_pem_files(tmp_path: Path, ca: CA, root: CA) -> None:
    (tmp_path / "issuing.pem").write_bytes(pem(ca.der))
    (tmp_path / "root.der").write_bytes(root.der)
    (tmp_path / "card.json").write_text(json.dumps({}))
    trust = Trust.from_folder(tmp_path, test=True)
    (issuer,) = trust.issuers
    assert issuer.certificate.dump() == ca.der
    assert issuer.root is not None
    assert issuer.root.dump() == root.der


def test_a_root_that_did_not_sign_the_issuing_ca_is_not_its_root(ca: CA) -> None:
    (issuer,) = ca.trust(CA.create("SPECIMEN Other Root").der).issuers
    assert issuer.root is None


def test_a_trust_is_one_line_in_a_log(
    trust: Trust, leaf: Leaf, ca: CA, root: CA
) -> None:
    known = ", root='Common Name: SPECIMEN Root CA, Country: FI'"
    issuer = f"IssuingCA('Common Name: SPECIMEN Issuing CA, Country: FI'{known})"
    assert repr(trust) == f"Trust([{issuer}], test=True)"
    odd = CA.create("SPECIMEN\nOther", parent=root)
    assert "\n" not in repr(odd.trust())
    path = CertificatePath(x509.Certificate.load(leaf.der), ca.certificate, None)
    assert repr(path).startswith("CertificatePath(0x1092 of 'Common Name: SPECIMEN I")
    assert len(repr(path)) < 100


def test_test_trust_has_to_be_asked_for(tmp_path: Path, ca: CA) -> None:
    file = tmp_path / "ca.der"
    file.write_bytes(ca.der)
    with pytest.raises(TrustConfigurationError, match=re.escape(str(file))):
        Trust.from_folder(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.der", b""),
        ("text.pem", b"hello"),
        ("broken.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
        ("huge.crt", bytes(100_000)),
    ],
)
def test_a_file_that_is_no_certificate_is_named(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TrustConfigurationError, match=name):
        Trust.from_folder(tmp_path, test=True)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrustConfigurationError, match=r"missing\.der"):
        Trust.from_files([tmp_path / "missing.der"])
    with pytest.raises(TrustConfigurationError, match="no certificate file"):
        Trust.from_folder(tmp_path)


@pytest.mark.parametrize(
    ("contents", "why"),
    [
        (lambda _, leaf: [leaf.der], "not a CA"),
        (
            lambda root, _: [
                root.issue(
                    root.key, basic_constraints=CA_TRUE, null_parameter=False
                ).der
            ],
            "not a CA",  # it may not sign certificates
        ),
        (lambda root, _: [root.der], "root alone"),
    ],
    ids=["a leaf", "a CA that may not sign", "a root"],
)
def test_what_issues_no_leaf_is_no_trust(
    root: CA, leaf: Leaf, contents: Callable[[CA, Leaf], list[bytes]], why: str
) -> None:
    with pytest.raises(TrustConfigurationError, match=why):
        Trust.from_certificates(contents(root, leaf), test=True)


def test_the_pins_are_fingerprints_and_each_is_there_once() -> None:
    assert all(re.fullmatch("[0-9a-f]{64}", pin.sha256) for pin in PINS)
    assert len({pin.sha256 for pin in PINS}) == len(PINS) == 8


@pytest.mark.parametrize("satu", ["99902038C", "99900335E", "99901112H", "999020016"])
def test_the_satu_of_specimen_cards(satu: str) -> None:
    assert is_satu(satu)


ODD_ORIGINS = """
    https://service.example/ https://Service.example https://service.example:443
    https://pälvelu.fi http://service.example http://localhost:80 service.example
    https://user@service.example https://service.example?x
"""


@pytest.mark.parametrize("origin", ["", "https://" + "a" * 260, *ODD_ORIGINS.split()])
def test_an_origin_that_no_browser_would_write(origin: str, trust: Trust) -> None:
    with pytest.raises(ValueError, match="not an origin"):
        LoginService(origin=origin, trust=trust)


ORIGINS = """
    https://service.example https://service.example:8443 https://xn--plvelu-bua.fi
    http://localhost:8080 http://127.0.0.1:8080
"""


@pytest.mark.parametrize("origin", ORIGINS.split())
def test_origins_as_browsers_write_them(origin: str, trust: Trust) -> None:
    assert LoginService(origin=origin, trust=trust).origin == origin
