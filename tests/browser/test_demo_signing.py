# SPDX-License-Identifier: MIT
"""The demo service signs a PDF with the mock card, and the signature is valid."""

import base64
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from kortilla import Trust
from kortilla.mock_card.issue import revoke
from kortilla.revocation import Revocation
from tests.browser.browsers import Browser, Tab
from tests.browser.conftest import Holder, OpenTab
from tests.browser.in_turn import only_in_chromium, only_in_firefox
from tests.browser.signing import PIN2
from tests.browser.window import WindowListener
from tests.kortilla.signing_parts import make_pdf
from tools.demo.ca_service import CAService
from tools.demo.site import DemoServer
from tools.demo.site_authority import Authority

pytestmark = pytest.mark.asyncio(loop_scope="session")

READ_SIGNED = """fetch(document.querySelector("#download").href)
  .then((answer) => answer.arrayBuffer())
  .then((buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))))"""

# As when a person chooses a file.
CHOOSE = """(() => {
  const transfer = new DataTransfer();
  const bytes = Uint8Array.from(atob(%s), (each) => each.charCodeAt(0));
  transfer.items.add(new File([bytes], %s, { type: "application/pdf" }));
  const input = document.querySelector("#own");
  input.files = transfer.files;
  input.dispatchEvent(new Event("change"));
})()"""


@pytest_asyncio.fixture(loop_scope="session")
async def demo(
    browser: Browser, trust: Trust, authority: Authority
) -> AsyncIterator[DemoServer]:
    """The demo at an https address with the mock card's CA."""
    async with (
        CAService(browser.user_home.card.folder) as ca,
        Revocation(resolver=ca.resolver(), allow_private_addresses=True) as revocation,
        DemoServer(
            trust,
            host="n1.service.example",
            ssl_context=authority.server_context,
            revocation=revocation,
        ) as demo,
    ):
        yield demo


@pytest_asyncio.fixture(loop_scope="session")
async def tab(open_tab: OpenTab, demo: DemoServer, listener: WindowListener) -> Tab:
    """Log in, in Swedish, and open the page for signing."""
    tab = await open_tab()
    await tab.goto(f"{demo.origin}/sv/")
    await tab.click("#identify")
    await (await listener.opened()).type_pin("1234")
    await tab.wait_for("#to-sign")
    await tab.click("#to-sign")
    await tab.wait_for("#certificate")
    return tab


async def hand_certificate_over(tab: Tab) -> None:
    """Hand it over, which needs no window after the login."""
    await tab.click("#certificate")
    await tab.wait_for("#sign")


async def check(tab: Tab, folder: Path) -> bytes:
    """Download the signed PDF, validate it with pyHanko, and return it."""
    await tab.wait_for("#download")
    signed = base64.b64decode(await tab.evaluate(READ_SIGNED))
    [signature] = PdfFileReader(io.BytesIO(signed)).embedded_signatures
    root, issuing = (
        x509.Certificate.load((folder / name).read_bytes())
        for name in ("root.der", "issuing.der")
    )
    context = ValidationContext(trust_roots=[root], other_certs=[issuing])
    status = await async_validate_pdf_signature(signature, context)
    assert status.bottom_line, status.summary()
    assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    return signed


@only_in_chromium
async def test_the_contract_is_signed_even_by_who_had_cancelled_and_is_valid(
    browser: Browser, tab: Tab, listener: WindowListener, holder: Holder
) -> None:
    await hand_certificate_over(tab)
    await tab.click("#sign")
    window = await listener.opened()
    await window.hear("ask-pin")
    window.say("cancel")
    assert "Du avbröt" in await tab.text("#status.waiting")
    # The second signature needs no new request for the certificate.
    await tab.click("#sign")
    window = await listener.opened()
    conversation = window.told[0]["conversation"]
    assert conversation["operation"] == "sign"
    assert conversation["language"] == "sv"
    assert conversation["started_by_person"] is True
    question = await window.type_pin(PIN2)
    [shown] = question["documents"]
    assert shown["name"] == "hyresavtal.pdf"
    await check(tab, browser.user_home.card.folder)
    assert await tab.text("#signer") == holder[0]


@only_in_firefox
async def test_an_own_pdf_is_signed(
    browser: Browser, demo: DemoServer, tab: Tab, listener: WindowListener
) -> None:
    pdf = make_pdf("Oma")
    content = base64.b64encode(pdf).decode()
    await tab.evaluate(CHOOSE % (json.dumps(content), json.dumps("Öinen.pdf")))
    await tab.wait_for("#example")
    assert await tab.text("#document h2") == "Öinen.pdf"
    await hand_certificate_over(tab)
    await tab.click("#sign")
    question = await (await listener.opened()).type_pin(PIN2)
    assert [each["name"] for each in question["documents"]] == ["Öinen.pdf"]
    assert (await check(tab, browser.user_home.card.folder)).startswith(pdf)


@only_in_chromium
async def test_a_card_that_was_revoked_does_not_sign_and_does_not_log_in(
    browser: Browser, demo: DemoServer, tab: Tab, listener: WindowListener
) -> None:
    card = browser.user_home.card
    certificates = [key.certificate for key in card.state.read().keys]
    serials = [x509.Certificate.load(der).serial_number for der in certificates]
    revoke(card.folder, serials)
    await tab.click("#certificate")
    assert await tab.text("#problem-code") == "USER_CERTIFICATE_REVOKED"
    await tab.goto(f"{demo.origin}/sv/session")
    await tab.click("#logout")
    await tab.click("#identify")
    await (await listener.opened()).type_pin("1234")
    assert await tab.text("#problem-code") == "USER_CERTIFICATE_REVOKED"
    assert "spärrats" in await tab.text("#problem-text")
