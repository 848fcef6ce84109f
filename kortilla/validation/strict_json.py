# SPDX-License-Identifier: MIT
"""Strict parsing of untrusted JSON: input that parsers read differently is refused."""

import json
from typing import Any, NoReturn

__all__ = ["loads"]


def loads(text: str | bytes) -> Any:
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


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _RefusedError("A name occurs twice in a JSON object.")
    return result


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusedError("NaN and Infinity are not JSON.")


#: ``json.loads`` would make one for each call.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)
