# SPDX-License-Identifier: MIT
"""Finds actions that run something or change what is shown (ISO 32000-2 §12.6).

They may be in many places: of the file, a page, a field, a note, a bookmark, a medium.
So all objects are looked through while they are read.
"""

import re

from kortilla.signing.verification.pdf.lexical import Stream, Value

#: Actions that run a program, or change what is shown. All else only leads elsewhere.
_ACTIONS = {
    *("GoTo3DView", "Hide", "ImportData", "JavaScript", "Launch", "Movie", "Rendition"),
    *("ResetForm", "RichMediaExecute", "SetOCGState", "Sound", "Trans"),
}
#: What an object has that may hold such an action; names may have escapes.
POSSIBLY_ACTIVE = re.compile(
    rb"#|/(?:JS|JavaScript|Script|OnInstantiate|"
    + "|".join(sorted(_ACTIONS)).encode()
    + rb")(?![^\0\t\n\f\r ()<>\[\]{}/%])"
)


def active(value: Value) -> str:
    """Return the action in a value that runs or changes something, or an empty text."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Stream):
            each = each.entries
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            kind = each.get("S")
            if kind in _ACTIONS and each.get("Type", "Action") == "Action":
                return str(kind)
            if each.keys() & {"JS", "JavaScript", "OnInstantiate"}:
                return "JavaScript"
            waiting += each.values()
    return ""
