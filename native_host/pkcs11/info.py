# SPDX-License-Identifier: MIT
"""The answers of C_GetInfo, C_GetSlotInfo, C_GetTokenInfo (PKCS#11 3.0 §3.1, §3.2)."""

from native_host import VERSION
from native_host.pkcs11.calls import Values
from native_host.pkcs11.constants import CK_UNAVAILABLE_INFORMATION, CKF
from native_host.pkcs11.slots import SLOTS, Slot, Token

_MANUFACTURER = "Kortilla"
# A program that sees 3.0 may expect calls that are not answered here.
_CRYPTOKI_VERSION = (2, 40)
_NO_VERSION = (0, 0)


def library_info() -> Values:
    """Return CK_INFO."""
    major, minor = map(int, VERSION.split(".")[:2])
    name = _padded(_MANUFACTURER, 32)
    return (_CRYPTOKI_VERSION, name, 0, name, (major, minor))


def slot_info(slot: Slot, token: Token | None) -> Values:
    """Return CK_SLOT_INFO of a slot, in which the client sees a token or none."""
    flags = CKF.REMOVABLE_DEVICE | CKF.HW_SLOT
    if token:
        flags |= CKF.TOKEN_PRESENT
    name = slot.reader.name if slot.reader else f"{_MANUFACTURER} {slot.number}"
    manufacturer = _padded(_MANUFACTURER, 32)
    return (_padded(name, 64), manufacturer, int(flags), _NO_VERSION, _NO_VERSION)


def token_info(slot: Slot, token: Token, sessions: int) -> Values:
    """Return CK_TOKEN_INFO. ``sessions`` is the number of the client's sessions."""
    # Heavy, and loaded already: a card has been read.
    from native_host.card.keys import PinRole
    from native_host.card.pins import PIN_DIGITS

    pin_digits = PIN_DIGITS[PinRole.PIN1]
    unknown = CK_UNAVAILABLE_INFORMATION
    flags = CKF.WRITE_PROTECTED | CKF.USER_PIN_INITIALIZED | CKF.TOKEN_INITIALIZED
    # NSS tells tokens apart by their labels.
    first = slot.number == SLOTS[0]
    label = _MANUFACTURER if first else f"{_MANUFACTURER} ({slot.number})"
    model = "FINEID test card" if token.certificate.test else "FINEID"
    return (
        *(_padded(label, 32), _padded(_MANUFACTURER, 32), _padded(model, 16)),
        *(_padded(token.serial, 16), int(flags)),
        *(0, sessions, unknown, 0),  # of sessions 0 is the highest number: no limit
        *(pin_digits[-1], pin_digits[0]),
        *(unknown, unknown, unknown, unknown),  # memory
        *(_NO_VERSION, _NO_VERSION, _padded("", 16)),
    )


def _padded(text: str, size: int) -> bytes:
    """Return a text as so many bytes of UTF-8; a text that is too long is cut."""
    cut = text.encode()[:size].decode(errors="ignore").encode()
    return cut.ljust(size)
