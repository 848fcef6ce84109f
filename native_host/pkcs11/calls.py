# SPDX-License-Identifier: MIT
"""States at each method of ``Cryptoki`` which call of PKCS#11 it answers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

#: The values of an answer, as its signature has them.
Values = Sequence[Any]

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
