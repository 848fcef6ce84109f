# SPDX-License-Identifier: MIT
"""Parses untrusted JSON strictly, and its objects into pydantic models.

Input that parsers read differently is refused.
"""

import binascii
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from kortilla.common import JsonObject
from kortilla.errors import RelyingPartyError

T = TypeVar("T", bound=BaseModel)

#: Writes JSON as short as can be; ``json.dumps`` would make one for each call.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class WireModel(BaseModel):
    """An object of a page, whose fields have names in camel case.

    Unknown fields are ignored, as in all Web eID validators: a later version may add
    some.
    """

    model_config = ConfigDict(
        strict=True, frozen=True, extra="ignore", alias_generator=to_camel
    )


def decode_base64(text: str) -> bytes:
    """Decode canonical base64 with the alphabet ``+ /`` and padding.

    Raises ``ValueError`` for the URL alphabet, missing padding, white space, or unused
    bits that are not zero: each would allow several encodings of one value.
    """
    data = binascii.a2b_base64(text)
    # It skips what is not in the alphabet, so the comparison is the check.
    if binascii.b2a_base64(data, newline=False).decode() != text:
        raise ValueError("not canonical base64")
    return data


def _check_base64(text: str) -> str:
    decode_base64(text)
    return text


#: The check that ``decode_base64`` accepts a text. A type has its lengths before it, so
#: that pydantic checks them first, and faster.
CanonicalBase64 = AfterValidator(_check_base64)
#: A text that ``decode_base64`` accepts, for at least one byte.
Base64Text = Annotated[str, Field(min_length=4), CanonicalBase64]


def read_object(
    given: str | bytes | Mapping[str, object],
    model_of: Callable[[Mapping[str, object]], type[T]],
    *,
    what: str,
    limit: int,
    error: type[RelyingPartyError],
) -> T:
    """Parse JSON, or a parsed object, of at most ``limit`` characters.

    ``model_of`` returns the model for an object. ``what`` is the object's name in
    messages. Raises ``error``, which names the field and quotes no input.
    """
    content: object = None
    try:
        if isinstance(given, str | bytes):
            size = len(given)
        elif isinstance(given, Mapping):
            content = dict(given)
            size = len(_ENCODER.encode(content))
        else:
            raise TypeError
    except (TypeError, ValueError, RecursionError):
        raise error(f"The {what} is not a JSON object.") from None
    if size > limit:
        raise error(f"The {what} is longer than {limit} characters.")
    try:
        if isinstance(given, str | bytes):
            content = load_json(given)
        if not isinstance(content, dict):
            raise error(f"The {what} is not a JSON object.")
        return model_of(content).model_validate(content)
    except ValidationError as problem:
        raise error(_describe(problem, what)) from None
    except ValueError as problem:
        raise error(f"The {what} can't be read: {problem}") from None


def _describe(problem: ValidationError, what: str) -> str:
    first = problem.errors(
        include_url=False, include_context=False, include_input=False
    )
    # The location holds field names of our models and list positions, no input.
    place = ".".join(str(part) for part in first[0]["loc"]) or what
    return f"The {what}'s field {place} is not right ({first[0]['type']})."


def load_json(text: str | bytes) -> Any:
    """Parse JSON. Raises ``ValueError`` with a message that quotes no input.

    Besides invalid syntax it refuses bytes that are not UTF-8, duplicate names in an
    object, ``NaN`` and ``Infinity``, integers that are too long to convert, and nesting
    beyond the interpreter's limit.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        return _DECODER.decode(text)
    except _RefusedError:
        raise
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None
    except ValueError:
        raise ValueError("This is not JSON in UTF-8.") from None


class _RefusedError(ValueError):
    """A message of this module, which quotes no input."""


def _unique(pairs: list[tuple[str, object]]) -> JsonObject:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _RefusedError("A name occurs twice in a JSON object.")
    return result


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusedError("NaN and Infinity are not JSON.")


#: ``json.loads`` would make one for each call.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)
