# SPDX-License-Identifier: MIT
"""The browser's time limit ends before the person has typed, so they try again."""

from pathlib import Path

import pytest

from kortilla import Trust
from native_host.browsers.table import Family
from tests.browser.browser_home import House
from tests.browser.counter import open_counter
from tests.browser.tls import Authority

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_person_who_is_late_tries_again(
    family: Family,
    tmp_path: Path,
    authority: Authority,
    pristine: Path,
    trust: Trust,
) -> None:
    house = House(tmp_path, family, pristine)
    async with open_counter(house, authority, trust, patience=3.0) as counter:
        tab = await counter.browser.new_tab()
        satu = counter.card.state.read().satu

        # The host keeps a PIN that is typed first for the next attempt.
        going = counter.start(tab, "1.2")
        window = await counter.door.opened()
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
        window = await counter.door.opened()
        await counter.fails(going, tab)
        going = counter.start(tab, "1.3")
        await window.type_pin("1234")
        await going
        assert await tab.text("#satu") == satu
        await window.gone()
        assert counter.door.count == 2
        assert counter.card.is_free and counter.card.tries == 5
