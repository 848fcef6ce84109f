# SPDX-License-Identifier: MIT
"""JSON from strangers: what two readers could understand differently is refused."""

import json
from typing import Any, NoReturn

__all__ = ["loads"]


def loads(text: str | bytes) -> Any:
    """Parse JSON. Raises ``ValueError`` with a sentence that quotes none of it.

    Refused beyond bad syntax: bytes that are not UTF-8, a name that occurs twice in an
    object, ``NaN`` and ``Infinity``, integers too long to convert, and nesting deeper
    than the interpreter goes.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        return json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse_constant
        )
    except _RefusedError:
        raise
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None
    except ValueError:
        raise ValueError("This is not JSON in UTF-8.") from None


class _RefusedError(ValueError):
    """A sentence of our own, which quotes nothing and may pass."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _RefusedError("A name occurs twice in a JSON object.")
    return result


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusedError("NaN and Infinity are not JSON.")
