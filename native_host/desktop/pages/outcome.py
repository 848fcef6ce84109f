# SPDX-License-Identifier: MIT
"""What came of what a person asked for: shown in one way on all pages.

A heading has the result in words. It gets the focus, and a screen reader says it once,
with what is to be known. Buttons below it are what to do next.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from kortilla.common.escaping import escape_name
from native_host.gui.labels import Heading, WrappingLabel
from native_host.gui.panels import (
    SIGNS,
    ButtonLine,
    Kind,
    Notice,
    Row,
    RowsPanel,
    Sign,
    column,
)
from native_host.gui.sizes import dp
from native_host.texts import as_sentence

if TYPE_CHECKING:
    from native_host.desktop.pages.page import PageBase

#: The most files of which each is named when the page speaks.
_MOST_NAMED = 3


class Outcome(RowsPanel):
    """A result: its heading, sentences below it, and further parts, such as buttons.

    A result of kind ``note`` is neither good nor bad, as a cancellation. It may be of
    a file, whose ``name`` stands above.
    """

    def __init__(
        self,
        words: str,
        kind: Kind,
        more: Sequence[str],
        further: Sequence[QWidget] = (),
        *,
        name: str = "",
    ) -> None:
        self.heading = Heading(words, 20 / 15)
        self.heading.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        holder = column(self.heading)
        holder.setContentsMargins(0, dp(3), 0, dp(5))  # room for the focus ring
        parts: list[QWidget] = [holder, *map(WrappingLabel, more), *further]
        if name:
            parts.insert(0, WrappingLabel(name, bold=True))
        super().__init__(kind, [Row(Sign(SIGNS[kind], kind), parts, ())])


class Outcomes:
    """The place of a page for its last outcome, with a notice below it.

    ``changed`` is called to show the page anew.
    """

    def __init__(self, page: PageBase, changed: Callable[[], object]) -> None:
        self._page, self._changed = page, changed
        self._outcome: Outcome | None = None
        self._notice: Notice | None = None

    @property
    def parts(self) -> list[QWidget]:
        return [*filter(None, (self._outcome, self._notice))]

    def clear(self) -> None:
        """Show nothing of it the next time. The page is not shown anew here."""
        self._outcome = self._notice = None

    def tell(
        self,
        words: str,
        kind: Kind = "good",
        more: Sequence[str] = (),
        *,
        files: Sequence[Path] = (),
        spoken: Sequence[str] = (),
        buttons: Callable[[], Sequence[QWidget]] = tuple,
        focus: bool = True,
    ) -> None:
        """Show an outcome in place of the one before, focus it, and say it.

        ``files`` were made. ``spoken`` stands elsewhere on the page and is said too.
        ``buttons`` makes what to do next. Without ``focus`` the focus stays, where the
        person did not ask for what ended.
        """

        def make() -> Outcome:
            if not (shown := buttons()):
                return Outcome(words, kind, more)
            line = ButtonLine(*shown)
            line.setContentsMargins(0, dp(8), 0, 0)
            return Outcome(words, kind, more, [line])

        key: Hashable = ("outcome", words, kind, *more, *files)
        self._outcome = self._page.kept(key, make)
        said = [*_named(files), *more, *spoken]
        self.announce(self._outcome, said, focus=focus)

    def announce(
        self, outcome: Outcome, spoken: Sequence[str] = (), *, focus: bool = True
    ) -> None:
        """Focus an outcome that the page shows, here or elsewhere, and say it."""
        if focus:
            self._page.goal = outcome.heading
        self._changed()
        self._page.say(" ".join([as_sentence(outcome.heading.text()), *spoken]))

    def tell_made(
        self,
        name: str,
        files: Sequence[Path],
        left: int = 0,
        more: Sequence[str] = (),
        *,
        spoken: Sequence[str] = (),
        buttons: Callable[[], Sequence[QWidget]] = tuple,
    ) -> None:
        """Tell how many files were made, and how many were left out.

        The keys of the texts begin with ``name``. ``more`` says what went wrong.
        """
        texts = self._page.texts
        kind: Kind = "warning" if more else "good"
        words = texts(f"{name}.done")
        if not files:
            words, kind = texts(f"{name}.done.none"), "error"
        elif left:
            words = texts(f"{name}.done.partly", done=len(files), left=left)
        elif len(files) > 1:
            words = texts(f"{name}.done.several", count=len(files))
        self.tell(words, kind, more, files=files, spoken=spoken, buttons=buttons)

    def note(self, words: str, kind: Kind = "warning") -> None:
        """Show a notice in place of the one before, and say it. The focus stays.

        Without words, none is shown.
        """
        self._notice = self._page.notice(words, kind) if words else None
        self._changed()
        self._page.say(words)


def _named(files: Sequence[Path]) -> list[str]:
    """Return the names of files as a sentence; of many, the first ones."""
    if not files:
        return []
    names = ", ".join(escape_name(each.name) for each in files[:_MOST_NAMED])
    left = len(files) - _MOST_NAMED
    return [f"{names} (+ {left})." if left > 0 else f"{names}."]
