# SPDX-License-Identifier: MIT
"""The rules for typed codes, and the texts about them.

The window and the terminal share them. Digits are bytes, which can be wiped, and never
become a ``str`` here.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from native_host.pin_prompt.model import CodeField, CodesQuestion
from native_host.pin_prompt.texts import Texts

#: ASCII digits.
Digits = bytes | bytearray | memoryview

_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
#: With so many tries left or fewer, what a wrong code costs is said as a warning.
_WARNED = 3
#: Years that the oldest holders of a card have lived.
_OLDEST = 120


def is_new(field: CodeField) -> bool:
    """Return whether the person chooses this code, and therefore types it twice."""
    return field.name.startswith("new-")


def field_label(field: CodeField, question: CodesQuestion, text: Texts) -> str:
    """Return the name of a code."""
    own = f".{question.pin}" if field.name == "old" else ""
    return text(f"codes.{field.name}{own}")


def length_text(field: CodeField, text: Texts) -> str:
    """Return the number of digits of a code, in words."""
    low, high = min(field.lengths), max(field.lengths)
    if low == high:
        return text("codes.length", min=low)
    if field.lengths == (low, high):
        return text("codes.length.either", min=low, max=high)
    return text("codes.length.range", min=low, max=high)


def instructions(question: CodesQuestion, text: Texts, *, by_itself: bool) -> list[str]:
    """Return what is needed and what is done already, paragraph by paragraph.

    ``by_itself`` is True when the person started this without a login before it.
    """
    lengths = next((f.lengths for f in question.fields if f.name == "activation"), ())
    key = "-".join(map(str, lengths))
    said = [text(f"need.{key}" if f"need.{key}" in text else "need")]
    said += [text(f"done.{pin}") for pin in question.done if f"done.{pin}" in text]
    if question.pad_unused and question.pad_problem != "refused":
        said.append(text("pin_pad.unused"))
    if by_itself and "unproven" in text:
        said += [text("unproven"), text("elsewhere")]
    return said


def is_calm(question: CodesQuestion) -> bool:
    """Return whether there is nothing to warn of: most tries are left, no error."""
    trouble = question.wrong or question.repeated or question.unsent
    trouble = trouble or question.in_doubt or question.pad_problem != ""
    return question.tries_left > _WARNED and not trouble


def tries_left(tries: int, text: Texts) -> str:
    """Return how many tries are left, in a few words."""
    return text("pin.left.one" if tries == 1 else "pin.left", tries=tries)


def status(question: CodesQuestion, text: Texts) -> list[str]:
    """Return the result of the last code, and the cost of a wrong one, as sentences."""
    said = []
    if question.pad_problem:
        said.append(text(f"pin_pad.{question.pad_problem}"))
    elif question.repeated:
        said.append(text("repeated"))
    elif question.wrong:
        said.append(text("wrong"))
    elif question.unsent:
        said.append(text("unsent"))
    if question.in_doubt:
        said.append(text("in_doubt"))
    tries = question.tries_left
    if tries == 1:
        said.append(text(f"last_try.{question.at_risk}"))
    else:
        said.append(text("two_tries") if tries == 2 else text("tries", tries=tries))
        said.append(text(f"cost.{question.at_risk}"))
    return said


def pin_pad_instructions(question: CodesQuestion, text: Texts) -> list[str]:
    """Return the instruction for the reader, and the rules for new PINs."""
    new = [field for field in question.fields if is_new(field)]
    rules = [f"{field_label(f, question, text)}: {length_text(f, text)}." for f in new]
    return [text("pin_pad.hint"), *rules]


def length_error(field: CodeField, typed: int, text: Texts) -> str:
    """Return why a number of digits is refused, or an empty string."""
    if typed in field.lengths:
        return ""
    if not typed:
        return text("codes.empty")
    if field.name == "activation" and field.lengths in ((7,), (8,)):
        return text(f"codes.needs_{field.lengths[0]}", typed=typed)
    return text("codes.wrong_length", typed=typed, length=length_text(field, text))


def warnings(
    digits: Digits,
    text: Texts,
    issued: int,
    *,
    others: Iterable[Digits] = (),
    codes: Mapping[str, Digits],
) -> list[str]:
    """Return the warnings about a new PIN, which the person may use anyway.

    ``issued`` is the one of ``is_easy_to_guess``. ``others`` are the other new PINs,
    ``codes`` the other typed codes by field name.
    """
    said = []
    if is_easy_to_guess(digits, issued):
        said.append(text("codes.easy"))
    if any(digits == other for other in others):
        said.append(text("codes.same_as_other"))
    for name, code in codes.items():
        if digits == code:
            said.append(text(f"codes.same_as_{'old' if name == 'old' else 'letter'}"))
    return said


def is_easy_to_guess(digits: Digits, issued: int) -> bool:
    """Return whether a PIN is among the first that a thief tries.

    These are:

    - digits that count up or down by the same step: 1234, 4321, 2468, 7777, 890123;
    - pairs of digits that do: 1122, 332211;
    - a group that is repeated: 1212, 123123;
    - digits that are the same backwards: 1221, 123321;
    - a year: 1984;
    - a date, the day or the month first (2405, 0524), or with its year (240584, 840524,
      24051984, 19840524).

    Somebody may be born in a year of four digits if it is at most ``_OLDEST`` years
    before ``issued``, the year in which the card's certificate begins, and not after
    it. The certificate does not have the date of birth.
    """
    rows = [digits]
    if digits[::2] == digits[1::2]:
        rows.append(digits[::2])
    if any(len({(b - a) % 10 for a, b in pairwise(row)}) <= 1 for row in rows):
        return True
    half = len(digits) // 2
    if digits == digits[::-1] or any(
        len(digits) % part == 0 and digits[part:] == digits[:-part]
        for part in range(1, half + 1)
    ):
        return True
    return any(
        1 <= month <= 12
        and 1 <= day <= _DAYS[month - 1]
        and (year is None or issued - _OLDEST <= year <= issued)
        for day, month, year in _dates(digits)
    )


def _dates(digits: Digits) -> Iterator[tuple[int, int, int | None]]:
    """Return each way to read the digits as day, month and year of four digits."""
    pairs = [10 * (a - 48) + b - 48 for a, b in zip(*[iter(digits)] * 2, strict=False)]
    match [len(digits), *pairs]:
        case [4, first, second]:
            yield first, second, None
            yield second, first, None
            yield 1, 1, 100 * first + second
        case [6, first, second, third]:
            yield first, second, None
            yield third, second, None
        case [8, first, second, third, fourth]:
            yield first, second, 100 * third + fourth
            yield fourth, third, 100 * first + second
