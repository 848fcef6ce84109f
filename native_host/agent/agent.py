# SPDX-License-Identifier: MIT
"""Waits for cards, and opens the activation window for a new one.

It is driven by events: while no card comes or goes, the agent is idle and holds no
card. It reads a card once per insertion, when no other program uses it. Insertions
into the reader of a window that is open belong to that window. If the person closes it
without an activation, they count as seen. New cards in other readers come after it.

It asks for no CAN. A card on a contactless reader is read by a remembered one. Of
another one a notification says that it is there, unless a window has asked for its CAN.
"""

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Sequence

from kortilla.common import own_python
from native_host.card.atr import identify, is_contactless
from native_host.card.errors import (
    CardBusyError,
    CardError,
    CardKind,
    PcscUnavailableError,
    UnsupportedCardError,
)
from native_host.card.fineid import FineidCard, KeyRole
from native_host.card.pcsc import PcscSource
from native_host.card.pcsc_connection import (
    PcscConnection,
    wait_until_free,
)
from native_host.card.pcsc_threads import in_thread
from native_host.card.source import CardConnection, Reader
from native_host.operations.card_access.secure_channel import connect_unasked
from native_host.operations.card_pins import PINS, Activation, read_pins
from native_host.state.activation_offers import (
    count_declined,
    forget,
    was_declined,
    was_noted,
)
from native_host.texts.card import CardTexts

logger = logging.getLogger(__name__)

_KORTILLA = own_python("-m", "native_host.cli")
_WINDOW = (
    *_KORTILLA,
    *("card", "activate", "--unasked", "--prompt", "window", "--card", "pcsc"),
)
#: What a pressed notification starts.
OPEN = (*_KORTILLA, "open")

_NEW = ("new", "partly")
_PATIENCE = 0.5  # seconds, if a program takes the card at the same moment

#: Seconds in which other programs that wait for a card go first, such as a login that
#: has asked for one: they will offer the activation in their own window.
OTHERS_FIRST = 0.3


class Agent:
    """Looks after the cards in the system's readers.

    ``window`` is the command that activates a card, with an exit status of 0 when it
    has. It gets the option ``--reader`` too. ``language`` is that of notifications.
    """

    def __init__(
        self,
        source: PcscSource,
        window: Sequence[str] = _WINDOW,
        *,
        language: str = "en",
    ) -> None:
        self._source = source
        self._command = list(window)
        self._language = language
        #: For each card in a reader: its running task, or None after the end.
        self._seen: dict[Reader, asyncio.Task[None] | None] = {}
        #: The finished cards when the service stopped, by their readers' names.
        self._before: dict[str, bytes | None] = {}
        self._window: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Run until cancelled, even while the smart card service is absent."""
        try:
            while True:
                try:
                    await self._watch()
                except PcscUnavailableError as error:
                    logger.info("%s", error)
                    self._before |= {
                        reader.name: reader.atr
                        for reader, task in self._seen.items()
                        if task is None or task.done()
                    }
                    self._forget_all_but(())
                    await self._source.wait_for_service()
        finally:
            self._forget_all_but(())

    async def _watch(self) -> None:
        readers = await self._source.readers()
        while True:
            self._forget_all_but(readers)
            for reader in readers:
                # A restart of the service does not make a card a new one.
                before = self._before.pop(reader.name, None)
                if reader.atr is None:
                    forget(reader)
                    continue
                if reader in self._seen:
                    continue
                known = reader.atr == before
                self._seen[reader] = (
                    None if known else asyncio.create_task(self._attend(reader))
                )
            readers = await self._source.wait_for_change(readers)

    def _forget_all_but(self, readers: tuple[Reader, ...]) -> None:
        for reader in set(self._seen) - set(readers):
            if task := self._seen.pop(reader):
                task.cancel()

    async def _attend(self, reader: Reader) -> None:
        """Open the window if the card in a reader is new."""
        try:
            identify(reader.atr or b"", contactless=True)
            await asyncio.sleep(OTHERS_FIRST)
            while not await self._is_settled(reader):
                pass
        except CardError as error:
            logger.info("A card is left alone: %s", error.code)
            kind = error.kind if isinstance(error, UnsupportedCardError) else ""
            if kind == CardKind.CONTACTLESS and not was_noted(reader):
                await self._tell()

    async def _tell(self) -> None:
        """Say that a card is on a contactless reader, until it is taken away.

        Windows has no notifications of that kind.
        """
        if sys.platform == "win32":
            return
        from native_host.agent.notification import notify

        texts = CardTexts(self._language)
        title = texts("contactless.title").removesuffix(".")
        text, button = texts("contactless.notice"), texts("open_program")
        token = await notify(title, text, button)
        if token is not None:
            # Not in this task: the window stays when the card goes.
            in_thread(lambda: _run([*OPEN], token))

    async def _is_settled(self, reader: Reader) -> bool:
        await in_thread(lambda: wait_until_free(reader.name))
        if self._window is not None:
            await asyncio.wait({self._window})
            return False
        try:
            activation = await self._look(reader)
        except CardBusyError:
            return False
        if activation not in _NEW or was_noted(reader):
            return True
        if self._window is not None:  # another card's, meanwhile
            return False
        logger.info("A card is not activated (%s): the window is opened.", activation)
        self._window = asyncio.create_task(self._show_window(reader.name))
        return True

    async def _look(self, reader: Reader) -> Activation | None:
        """See ``look``. Raises as ``connect_unasked`` does, too."""
        if not is_contactless(reader.atr or b""):
            return await in_thread(lambda: look(reader.name))
        connection = await connect_unasked(self._source, reader)
        try:
            return await self._source.run(_activation, connection)
        finally:
            await asyncio.shield(self._source.run(connection.close))

    async def _show_window(self, name: str) -> None:
        command = [*self._command, f"--reader={name}"]
        activated = await in_thread(lambda: _run(command))
        self._window = None
        if not activated:
            for reader, task in self._seen.items():
                if task is not None and reader.name == name:
                    task.cancel()


def _run(command: list[str], token: str = "") -> bool:
    """Run a window's command, and return whether it did what it is for.

    The command goes on if the agent ends meanwhile: no activation is interrupted.
    ``token`` lets the window come to the front.
    """
    try:
        ended = subprocess.run(  # noqa: S603 - our own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=False,
            env={**os.environ, **({"XDG_ACTIVATION_TOKEN": token} if token else {})},
        )
    except OSError as error:
        logger.warning("The window can't be started: %s", error.strerror)
        return False
    return ended.returncode == 0


def look(reader: str) -> Activation | None:
    """Read how far the card in a reader has been activated; this costs no try.

    Returns None for a new card whose holder wants no offers, and for one that can't be
    activated any more. It blocks. The card is held for these few commands and released
    without a reset. Raises ``CardError``: ``CardBusyError`` if another program was
    faster.
    """
    connection = PcscConnection(reader, patience=_PATIENCE)
    try:
        return _activation(connection)
    finally:
        connection.close()


def _activation(connection: CardConnection) -> Activation | None:
    card = FineidCard(connection)
    if all(card.pin_info(role).changed for role in PINS):
        return "active"
    pins = read_pins(card)
    if pins.activation in _NEW and (pins.activation_problem or _is_declined(card)):
        return None
    return pins.activation


def _is_declined(card: FineidCard) -> bool:
    if not count_declined():
        return False
    return was_declined(card.certificate(card.key(KeyRole.AUTHENTICATION)))
