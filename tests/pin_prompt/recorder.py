# SPDX-License-Identifier: MIT
"""Records what windows tell a screen reader: announcements, focus, names and texts."""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jeepney import HeaderFields, Message

from tests.pin_prompt.accessibility_bus import WINDOWS, AccessibilityBus, Part
from tests.support.patience import patience


@dataclass(frozen=True)
class Event:
    """Something of a window. ``kind`` is what happened there."""

    kind: str
    words: str
    window: str = ""

    def __str__(self) -> str:
        where = f"   ({self.window})" if self.window else ""
        return f"{self.kind:<9} {self.words}{where}"


class Recorder:
    """Follows a bus, and asks at each event what it is about."""

    def __init__(self, bus: AccessibilityBus) -> None:
        self._bus = bus
        self._events: list[Event] = []
        self._messages = bus.follow()
        self._more = threading.Condition()
        self._at = time.monotonic()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def events(self) -> list[Event]:
        """All events so far, in order."""
        with self._more:
            return [*self._events]

    def wait_for(
        self, condition: Callable[[list[Event]], bool], since: int = 0
    ) -> None:
        """Wait until the events after a number of others meet a condition."""
        with self._more:
            met = self._more.wait_for(
                lambda: condition(self._events[since:]), patience(20)
            )
            assert met, [*map(str, self._events[since:])]

    def wait_until_quiet(self, seconds: float) -> None:
        """Wait until nothing has been told for some seconds."""
        with self._more:
            while (left := self._at + seconds - time.monotonic()) > 0:
                self._more.wait(left)

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # the bus is closed
            for message in self._messages:
                self._note(message)

    def _note(self, message: Message) -> None:
        event = self._event(message)
        if event is None:
            return
        with self._more:
            self._at = time.monotonic()
            if event not in self._events[-1:]:
                self._events.append(event)
            self._more.notify_all()

    def _event(self, message: Message) -> Event | None:
        fields = message.header.fields
        member, interface = fields.get(HeaderFields.member), _interface(message)
        if not interface.startswith("org.a11y.atspi.Event."):
            return None
        part = Part(fields[HeaderFields.sender], fields[HeaderFields.path])
        detail, number, _, (_, value), _ = message.body
        match member, detail:
            case "Announcement", _:
                return Event("says", _line(value), self._window(part))
            case "StateChanged", "focused" if number:
                return Event("focus", self._named(part), self._window(part))
            case "PropertyChange", "accessible-name":
                return Event("name", _line(value))
            case "TextChanged", _:
                return Event("text", f"{detail}: {value}")
            case "Activate" | "Deactivate", _ if interface.endswith("Window"):
                return Event("window", f"{member}: {self._name(part)}")
        return None

    def _name(self, part: Part) -> str:
        with contextlib.suppress(ValueError):  # gone in the meantime
            return self._bus.name(part)
        return ""

    def _named(self, part: Part) -> str:
        """Return the name of a part, with its role."""
        with contextlib.suppress(ValueError):
            (role,) = self._bus.ask(part, "Accessible", "GetRoleName")
            return f"{self._bus.name(part)} [{role}]"
        return ""

    def _window(self, part: Part) -> str:
        with contextlib.suppress(ValueError):
            for _ in range(60):
                (role,) = self._bus.ask(part, "Accessible", "GetRole")
                if role in WINDOWS:
                    return self._bus.name(part)
                part = Part(*self._bus.property(part, "Accessible", "Parent"))
        return ""


def _interface(message: Message) -> str:
    found: Any = message.header.fields.get(HeaderFields.interface, "")
    return str(found)


def _line(words: object) -> str:
    return " ".join(str(words).split())
