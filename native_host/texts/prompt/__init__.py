# SPDX-License-Identifier: MIT
"""The texts about asking for PINs and consent, for all that need words from them.

A ``.body`` says what happened and what to do next, under the ``.heading`` of the same
name. An operation's own text has the operation as prefix: ``sign.step.done.body``
replaces ``step.done.body``. The operations that manage PINs share texts under
``manage``, and may have texts per PIN (``unblock.PIN1.heading``). The operations of
programs share texts under ``program``. The texts of ``sign-own``, for the person's own
files, replace those of ``sign``. Those of ``decrypt``, for the person's own files too,
fall back to ``authenticate``: it is the same PIN.
"""

import re

from kortilla.common.escaping import printable, program_display_name
from native_host.texts.catalogues import catalogue

#: The operations that manage PINs, in which no page takes part.
_MANAGING = ("activate", "change-pin", "unblock")
#: The operations of programs on the computer. They fall back to the texts of
#: ``authenticate``, which uses the same PIN.
_FOR_PROGRAMS = ("tls-login", "prepare-login", "mail-login", "decrypt-mail")


class PromptTexts:
    """The texts of one language, optionally for one operation and one PIN.

    A language without a catalogue gets the English ones.
    ``program`` is the calling program, which any text may name. ``purpose`` is the
    operation that goes on after this one, if it is another one.
    """

    def __init__(
        self,
        language: str,
        operation: str = "",
        pin: str = "",
        program: str = "",
        purpose: str = "",
    ) -> None:
        #: Whether the card lies on a contactless reader. Texts under ``contactless``
        #: then replace those that speak of a card in a reader.
        self.contactless = False
        #: Whether a terminal shows them, which has no button to cancel.
        self.in_terminal = False
        self._purpose = purpose or operation
        self._language = language
        self._catalogue = catalogue("prompt", language)
        #: The display name of the calling program.
        self.program = program_display_name(program) or self.unknown_program
        #: Prefixes of a text's key, in the order in which they are tried.
        self._prefixes = [f"{operation}.{pin}.", f"{operation}.", ""]
        if operation in _MANAGING:
            self._prefixes.insert(2, "manage.")
        elif operation == "sign-own":
            self._prefixes.insert(2, "sign.")
        elif operation == "decrypt":
            self._prefixes.insert(2, "authenticate.")
        elif operation in _FOR_PROGRAMS:
            self._prefixes[2:2] = "program.", "authenticate."

    @property
    def unknown_program(self) -> str:
        return self._catalogue["program.unknown"]

    def __contains__(self, key: str) -> bool:
        return any(name in self._catalogue for name in self._names(key))

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its placeholders filled. Raises ``KeyError``.

        The operation's own text takes precedence over the common one.
        """
        names = (name for name in self._names(key) if name in self._catalogue)
        text = self._catalogue[next(names, key)]
        if self.in_terminal and not key.startswith("terminal."):
            words = self("terminal.window_says"), self("terminal.to_say")
            text = text.replace(*words)
        return text.format(program=self.program, **values)

    def _names(self, key: str) -> list[str]:
        """Return the keys in the catalogue that a text may have, the best one first."""
        prefixes = ["contactless."] * self.contactless + self._prefixes
        return [f"{prefix}{key}" for prefix in prefixes]

    def problem(self, code: str, detail: str = "") -> tuple[str, str]:
        """Return the heading and the body for an error's code.

        Some details have texts of their own under ``problem.CODE.DETAIL``. A code
        without a text gets a general one. A detail like ``2/3`` is a count.
        """
        general = f"problem.{code}"
        keys = (f"{general}.{detail}", general, "problem.other")
        key = next(key for key in keys if f"{key}.heading" in self)
        heading = self(f"{key}.heading")
        counted = re.fullmatch("([0-9]+)/([0-9]+)", detail)
        if counted and f"{key}.counted" in self:
            done, total = counted.groups()
            return heading, self(f"{key}.counted", done=done, total=total)
        if detail and f"{key}.named" in self:
            kind = self._catalogue.get(f"kind.{detail}", detail)
            return heading, self(f"{key}.named", kind=printable(kind))
        return heading, self(f"{key}.body")

    def size(self, count: int) -> str:
        """Return a number of bytes in words; a kilobyte has a thousand bytes."""
        if count < 1000:
            return self("size.byte" if count == 1 else "size.bytes", count=count)
        mega = count >= 999_950  # what would round to 1000.0 kilobytes
        shown = f"{count / (1_000_000 if mega else 1000):.1f}"
        shown = shown.replace(".", self("size.point"))
        return self("size.megabytes" if mega else "size.kilobytes", count=shown)
