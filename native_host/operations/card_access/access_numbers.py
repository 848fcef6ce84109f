# SPDX-License-Identifier: MIT
"""The card access numbers (CAN) of one operation, of cards on contactless readers.

The person types the CAN once, also if the card is laid on the reader again, or has it
remembered (``native_host.state.remembered_can``). The CAN is printed on the card, so
it is no secret like a PIN: it keeps out who does not see the card. It is wiped all
the same.
"""

import weakref
from collections.abc import Awaitable, Callable
from typing import NoReturn

from native_host.card.source import Reader
from native_host.pin_prompt.model import CanQuestion, Problem
from native_host.pin_prompt.prompt import Prompt
from native_host.platform.hardening import wipe
from native_host.platform.tasks import race
from native_host.state import remembered_can


class AccessNumbers:
    """The CANs by the names of the readers. They are wiped with this object."""

    def __init__(self) -> None:
        self._known: dict[str, bytearray] = {}
        #: The readers whose card has refused a CAN, and answers slowly since.
        self._refused: set[str] = set()
        #: The readers whose CAN was remembered, and those where it is to be.
        self._recalled: set[str] = set()
        self._wished: set[str] = set()
        weakref.finalize(self, _wipe_all, self._known)

    def begin(self) -> None:
        """Begin another operation: what was typed for one before counts as remembered.

        The processes that serve other programs keep the numbers that cards have
        accepted, since those programs read the cards between the operations.
        """
        self._refused.clear()
        self._wished.clear()
        self._recalled.update(self._known)

    def wipe(self) -> None:
        """Forget all numbers that are not remembered elsewhere."""
        _wipe_all(self._known)
        self._known.clear()

    def __contains__(self, reader: Reader) -> bool:
        return reader.name in self._known

    async def number(
        self, reader: Reader, prompt: Prompt, removal: Callable[[], Awaitable[NoReturn]]
    ) -> bytearray:
        """Return a copy of the CAN, which the caller wipes; ask if it is not known.

        What is remembered is tried once.

        Raises the errors of ``Prompt.ask`` and of ``removal``.
        """
        is_new = reader.name not in (*self._known, *self._refused)
        if is_new and (recalled := await remembered_can.recall()) is not None:
            self._recalled.add(reader.name)
            self._known[reader.name] = recalled
        if reader.name not in self._known:
            question = CanQuestion(
                wrong=reader.name in self._refused,
                recalled=reader.name in self._recalled,
                can_remember=await remembered_can.can_remember(),
            )
            typed: list[bytearray] = []

            async def ask() -> None:
                typed.append((await prompt.ask(question)).digits)

            try:
                await race(ask(), removal())
            except BaseException:
                _wipe_all(dict(enumerate(typed)))
                raise
            self._known[reader.name] = typed[0]
            self._recalled.discard(reader.name)
            if question.can_remember and prompt.allowed:
                self._wished.add(reader.name)
            prompt.allowed = False  # a question for a PIN may allow something else
        return self.known(reader)

    def known(self, reader: Reader) -> bytearray:
        """Return a copy of the CAN that a card has accepted; the caller wipes it."""
        return bytearray(self._known[reader.name])

    def slow(self, reader: Reader) -> Problem | None:
        """Return what to show while a card that has refused a CAN lets one wait."""
        return Problem("CARD_SLOW") if reader.name in self._refused else None

    async def accepted(self, reader: Reader) -> None:
        """Note that the card has accepted its CAN; remember it if that is wished."""
        self._refused.discard(reader.name)
        if reader.name in self._wished:
            self._wished.discard(reader.name)
            await remembered_can.remember(self._known[reader.name])

    async def refused(self, reader: Reader, can: bytearray) -> None:
        """Forget a wrong CAN, which must not be sent again by itself.

        Meanwhile another task may have forgotten it, or have another one in its place.
        """
        self._refused.add(reader.name)
        if self._known.get(reader.name) != can:
            return
        self._wished.discard(reader.name)
        wipe(self._known.pop(reader.name))
        if reader.name in self._recalled:
            await remembered_can.forget()


def _wipe_all(known: dict[str, bytearray] | dict[int, bytearray]) -> None:
    for number in known.values():
        wipe(number)
