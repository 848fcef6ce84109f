# SPDX-License-Identifier: MIT
"""What is known of a card whose PINs are to be set, and what is to be done with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from native_host.card.certificate import CardCertificate
from native_host.card.errors import PinTriesUnreadableError
from native_host.card.fineid import PinInfo, PinRole
from native_host.card.pins import NEW_PIN_DIGITS
from native_host.pin_prompt.prompt import CodeField

__all__ = ["CardSnapshot", "Plan", "SetPinCommand", "new_pin_field", "pin_name"]


@dataclass(frozen=True)
class CardSnapshot:
    """What was read from a card at one moment; ``pins`` are those it told about."""

    certificate: CardCertificate
    serial: bytes = field(repr=False)
    pins: Mapping[PinRole, PinInfo]

    def info(self, role: PinRole) -> PinInfo:
        """Return what a PIN's tries are. Raises ``PinTriesUnreadableError``."""
        if role not in self.pins:
            raise PinTriesUnreadableError(
                f"The card does not say how many tries {role.name} has left."
            )
        return self.pins[role]


@dataclass(frozen=True)
class SetPinCommand:
    """One command that sets the PIN ``role``: a change, or an unlocking by the PUK."""

    role: PinRole
    by_puk: bool

    @property
    def at_risk(self) -> PinRole:
        """Whose try a wrong code costs."""
        return PinRole.PUK if self.by_puk else self.role


@dataclass(frozen=True)
class Plan:
    """What the person is asked for, and what is done with it.

    ``writes`` returns the commands, in order, for a code of so many digits, or raises
    the ``CardError`` that speaks against them; the field ``code`` is that code.
    """

    fields: tuple[CodeField, ...]
    code: str
    at_risk: PinRole
    writes: Callable[[int], tuple[SetPinCommand, ...]]
    done: tuple[Literal["PIN1", "PIN2"], ...] = ()
    pin_pad: bool = False


def pin_name(role: PinRole) -> Literal["PIN1", "PIN2"]:
    """Return what PIN1 or PIN2 is called in questions."""
    return "PIN1" if role is PinRole.PIN1 else "PIN2"


def new_pin_field(role: PinRole) -> CodeField:
    """Return the field for a new PIN."""
    lengths = tuple(NEW_PIN_DIGITS[role])
    return CodeField("new-PIN1" if role is PinRole.PIN1 else "new-PIN2", lengths)
