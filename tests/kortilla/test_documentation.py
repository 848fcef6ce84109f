# SPDX-License-Identifier: MIT
"""The examples of the guides for services work as written."""

import ast
import base64
import functools
import hashlib
import json
import re
import runpy
import textwrap
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from asn1crypto import x509

from kortilla import LoginService, RelyingPartyError, Trust, errors, validate
from kortilla.mock_card.authority import make_satu
from kortilla.mock_card.state import MockCardState
from kortilla.revocation import CertificatePath
from kortilla.signing.pades import prepare_pdf
from kortilla.testing import KortillaCard
from kortilla.testing.broken_tokens import weak_key
from kortilla.web.prepared import PreparedStore
from tests.kortilla.browser import Browser
from tests.kortilla.pki import CA, NONCE, NOW, ORIGIN, SIGNATURE, key, subject
from tests.kortilla.signing_parts import make_pdf
from tests.mock_card.test_pytest_plugin import run_tests
from tests.support.guide import DOCS, blocks

ROOT = Path(__file__).parents[2]
SERVICE = blocks("login.md", "python")[0]
SIGNING, SIGNED_PDF, PREPARED, TEST = blocks("signing.md", "python")


class Asked:
    """A revocation checker that records the key usages it was asked about."""

    def __init__(self) -> None:
        self.about: list[list[str]] = []

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        """Accept the certificate."""
        leaf = x509.Certificate.load(path.leaf.dump())
        self.about.append(sorted(leaf.key_usage_value.native))


@pytest.fixture
def asked() -> Asked:
    """The service's checker."""
    return Asked()


@functools.cache
def run(example: str, folder: Path) -> dict[str, Any]:
    """Run an example and return what it defines."""
    file = folder / "example.py"
    file.write_text(example)
    return runpy.run_path(str(file))


@pytest.fixture
def other(tmp_path: Path) -> KortillaCard:
    """Somebody else's card."""
    card = KortillaCard(tmp_path / "other")
    MockCardState.create(card.folder, given_name="VILLE", satu=make_satu(99900111))
    return card


@pytest.fixture
async def browser(
    tmp_path: Path, kortilla_card: KortillaCard, other: KortillaCard, asked: Asked
) -> AsyncIterator[Browser]:
    """Log in to the service of both examples with the mock card."""
    authorities = [card.issuing_ca.read_bytes() for card in (kortilla_card, other)]
    trust = Trust.from_certificates(authorities, test=True)
    service = LoginService(origin=ORIGIN, trust=trust, revocation=asked)
    app = run(SERVICE, tmp_path)["create_app"](service)
    run(SIGNING, tmp_path)["add_signing"](app, service)
    async with TestServer(app) as server, Browser(server) as browser:
        token = kortilla_card.token(ORIGIN, await browser.challenge())
        assert (await browser.post("login", {"authToken": token}))[0] == 200
        yield browser


async def post(browser: Browser, content: object, origin: str = ORIGIN) -> int:
    """Send a page's result to the service, and return the status."""
    headers = {"Origin": origin, "Content-Type": "application/json"}
    async with browser.request(
        "POST", "/signed", headers=headers, data=json.dumps(content)
    ) as response:
        return response.status


@pytest.fixture
def contract(tmp_path: Path) -> bytes:
    """The content that the example signs."""
    return bytes(run(SIGNING, tmp_path)["CONTRACT"])


def sign(card: KortillaCard, content: bytes) -> dict[str, Any]:
    """Sign with a card, and return the page's result."""
    return card.sign(ORIGIN, {"sopimus.txt": hashlib.sha384(content).digest()})


async def test_the_service_takes_the_signature_of_who_is_logged_in(
    browser: Browser,
    kortilla_card: KortillaCard,
    other: KortillaCard,
    contract: bytes,
    asked: Asked,
) -> None:
    answer = sign(kortilla_card, contract)
    assert await post(browser, answer) == 200
    # The login's checker was asked about both certificates of the card.
    assert asked.about == [["digital_signature", "key_agreement"], ["non_repudiation"]]
    assert await post(browser, sign(other, contract)) == 403
    assert await post(browser, answer, "https://evil.example") == 403
    browser.cookie = None
    assert await post(browser, answer) == 403


async def test_the_service_refuses_whatever_else_comes(
    browser: Browser, kortilla_card: KortillaCard, contract: bytes
) -> None:
    good = sign(kortilla_card, contract)
    login = kortilla_card.token(ORIGIN, "A" * 44)["unverifiedCertificate"]
    answers: list[Any] = [
        sign(kortilla_card, contract + b"!"),
        {**good, "certificate": login},
        {**good, "signatures": []},
        {"certificate": good["certificate"]},
        [],
        None,
    ]
    for answer in answers:
        assert await post(browser, answer) == 400


async def test_the_example_of_a_signed_pdf(
    tmp_path: Path, kortilla_card: KortillaCard, asked: Asked
) -> None:
    example = run(SIGNED_PDF, tmp_path)
    trust = Trust.from_folder(kortilla_card.folder, test=True)
    service = LoginService(origin=ORIGIN, trust=trust, revocation=asked)
    certificate = kortilla_card.state.read().keys[1].certificate
    kept, for_page = await example["prepare"](make_pdf(), certificate, service)
    digest = base64.b64decode(for_page["hash"])
    answer = kortilla_card.sign(
        ORIGIN, {for_page["name"]: digest}, for_page["hashFunction"]
    )
    signed = await example["finish"](kept, answer, service)
    assert signed.startswith(b"%PDF-") and b"/ETSI.CAdES.detached" in signed
    assert asked.about == [["non_repudiation"]] * 2


async def test_the_example_of_a_store_between_two_calls(
    tmp_path: Path, kortilla_card: KortillaCard
) -> None:
    example = run(PREPARED, tmp_path)
    trust = Trust.from_folder(kortilla_card.folder, test=True)
    service = LoginService(origin=ORIGIN, trust=trust)
    store = PreparedStore()
    certificate = kortilla_card.state.read().keys[1].certificate
    prepared = await prepare_pdf(
        make_pdf(), certificate=certificate, trust=trust, name="a.pdf"
    )
    given = await example["remember"](prepared, "session", store)
    digest = base64.b64decode(given["hash"])
    answer = kortilla_card.sign(ORIGIN, {"a.pdf": digest}, given["hashFunction"])
    finishing = (given["key"], answer, "session", store, service)
    assert (await example["finish"](*finishing)).startswith(b"%PDF-")
    with pytest.raises(errors.PreparedSignatureNotFoundError):
        await example["finish"](*finishing)


VALIDATING = {
    *("validate", "validate_client", "validate_signer", "verify_signatures"),
    *("prepare_pdf", "finish_pdf", "prepare_file", "finish_file"),
}


@pytest.mark.parametrize(
    "guide", ["login-reference.md", "signing.md", "operations.md", "testers.md"]
)
def test_each_example_that_validates_says_by_which_checker(guide: str) -> None:
    text = (ROOT / "docs" / guide).read_text()
    calls = [
        call
        for block in re.findall(r"^( *)```python\n(.*?)```", text, re.DOTALL | re.M)
        for call in ast.walk(ast.parse(textwrap.dedent(block[1])))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in VALIDATING
    ]
    for call in calls:
        assert "revocation" in [each.arg for each in call.keywords], ast.unparse(call)
    named = [
        (name, arguments)
        for name, arguments in re.findall(r"`(?:\w+\.)?(\w+)\(([^`]+)\)`", text)
        if name in VALIDATING
    ]
    assert calls or named
    for name, arguments in named:
        assert "revocation=" in arguments, name


class Revoked:
    """A checker that reports every certificate as revoked."""

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        raise errors.UserCertificateRevokedError


#: One fault for each check, in the guide's order: the changes when the leaf is issued,
#: the changes in the token, and the changes of the validation.
FAULTS: list[tuple[type[RelyingPartyError], dict[str, Any]]] = [
    (errors.AuthTokenParseError, {"token": {"format": "web-eid:2"}}),
    (errors.UserCertificateParseError, {"token": {"unverifiedCertificate": "AAAA"}}),
    (errors.CertificateExpiredError, {"leaf": {"not_after": NOW - timedelta(1)}}),
    (errors.UserCertificateWrongPurposeError, {"leaf": {"key_usage": SIGNATURE}}),
    (errors.UserCertificateDisallowedPolicyError, {"leaf": {"policies": ["1.2.3"]}}),
    (errors.CertificateNotTrustedError, {"issuer": "another"}),
    (errors.UserCertificateWeakKeyError, {"key": "broken"}),
    (
        errors.UserCertificateParseError,
        {"leaf": {"subject_name": subject(satu="99902038D")}},
    ),
    (errors.AuthTokenSignatureValidationError, {"validated": {"nonce": "B" * 44}}),
    (errors.UserCertificateRevokedError, {"validated": {"revocation": Revoked()}}),
]


def test_each_check_of_the_guide_has_its_fault_here() -> None:
    guide = (DOCS / "login-reference.md").read_text()
    section = guide.partition("## What is checked at a login")[2].partition("\n## ")[0]
    _, _, *rows = (line for line in section.splitlines() if line.startswith("|"))
    assert len(rows) == len(FAULTS)
    for row, (error, _) in zip(rows, FAULTS, strict=True):
        assert f"`{error.__name__}`" in row


@pytest.mark.parametrize("first", range(len(FAULTS)))
async def test_of_two_faults_the_one_that_the_guide_has_first_is_told(
    first: int, ca: CA, trust: Trust
) -> None:
    made: dict[str, Any] = {"leaf": {}, "token": {}, "validated": {}}
    for _, fault in FAULTS[first : first + 2]:
        for what, value in fault.items():
            made[what] = made[what] | value if isinstance(value, dict) else value
    issuer = CA.create("SPECIMEN Issuing CA") if "issuer" in made else ca
    if "key" in made:
        token = issuer.issue(weak_key(), **made["leaf"]).token("PS256")
    else:
        token = issuer.issue(key("P-384"), **made["leaf"]).token()
    usual = {"origin": ORIGIN, "nonce": NONCE, "trust": trust, "at": NOW}
    with pytest.raises(FAULTS[first][0]):
        await validate(token | made["token"], **usual | made["validated"])


def test_the_example_of_a_test_passes(tmp_path: Path) -> None:
    (tmp_path / "signing.py").write_text(SIGNING)
    assert "1 passed" in run_tests(tmp_path, TEST)
