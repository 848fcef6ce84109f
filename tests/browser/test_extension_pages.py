# SPDX-License-Identifier: MIT
"""The extension says whether the program works, in its own pages and to web pages.

``test_login_switch`` has the buttons that repair it, ``tests/extension/host.test.mjs``
all that a program may do wrong.
"""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from native_host import VERSION
from tests.browser.browsers import Browser
from tests.browser.conftest import (
    OpenTab,
    SharedBrowser,
    Visit,
    in_turn,
    only_in_firefox,
)
from tests.browser.site import NONCE, authenticate
from tests.browser.views import (
    CHECK,
    OPTIONS,
    POPUP,
    WELCOME,
    CheckPage,
    Popup,
    ready,
    shows,
    text,
)
from tests.browser.window import WindowListener

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: The texts of a page.
TEXTS = """[...document.querySelectorAll('button, a, h1, h2, p, li')]
  .map((each) => each.textContent.trim())"""
UNNAMED = "[...document.images].filter((each) => !each.hasAttribute('alt')).length"


def speak(message: object) -> str:
    """Return a program that writes one message and reads on."""
    body = json.dumps(message).encode()
    data = len(body).to_bytes(4, "little") + body
    return (
        f"import sys; sys.stdout.buffer.write({data!r}); sys.stdout.flush(); "
        "sys.stdin.buffer.read()"
    )


#: The host of a computer that has just started, with a slow disk.
COLD = (
    "import sys, time; time.sleep(6); from native_host.__main__ import main; "
    "sys.exit(main())"
)
#: Answers each request with an error, as the host does for a browser out of a flatpak.
REFUSES = f"""
import json, struct, sys
def write(message):
    body = json.dumps(message).encode()
    sys.stdout.buffer.write(struct.pack("=I", len(body)) + body)
    sys.stdout.flush()
write({{"version": "2.9.0+kortilla.{VERSION}"}})
while head := sys.stdin.buffer.read(4):
    asked = json.loads(sys.stdin.buffer.read(struct.unpack("=I", head)[0]))
    write({{"id": asked["id"], "error": {{"code": "CODE", "message": "It can't."}}}})
"""
TOO_OLD = speak({"version": "2.9.0+kortilla.0.0.9"})


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def recovery(shared_browser: SharedBrowser) -> AsyncIterator[None]:
    """Check that the extension finds a working program afterwards."""
    yield
    browser = await shared_browser.get()
    browser.user_home.configure()
    browser.user_home.serve()
    tab = await browser.open_view(POPUP)
    await ready(tab)
    await tab.close()
    await browser.user_home.empty()


async def test_both_pages_say_which_version_is_there_and_all_has_a_name(
    browser: Browser, open_tab: OpenTab
) -> None:
    popup, options = await open_tab(POPUP), await open_tab(OPTIONS)
    for tab in (popup, options):
        await ready(tab)
        texts = await tab.evaluate(TEXTS)
        assert texts and all(texts)
        assert await tab.evaluate(UNNAMED) == 0
    await popup.click("#help summary")
    assert VERSION in await popup.text("#version")
    assert await popup.evaluate("document.querySelector('#host').hidden")
    assert await options.text("#host h2") == text("readyHeading")
    assert VERSION in await options.text("#host p")
    assert await options.evaluate("document.documentElement.lang") == "en"
    role = "document.querySelector('#host').getAttribute('role')"
    assert await options.evaluate(role) == "status", "a screen reader reads it aloud"
    with browser.user_home.without_manifest():
        await options.click("#again")
        await options.wait_for("#host[data-state=problem]")
        assert await options.text("#host h2") == text("missingHeading")
    await options.click("#again")
    await ready(options)


@pytest.mark.slow
async def test_a_program_that_starts_slowly_is_not_called_broken(
    browser: Browser, open_tab: OpenTab
) -> None:
    browser.user_home.put_host(COLD)
    tab = await open_tab(OPTIONS)
    await tab.wait_for("#host[data-state]")
    assert await tab.text("#host h2") == text("readyHeading")
    browser.user_home.serve()


async def test_pages_of_an_english_browser_follow_the_desktop(
    browser: Browser, open_tab: OpenTab
) -> None:
    browser.user_home.serve(environment={"LC_ALL": "fi_FI.UTF-8"})
    tab = await open_tab(OPTIONS)
    await ready(tab)  # the extension knows the language now
    home = await tab.evaluate("location.origin")
    for view in (OPTIONS, POPUP, WELCOME):
        await tab.goto(f"{home}/{view}")
        await ready(tab)
        assert await tab.evaluate("document.documentElement.lang") == "fi", view
        assert text("lookAgain" if view != POPUP else "openProgram", "fi") in (
            await tab.evaluate(TEXTS)
        )
    version = text("readyVersion", "fi").replace("$VERSION$", VERSION)
    assert await tab.text("#host p") == version
    title = f"Kortilla: {text('welcomeOpen', 'fi')}"
    assert await tab.evaluate("document.title") == title
    browser.user_home.serve()
    await tab.goto(f"{home}/{OPTIONS}")
    await ready(tab)
    await tab.goto(f"{home}/{OPTIONS}")
    await ready(tab)
    assert await tab.evaluate("document.documentElement.lang") == "en"


async def test_the_popups_button_leads_to_the_check(
    browser: Browser, open_tab: OpenTab
) -> None:
    other = await open_tab(OPTIONS)
    popup = await open_tab(POPUP)
    await Popup(popup).open("help")
    await popup.click("#check")
    popup.closed = True  # the popup closes without help
    # The new view starts a check. The test closes the view after that.
    spoken = await other.evaluate(
        """(async () => {
          for (;;) {
            const views = chrome.extension.getViews({ type: "tab" });
            const view = views.find(({ location }) => location.hash === "#check");
            if (view?.document.querySelector(".finding")) {
              const { id } = await view.chrome.tabs.getCurrent();
              chrome.tabs.remove(id);
              const summary = view.document.querySelector("#check-summary");
              return summary.closest("[role=status]")?.textContent.trim() ?? "";
            }
            // This tab is in the background: Chromium may draw no frame of it.
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
        })()"""
    )
    assert spoken, "the outcome is read aloud"


async def test_a_report_is_copied(browser: Browser, open_tab: OpenTab) -> None:
    page = CheckPage(await open_tab(CHECK))
    assert "CARD" in await page.codes()
    shown = await page.tab.evaluate("document.querySelector('pre').textContent")
    card = browser.user_home.card.state.read()
    for secret in (card.surname, card.satu, str(browser.user_home.home)):
        assert secret not in shown
    await page.tab.click("#copy")
    await page.tab.wait_for("#copied:not(:empty)")
    assert await page.tab.text("#copied") == text("selfCheckCopied")


@in_turn(
    "program, explanation",
    [(None, "missingExplanation"), (TOO_OLD, "tooOldExplanation")],
)
async def test_without_a_program_the_page_says_so(
    browser: Browser, open_tab: OpenTab, program: str | None, explanation: str
) -> None:
    with browser.user_home.without_manifest():
        if program is not None:
            browser.user_home.put_host(program)
            browser.user_home.put_manifest()
        page = CheckPage(await open_tab(CHECK))
        await page.codes()
        said = await page.tab.text("#check-summary")
        assert said == f"{text('checkFailed')} {text(explanation)}"
        await shows(page.tab, "loginImpossible")
        assert await page.tab.text("#token p") == text(explanation)
    browser.user_home.serve()


@only_in_firefox
async def test_in_a_flatpak_the_switch_says_that_it_can_t_help(
    browser: Browser, open_tab: OpenTab
) -> None:
    """``tests/packaging/proxy.py`` has a real flatpak."""
    browser.user_home.put_host(REFUSES.replace("CODE", "BROWSER_CONFINED"))
    tab = await open_tab(OPTIONS)
    await shows(tab, "loginImpossible")
    assert await tab.text("#token p") == text("loginConfined")
    browser.user_home.serve()


@only_in_firefox
async def test_on_a_system_without_the_switch_no_page_shows_it(
    browser: Browser, open_tab: OpenTab
) -> None:
    for code, is_shown in (("SYSTEM_UNSUPPORTED", False), ("BROWSER_CONFINED", True)):
        browser.user_home.put_host(REFUSES.replace("CODE", code))
        for page, part in ((POPUP, "suomi-fi"), (OPTIONS, "login"), (WELCOME, "login")):
            tab = await open_tab(page)
            await shows(tab, "loginImpossible")
            visible = f"document.getElementById({part!r}).checkVisibility()"
            assert await tab.evaluate(visible) is is_shown, (code, page)
    browser.user_home.serve()


@pytest.mark.parametrize(
    ("program", "code", "web_eid"),
    [
        (None, "HOST_MISSING", "NATIVE_UNAVAILABLE"),
        ("import sys; sys.exit(3)", "HOST_CRASHED", "NATIVE_FATAL"),
        (TOO_OLD, "HOST_TOO_OLD", "VERSION_MISMATCH"),
    ],
    ids=["missing", "ends at once", "too old"],
)
async def test_a_page_is_told_and_the_program_is_used_once_it_works(
    browser: Browser,
    visit: Visit,
    listener: WindowListener,
    program: str | None,
    code: str,
    web_eid: str,
) -> None:
    page = await visit()
    with browser.user_home.without_manifest():
        if program is not None:
            browser.user_home.put_host(program)
            browser.user_home.put_manifest()
        await page.ask(authenticate())
        error = await page.failure("kortilla:authenticate", "1")
        assert error["code"] == code
        action = "web-eid:authenticate"
        asking = {"libraryVersion": "2.0.2", "challengeNonce": NONCE}
        await page.ask({"action": action, **asking})
        assert (await page.failure(action))["code"] == f"ERR_WEBEID_{web_eid}"
    browser.user_home.serve(prompt_command=listener.command)
    await page.ask(authenticate("2"))
    await (await listener.opened()).type_pin("1234")
    await page.heard("kortilla:authenticate-success", "2")
