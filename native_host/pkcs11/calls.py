# SPDX-License-Identifier: MIT
"""The calls of PKCS#11 that are answered, and the return values of those that fail."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from native_host.errors import KortillaError
from native_host.pkcs11.constants import CKR

#: The values of an answer, as its signature has them.
Values = Sequence[object]

_Method = TypeVar("_Method", bound=Callable[..., Awaitable[Values]])


@dataclass(frozen=True)
class Call:
    """A call, and the method that answers it.

    ``args`` and ``returns`` are signatures (see ``wire``). ``before_initialize`` says
    that the call may come before C_Initialize.
    """

    number: int
    name: str
    args: str
    returns: str
    before_initialize: bool
    method: Callable[..., Awaitable[Values]]


#: All calls that are answered, by their numbers. ``call`` fills it.
CALLS: dict[int, Call] = {}


def call(
    number: int,
    name: str,
    *,
    args: str = "",
    returns: str = "",
    before_initialize: bool = False,
) -> Callable[[_Method], _Method]:
    """State that a method answers a call (docs/reference/pkcs11.md, "Wire format").

    The method takes the values of ``args`` and returns those of ``returns``, or raises
    ``CryptokiError`` or ``KortillaError``.
    """

    def register(method: _Method) -> _Method:
        if number in CALLS:
            raise ValueError(f"Two methods answer the call {number}.")
        CALLS[number] = Call(number, name, args, returns, before_initialize, method)
        return method

    return register


class CryptokiError(Exception):
    """A call fails with a return value."""

    def __init__(self, value: CKR) -> None:
        super().__init__(value.name)
        self.value = value


#: By the code of an error. Every other error is CKR_FUNCTION_FAILED.
_VALUES = {
    "USER_CANCELLED": CKR.FUNCTION_CANCELED,
    "CARD_REMOVED": CKR.DEVICE_REMOVED,
    "PIN_BLOCKED": CKR.PIN_LOCKED,
    "PUK_BLOCKED": CKR.PIN_LOCKED,
    "WRONG_PIN": CKR.PIN_INCORRECT,
    "CARD_NOT_ACTIVATED": CKR.USER_PIN_NOT_INITIALIZED,
    "CONFIRMATION_NEEDED": CKR.FUNCTION_REJECTED,
    "INVALID_ARGUMENT": CKR.PIN_INVALID,
    "CARD_BUSY": CKR.DEVICE_ERROR,
    "CARD_ERROR": CKR.DEVICE_ERROR,
    "CARD_MUTE": CKR.DEVICE_ERROR,
    "CARD_RESET": CKR.DEVICE_ERROR,
    "PCSC_DENIED": CKR.DEVICE_ERROR,
    "PCSC_UNAVAILABLE": CKR.DEVICE_ERROR,
    "SIGNATURE_INVALID": CKR.DEVICE_ERROR,
}


def return_value_of(error: KortillaError) -> CKR:
    """Return the most specific return value for an error."""
    return _VALUES.get(error.code, CKR.FUNCTION_FAILED)
