# SPDX-License-Identifier: MIT
"""Judges what came after a signature in a PDF, by what may come and nothing else.

A later revision is validation data (ISO 32000-2 §12.8.4.3), a document timestamp, or a
further signature, or one of these with validation data. Each object that it writes or
frees has to be a part of that, and each place where an object of before differs has to
be one that needs to differ. An object that nothing needs is refused.
"""

from dataclasses import dataclass, field

from kortilla.signing.verification.findings import RefusedError
from kortilla.signing.verification.pdf.changes import refuse
from kortilla.signing.verification.pdf.further import Further
from kortilla.signing.verification.pdf.objects import Reading
from kortilla.signing.verification.pdf.store import loose_data


@dataclass
class Later:
    """What a revision is. ``refused`` says what of it may not come later, if anything.

    ``signed`` are the numbers of the fields that it signs, at most one.
    """

    has_data: bool = False
    signed: set[int] = field(default_factory=set)
    refused: str = ""


def judge_later(reading: Reading, revision: int) -> Later:
    """Judge a revision by the one before it. It is never the first one."""
    try:
        changes = Further(reading, revision)
        changes.check()
        for number in loose_data(changes.new, changes.left):
            changes.take(number, "validation data")
        if changes.left:
            raise refuse(f"the object {min(changes.left)}, which nothing needs")
        adds = changes.signed or changes.has_data or changes.has_field
        if changes.written.places and not (adds or changes.has_dates):
            raise refuse("an update that adds nothing")
    except RefusedError as error:
        return Later(refused=error.found.detail or error.found.code)
    return Later(changes.has_data, changes.signed)
