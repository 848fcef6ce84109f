# SPDX-License-Identifier: MIT
"""The content of ``card.json``, and the states of a card, from new to revoked."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from kortilla.mock_card.profiles import PROFILES, PinReference

MAX_TRIES = 5

#: The card access number of each mock card.
CAN = "654321"


class _Model(BaseModel):
    # Bytes are hexadecimal digits, so that testers can compare them with traces.
    model_config = ConfigDict(
        extra="forbid", strict=True, ser_json_bytes="hex", val_json_bytes="hex"
    )


class PinData(_Model):
    """A PIN: its digits, the tries left, and whether it was ever changed."""

    value: str = Field(pattern="^[0-9]{4,12}$", repr=False)
    tries: int = Field(default=MAX_TRIES, ge=0, le=MAX_TRIES)
    changed: bool


class KeyData(_Model):
    """A key (PKCS#8 DER) by its reference on the card, and its certificate (DER)."""

    reference: int
    private_key: bytes = Field(repr=False)
    certificate: bytes


class CardData(_Model):
    """The content of ``card.json``.

    ``can`` opens the contactless side; ``wrong_cans`` counts wrong ones in a row.
    ``revoked`` is when the authority revoked the certificates. ``key_agreement`` is the
    form of a point that the card takes: as it is, or in a template of ISO/IEC 7816-8.
    """

    version: Literal[1] = 1
    profile: str
    serial: str = Field(pattern="^[0-9A-Z]{1,32}$")
    surname: str
    given_name: str
    satu: str
    pin1: PinData
    pin2: PinData
    puk: PinData
    can: str = Field(default=CAN, pattern="^[0-9]{6}$", repr=False)
    wrong_cans: int = Field(default=0, ge=0)
    revoked: datetime | None = None
    key_agreement: Literal["plain", "template"] = "plain"
    keys: tuple[KeyData, ...] = Field(strict=False)

    @field_validator("profile")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in PROFILES:
            raise ValueError(f"is none of {', '.join(PROFILES)}")
        return value

    @field_validator("keys")
    @classmethod
    def _fitting(
        cls, value: tuple[KeyData, ...], info: ValidationInfo
    ) -> tuple[KeyData, ...]:
        profile = PROFILES.get(info.data.get("profile", ""))
        wanted = [slot.reference for slot in profile.keys] if profile else []
        if profile and [key.reference for key in value] != wanted:
            raise ValueError(f"profile {profile.name} has the keys {wanted}")
        return value

    def pin(self, reference: PinReference) -> PinData:
        """Return the PIN with this reference."""
        match reference:
            case PinReference.PIN1:
                return self.pin1
            case PinReference.PIN2:
                return self.pin2
            case PinReference.PUK:
                return self.puk


#: The code of seven digits that is both PINs of a new card, since ``NEW_SCHEME``.
ACTIVATION_CODE = "1234567"


class CardState(StrEnum):
    """The states that a card can be made in."""

    ACTIVE = "active"
    NEW = "new"
    PARTLY_ACTIVATED = "partly-activated"
    PIN1_BLOCKED = "pin1-blocked"
    PIN2_BLOCKED = "pin2-blocked"
    LAST_TRY = "last-try"
    EXPIRED = "expired"
    REVOKED = "revoked"


def first_pins(
    state: CardState, new_scheme: bool, pin1: str, pin2: str
) -> tuple[PinData, PinData]:
    """Return PIN1 and PIN2 of a card that is made in a state.

    A PIN that is not activated is ``ACTIVATION_CODE`` in the new scheme. In the old one
    it is blocked until the PUK sets it (docs/reference/card.md, "Activation schemes").
    """

    def untouched(value: str) -> PinData:
        if new_scheme:
            return PinData(value=ACTIVATION_CODE, changed=False)
        return PinData(value=value, tries=0, changed=False)

    def used(value: str, tries: int = MAX_TRIES) -> PinData:
        return PinData(value=value, tries=tries, changed=True)

    match state:
        case CardState.NEW:
            return untouched(pin1), untouched(pin2)
        case CardState.PARTLY_ACTIVATED:
            return used(pin1), untouched(pin2)
        case CardState.PIN1_BLOCKED:
            return used(pin1, 0), used(pin2)
        case CardState.PIN2_BLOCKED:
            return used(pin1), used(pin2, 0)
        case CardState.LAST_TRY:
            return used(pin1, 1), used(pin2, 1)
    return used(pin1), used(pin2)


def judge(data: CardData, not_after: datetime) -> CardState:
    """Return a card's current state: the first in the table below that fits.

    ``not_after`` is the earliest expiry of its certificates.
    """
    changed = {data.pin1.changed, data.pin2.changed}
    for fits, state in (
        (data.revoked is not None, CardState.REVOKED),
        (not_after < datetime.now(UTC), CardState.EXPIRED),
        (changed == {False}, CardState.NEW),
        (len(changed) == 2, CardState.PARTLY_ACTIVATED),
        (data.pin1.tries == 0, CardState.PIN1_BLOCKED),
        (data.pin2.tries == 0, CardState.PIN2_BLOCKED),
        (1 in {data.pin1.tries, data.pin2.tries}, CardState.LAST_TRY),
    ):
        if fits:
            return state
    return CardState.ACTIVE
