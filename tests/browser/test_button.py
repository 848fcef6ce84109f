# SPDX-License-Identifier: MIT
"""The element `<kortilla-button>` works on a service's page under a strict CSP."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from html import escape
from typing import Any, Self

import pytest
import pytest_asyncio
from aiohttp import web

from kortilla import LoginService, Trust
from kortilla.aiohttp import current_identity, setup
from tests.browser.browsers import Browser, ChromiumTab, Tab
from tests.browser.conftest import (
    Holder,
    OpenTab,
    in_turn,
    only_in_chromium,
    serving,
)
from tests.browser.window import WindowListener
from tools.demo.firefox import FirefoxTab
from tools.demo.site_authority import Authority

pytestmark = pytest.mark.asyncio(loop_scope="session")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "require-trusted-types-for 'script'; trusted-types 'none'; "
    "img-src 'self'"  # Firefox requests the icon on its own
)

#: Session storage keeps the page's messages after it navigates.
SCRIPT = """
var heard = JSON.parse(sessionStorage.heard ?? "[]");
const note = (...each) => {
  heard.push(each);
  sessionStorage.heard = JSON.stringify(heard);
};
for (const name of ["kortilla-login", "kortilla-error"]) {
  addEventListener(name, (event) => {
    note(name, event.detail.code ?? event.detail);
    if (document.querySelector("[data-stay]")) event.preventDefault();
  });
}
var inside = () => document.querySelector("kortilla-button").shadowRoot;
// Resolves once an element inside says something that begins so.
var says = (selector, words) => new Promise((resolve) => {
  const look = () => {
    const { textContent } = inside().querySelector(selector);
    if (textContent && textContent.startsWith(words)) resolve(null);
    else requestAnimationFrame(look);
  };
  look();
});
addEventListener("securitypolicyviolation", (event) => {
  note("violation", event.violatedDirective, event.sourceFile);
});
"""

KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Space": " "}

#: What the button says, its cancellation, and a part of what it says of a missing
#: program. ``tests/kortilla`` compares all texts.
TEXTS = {
    "fi": ("Tunnistaudu henkilökortilla", "Peruuta", "Kortilla-ohjelma puuttuu"),
    "sv": (
        *("Identifiera dig med identitetskortet", "Avbryt"),
        "programmet Kortilla saknas",
    ),
    "en": (
        *("Identify yourself with your identity card", "Cancel"),
        "the Kortilla program is missing",
    ),
}


class Button:
    """The element in a tab."""

    def __init__(self, tab: Tab, origin: str) -> None:
        self.tab, self.origin = tab, origin

    @classmethod
    async def open(cls, tab: Tab, origin: str, query: str = "") -> Self:
        """Load the page. ``query`` is ``lang=…`` and the element's attributes."""
        await tab.goto(f"{origin}/?{query}")
        self = cls(tab, origin)
        await self.when("idle")
        # The text appears with its language, a moment after the element.
        await self.says("button", "")
        return self

    async def when(self, state: str) -> None:
        """Wait until the element is in a state."""
        await self.tab.wait_for(f"kortilla-button[state={state}]")

    async def press(self, *keys: str) -> None:
        """Press keys in the element that has the focus."""
        if isinstance(self.tab, ChromiumTab):
            for key in keys:
                await self.tab._driver.page.keyboard.press(key)
            return
        assert isinstance(self.tab, FirefoxTab)
        actions = [
            {"type": kind, "value": KEYS[key]}
            for key in keys
            for kind in ("keyDown", "keyUp")
        ]
        keyboard = {"type": "key", "id": "keyboard", "actions": actions}
        await self.tab._command("WebDriver:PerformActions", actions=[keyboard])

    async def inside(self, expression: str) -> Any:
        """Return the value of an expression about the shadow root ``root``."""
        return await self.tab.evaluate(f"((root) => {expression})(inside())")

    async def text(self, selector: str) -> str:
        """Return the text of an element inside."""
        return str(await self.inside(f"root.querySelector('{selector}').textContent"))

    async def says(self, selector: str, words: str) -> None:
        """Wait until the text of an inner element starts with a text."""
        await self.tab.evaluate(f"says({json.dumps(selector)}, {json.dumps(words)})")

    async def arrives(self, place: str, language: str) -> None:
        """Wait until the tab shows a path, in a page of a language."""
        await self.tab.wait_for(f"html[lang={language}] :target")
        there = await self.tab.evaluate("location.pathname + location.hash")
        assert there == place

    async def heard(self) -> list[list[Any]]:
        """Return the tab's events, and the CSP violations."""
        return list(await self.tab.evaluate("heard"))


Open = Callable[..., Awaitable[Button]]


def make_app(origin: str, trust: Trust) -> web.Application:
    """Return a service with the element; a query becomes its attributes."""

    def page(content: str) -> web.Response:
        return web.Response(
            text=f'<!doctype html><meta charset="utf-8">{content}',
            content_type="text/html",
            headers={"Content-Security-Policy": POLICY},
        )

    async def front(request: web.Request) -> web.Response:
        attributes = dict(request.query)
        language = escape(attributes.pop("lang", "en"))
        written = (
            f'{escape(name)}="{escape(attributes[name])}"' for name in attributes
        )
        return page(
            f'<html lang="{language}"><title>Service</title>'
            '<link rel="stylesheet" href="/page.css"><script src="/page.js"></script>'
            '<script type="module" src="/auth/static/button.js"></script>'
            f"<kortilla-button {' '.join(written)}></kortilla-button></html>"
        )

    async def own(request: web.Request) -> web.Response:
        person = await current_identity(request)
        return page(
            '<html><title>Own</title><script src="/page.js"></script>'
            f"<p id=satu>{person.satu if person else ''}</p></html>"
        )

    async def script(_: web.Request) -> web.Response:
        return web.Response(text=SCRIPT, content_type="text/javascript")

    async def style(_: web.Request) -> web.Response:
        # A click hits the middle of the element.
        text = "kortilla-button { display: inline-block; }"
        return web.Response(text=text, content_type="text/css")

    app = web.Application()
    app.router.add_get("/", front)
    app.router.add_get("/own", own)
    app.router.add_get("/page.js", script)
    app.router.add_get("/page.css", style)
    setup(app, LoginService(origin=origin, trust=trust))
    return app


@pytest_asyncio.fixture(loop_scope="session")
async def origin(trust: Trust, authority: Authority) -> AsyncIterator[str]:
    """The origin of the running service."""
    async with serving(authority, lambda origin: make_app(origin, trust)) as origin:
        yield origin


@pytest_asyncio.fixture(loop_scope="session")
async def open_button(open_tab: OpenTab, origin: str) -> Open:
    """A function that opens the page in a new tab."""

    async def open_button(query: str = "") -> Button:
        return await Button.open(await open_tab(), origin, query)

    return open_button


async def test_everything_can_be_done_with_keys_alone(
    open_button: Open, listener: WindowListener, holder: Holder
) -> None:
    button = await open_button("next=/own")
    await button.press("Tab", "Enter")
    window = await listener.opened()
    conversation = window.told[0]["conversation"]
    assert conversation["origin"] == button.origin
    assert conversation["started_by_person"] is True
    await button.says("[role=status]", "Go on in Kortilla's window.")
    await window.hear("ask-pin")
    # The button keeps the focus but starts no second request on Enter.
    focus = "root.activeElement?.part.value"
    assert await button.inside(focus) == "button"
    await button.press("Enter")
    await button.press("Tab", "Space")
    await button.when("error")
    await window.gone()
    assert listener.count == 1
    assert await button.inside(focus) == "button"
    # A cancellation is a status, not an error.
    assert "cancelled" in await button.text("[role=status]")
    assert await button.text("[role=alert]") == ""
    await button.press("Enter")
    await (await listener.opened()).type_pin("1234")
    assert await button.tab.text("#satu") == holder[1]
    [error, login] = await button.heard()
    assert error[0] == "kortilla-error"
    assert login == ["kortilla-login", {"name": holder[0], "satu": holder[1]}]


@only_in_chromium
async def test_it_speaks_the_language_around_it(
    open_button: Open, listener: WindowListener
) -> None:
    button = await open_button()
    for language, (start, cancel, _) in TEXTS.items():
        button = await Button.open(button.tab, button.origin, f"lang={language}-FI")
        assert await button.text("[part=button]") == start
        assert await button.text("[part=cancel]") == cancel
        assert await button.inside("root.firstElementChild.lang") == language
    await button.tab.evaluate("document.querySelector('kortilla-button').lang = 'sv'")
    await button.says("button", TEXTS["sv"][0])
    button = await Button.open(button.tab, button.origin, "lang=sv")
    await button.press("Tab", "Enter")
    window = await listener.opened()
    assert window.told[0]["conversation"]["language"] == "sv"


async def test_without_the_program_a_link_leads_to_the_help(
    browser: Browser, open_button: Open
) -> None:
    button = await open_button()
    with browser.user_home.without_manifest():
        for language in TEXTS if browser.user_home.family == "chromium" else ("fi",):
            button = await Button.open(button.tab, button.origin, f"lang={language}")
            await button.press("Tab", "Enter")
            await button.when("error")
            assert TEXTS[language][2] in await button.text("[role=alert]")
            assert await button.text("[part=code]") == "HOST_MISSING"
            assert (await button.heard())[-1] == ["kortilla-error", "HOST_MISSING"]
            await button.press("Tab", "Enter")
            await button.arrives(f"/auth/static/help/{language}.html#program", language)


@in_turn("query", ["next=/%5Cother.example/", "next=/own&data-stay="])
async def test_it_stays_where_the_next_page_is_foreign_or_prevented(
    browser: Browser, open_button: Open, holder: Holder, query: str
) -> None:
    browser.user_home.configure(prompt="automatic")
    button = await open_button(query)
    address = await button.tab.evaluate("location.href")
    await button.press("Tab", "Enter")
    await button.when("done")
    assert await button.text("[role=status]") == "You have identified yourself."
    person = {"name": holder[0], "satu": holder[1]}
    assert await button.heard() == [["kortilla-login", person]]
    # A person who is logged in is not asked again.
    await button.press("Enter")
    assert await button.inside("root.host.state") == "done"
    assert await button.tab.evaluate("location.href") == address


@only_in_chromium
async def test_a_button_that_is_taken_away_takes_the_window_along(
    browser: Browser, open_button: Open, listener: WindowListener
) -> None:
    button = await open_button()
    await button.press("Tab", "Enter")
    window = await listener.opened()
    await window.hear("ask-pin")
    # An element that is only moved keeps its request.
    await button.tab.evaluate(
        "document.body.prepend(document.querySelector('kortilla-button')) ?? null"
    )
    assert await button.inside("root.host.state") == "working"
    await button.tab.evaluate("document.querySelector('kortilla-button').remove()")
    await window.gone()
    await browser.user_home.host_gone()


OWN_TEXTS = {
    "fi": {"button.start": "Kirjaudu kortilla", "HOST_MISSING": "Asenna ohjelma."},
    "sv": {"button.start": " "},
}


@only_in_chromium
async def test_a_service_replaces_texts_in_each_language_and_the_names_follow(
    browser: Browser, open_button: Open
) -> None:
    button = await open_button("lang=fi")

    async def named(name: str) -> bool:
        assert isinstance(button.tab, ChromiumTab)
        found = button.tab._driver.page.get_by_role("button", name=name, exact=True)
        return await found.count() == 1

    texts = f"(inside().host.texts = {json.dumps(OWN_TEXTS)})"
    await button.tab.evaluate(texts)
    await button.says("button", "Kirjaudu kortilla")
    assert await named("Kirjaudu kortilla")
    with browser.user_home.without_manifest():
        await button.press("Tab", "Enter")
        await button.when("error")
    assert (await button.text("[role=alert] p")) == "Asenna ohjelma."
    assert await button.inside("root.querySelector('[role=alert] p').lang") == "fi"
    # A blank text would leave a button without a name.
    await button.tab.evaluate("(inside().host.lang = 'sv')")
    await button.says("button", TEXTS["sv"][0])
    assert await named(TEXTS["sv"][0])
    # Content of the page's own comes before any text.
    await button.tab.evaluate(
        "void inside().host.append(Object.assign(document.createElement('b'), "
        "{ slot: 'label', textContent: 'Logga in med kortet' }))"
    )
    assert await named("Logga in med kortet")


@only_in_chromium
async def test_after_a_logout_and_when_the_page_comes_back_the_button_is_ready(
    browser: Browser, open_button: Open, holder: Holder
) -> None:
    browser.user_home.configure(prompt="automatic")
    button = await open_button()
    await button.press("Tab", "Enter")
    await button.when("done")
    own = "fetch('/own').then((answer) => answer.text())"
    assert f"<p id=satu>{holder[1]}</p>" in await button.tab.evaluate(own)
    await button.tab.evaluate(
        "import('/auth/static/kortilla.js').then(({ kortilla }) => kortilla.logout())"
    )
    await button.when("idle")
    assert "<p id=satu></p>" in await button.tab.evaluate(own)

    await button.press("Enter")
    await button.when("done")
    await button.tab.evaluate(
        "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"
    )
    assert await button.inside("root.host.state") == "idle"
    assert await button.text("[role=status]") == ""
