# SPDX-License-Identifier: MIT
"""The content of ``card.json``, which is validated when it is read."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from kortilla.testing.profiles import PROFILES, PinReference

__all__ = ["MAX_TRIES", "CardData", "KeyData", "PinData"]

MAX_TRIES = 5


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

    ``revoked`` is when the authority revoked the certificates.
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
    revoked: datetime | None = None
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
