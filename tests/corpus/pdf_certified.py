# SPDX-License-Identifier: MIT
"""PDFs whose author allows some changes (DocMDP, ISO 32000-2 §12.8.2.2), changed."""

from collections.abc import Awaitable, Callable
from typing import Literal

from tests.corpus.building import (
    COVER,
    VELKA,
    Objects,
    contract,
    sealed,
    signed_again,
    stream,
    updated_by,
    written,
)
from tests.corpus.pdf_updates import OF_RICH, RICH
from tests.kortilla.signed_files import Maker

#: Where a signature is shown.
MARK = (400, 100, 500, 140)
Level = Literal[1, 2, 3]
_LEVELS: dict[Level, str] = {
    1: "no changes",
    2: "forms and signatures",
    3: "notes, too",
}


def certified(level: Level) -> Objects:
    """Return ``RICH`` with an author's signature that allows some changes."""
    parameters = f"/TransformParams<</Type/TransformParams/V/1.2/P {level}>>"
    reference = f"/Reference[<</Type/SigRef/TransformMethod/DocMDP{parameters}>>]"
    return {
        **RICH,
        1: str(RICH[1])[:-2] + "/Perms<</DocMDP 7 0 R>>>>",
        7: str(contract()[7]).replace("<</Type/Sig", f"<</Type/Sig{reference}"),
    }


def _noted(pdf: bytes) -> bytes:
    """Put a note over the text."""
    page = str(RICH[4]).replace("8 0 R ", "8 0 R 61 0 R ")
    return updated_by(
        pdf,
        {
            4: page,
            61: "<</Type/Annot/Subtype/Stamp/Rect[0 0 595 842]/F 4/P 4 0 R"
            "/AP<</N 62 0 R>>>>",
            62: stream(VELKA, COVER),
        },
    )


Made = Callable[[Maker, bytes], Awaitable[bytes]]


def _by(change: Callable[[bytes], bytes]) -> Made:
    async def made(_: Maker, pdf: bytes) -> bytes:
        return change(pdf)

    return made


_CHANGES: dict[str, Made] = {
    "nothing": _by(lambda pdf: pdf),
    "a form filled in": _by(OF_RICH["a form filled in"]),
    "a note": _by(_noted),
    "a signature": lambda maker, pdf: signed_again(maker, pdf, certified(2)),
    "a signature that is shown": lambda maker, pdf: signed_again(
        maker, pdf, certified(2), mark=(MARK, "0 0 100 40 re f")
    ),
}


def _made(level: Level, change: Made) -> Callable[[Maker], Awaitable[bytes]]:
    async def made(maker: Maker) -> bytes:
        return await change(maker, await sealed(maker, written(certified(level))))

    return made


_EVERY = {
    f"{what}, where the author allows {allowed}": _made(level, change)
    for level, allowed in _LEVELS.items()
    for what, change in _CHANGES.items()
}
#: Signatures that are shown, and allowed.
MARKED = {
    name: made
    for name, made in _EVERY.items()
    if "shown" in name and _LEVELS[1] not in name
}
#: By what is allowed, and what is changed.
CERTIFIED = {name: made for name, made in _EVERY.items() if name not in MARKED}
