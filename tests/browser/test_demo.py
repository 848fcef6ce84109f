# SPDX-License-Identifier: MIT
"""The demo logs people in, and signs PDFs with valid signatures.

``tests/kortilla/test_demo_signing.py`` has what its service refuses.
"""

import asyncio
import base64
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from kortilla import Trust
from kortilla.mock_card.card import MockCard
from kortilla.revocation import Revocation
from tests.browser.browser_home import UserHome
from tests.browser.browsers import SITES, Browser, Tab, open_browser
from tests.browser.conftest import Holder, OpenTab, only_in_chromium, only_in_firefox
from tests.browser.window import PIN2, WindowListener
from tests.kortilla.signing_parts import make_pdf
from tests.support.pcsc import Pcscd, isolated
from tests.support.screen import Screen
from tools.demo.ca_service import CAService
from tools.demo.run import _draw_window
from tools.demo.site import DemoServer
from tools.demo.site_authority import Authority

in_browser = pytest.mark.asyncio(loop_scope="session")

#: The PIN window's title in English.
TITLE = "^Kortilla: identify yourself"
#: Seconds until keys that the window ignored are pressed again.
AGAIN_AFTER = 0.8

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
async def front(open_tab: OpenTab, demo: DemoServer) -> Tab:
    """A tab with the demo's front page in English."""
    tab = await open_tab()
    await tab.goto(f"{demo.origin}/en/")
    return tab


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


@in_browser
async def test_the_button_leads_to_the_page_of_the_session(
    browser: Browser, front: Tab, holder: Holder
) -> None:
    """The launcher is the installed one, the prompt the automatic one."""
    browser.user_home.install_host()
    browser.user_home.configure(prompt="automatic")
    await front.click("#identify")
    await front.wait_for("#logout")
    assert (await front.text("#name"), await front.text("#satu")) == holder
    await front.click("#logout")
    await front.wait_for("#identify")


@in_browser
async def test_a_person_types_a_wrong_pin_and_then_the_right_one(
    browser: Browser, front: Tab, screen: Screen, holder: Holder
) -> None:
    """The window is the real one on a real screen, and only keys are pressed."""
    card = browser.user_home.card
    browser.user_home.serve(environment=on(screen), anew=True)
    await front.click("#identify")
    await asyncio.to_thread(screen.find_in_front, TITLE)
    await asyncio.to_thread(type_pin, screen, "9999", lambda: card.tries == 4)
    await asyncio.to_thread(type_pin, screen, "1234", lambda: card.tries == 5)
    await front.wait_for("#logout")
    assert (await front.text("#name"), await front.text("#satu")) == holder
    await asyncio.to_thread(screen.wait_until, lambda: not screen.ids(TITLE))


@isolated
async def test_a_card_in_a_reader_logs_in(pcscd: Pcscd) -> None:
    """With pcscd, vpcd and pyscard."""
    card = pcscd.new_card()
    holder = card.read()
    authority = Authority(pcscd.folder, [*SITES])
    user_home = UserHome(pcscd.folder / "user_home", "chromium", card.folder)
    user_home.configure(card="pcsc")
    trust = Trust.from_folder(card.folder, test=True)
    context = authority.server_context
    async with (
        WindowListener() as listener,
        DemoServer(trust, host=SITES[0], ssl_context=context) as demo,
        open_browser(user_home, authority) as browser,
    ):
        user_home.serve(prompt_command=listener.command)
        tab = await browser.new_tab()
        await tab.goto(demo.origin)
        await tab.click("#identify")
        window = await listener.opened()
        assert window.told[0]["conversation"]["test_card"] is False
        await window.hear_step("waiting-for-card")
        await asyncio.to_thread(pcscd.insert, MockCard(card))
        question = await window.type_pin("1234")
        assert question["satu"] == holder.satu
        assert await tab.text("#satu") == holder.satu
        await user_home.host_gone()


@in_browser
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


@in_browser
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


def test_the_demo_logs_in_with_the_certificate_by_each_version_of_tls(
    tmp_path: Path,
) -> None:
    """``kortilla demo --tls`` makes the card a token of the demo's browser.

    It runs as on a computer without a screen.
    """
    screens = {"DISPLAY", "WAYLAND_DISPLAY"}
    ran = subprocess.run(
        [
            *(sys.executable, "-I", "-m", "native_host.cli", "demo"),
            *("--tls", "--output", str(tmp_path)),
        ],
        env={name: each for name, each in os.environ.items() if name not in screens},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout.splitlines()[-1])
    assert result["login"] == "ok"
    assert result["tls"] == {"1.2": "ok", "1.3": "ok"}
    first, *_, pictures, signed = ran.stderr.splitlines()
    assert first == "There is no screen here: the demo logs in and signs by itself."
    assert pictures == f"The pictures: {' and '.join(result['pictures'])}"
    assert signed == f"The signed PDF: {result['signed']}"
    for file in (*result["pictures"], result["signed"]):
        assert Path(file).stat().st_size
    # The page is in English here, and so is the window.
    origin = ran.stderr.partition("The demo service is at ")[2].split()[0]
    asyncio.run(_draw_window(tmp_path / "english.png", origin, "en", result))
    drawn = (tmp_path / "english.png").read_bytes()
    assert Path(result["pictures"][1]).read_bytes() == drawn


def on(screen: Screen) -> dict[str, str]:
    """Return a launcher that shows the window on a screen."""
    return {"DISPLAY": screen.display, "QT_QPA_PLATFORM": "xcb"}


def type_pin(screen: Screen, digits: str, arrived: Callable[[], bool]) -> None:
    """Type a PIN and press Enter until the card has received it.

    The window ignores keys before it has been there for half a second and the person
    has clicked in it. So the person clicks, clears the field and types again.
    """

    def attempt() -> bool:
        screen.click()
        screen.press("ctrl+a")
        screen.type(digits)
        screen.press("Return")
        again = time.monotonic() + AGAIN_AFTER
        while not arrived() and time.monotonic() < again:
            time.sleep(0.01)
        return arrived()

    screen.wait_until(attempt)
