# SPDX-License-Identifier: MIT
"""The extension's pages fit, have no fault that axe finds, and need no mouse."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from native_host.browser_testing.temporary_home import extension_folder
from native_host.operations.card_words import readers_words
from native_host.texts.card import CardTexts
from tests.browser.browsers import Browser, ChromiumTab, Tab
from tests.browser.conftest import OpenTab, only_in_chromium
from tests.browser.test_demo import demo, hand_certificate_over, tab
from tests.browser.views import (
    BUTTONS,
    HEADINGS,
    OPTIONS,
    POPUP,
    WELCOME,
    open_popup,
    ready,
    said,
    text,
)
from tests.browser.window import PIN2, WindowListener
from tests.support.card_statuses import NOW, STATES
from tools.demo.site import DemoServer

__all__ = ["demo", "tab"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"


#: A wide font and a narrow one, which the set-up installs.
FONTS = ("DejaVu Sans", "Cantarell")

#: The browsers cut a popup that is larger, in px.
WIDTH, HEIGHT = 360, 600

# What axe finds, each with the elements. Targets are at least 24 px in WCAG 2.2.
_RUN = """axe.run(document, %s)
  .then(({ violations, passes }) => [
    violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]),
    passes.length,
  ])"""
_ALL_RULES = '{ rules: { "target-size": { enabled: true } } }'
#: The rules about colours: all that may find something else in the dark look.
_COLOUR_RULES = '{ runOnly: ["color-contrast", "link-in-text-block"] }'

# How far the page and each of its elements reach beyond the width, in px.
BEYOND = """Math.max(0, ...[...document.querySelectorAll("*")]
  .filter((each) => each.checkVisibility() && !each.closest(".said, svg"))
  .map((each) => each.getBoundingClientRect().right - innerWidth))"""

_WIDTH_NOW = "document.body.offsetWidth"

#: The height in px of a popup that need not scroll.
FULL_HEIGHT = """(() => {
  const { scrollHeight, clientHeight } = document.querySelector("main");
  return document.body.offsetHeight + scrollHeight - clientHeight;
})()"""

# What gets the focus with Tab, in order. Each has to show it by a ring of 3 px.
_STOPS = """[...document.querySelectorAll("button, summary, input, a, [tabindex='0']")]
  .filter((each) => each.checkVisibility())
  .map((each) => {
    each.focus({ focusVisible: true });
    const { outlineStyle, outlineWidth } = getComputedStyle(each);
    const { width, height } = each.getBoundingClientRect();
    return [each.ariaLabel ?? each.textContent, outlineStyle, outlineWidth,
      Math.min(width, height) >= 24];
  })"""

#: The ids of the primary buttons that are in sight.
_PRIMARY = """[...document.querySelectorAll(".main")]
  .filter((each) => each.checkVisibility())
  .map(({ id }) => id)"""

#: The text below this size, in px, if any.
_SMALL = """[...document.querySelectorAll("body *")]
  .filter((each) => each.checkVisibility() && !each.closest("svg"))
  .filter((each) => [...each.childNodes].some(
    ({ nodeType, data }) => nodeType === Node.TEXT_NODE && data.trim() !== ""))
  .filter((each) => parseFloat(getComputedStyle(each).fontSize) < 13)
  .map((each) => each.textContent)"""

# Speak another language than the browser, given its catalogue.
_SPEAK = r"""(() => {
  const catalogue = %s;
  chrome.i18n.getMessage = (name, values) =>
    catalogue[name].message.replace(/\$(\w+)\$/g, (_, key) => {
      const { content } = catalogue[name].placeholders[key.toLowerCase()];
      return [values].flat()[content.slice(1) - 1];
    });
  document.querySelectorAll("svg.icon").forEach((each) => each.remove());
  return import("/shared/texts.js").then(({ fillTexts }) => fillTexts());
})()"""

# Keep the function of the popup that shows a state of the card, and the last state.
_KEEP = """(() => {
  const connect = chrome.runtime.connect.bind(chrome.runtime);
  chrome.runtime.connect = (...args) => {
    const port = connect(...args);
    const add = port.onMessage.addListener.bind(port.onMessage);
    port.onMessage.addListener = (show) => {
      globalThis.show = show;
      add(show);
      add((state) => (globalThis.state = state));
    };
    return port;
  };
})()"""

# Show cards as the background reports them. Read the heading, and the height in px.
_SHOW = """(() => {
  show({ ...state, cards: %s });
  return [document.querySelector("#card .report h2").textContent, NATURAL];
})()""".replace("NATURAL", FULL_HEIGHT)


async def send(tab: Tab, command: str, **parameters: object) -> Any:
    """Send a command of Chromium's debugger, which a page's policy does not bind."""
    assert isinstance(tab, ChromiumTab)
    return await tab._session.send(command, parameters)


async def faults(tab: Tab) -> Any:
    """Return what axe finds in the light and the dark look."""
    found = []
    await send(tab, "Runtime.evaluate", expression=AXE.read_text())
    for scheme, rules in (("light", _ALL_RULES), ("dark", _COLOUR_RULES)):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        await send(tab, "Emulation.setEmulatedMedia", features=[feature])
        violations, passes = await tab.evaluate(_RUN % rules)
        least = 10 if scheme == "light" else 0
        assert passes > least, "axe has looked at the page"
        found += violations
    return found


async def fonts_of(tab: Tab) -> set[str]:
    """Return the names of the fonts in which the page is drawn."""
    await send(tab, "DOM.enable")
    await send(tab, "CSS.enable")
    root = (await send(tab, "DOM.getDocument"))["root"]["nodeId"]
    found = await send(tab, "DOM.querySelectorAll", nodeId=root, selector="main *")
    names = set()
    for node in found["nodeIds"]:
        drawn = await send(tab, "CSS.getPlatformFontsForNode", nodeId=node)
        names |= {each["familyName"] for each in drawn["fonts"]}
    return names


async def resize(tab: Tab, width: int, *, text_size: int = 100) -> None:
    """Give the page a width in px, and the person's text size in per cent."""
    size = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    await send(tab, "Emulation.setDeviceMetricsOverride", **size)
    await tab.evaluate(f"(document.documentElement.style.fontSize = '{text_size}%')")


async def examine(tab: Tab, widths: dict[int, int]) -> None:
    """Check a page at widths by text size: with its folds closed, and open."""
    for is_open in ("false", "true"):
        await tab.evaluate(
            "document.querySelectorAll('details')"
            f".forEach((each) => each.toggleAttribute('open', {is_open}))"
        )
        for text_size, width in widths.items():
            await resize(tab, width, text_size=text_size)
            assert await tab.evaluate(BEYOND) < 1, (text_size, is_open)
    await resize(tab, widths[100])
    assert await faults(tab) == []
    assert await tab.evaluate(_SMALL) == []
    for name, style, ring, is_large in await tab.evaluate(_STOPS):
        assert (style, ring, is_large) == ("solid", "3px", True), name


_PREPARE = "prepareLoginHeading"
_FIRST = ("Change PIN1", "Forgotten: PIN1", _PREPARE)
_SECOND = ("Change PIN2", "Forgotten: PIN2")
_ALL = ("Change PIN1", "Change PIN2", "Forgotten: PIN1", "Forgotten: PIN2", _PREPARE)
#: For each kind of card, as its profile and state: the kind of its state, the primary
#: button, and all others. The popup offers what makes sense.
_CARDS: list[tuple[str, str, str, str | None, tuple[str, ...]]] = [
    ("v5", "new", "new", "Activate the card", ()),
    ("v5-2026", "new", "new", "Activate the card", ()),
    ("v5", "partly-activated", "partly", "Activate the card", _FIRST),
    ("v5", "pin1-blocked", "pin1_locked", "Unlock PIN1", _SECOND),
    ("v4.2", "pin2-blocked", "pin2_locked", "Unlock PIN2", _FIRST),
    ("v5", "last-try", "pins_last", None, _ALL),
    ("v5", "active", "ready", "openProgram", _ALL),
]


@only_in_chromium
async def test_the_popup_fits_and_offers_what_makes_sense_with_the_first_in_sight(
    browser: Browser, open_tab: OpenTab
) -> None:
    card, shown = browser.user_home.card, await open_popup(open_tab)

    async def look(heading: str, action: str | None, others: Sequence[str]) -> None:
        # The program's own button is no card's.
        own = [action] if action and action != "openProgram" else []
        buttons = [*own, *others]
        await shown.tab.goto(await shown.tab.evaluate("location.href"))
        await ready(shown.tab)
        await shown.tab.wait_for("#card[aria-busy=false]")
        await shown.shows(heading)
        await resize(shown.tab, WIDTH)
        assert await shown.all(HEADINGS) == [said(heading)]
        assert await shown.all(BUTTONS) == [said(button) for button in buttons]
        assert await shown.tab.evaluate(_WIDTH_NOW) == WIDTH
        mains = await shown.tab.evaluate(
            "[...document.querySelectorAll('button.main')]"
            ".map((each) => [each.textContent, each.getBoundingClientRect().bottom])"
        )
        assert [name for name, _ in mains] == ([said(action)] if action else [])
        assert all(bottom <= HEIGHT for _, bottom in mains)
        await examine(shown.tab, {100: WIDTH, 200: 2 * WIDTH})

    for profile, state, heading, action, others in _CARDS:
        await browser.user_home.empty()
        card.remake(profile=profile, state=state)
        await look(heading, action, others)
    card.state.pull()
    await look("no_card", "cardRead", [])


def _cards(language: str) -> dict[str, Any]:
    """Return what the host says of a test card in each state, if it can be read."""
    found = {}
    for name, state in STATES.items():
        for status in state.readers:
            texts = CardTexts(language)
            words = readers_words([status | {"testCard": True}], NOW, texts)
            if (card := words["cards"][0]) and card["holder"]:
                card["holder"] = "AINO SPECIMEN-VIRTANEN"
                readers = [{"reader": status["reader"], "card": card}]
                found[name] = {**words, "readers": readers}
    return found


@only_in_chromium
async def test_the_popup_is_no_higher_than_browsers_show_in_any_state_and_language(
    open_tab: OpenTab,
) -> None:
    """The card is a test card, whose strip a person's own card does not have.

    The program reads one card. The popup then gets the other states as from there.
    """
    tab = await open_tab(POPUP)
    await ready(tab)
    await send(tab, "Page.enable")
    await send(tab, "Page.addScriptToEvaluateOnNewDocument", source=_KEEP)
    await tab.goto(await tab.evaluate("location.href"))
    await resize(tab, WIDTH)
    await tab.wait_for("#card[aria-busy=false] .report")
    flat = "document.querySelector('#others-heading').hidden"
    heights = {}
    for font, language in itertools.product(FONTS, ("en", "fi", "sv")):
        await tab.evaluate(f"(document.body.style.fontFamily = '{font}')")
        catalogue = extension_folder() / f"_locales/{language}/messages.json"
        await tab.evaluate(_SPEAK % catalogue.read_text())
        for name, cards in _cards(language).items():
            words = cards["readers"][0]["card"]
            heading, height = await tab.evaluate(_SHOW % json.dumps(cards))
            assert heading == words["title"]
            heights[font, language, name] = height
            # The folds of a card that is ready are in sight, those of others in one.
            is_flat = words["look"] == "good"
            assert await tab.evaluate(flat) == is_flat, name
            # So is the program's button, the one primary action where it is in sight.
            mains = await tab.evaluate(_PRIMARY)
            assert mains == (["program"] if is_flat else [""] * len(mains))
            assert len(mains) <= 1, name
        assert await fonts_of(tab) == {font}
    assert {what: each for what, each in heights.items() if each > HEIGHT} == {}

    # More than one card scrolls between band and foot.
    cards = _cards("en")["ready"]
    cards["readers"] *= 2
    await tab.evaluate(_SHOW % json.dumps(cards))
    assert await tab.evaluate(FULL_HEIGHT) > HEIGHT
    assert await tab.evaluate("document.body.offsetHeight") <= HEIGHT
    bottom = "document.querySelector('.foot').getBoundingClientRect().bottom"
    assert await tab.evaluate(bottom) <= HEIGHT
    assert await faults(tab) == []


@only_in_chromium
async def test_a_long_name_and_a_large_text_stay_inside_the_popup(
    open_tab: OpenTab,
) -> None:
    shown = await open_popup(open_tab)
    name = "SPECIMEN-" + "A" * 51
    await shown.tab.evaluate(
        f"(document.querySelector('.holder h2').textContent = '{name}')"
    )
    for text_size in (100, 200):
        await resize(shown.tab, WIDTH * text_size // 100, text_size=text_size)
        assert await shown.tab.evaluate(BEYOND) < 1
    # A text of 300 % wants 1080 px, and browsers give a popup 800 at most.
    await resize(shown.tab, 800, text_size=300)
    assert await shown.tab.evaluate(BEYOND) < 1
    assert await shown.tab.evaluate(_WIDTH_NOW) <= 800


@only_in_chromium
async def test_pages_without_a_program_have_no_fault_either(
    browser: Browser, open_tab: OpenTab
) -> None:
    tab = await open_tab(POPUP)
    home = await tab.evaluate("location.origin")
    with browser.user_home.without_manifest():
        for view in (POPUP, OPTIONS, WELCOME):
            await tab.goto(f"{home}/{view}")
            await tab.wait_for("#host[data-state=problem]")
            await examine(tab, {100: WIDTH, 200: 2 * WIDTH})


async def test_the_welcome_page_fits_and_shows_the_program_and_the_way_to_the_icon(
    browser: Browser, open_tab: OpenTab
) -> None:
    tab = await open_tab(WELCOME)
    await ready(tab)
    name = {"chromium": "welcomePinChromium", "firefox": "welcomePinFirefox"}
    assert await tab.text("#pin") == text(name[browser.user_home.family])
    # A developer's copy, such as this one, opens the page at no start.
    kind = "chrome.management.getSelf().then(({ installType }) => installType)"
    assert await tab.evaluate(kind) == "development"
    if browser.user_home.family == "chromium":
        await examine(tab, {100: 320, 200: 640})


@only_in_chromium
async def test_the_options_fit_and_findings_have_signs(
    browser: Browser, open_tab: OpenTab
) -> None:
    tab = await open_tab(f"{OPTIONS}#check")
    await ready(tab)
    await tab.wait_for(".finding")
    signs = await tab.evaluate(
        "[...document.querySelectorAll('.finding')].map((each) =>"
        " [each.dataset.severity, each.querySelector('.icon').dataset.icon])"
    )
    named = {"error": "problem", "warning": "warning", "info": "note"}
    assert {tuple(each) for each in signs} <= set(named.items())
    await examine(tab, {100: 320, 200: 640})


@only_in_chromium
async def test_help_and_demo_pages_have_no_fault(
    browser: Browser, demo: DemoServer, tab: Tab, listener: WindowListener
) -> None:
    pages = [await faults(tab)]
    await hand_certificate_over(tab)
    await tab.click("#sign")
    await (await listener.opened()).type_pin(PIN2)
    await tab.wait_for("#download")
    pages.append(await faults(tab))
    help_pages = [f"auth/static/help/{name}.html" for name in ("fi", "sv", "en")]
    for path in ("sv/session", "fi/", "en/missing", *help_pages):
        await tab.goto(f"{demo.origin}/{path}")
        pages.append(await faults(tab))
    assert pages == [[]] * 8, pages
