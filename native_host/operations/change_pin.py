# SPDX-License-Identifier: MIT
"""Change a PIN that the person knows."""

from native_host.card.errors import CardNotActivatedError, PinBlockedError
from native_host.card.fineid import FineidCard, PinRole
from native_host.card.pins import NEW_PIN_DIGITS, PIN_DIGITS
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

__all__ = ["ManageRequest", "PinsSet", "change_pin"]


async def change_pin(
    context: Context, request: ManageRequest, role: PinRole
) -> PinsSet:
    """Change a PIN by the old one. Otherwise it is as ``activate``."""
    return await set_pins(_Change(context, role), context, request)


class _Change(OnePinSetting):
    operation = "change-pin"

    def __init__(self, context: Context, role: PinRole) -> None:
        super().__init__(context, role)
        self.roles = (role,)

    def plan(self, card: FineidCard, seen: CardSnapshot) -> Plan | None:
        role = self.role
        if role in self.set:
            return None
        info = seen.info(role)
        if info.changed is False:
            raise CardNotActivatedError("The card has not been activated.")
        if info.tries_left == 0:
            raise PinBlockedError(f"{role.name} has no tries left.")
        pad = card.can_modify_on_pad
        # On the reader, the old PIN has as many digits as a new one may have.
        old = NEW_PIN_DIGITS[role] if pad else PIN_DIGITS[role]
        return Plan(
            fields=(CodeField("old", tuple(old)), new_pin_field(role)),
            code="old",
            at_risk=role,
            writes=lambda _: (SetPinCommand(role, by_puk=False),),
            pin_pad=pad,
        )
