# SPDX-License-Identifier: MIT
"""The thread that waits for events of readers and cards. It never polls."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from native_host.card.errors import CardError, PcscUnavailableError
from native_host.card.pcsc_calls import (
    Code,
    ReaderState,
    check,
    code_of,
    establish_context,
    scard,
    status_change,
)
from native_host.card.source import Reader

logger = logging.getLogger(__name__)

Readers = tuple[Reader, ...]

# A reader of this name "changes" when a reader is plugged in or unplugged. The high
# half of its state counts readers (Windows) or these events (pcsc-lite 2.3): unless the
# caller passes it back unchanged, every wait ends at once.
_PLUG_AND_PLAY = "\\\\?PnP?\\Notification"

_SECOND_LOOK = 1000  # milliseconds


@dataclass(frozen=True)
class _Known:
    """The last report of a reader; ``state`` is passed to the next wait."""

    state: int
    reader: Reader

    @property
    def events(self) -> int:
        return self.state >> 16


class ReaderMonitor:
    """Reports the readers at first, and then each time they differ.

    The monitor calls ``report`` on its own thread, the last time with an error when the
    service stops; then the monitor has ended. ``insertions`` provides the numbers of
    ``Reader.insertion``.
    """

    def __init__(
        self,
        report: Callable[[Readers | PcscUnavailableError], None],
        insertions: Iterator[int],
    ) -> None:
        self._report = report
        self._insertions = insertions
        self._stopping = threading.Event()
        self._context: int | None = None
        self._thread = threading.Thread(
            target=self._run, name="kortilla-readers", daemon=True
        )

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread. Returns when it has ended, within some milliseconds.

        SCardCancel has no effect just before the wait begins, hence the loop.
        """
        self._stopping.set()
        while self._thread.is_alive():
            context = self._context
            if context is not None:
                scard().SCardCancel(context)
            self._thread.join(0.02)

    def _run(self) -> None:
        try:
            self._context = establish_context()
            try:
                self._watch(self._context)
            finally:
                context, self._context = self._context, None
                scard().SCardReleaseContext(context)
        except PcscUnavailableError as error:
            self._report(error)
        except CardError as error:
            self._report(PcscUnavailableError(str(error)))

    def _watch(self, context: int) -> None:
        known: dict[str, _Known] = {}
        reported: Readers | None = None
        looked_again = False
        plugged = 0  # the plug-and-play state before the readers are listed
        while not self._stopping.is_set():
            names = _list_readers(context)
            known = {name: known[name] for name in names if name in known}
            readers = tuple(item.reader for item in known.values())
            if len(known) == len(names) and readers != reported:
                reported = readers
                self._report(readers)
            # A service that is just starting has no readers yet. A reader that is found
            # between the list and the wait would be missed, hence the second check.
            looked_again = not names and not looked_again
            timeout = _SECOND_LOOK if looked_again else scard().INFINITE
            states = [*_states(names, known), (_PLUG_AND_PLAY, plugged)]
            code, found = status_change(context, timeout, states)
            if code in {Code.OK, Code.TIMEOUT}:
                plugged = found[-1][1] & ~ReaderState.CHANGED
            if code in {Code.CANCELLED, Code.TIMEOUT}:
                continue
            if code in {Code.UNKNOWN_READER, Code.READER_UNAVAILABLE}:
                # Removed between the list and the wait; the next list will be without
                # it.
                self._stopping.wait(0.1)
                continue
            check(code, "SCardGetStatusChange")
            for name, state, atr in found[:-1]:
                known[name] = self._heard(name, state, atr, known.get(name))

    def _heard(self, name: str, state: int, atr: bytes, last: _Known | None) -> _Known:
        state &= ~ReaderState.CHANGED
        if not state & ReaderState.PRESENT:
            return _Known(state, Reader(name))
        insertion = last.reader.insertion if last else 0
        if not (last and insertion and last.events == state >> 16):
            insertion = next(self._insertions)
        reader = Reader(
            name,
            atr or None,
            mute=not atr,
            insertion=insertion,
            events=state >> 16,
        )
        return _Known(state, reader)


def _states(names: list[str], known: dict[str, _Known]) -> list[tuple[str, int]]:
    """Return the last state of each reader, to wait for a change.

    A reader that is not known yet has the state 0, "unaware": the call returns at once.
    """
    return [(name, known[name].state if name in known else 0) for name in names]


def _list_readers(context: int) -> list[str]:
    result, names = scard().SCardListReaders(context, [])
    if code_of(result) == Code.NO_READERS_AVAILABLE:
        return []
    check(result, "SCardListReaders")
    return list(names)
