# SPDX-License-Identifier: MIT
"""The card is a PKCS#11 token of the browser and serves as TLS client certificate.

``tests/pkcs11`` has what the token answers, one by one.
"""

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from kortilla import Trust
from kortilla.mock_card.faults import Fault
from native_host.pkcs11.service import BROWSERS_PATIENCE
from tests.browser.browser_home import Card, UserHome
from tests.browser.browsers import Browser, Tab, open_browser
from tests.browser.conftest import (
    in_turn,
    only_in_firefox,
    tls_demo,
)
from tests.browser.site import Site
from tests.browser.views import POPUP, Popup, ready
from tests.browser.window import Window, WindowListener
from tests.support.patience import patience
from tests.support.token_control import runtime_folder
from tools.demo.errors import BrowserError
from tools.demo.site import DemoServer
from tools.demo.site_authority import Authority
from tools.demo.token import TokenSocket, add_token, database

pytestmark = pytest.mark.asyncio(loop_scope="session")

VERSIONS = ["1.2", "1.3"]
#: Seconds between the tries of a login that a browser or the host still refuses. No
#: event tells when they accept one again.
PAUSE = 0.5
NAMES = {"chromium": "Chromium", "firefox": "Firefox"}
#: The browsers' error codes for a signature that failed.
ERRORS = {
    "chromium": "net::ERR_SSL_CLIENT_AUTH_SIGNATURE_FAILED",
    "firefox": "about:neterror",
}
#: An element on their error pages.
ERROR_PAGES = {"chromium": "#main-message", "firefox": "body"}

#: A server like ``kortilla pkcs11``, but without the window. A PIN serves no other
#: connection: it would be the next test's. ``tests/pkcs11`` has that.
_SERVER = """import sys
from native_host.config import load_config
from native_host.pkcs11 import service
from native_host.pkcs11.service import serve_stdio

service._SAME_LOGIN = 0.0

class Patience:
    def __radd__(self, now):
        return now + float(open({patience!r}).read())

sys.exit(serve_stdio(load_config(), window={window!r}, patience=Patience()))
"""


@dataclass(frozen=True)
class Counter:
    """A browser with the token, and the service for the login."""

    browser: Browser
    listener: WindowListener
    demo: DemoServer
    #: A file with the number of seconds that the browser waits for a signature.
    patience: Path

    @property
    def card(self) -> Card:
        """The card in the reader."""
        return self.browser.user_home.card

    @contextmanager
    def waiting(self, seconds: float) -> Iterator[None]:
        """Have the browser wait so long for signatures of the context."""
        self.patience.write_text(str(seconds))
        try:
            yield
        finally:
            self.patience.write_text(str(BROWSERS_PATIENCE))

    def start(self, tab: Tab, version: str) -> asyncio.Task[None]:
        """Start a login in a tab; the awaitable ends when the last page has loaded."""
        url = f"{self.demo.origin}/en/tls-login/{version}"
        return asyncio.create_task(tab.goto(url))

    async def fails(
        self, going: asyncio.Task[None], tab: Tab, error: str | None = None
    ) -> None:
        """Wait for the browser's error page, by default after a failed signature."""
        error = error or ERRORS[self.browser.user_home.family]
        with pytest.raises(BrowserError, match=error):
            await going
        await self.error_page(tab)

    async def error_page(self, tab: Tab) -> None:
        """Wait until a tab shows one of the browser's error pages."""
        await tab.wait_for(ERROR_PAGES[self.browser.user_home.family])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def any_counter(
    new_home: Callable[[], UserHome], authority: Authority, trust: Trust
) -> AsyncIterator[Counter]:
    """The service, and a browser that sends its certificate without asking which."""
    user_home = new_home()
    user_home.serve()
    seconds = user_home.home / "patience"
    seconds.write_text(str(BROWSERS_PATIENCE))
    with runtime_folder() as runtime:
        user_home.environment["XDG_RUNTIME_DIR"] = str(runtime)
        async with WindowListener() as listener, tls_demo(trust, authority) as demo:
            code = _SERVER.format(window=listener.command, patience=str(seconds))
            command = (sys.executable, "-I", "-c", code)
            async with TokenSocket(user_home.environment, command=command) as token:
                user_home.environment["P11_KIT_SERVER_ADDRESS"] = token.address
                place = database(user_home.home, user_home.family)
                await asyncio.to_thread(add_token, place, authority)
                async with open_browser(user_home) as browser:
                    yield Counter(browser, listener, demo, seconds)


@pytest.fixture
def counter(any_counter: Counter) -> Counter:
    """The counter with a card in its initial state."""
    # Chromium may open two connections for one page. The second one's window comes
    # while nobody waits for it.
    any_counter.listener.forget()
    any_counter.card.fix()
    return any_counter


@pytest_asyncio.fixture(loop_scope="session")
async def tab(counter: Counter) -> AsyncIterator[Tab]:
    """A tab without a login."""
    tab = await counter.browser.new_tab()
    yield tab
    await tab.goto(f"{counter.demo.origin}/en/session")
    if await tab.evaluate("document.querySelector('#logout') !== null"):
        await tab.click("#logout")
        await tab.wait_for("#identify")
    await tab.close()


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_person_logs_in_with_the_card(
    counter: Counter, tab: Tab, site: Site, version: str
) -> None:
    count = counter.listener.count
    going = counter.start(tab, version)
    window = await counter.listener.opened()
    if counter.browser.user_home.family == "chromium":
        # Firefox signs on the single thread of its connections, so they wait.
        other = await counter.browser.new_tab()
        await other.goto(site.fresh())
        await other.close()
    question = await window.type_pin("1234")
    await going
    holder = counter.card.state.read()
    assert await tab.text("#satu") == holder.satu
    assert question["name"] == f"{holder.given_name} {holder.surname}"
    conversation = window.told[0]["conversation"]
    assert conversation["operation"] == "tls-login"
    assert conversation["program"] == NAMES[counter.browser.user_home.family]
    assert conversation["origin"] == ""
    assert counter.listener.count == count + 1
    await window.gone()
    assert counter.card.is_free and counter.card.tries == 5


async def test_a_login_that_was_prepared_in_the_popup_asks_for_no_pin(
    counter: Counter, tab: Tab
) -> None:
    """All parts are real."""
    count = counter.listener.count
    await tab.goto(f"{counter.demo.origin}/en/")
    popup = Popup(await counter.browser.open_view(POPUP))
    await ready(popup.tab)
    # The token is here from elsewhere. The switch is off, and hides the button.
    await popup.open("suomi-fi")
    await popup.tab.wait_for("#token p")
    await popup.tab.evaluate("(document.querySelector('#prepare').hidden = false)")
    await popup.press("prepareLoginHeading")
    window = await counter.listener.opened()
    await window.type_pin("1234")
    assert window.told[0]["conversation"]["operation"] == "prepare-login"
    await popup.shows("donePrepare")
    await popup.shows("ready")  # preparing again has not spoiled it
    await tab.goto(f"{counter.demo.origin}/en/tls-login/1.2")
    assert await tab.text("#satu") == counter.card.state.read().satu
    assert counter.listener.count == count + 1
    await popup.tab.close()
    await counter.browser.user_home.empty()


async def cancel(counter: Counter, window: Window) -> None:
    await window.hear("ask-pin")
    window.say("cancel")


async def err_and_cancel(counter: Counter, window: Window) -> None:
    await window.type_pin("9999")
    await cancel(counter, window)


async def find_it_blocked(counter: Counter, window: Window) -> None:
    told = await window.hear("offer-unlock")
    assert told["question"]["pin"] == "PIN1"
    window.say("cancel")


async def see_it_pulled(counter: Counter, window: Window) -> None:
    counter.card.state.set_faults(Fault("card-pulled", on="sign"))
    await window.type_pin("1234")
    told = await window.hear_step("waiting-for-card")
    assert told["problem"]["code"] == "CARD_REMOVED"
    window.say("cancel")


@in_turn(
    "do, tries, version",
    [
        *((cancel, 5, "1.2"), (cancel, 5, "1.3")),
        *((find_it_blocked, 0, "1.3"), (err_and_cancel, 4, "1.2")),
        *((see_it_pulled, 5, "1.2"), (see_it_pulled, 5, "1.3")),
    ],
)
async def test_trouble_ends_in_an_error_page_and_the_next_try_is_as_any_other(
    counter: Counter,
    tab: Tab,
    do: Callable[[Counter, Window], Awaitable[None]],
    tries: int,
    version: str,
) -> None:
    if do is find_it_blocked:
        with counter.card.state.update() as data:
            data.pin1.tries = 0
        counter.card.state.insert()  # the token's flags say so from then on
    going = counter.start(tab, version)
    window = await counter.listener.opened()
    await do(counter, window)
    # The browser retries once or twice without opening a window. Chromium may have
    # noticed that the card was pulled.
    pulled = "net::ERR|neterror" if do is see_it_pulled else None
    await counter.fails(going, tab, pulled)
    await window.gone()
    assert counter.card.is_free
    assert counter.card.tries == tries
    # The person repairs the card and tries again.
    counter.card.fix()
    await try_until_asked(counter, tab, version)


async def try_until_asked(counter: Counter, tab: Tab, version: str) -> None:
    """Start logins until one opens the window; the first may fail.

    Browsers check for cards only now and then, and for two seconds after a person has
    cancelled, logins are refused.
    """
    async with asyncio.timeout(patience()):
        while True:
            going = counter.start(tab, version)
            opened = asyncio.ensure_future(counter.listener.opened())
            await asyncio.wait({opened, going}, return_when=asyncio.FIRST_COMPLETED)
            try:
                if not opened.done():
                    opened.cancel()
                    await going
                    continue
                with suppress(AssertionError):  # it may close, since the card was moved
                    await (await opened).type_pin("1234")
                await going
            except BrowserError:
                await counter.error_page(tab)
                await asyncio.sleep(PAUSE)
            else:
                break
    assert await tab.text("#satu") == counter.card.state.read().satu


@pytest_asyncio.fixture(loop_scope="session")
async def naming_server(
    counter: Counter, authority: Authority, tmp_path: Path
) -> AsyncIterator[int]:
    """Run a TLS server that asks for ECDSA+SHA-256 alone and names its accepted CA.

    Python's ssl module can't name one. Yields the port. The only page, ``login``,
    redirects, since browsers would use the card again to load the icon of a page that
    stays.
    """
    issuer = (counter.card.folder / "issuing.der").read_bytes()
    (tmp_path / "issuer.pem").write_text(ssl.DER_cert_to_PEM_cert(issuer))
    (tmp_path / "login").write_text(
        f"HTTP/1.0 303 See Other\r\nLocation: {counter.demo.origin}/sv/\r\n\r\n"
    )
    process = await asyncio.create_subprocess_exec(
        *("openssl", "s_server", "-accept", "127.0.0.1:0", "-HTTP", "-tls1_2"),
        *("-cert", str(authority.chain), "-key", str(authority.chain)),
        *("-CAfile", str(tmp_path / "issuer.pem"), "-partial_chain"),
        *("-Verify", "2", "-verify_return_error", "-client_sigalgs", "ECDSA+SHA256"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=tmp_path,
    )
    assert process.stdout
    while not (line := await process.stdout.readline()).startswith(b"ACCEPT"):
        assert line
    yield int(line.rpartition(b":")[2])
    process.terminate()
    await process.communicate()


async def test_a_server_that_names_the_issuing_ca_is_shown_the_certificate(
    counter: Counter, tab: Tab, naming_server: int
) -> None:
    url = f"https://n4.service.example:{naming_server}/login"
    going = asyncio.create_task(tab.goto(url))
    await (await counter.listener.opened()).type_pin("1234")
    await going
    assert await tab.text("h1") == "Identifiera dig med identitetskortet"


# Chromium may try once more what has failed, which opens a window in another test.
@only_in_firefox
async def test_a_person_who_is_late_tries_again(counter: Counter, tab: Tab) -> None:
    """The browser's time limit ends before the person has typed."""
    satu, count = counter.card.state.read().satu, counter.listener.count
    with counter.waiting(3.0):
        # The host keeps a PIN that is typed first for the next attempt.
        going = counter.start(tab, "1.2")
        window = await counter.listener.opened()
        await counter.fails(going, tab)
        assert window.is_there
        await window.type_pin("1234")
        await window.hear_step("ready")
        assert "caller-timed-out" in {message["type"] for message in window.told}
        await counter.start(tab, "1.2")
        assert await tab.text("#satu") == satu
        await window.gone()

        # The next attempt starts first and waits for the same window.
        await tab.click("#logout")
        await tab.wait_for("#identify")
        going = counter.start(tab, "1.3")
        window = await counter.listener.opened()
        await counter.fails(going, tab)
        going = counter.start(tab, "1.3")
        await window.type_pin("1234")
        await going
        assert await tab.text("#satu") == satu
        await window.gone()
    assert counter.listener.count == count + 2
    assert counter.card.is_free and counter.card.tries == 5
