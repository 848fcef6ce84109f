# SPDX-License-Identifier: MIT
"""What activating, changing and unlocking ask for and give back."""

from dataclasses import dataclass
from typing import Literal, Self

from native_host.card.keys import PinRole

__all__ = ["ManageRequest", "PinsSet"]

#: What has become of a PIN: set in this conversation, set before it, or left alone.
Outcome = Literal["set", "was-set", "untouched"]


@dataclass(frozen=True)
class ManageRequest:
    """A person's wish to manage the card; no web page can have it.

    ``language`` is ``fi``, ``sv`` or ``en``.
    """

    language: str
    started_by_person: bool = True
    caller: str = ""

    @property
    def origin(self) -> str:
        """The empty one: nobody but Kortilla itself asks."""
        return ""


@dataclass(frozen=True)
class PinsSet:
    """What has become of both PINs."""

    pin1: Outcome = "untouched"
    pin2: Outcome = "untouched"

    @classmethod
    def only(cls, role: PinRole) -> Self:
        """Return that one of them was set."""
        return cls(pin1="set") if role is PinRole.PIN1 else cls(pin2="set")

    def fields(self) -> dict[str, str]:
        """Return those that were looked after, ``{"pin1": "set", …}``."""
        both = {"pin1": self.pin1, "pin2": self.pin2}
        return {name: value for name, value in both.items() if value != "untouched"}
