# SPDX-License-Identifier: MIT
"""The JSON lines between the host and the window's process.

The host writes requests, one object a line, at most ``MAX_REQUEST`` bytes. On the right
are the answers that the window writes::

    {"type": "open", "conversation": {…}}           → {"type": "visible"}
    {"type": "ask-started"}                         → {"type": "started"}
    {"type": "show", "step": "…", "problem": null, "progress": null}
    {"type": "choose-card", "number": 1, "choices": [{…}, {…}]}
                                     → {"type": "chosen", "number": 1, "index": 0}
    {"type": "ask-consent", "number": 2, "question": {…}}
                                     → {"type": "agreed", "number": 2}
    {"type": "ask-pin", "number": 3, "question": {…}}
                                     → {"type": "pin", "number": 3, "digits": "1234"}
                                     or {"type": "agreed", "number": 3} for a PIN pad
                                     or "allowed" in place of "pin", if the question
                                     has "can_allow"
                                     or "declined", if it has "can_activate"
    {"type": "ask-codes", "number": 4, "question": {…}}
                         → {"type": "codes", "number": 4, "values": ["1234567", "1234"]}
                                     in the order of the question's fields,
                                     or {"type": "agreed", "number": 4} for a PIN pad
                                     or {"type": "declined", "number": 4} if the
                                     question has "can_decline"
    {"type": "offer-activation", "number": 5, "question": {…}}
                                     → {"type": "agreed", "number": 5}
                                     or "declined", if the question has "unasked" or
                                     "undecided"
    {"type": "offer-unlock", "number": 6, "question": {…}}
                                     → {"type": "agreed", "number": 6}
    {"type": "confirm-other-card", "number": 7, "question": {…}}
                                     → {"type": "agreed", "number": 7}
    {"type": "ask-can", "number": 8, "question": {…}}
                                     → {"type": "pin", "number": 8, "digits": "123456"}
                                     or "allowed" in place of "pin", if the question
                                     has "can_remember"
    {"type": "caller-timed-out"}
    {"type": "connections", "count": 3}
    {"type": "close"}

The objects' fields are those of ``model``. The window may send ``{"type": "cancel"}``
at any time. It sends ``{"type": "stays"}`` before an answer and after "close" if it
stays for a moment then, for a screen reader that is behind. An answer carries the
number of its question. The host drops a late answer to a question that it has
withdrawn. An answer has at most ``MAX_ANSWER`` bytes. A line of any other form ends the
conversation.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    NamedTuple,
    TypeVar,
    get_args,
    get_origin,
)

from native_host.pin_prompt import model
from native_host.platform.hardening import wipe

#: Longest line to the window, in bytes with its newline: room for the hundred files of
#: a container, with two names of 255 characters each, all of them escaped.
MAX_REQUEST = 655_360
#: Longest line from the window, in bytes with its newline.
MAX_ANSWER = 256

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

#: The questions by the type of their lines.
_QUESTIONS: dict[str, type[model.Question]] = {
    "ask-can": model.CanQuestion,
    "confirm-other-card": model.OtherCardQuestion,
    "ask-consent": model.ConsentQuestion,
    "ask-pin": model.PinQuestion,
    "ask-codes": model.CodesQuestion,
    "offer-activation": model.ActivationQuestion,
    "offer-unlock": model.UnlockQuestion,
}


@dataclass(frozen=True)
class Open:
    """Show the window. The answer is ``visible``."""

    conversation: model.Conversation


@dataclass(frozen=True)
class AskStarted:
    """Ask whether the person started this. The answer is ``started``."""


@dataclass(frozen=True)
class Show:
    """Show a step."""

    step: model.Step
    problem: model.Problem | None = None
    progress: model.Progress | None = None


@dataclass(frozen=True)
class ChooseCard:
    """Ask which card to use. ``number`` counts the questions of a conversation."""

    number: int
    choices: tuple[model.CardChoice, ...]


@dataclass(frozen=True)
class Ask:
    """Ask a question of ``model``."""

    number: int
    question: model.Question


@dataclass(frozen=True)
class CallerTimedOut:
    """Show that the calling program has stopped waiting, on the same page."""


@dataclass(frozen=True)
class Connections:
    """Show for how many connections of a program one PIN entry signs.

    The page stays the same.
    """

    count: int


@dataclass(frozen=True)
class Close:
    """Close the window and end the process."""


WindowRequest = (
    Open | AskStarted | Show | ChooseCard | Ask | CallerTimedOut | Connections | Close
)

_TYPES: dict[str, type[WindowRequest]] = {
    "open": Open,
    "ask-started": AskStarted,
    "show": Show,
    "choose-card": ChooseCard,
    "caller-timed-out": CallerTimedOut,
    "connections": Connections,
    "close": Close,
}


class Answer(NamedTuple):
    """A line from the window.

    ``number`` is the number of the question, and None where the line has none
    (``visible``, ``started``, ``stays``, ``cancel``). ``content`` are the ASCII digits
    of a PIN or of a card's index, or several codes in the form that ``split_codes``
    takes; else it is empty. The receiver wipes it.
    """

    kind: str
    number: int | None
    content: bytearray


_DIGITS = b"[0-9]{1,%d}" % model.MAX_CODE_DIGITS
# A regular expression and not the JSON decoder: a PIN goes from the pipe's buffer into
# the caller's without becoming a str, which can't be wiped.
_NUMBERED = re.compile(
    rb'\s*\{\s*"type":\s*"(pin|allowed|chosen|agreed|codes|declined)"'
    rb',\s*"number":\s*([0-9]{1,9})'
    rb'(?:,\s*"digits":\s*"(?P<digits>DIGITS)"'
    rb'|,\s*"values":\s*\[(?P<values>\s*"DIGITS"(?:\s*,\s*"DIGITS"){0,3}\s*)\]'
    rb'|,\s*"index":\s*(?P<index>[0-9]{1,3}))?\s*\}\s*'.replace(b"DIGITS", _DIGITS)
)
_UNNUMBERED = re.compile(rb'\s*\{\s*"type":\s*"(visible|started|stays|cancel)"\s*\}\s*')
#: The group that each kind of numbered answer must have.
_CONTENT = {
    "pin": "digits",
    "allowed": "digits",
    "chosen": "index",
    "agreed": None,
    "codes": "values",
    "declined": None,
}


def encode_request(request: WindowRequest) -> bytes:
    """Return the line for a request. Raises ``ValueError`` when it is too long."""
    about = request.question if isinstance(request, Ask) else request
    types = (_QUESTIONS | _TYPES).items()
    name = next(name for name, kind in types if isinstance(about, kind))
    message = json.dumps({"type": name, **asdict(request)}, ensure_ascii=False)
    # A page may name a document by half a surrogate pair.
    line = message.encode(errors="surrogatepass") + b"\n"
    if len(line) > MAX_REQUEST:
        raise ValueError("The request is too long.")
    return line


def decode_request(line: bytes) -> WindowRequest:
    """Return the request in a line. Raises ``ValueError`` for any other line.

    The error never repeats the content of the line.
    """
    try:
        message = json.loads(line)
    except ValueError:
        raise ValueError("A request is not JSON.") from None
    match message:
        case {"type": str(name), **rest} if name in _TYPES:
            return _record(_TYPES[name], rest)
        case {"type": str(name), "number": number, "question": about, **rest} if (
            name in _QUESTIONS and type(number) is int and not rest
        ):
            return Ask(number, _record(_QUESTIONS[name], about))
    raise ValueError("A request is not an object of a known type.")


def encode_answer(message: Mapping[str, object]) -> bytearray:
    """Return the line for an answer. The caller wipes it.

    Digits are in a ``bytearray``, several codes in a list of them. This function wipes
    these buffers; they never become a ``str``, which can't be wiped.
    """
    parts: list[bytes | bytearray] = [b"{"]
    for name, value in message.items():
        parts.append(b'%b"%b": ' % (b", " * (len(parts) > 1), name.encode()))
        if isinstance(value, bytearray):
            parts += [b'"', value, b'"']
        elif isinstance(value, list):
            quoted: list[bytes | bytearray] = [b'", "'] * (2 * len(value) - 1)
            quoted[::2] = value
            parts += [b'["', *quoted, b'"]']
        else:
            parts.append(json.dumps(value).encode())
    line = bytearray().join((*parts, b"}\n"))
    for part in parts:
        if isinstance(part, bytearray):
            wipe(part)
    return line


def decode_answer(line: bytearray) -> Answer | None:
    """Return the answer in a line, or None when the line is not one."""
    if match := _UNNUMBERED.fullmatch(line):
        return Answer(match[1].decode(), None, bytearray())
    match = _NUMBERED.fullmatch(line)
    if match is None or match.lastgroup != _CONTENT[kind := match[1].decode()]:
        return None
    start, end = match.span(match.lastgroup) if match.lastgroup else (0, 0)
    return Answer(kind, int(match[2]), line[start:end])


def split_codes(content: bytearray) -> list[bytearray]:
    """Return the codes of an answer in order, each in a new buffer."""
    spans = [match.span() for match in re.finditer(rb"[0-9]+", content)]
    return [content[start:end] for start, end in spans]


def _record(kind: type[T], value: object) -> T:
    """Build a dataclass from an object that has exactly its fields."""
    known = {field.name: field for field in fields(kind)}
    needed = {name for name, field in known.items() if field.default is MISSING}
    if not (isinstance(value, dict) and needed <= value.keys() <= known.keys()):
        raise ValueError(f"{kind.__name__} does not have exactly its fields.")
    return kind(**{name: _value(known[name].type, value[name]) for name in value})


def _value(kind: Any, value: Any) -> Any:
    """Return a value as a field's type, or raise ``ValueError``."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:  # something or None
        return None if value is None else _value(arguments[0], value)
    if origin is tuple and type(value) is list:
        return tuple(_value(arguments[0], item) for item in value)
    if isinstance(kind, type) and is_dataclass(kind):
        return _record(kind, value)
    if kind is model.Step:
        return model.Step(value)
    fits = value in arguments if origin is Literal else type(value) is kind
    if not fits:
        raise ValueError("A field has a value that it can't have.")
    return value
