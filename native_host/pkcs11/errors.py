# SPDX-License-Identifier: MIT
"""Errors, and their return values."""

from native_host.errors import KortillaError
from native_host.pkcs11.constants import CKR


class CryptokiError(Exception):
    """A call fails with a return value."""

    def __init__(self, value: CKR) -> None:
        super().__init__(value.name)
        self.value = value


class SocketUnusableError(KortillaError):
    """The program can't listen on the socket; the message names it and the reason."""

    code = "SOCKET_UNUSABLE"


#: By the code of an error. Every other error is CKR_FUNCTION_FAILED.
_VALUES = {
    "USER_CANCELLED": CKR.FUNCTION_CANCELED,
    "CARD_REMOVED": CKR.DEVICE_REMOVED,
    "PIN_BLOCKED": CKR.PIN_LOCKED,
    "WRONG_PIN": CKR.PIN_INCORRECT,
    "CARD_NOT_ACTIVATED": CKR.USER_PIN_NOT_INITIALIZED,
    "CONFIRMATION_NEEDED": CKR.FUNCTION_REJECTED,
    "INVALID_ARGUMENT": CKR.PIN_INVALID,
    "CARD_BUSY": CKR.DEVICE_ERROR,
    "CARD_ERROR": CKR.DEVICE_ERROR,
    "CARD_MUTE": CKR.DEVICE_ERROR,
    "PCSC_DENIED": CKR.DEVICE_ERROR,
    "PCSC_UNAVAILABLE": CKR.DEVICE_ERROR,
    "SIGNATURE_INVALID": CKR.DEVICE_ERROR,
}


def return_value_of(error: KortillaError) -> CKR:
    """Return the most specific return value for an error."""
    return _VALUES.get(error.code, CKR.FUNCTION_FAILED)
