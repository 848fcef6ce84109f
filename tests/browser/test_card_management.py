# SPDX-License-Identifier: MIT
"""The popup shows the card and changes its PINs. Web pages can do neither.

`test_open_tabs` has a content script that tries.
"""

import pytest

from tests.browser.browsers import Browser
from tests.browser.conftest import Holder, OpenTab, Visit, in_turn, only_in_chromium
from tests.browser.site import authenticate
from tests.browser.views import BUTTONS, HEADINGS, POPUP, Popup, open_popup, said, text
from tests.browser.window import PIN2, Window, WindowListener

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: The codes in the mock card's letter.
CODE, NEW_PIN1, NEW_PIN2 = "12345678", "2580", "147258"
ACTIVATION = {"activation": CODE, "new-PIN1": NEW_PIN1, "new-PIN2": NEW_PIN2}
COMMANDS = (
    *("card-status", "activate", "change-pin", "prepare-login", "unblock"),
    "open-window",
)

#: The alternative texts of the images that show how many tries are left.
TRIES = (
    "[...document.querySelectorAll('main [role=img]')]"
    ".map((image) => image.getAttribute('aria-label'))"
)


async def finish(window: Window) -> None:
    """Read the result and close the window."""
    await window.hear_step("done")
    window.say("cancel")


@pytest.mark.usefixtures("listener")
async def test_the_popup_shows_the_card_and_spends_nothing(
    browser: Browser, open_tab: OpenTab, holder: Holder
) -> None:
    content = (browser.user_home.card.folder / "card.json").read_bytes()
    assert browser.user_home.launches() == [], "the card is read too early"
    shown = await open_popup(open_tab)
    name, satu = holder
    page = await shown.tab.text("#card")
    assert satu in await shown.tab.text("#certificates")
    assert name in page and "TEST CARD" in page
    assert await shown.all(HEADINGS) == [said("ready")]
    assert await shown.all(TRIES) == ["5 tries left"] * 3
    rows = "[...document.querySelectorAll('#certificates li')]"
    validity = f"{rows}.map((li) => li.textContent)"
    identify, sign = await shown.all(validity)
    assert identify == "For identifying yourself: valid until 1.6.2030"
    assert sign.startswith("For signing")
    assert said("ready") in await shown.heard()
    assert (browser.user_home.card.folder / "card.json").read_bytes() == content
    assert browser.user_home.card.is_free
    assert len(browser.user_home.launches()) == 2, "for the card, and for the switch"


async def test_a_new_card_is_activated_while_the_popup_is_closed(
    browser: Browser, open_tab: OpenTab, listener: WindowListener, visit: Visit
) -> None:
    card = browser.user_home.card
    card.remake(state="new")
    shown = await open_popup(open_tab)
    await shown.press("Activate the card")
    window = await listener.opened()
    conversation = window.told[0]["conversation"]
    assert (conversation["operation"], conversation["origin"]) == ("activate", "")
    assert conversation["language"] == "en"
    await shown.shows("workWindow")
    focused = "document.activeElement.id"
    assert await shown.tab.evaluate(focused) == "card", "the focus stays in the view"
    assert await shown.all(BUTTONS) == [text("cancel")]
    await shown.tab.close()  # as a popup does when the window takes the focus
    question = await window.type_codes(ACTIVATION)
    assert question["operation"] == "activate"

    meanwhile = Popup(await browser.open_view(POPUP))
    await meanwhile.shows("workWindow")
    await meanwhile.tab.close()
    await finish(window)
    await browser.user_home.host_gone()
    data = card.state.read()
    assert (data.pin1.value, data.pin2.value) == (NEW_PIN1, NEW_PIN2)
    assert (card.tries, card.signature_tries, data.puk.tries) == (5, 5, 5)

    later = await open_popup(open_tab)
    assert await later.all(HEADINGS) == [text("doneActivate"), said("ready")]
    again = await open_popup(open_tab)
    assert await again.all(HEADINGS) == [said("ready")], "announced once"

    if browser.user_home.family == "firefox":
        return  # the card has the new PINs, and the browser makes no difference
    page = await visit()
    await page.ask(authenticate())
    await (await listener.opened()).type_pin(NEW_PIN1)
    await page.heard("kortilla:authenticate-success", "1")
    contract = {"name": "contract", "hash": "A" * 64, "hashFunction": "SHA-384"}
    await page.ask({"action": "kortilla:sign", "id": "2", "hashes": [contract]})
    await (await listener.opened()).type_pin(NEW_PIN2)
    await page.heard("kortilla:sign-success", "2")


@in_turn(
    "state, label, typed, heading",
    [
        ("active", "Change PIN1", {"old": "1234", "new-PIN1": NEW_PIN1}, "doneChange1"),
        ("active", "Change PIN2", {"old": PIN2, "new-PIN2": NEW_PIN2}, "doneChange2"),
        (
            "pin1-blocked",
            "Unlock PIN1",
            {"PUK": CODE, "new-PIN1": NEW_PIN1},
            "doneUnlock1",
        ),
        (
            "active",
            "Forgotten: PIN2",
            {"PUK": CODE, "new-PIN2": NEW_PIN2},
            "doneUnlock2",
        ),
    ],
)
async def test_a_pin_is_changed_or_unlocked_from_an_open_popup(
    browser: Browser,
    open_tab: OpenTab,
    listener: WindowListener,
    state: str,
    label: str,
    typed: dict[str, str],
    heading: str,
) -> None:
    card = browser.user_home.card
    card.remake(state=state)
    shown = await open_popup(open_tab)
    await shown.press(label)
    window = await listener.opened()
    await window.type_codes(typed)
    await finish(window)
    await shown.shows(heading)
    await shown.shows("ready")
    assert text(heading) in await shown.heard()
    data = card.state.read()
    name, value = list(typed.items())[-1]
    assert (data.pin1 if name == "new-PIN1" else data.pin2).value == value
    assert (data.pin1.tries, data.pin2.tries, data.puk.tries) == (5, 5, 5)


@only_in_chromium
async def test_a_person_who_stops_is_told_and_sees_the_card(
    browser: Browser, open_tab: OpenTab, listener: WindowListener
) -> None:
    shown = await open_popup(open_tab)
    await shown.press("Change PIN1")
    window = await listener.opened()
    await window.hear("ask-codes")
    window.say("cancel")
    await shown.shows("stopped")
    await shown.shows("ready")
    looks = "[...document.querySelectorAll('.report[data-state]')]"
    stopped = await shown.tab.evaluate(f"{looks}[0].dataset.state")
    assert stopped == "note", "what a person chose is no fault"
    await shown.press("Change PIN1")
    window = await listener.opened()
    await window.hear("ask-codes")
    await shown.press("cancel")
    await shown.shows("stopped")
    await shown.shows("ready")
    assert browser.user_home.card.tries == 5


async def test_a_page_that_asks_is_refused(browser: Browser, visit: Visit) -> None:
    page = await visit()
    for command in COMMANDS:
        await page.ask({"action": f"kortilla:{command}", "id": "1", "pin": "PIN1"})
        error = await page.failure(f"kortilla:{command}", "1")
        assert error["code"] == "UNKNOWN_COMMAND", command
        # Web eID has no such action: the extension stays silent, as Web eID's does.
        await page.ask({"action": f"web-eid:{command}", "libraryVersion": "2.0.2"})
    await page.send({"action": "kortilla:status", "id": "2"})
    await page.heard("kortilla:status-success", "2")
    answered = {answer["action"] for answer in await page.received()}
    assert not any(action.startswith("web-eid:") for action in answered)
    assert browser.user_home.launches() == []
