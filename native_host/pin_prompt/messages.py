# SPDX-License-Identifier: MIT
"""The JSON lines between the host and the window's process.

Host to window, one object a line, at most ``MAX_REQUEST`` bytes::

    {"type": "open", "conversation": {…}}           ← {"type": "visible"}
    {"type": "ask-started"}                         ← {"type": "started"}
    {"type": "show", "step": "…", "problem": null}
    {"type": "ask-pin", "number": 1, "question": {…}}
                                     ← {"type": "pin", "number": 1, "digits": "1234"}
    {"type": "close"}

The objects' fields are those of ``questions``. The window may send
``{"type": "cancel"}`` at any time. A PIN's number is that of the question that it
answers: a late answer to a question which the host has given up is thrown away. Answers
have at most ``MAX_ANSWER`` bytes. Whatever does not fit ends the conversation.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

from .questions import Conversation, PinQuestion, Problem, Step

__all__ = [
    "MAX_ANSWER",
    "MAX_REQUEST",
    "AskPin",
    "AskStarted",
    "Close",
    "Open",
    "Request",
    "Show",
    "decode_request",
    "encode_request",
    "read_pin",
]

#: Longest line to the window, in bytes with its newline.
MAX_REQUEST = 8192
#: Longest line from the window, in bytes with its newline.
MAX_ANSWER = 256

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


@dataclass(frozen=True)
class Open:
    """Show the window."""

    conversation: Conversation


@dataclass(frozen=True)
class AskStarted:
    """Ask whether the person started this."""


@dataclass(frozen=True)
class Show:
    """Show a step."""

    step: Step
    problem: Problem | None = None


@dataclass(frozen=True)
class AskPin:
    """Ask for consent and PIN; ``number`` counts the questions of a conversation."""

    number: int
    question: PinQuestion


@dataclass(frozen=True)
class Close:
    """Take the window away and end."""


Request = Open | AskStarted | Show | AskPin | Close

_TYPES: Mapping[str, type[Request]] = {
    "open": Open,
    "ask-started": AskStarted,
    "show": Show,
    "ask-pin": AskPin,
    "close": Close,
}

# A PIN goes from the pipe's buffer into the caller's without becoming a str, which
# could not be wiped.
_PIN = re.compile(
    rb'\s*\{\s*"type":\s*"pin",\s*"number":\s*([0-9]{1,9}),'
    rb'\s*"digits":\s*"([0-9]{1,12})"\s*\}\s*'
)


def encode_request(request: Request) -> bytes:
    """Return the line for a request. Raises ``ValueError`` when it is too long."""
    name = next(name for name, kind in _TYPES.items() if isinstance(request, kind))
    line = json.dumps({"type": name, **asdict(request)}).encode() + b"\n"
    if len(line) > MAX_REQUEST:
        raise ValueError("The request is too long.")
    return line


def decode_request(line: bytes) -> Request:
    """Return the request in a line. Raises ``ValueError`` for anything else.

    The error never repeats what the line says.
    """
    try:
        message = json.loads(line)
    except ValueError:
        raise ValueError("A request is not JSON.") from None
    match message:
        case {"type": str(name), **rest} if name in _TYPES:
            return _record(_TYPES[name], rest)
    raise ValueError("A request is not an object of a known type.")


def read_pin(line: bytearray) -> tuple[int, bytearray] | None:
    """Return the number and the digits in a PIN line, or None when it is not one."""
    match = _PIN.fullmatch(line)
    if match is None:
        return None
    start, end = match.span(2)
    return int(match[1]), line[start:end]


def _record(kind: type[T], value: Any) -> T:
    """Build a dataclass from an object that has exactly its fields."""
    known = {field.name: field for field in fields(kind)}
    needed = {name for name, field in known.items() if field.default is MISSING}
    if not (isinstance(value, dict) and needed <= value.keys() <= known.keys()):
        raise ValueError(f"{kind.__name__} does not have exactly its fields.")
    return kind(**{name: _value(known[name].type, value[name]) for name in value})


def _value(kind: Any, value: Any) -> Any:
    if kind == Problem | None:
        return None if value is None else _record(Problem, value)
    if kind in (Conversation, PinQuestion):
        return _record(kind, value)
    if kind is Step:
        return Step(value)
    allowed = value in get_args(kind) if get_origin(kind) is Literal else True
    if not allowed or (kind in (str, int, bool) and type(value) is not kind):
        raise ValueError("A field has a value that it can't have.")
    return value
