# SPDX-License-Identifier: MIT
"""Page and window report a failed signature or a changed card."""

import asyncio

import pytest

from kortilla.mock_card.faults import Fault
from tests.browser.browsers import Browser
from tests.browser.conftest import OpenTab, Visit
from tests.browser.in_turn import in_turn, only_in_chromium
from tests.browser.signing import (
    ACTION,
    P256,
    PIN2,
    THREE,
    TITLE,
    Papers,
    check,
    request,
)
from tests.browser.site import Page, Site
from tests.browser.test_login import on, type_pin
from tests.browser.window import Door, Window
from tests.support.screen import Screen

pytestmark = pytest.mark.asyncio(loop_scope="session")

PSS = {"cryptoAlgorithm": "RSA", "hashFunction": "SHA-256", "paddingScheme": "PSS"}


async def one_of_three(page: Page) -> None:
    """Wait for the response to a request that was interrupted after one signature."""
    failure = await page.failure(ACTION, "1")
    assert set(failure) == {
        "code",
        "message",
        "reason",
        "certificate",
        "signatures",
        "total",
    }
    assert failure["code"] == "SIGNING_INTERRUPTED"
    assert failure["reason"] == "CARD_REMOVED"
    assert failure["total"] == 3
    check(failure, THREE[:1])


@in_turn(
    "fault",
    [
        Fault("card-pulled", on="verify", skip=1),
        Fault("card-pulled", on="sign", when="after", skip=1),
    ],
    ids=["before the second PIN", "after the second signature"],
)
async def test_a_batch_that_is_interrupted_gives_what_was_signed(
    browser: Browser, visit: Visit, door: Door, papers: Papers, fault: Fault
) -> None:
    card = browser.house.card
    card.state.set_faults(fault)
    page = await visit()
    await page.ask_script(request(THREE))
    window = await door.opened()
    await window.type_pin(PIN2)
    await one_of_three(page)
    told = await window.hear_step("failed")
    assert told["problem"] == {"code": "SIGNING_INTERRUPTED", "detail": "1/3"}
    assert card.is_free and card.signature_tries == 5
    assert not papers.are_there
    # The window stays until the person closes it. Then all can be signed anew.
    await page.send({"action": "kortilla:status", "id": "2"})
    await page.heard("kortilla:status-success", "2")
    assert window.is_there
    window.say("cancel")
    await window.gone()
    await browser.house.host_gone()
    card.state.insert()
    await page.ask_script(request(THREE))
    await (await door.opened()).type_pin(PIN2)
    check(await page.heard(f"{ACTION}-success", "1"), THREE)


@only_in_chromium
async def test_a_window_that_stays_ends_with_its_page_or_the_next_request(
    browser: Browser, visit: Visit, door: Door
) -> None:
    card, page = browser.house.card, await visit()

    async def interrupted() -> Window:
        card.state.set_faults(Fault("card-pulled", on="verify", skip=1))
        await page.ask_script(request(THREE))
        window = await door.opened()
        await window.type_pin(PIN2)
        await page.failure(ACTION, "1")
        await window.hear_step("failed")
        card.state.insert()
        return window

    first = await interrupted()
    second = await interrupted()
    await first.gone()
    await page.tab.close()
    await second.gone()
    await browser.house.host_gone()


@only_in_chromium
async def test_the_window_stays_until_the_person_has_read_what_was_interrupted(
    browser: Browser, open_tab: OpenTab, site: Site, screen: Screen
) -> None:
    """The window is the real one on a real screen, and only keys are pressed."""
    card, fault = browser.house.card, Fault("card-pulled", on="verify", skip=1)
    card.state.set_faults(fault)
    browser.house.serve(environment=on(screen))
    page = await Page.open(await open_tab(), site.fresh())
    await page.ask_script(request(THREE))
    window = await asyncio.to_thread(screen.find, TITLE)
    await asyncio.to_thread(screen.wait_for_focus, window)
    # The fault counts from the first PIN and occurs at the second.
    await asyncio.to_thread(
        type_pin, screen, PIN2, lambda: card.state.faults() != (fault,)
    )
    await one_of_three(page)
    assert await asyncio.to_thread(screen.ids, TITLE) == [window]
    await asyncio.to_thread(screen.press, "Escape")
    await asyncio.to_thread(screen.wait_until, lambda: not screen.ids(TITLE))
    await browser.house.host_gone()


@only_in_chromium
async def test_a_blocked_pin2_is_told_to_the_person_and_then_to_the_page(
    browser: Browser, visit: Visit, door: Door
) -> None:
    browser.house.card.remake(state="pin2-blocked")
    page = await visit()
    await page.ask_script(request(THREE))
    window = await door.opened()
    told = await window.hear("offer-unlock")
    assert told["question"]["pin"] == "PIN2"
    window.say("cancel")
    failure = await page.failure(ACTION, "1")
    assert (failure["code"], failure["reason"]) == ("USER_CANCELLED", "PIN_BLOCKED")
    assert not {"certificate", "signatures"} & set(failure)
    await window.gone()
    await browser.house.host_gone()


@only_in_chromium
async def test_a_card_of_the_older_generation_signs_with_either_key(
    browser: Browser, visit: Visit, door: Door
) -> None:
    browser.house.card.remake(profile="v4.2")
    page = await visit()
    choice = {"cryptoAlgorithm": "RSA", "paddingScheme": "PSS"}
    for options, algorithm in (({}, P256), (choice, PSS)):
        await page.ask_script(request(THREE, **options))
        await (await door.opened()).type_pin(PIN2)
        answer = await page.heard(f"{ACTION}-success", "1")
        check(answer, THREE, algorithm)


@only_in_chromium
async def test_a_tab_that_is_closed_while_pin2_is_asked_takes_all_along(
    browser: Browser, visit: Visit, door: Door, papers: Papers
) -> None:
    page = await visit()
    await page.ask_script(request(THREE))
    window = await door.opened()
    await window.hear("ask-pin")
    assert papers.are_there and not browser.house.card.is_free
    await page.tab.close()
    await window.gone()
    await browser.house.host_gone()
    assert browser.house.card.is_free
    assert browser.house.card.signature_tries == 5
    assert not papers.are_there
