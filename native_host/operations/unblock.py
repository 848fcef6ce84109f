# SPDX-License-Identifier: MIT
"""Unlock a PIN by the PUK: one that is blocked, or that the person has forgotten."""

from native_host.card.errors import CardNotActivatedError, PukBlockedError
from native_host.card.fineid import FineidCard, PinRole
from native_host.card.pins import PIN_DIGITS, PUK_PAD_DIGITS
from native_host.operations.activation_table import PinState
from native_host.operations.manage import ManageRequest, PinsSet
from native_host.operations.pin_plan import (
    CardSnapshot,
    Plan,
    SetPinCommand,
    new_pin_field,
)
from native_host.operations.pin_setting import OnePinSetting, set_pins
from native_host.operations.prompting import Context
from native_host.pin_prompt.prompt import CodeField

__all__ = ["ManageRequest", "PinsSet", "unblock"]


async def unblock(context: Context, request: ManageRequest, role: PinRole) -> PinsSet:
    """Set a PIN anew by the PUK. Otherwise it is as ``activate``."""
    return await set_pins(_Unlocking(context, role), context, request)


class _Unlocking(OnePinSetting):
    operation = "unblock"

    def __init__(self, context: Context, role: PinRole) -> None:
        super().__init__(context, role)
        self.roles = (role, PinRole.PUK)

    def plan(self, card: FineidCard, seen: CardSnapshot) -> Plan | None:
        role = self.role
        if role in self.set:
            return None
        # One without tries is beyond activation by seven digits, and a PUK sets it.
        if PinState.of(seen.info(role)) is PinState.NEVER_SET:
            raise CardNotActivatedError("The card has not been activated.")
        if seen.info(PinRole.PUK).tries_left == 0:
            raise PukBlockedError("The PUK has no tries left.")
        pad = card.can_modify_on_pad
        puk, new = PIN_DIGITS[PinRole.PUK], new_pin_field(role)
        if pad:
            puk, new = PUK_PAD_DIGITS, CodeField(new.name, tuple(PUK_PAD_DIGITS))
        return Plan(
            fields=(CodeField("PUK", tuple(puk)), new),
            code="PUK",
            at_risk=PinRole.PUK,
            writes=lambda _: (SetPinCommand(role, by_puk=True),),
            pin_pad=pad,
        )
