# SPDX-License-Identifier: MIT
"""The extension's own pages: the popup, the options, and their self-check."""

import json
from collections.abc import Awaitable, Callable

from native_host.browser_testing.temporary_home import extension_folder
from native_host.doctor.findings import Sentences
from native_host.texts import as_sentence
from native_host.texts.card import CardTexts
from tests.browser.browsers import Tab

POPUP, OPTIONS = "popup/popup.html", "options/options.html"
WELCOME = "welcome/welcome.html"
CHECK = f"{OPTIONS}#check"

HEADINGS = (
    "[...document.querySelectorAll('#card .report h2')].map((h) => h.textContent)"
)
#: The buttons that the card's state gives, as a screen reader names them.
_FOUND = (
    "[...document.querySelectorAll('#card button, #forgotten button, #prepare button')]"
)
BUTTONS = f"{_FOUND}.map((b) => b.ariaLabel ?? b.textContent)"

#: How many welcome pages are open, as one of the extension's pages counts them.
WELCOMES = """chrome.extension.getViews({ type: "tab" })
  .filter(({ location }) => location.pathname === "/welcome/welcome.html").length"""


def text(name: str, language: str = "en") -> str:
    """Return one of the extension's texts."""
    catalogue = extension_folder() / f"_locales/{language}/messages.json"
    return str(json.loads(catalogue.read_text())[name]["message"])


def said(name: str) -> str:
    """Return a text of the extension, or the title of a card's state, or itself."""
    messages = json.loads(
        (extension_folder() / "_locales/en/messages.json").read_text()
    )
    if name in messages:
        return text(name)
    texts = CardTexts("en")
    key = f"{name}.title"
    return as_sentence(texts(key)) if key in texts else name


async def until(tab: Tab, expression: str) -> None:
    """Wait until something is true of a page. An error says what the page shows."""
    await tab.evaluate(
        f"""new Promise((resolve, reject) => {{
          setTimeout(() => reject(new Error(document.body.innerText)), 30000);
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


async def ready(tab: Tab) -> None:
    """Wait until a page knows that the program is available.

    The switch of the login has its answer by then, too. The popup folds both away.
    """
    state, switch = "#host[data-state=ready]", "#switch:not([aria-busy])"
    await until(tab, f"document.querySelector('html:has({state}):has({switch})')")


async def shows(tab: Tab, heading: str) -> None:
    """Wait until the status of the login's switch has a heading."""
    shown = "document.querySelector('#token h3')?.textContent"
    await until(tab, f"{shown} === {json.dumps(text(heading))}")


async def is_checked(tab: Tab) -> bool:
    """Return the state of that switch as a screen reader reads it."""
    switch = "document.querySelector('#switch')"
    assert await tab.evaluate(f"{switch}.getAttribute('role')") == "switch"
    return bool(await tab.evaluate(f"{switch}.checked"))


class Popup:
    """The popup, opened in a tab."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    async def all(self, what: str) -> list[str]:
        """Return the texts of the elements that an expression selects."""
        return list(await self.tab.evaluate(what))

    async def heard(self) -> str:
        """Return the text of the live region."""
        return str(await self.tab.evaluate("document.querySelector('#said').innerText"))

    async def press(self, label: str) -> None:
        """Click a button of the card by its name, in its fold if it has one."""
        place = (await self.all(BUTTONS)).index(said(label))
        fold = await self.tab.evaluate(
            f"(({_FOUND}[{place}].id = 'pressed'),"
            f" {_FOUND}[{place}].checkVisibility()"
            f" ? null : {_FOUND}[{place}].closest('#folds .fold').parentElement.id)"
        )
        if fold is not None:
            await self.open(fold)
        await self.tab.click("#pressed")

    async def open(self, fold: str) -> None:
        """Click the heading of a fold, and first that of the fold around it."""
        if await self.tab.evaluate(
            f"document.querySelector('#others:not([open]) #{fold}') !== null"
        ):
            await self.tab.click("#others-heading")
        await self.tab.click(f"#{fold} summary")

    async def shows(self, heading: str) -> None:
        """Wait for the panel with a heading."""
        await until(self.tab, f"{HEADINGS}.includes({json.dumps(said(heading))})")


async def open_popup(open_tab: Callable[[str], Awaitable[Tab]]) -> Popup:
    """Open the popup and wait until it has read the card."""
    tab = await open_tab(POPUP)
    await ready(tab)  # may date from an earlier check while this one runs
    await tab.wait_for("#card[aria-busy=false]")
    return Popup(tab)


class CheckPage:
    """The options page with the self-check."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    async def codes(self) -> set[str]:
        """Wait for the end of a check, and return what the report names."""
        await self.tab.wait_for("#check-summary[data-state]:not([data-state=note])")
        report = await self.tab.evaluate("document.querySelector('pre').textContent")
        return {line.rpartition("[")[2][:-1] for line in report.split("\n") if line}

    async def press(self, label: str, code: str = "") -> None:
        """Click a button with this label, of the finding with this code."""
        sentence = Sentences("en")[code].format(browser="Chromium") if code else ""
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
        """Wait until something is true of the report ``pre``."""
        await until(self.tab, f"((pre) => {expression})(document.querySelector('pre'))")
