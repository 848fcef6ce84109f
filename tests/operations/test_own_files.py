# SPDX-License-Identifier: MIT
"""The user's own files: what the prompt shows, and what stands in the way of PIN2."""

from pathlib import Path
from typing import Any

import pytest

from native_host.files import library
from native_host.files.sign import Outcome, sign_own_files
from native_host.files.sources import Wish
from native_host.operations.request import Context
from native_host.pin_prompt.model import Problem, Step
from tests.kortilla.signing_parts import make_pdf
from tests.operations.managing import NEW_PIN2, CardInReader, typing
from tests.operations.user import User


@pytest.fixture
def wish(tmp_path: Path) -> Wish:
    file = tmp_path / "sopimus.pdf"
    file.write_bytes(make_pdf("Sopimus"))
    return Wish(files=(file,), language="en")


async def test_the_prompt_says_that_files_are_prepared(
    active: CardInReader, wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large PDF takes half a minute, in which no card is read."""
    user = User(pins=["123456"])
    shown: list[tuple[Step, Problem | None]] = []
    prepare = library.prepare

    async def see(*arguments: Any, **options: Any) -> Any:
        shown.append(user.shown[-1])
        return await prepare(*arguments, **options)

    monkeypatch.setattr(library, "prepare", see)
    await sign_own_files(Context(active.source, user), wish)
    assert shown == [(Step.PREPARING, None)]


@pytest.mark.parametrize("partly", [False, True])
async def test_the_signing_goes_on_after_pin2_was_set(
    new: CardInReader, wish: Wish, partly: bool
) -> None:
    if partly:
        new.put_pins(("1234", 5))
    missing = (2,) if partly else (1, 2)
    user = User(pins=[NEW_PIN2], codes=[typing(7, *missing)])
    outcome = await sign_own_files(Context(new.source, user), wish)
    assert isinstance(outcome, Outcome)
    assert [each.path.name for each in outcome.made] == ["sopimus-signed.pdf"]
    assert user.offers == [partly]
    assert new.pins[1] == NEW_PIN2
