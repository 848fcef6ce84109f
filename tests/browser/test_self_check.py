# SPDX-License-Identifier: MIT
"""The extension shows what does not work.

`test_first_starts` has the buttons that repair it.
"""

import json

import pytest

from native_host.doctor.findings import catalogue
from tests.browser.browsers import Browser, Tab
from tests.browser.conftest import OpenTab
from tests.browser.in_turn import in_turn
from tests.browser.test_card_management import POPUP, Popup
from tests.browser.test_extension_pages import text
from tests.browser.test_host_trouble import speak
from tests.browser.test_login_switch import OPTIONS, shows

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHECK = f"{OPTIONS}#check"
DONE = "#check-summary[data-state]:not([data-state=note])"


class CheckPage:
    """The options page with the self-check."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    async def codes(self) -> set[str]:
        """Wait for the end of a check, and return what the report names."""
        await self.tab.wait_for(DONE)
        report = await self.tab.evaluate("document.querySelector('pre').textContent")
        return {line.rpartition("[")[2][:-1] for line in report.split("\n") if line}

    async def press(self, label: str, code: str = "") -> None:
        """Click a button with this label, of the finding with this code."""
        sentence = catalogue("en")[code].format(browser="Chromium") if code else ""
        name = json.dumps(f"{text(label)}: {sentence}" if code else text(label))
        await self.tab.evaluate(
            "document.getElementById('pressed')?.removeAttribute('id')"
        )
        await self.tab.evaluate(
            "[...document.querySelectorAll('#findings button')].find((each) =>"
            f" (each.getAttribute('aria-label') ?? each.textContent) === {name})"
            ".id = 'pressed'"
        )
        await self.tab.click("#pressed")

    async def until(self, expression: str) -> None:
        """Wait until something is true of the page."""
        await self.tab.evaluate(
            f"""new Promise((resolve, reject) => {{
              const list = document.querySelector("#check");
              setTimeout(() => reject(new Error(list.innerText)), 30000);
              const look = () => {{
                if (!({expression})) return;
                observer.disconnect();
                resolve(true);
              }};
              const observer = new MutationObserver(look);
              observer.observe(document, {{
                subtree: true, childList: true, attributes: true
              }});
              look();
            }})"""
        )


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
    await page.until("document.querySelector('#copied').textContent !== ''")
    assert await page.tab.text("#copied") == text("checkCopied")


@in_turn(
    ("program", "explanation"),
    [
        (None, "missingExplanation"),
        (speak({"version": "2.9.0+kortilla.0.0.9"}), "tooOldExplanation"),
    ],
    ids=["missing", "too old"],
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
