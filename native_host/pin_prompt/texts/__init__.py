# SPDX-License-Identifier: MIT
"""The texts that people read: a catalogue ``texts/<language>.json`` per language.

A new language is a new file. A ``.body`` says what happened and what to do next, under
the ``.heading`` of the same name. An operation's own text has the operation as prefix:
``sign.step.done.body`` replaces ``step.done.body``. The operations that manage PINs
share texts under ``manage``, and may have texts per PIN (``unblock.PIN1.heading``).
The operations of programs share texts under ``program``. The texts of ``sign-own``, for
the person's own files, replace those of ``sign``. Those of ``decrypt``, for the
person's own files too, fall back to ``authenticate``: it is the same PIN.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from kortilla.common import texts
from kortilla.common.escaping import printable, program_display_name
from native_host.pin_prompt import model

_FOLDER = Path(__file__).parent
#: The operations that manage PINs, in which no page takes part.
_MANAGING = ("activate", "change-pin", "unblock")
#: The operations of programs on the computer. They fall back to the texts of
#: ``authenticate``, which uses the same PIN.
_FOR_PROGRAMS = ("tls-login", "prepare-login", "mail-login", "decrypt-mail")


class Texts:
    """The texts of one language, optionally for one operation and one PIN.

    ``program`` is the calling program, which any text may name. ``purpose`` is the
    operation that goes on after this one, if it is another one.
    """

    def __init__(
        self,
        catalogue: Mapping[str, str],
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
        self._catalogue = catalogue
        #: The display name of the calling program.
        self.program = program_display_name(program) or catalogue["program.unknown"]
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

    def problem(self, problem: model.Problem) -> tuple[str, str]:
        """Return the heading and the body for a problem.

        Some details have texts of their own under ``problem.CODE.DETAIL``. A code
        without a text gets a general one. A detail like ``2/3`` is a count.
        """
        general = f"problem.{problem.code}"
        keys = (f"{general}.{problem.detail}", general, "problem.other")
        key = next(key for key in keys if f"{key}.heading" in self)
        heading, detail = self(f"{key}.heading"), problem.detail
        counted = re.fullmatch("([0-9]+)/([0-9]+)", detail)
        if counted and f"{key}.counted" in self:
            done, total = counted.groups()
            return heading, self(f"{key}.counted", done=done, total=total)
        if detail and f"{key}.named" in self:
            kind = self._catalogue.get(f"kind.{detail}", detail)
            return heading, self(f"{key}.named", kind=printable(kind))
        return heading, self(f"{key}.body")

    def activation_offer(self, question: model.ActivationQuestion) -> tuple[str, str]:
        """Return the heading and the body of an offer to activate the card."""
        offer = "offer.partly" if question.partly else "offer"
        if question.undecided:
            offer = "offer.undecided"
        heading, body = self(f"{offer}.heading"), self(f"{offer}.body")
        if question.unasked:  # nothing comes after it
            return heading, body
        then = Texts(self._catalogue, self._purpose)("after_activation")
        return heading, f"{body} {then}"

    def other_card(self, question: model.OtherCardQuestion) -> str:
        """Return what has happened to the card before, and what to do."""
        key = "other.removed" if question.removed else "other.there"
        # A sentence breaks between words only.
        before = re.sub(r"(\S{30})\S+", r"\1…", printable(question.before))
        return self(key, before=before)

    def caller(self, conversation: model.Conversation) -> str:
        """Return the display name of a caller that is no known browser."""
        return (
            program_display_name(conversation.caller)
            or self._catalogue["program.unknown"]
        )

    def asking(self) -> tuple[str, str] | None:
        """Return the words about who asks, and the name, where no site does.

        None if nobody asks: the person manages the card's PINs.
        """
        if "asks" not in self:
            return None
        return self("asks"), self("here") if "here" in self else self.program

    def warning_of_caller(self, conversation: model.Conversation) -> str:
        """Return the warning about such a caller; empty if a browser asks."""
        if not conversation.caller:
            return ""
        name = self.caller(conversation)
        return f"{self('caller.asks')} {name}. {self('caller.check')}"

    def step(self, step: model.Step) -> tuple[str, str]:
        """Return the heading and the body for a step."""
        return self(f"step.{step}.heading"), self(f"step.{step}.body")

    def progress(self, step: model.Step, progress: model.Progress) -> str:
        """Return the progress of a step, in words."""
        done, total = progress.done, progress.total
        if step is model.Step.READY:
            return self(f"step.{step}.progress", done=done)
        if step is model.Step.RECEIVING:
            return self(
                f"step.{step}.progress", done=self.size(done), total=self.size(total)
            )
        return self(f"step.{model.Step.SIGNING}.progress", done=done, total=total)

    def size(self, count: int) -> str:
        """Return a number of bytes in words; a kilobyte has a thousand bytes."""
        if count < 1000:
            return self("size.byte" if count == 1 else "size.bytes", count=count)
        mega = count >= 999_950  # what would round to 1000.0 kilobytes
        shown = f"{count / (1_000_000 if mega else 1000):.1f}"
        shown = shown.replace(".", self("size.point"))
        return self("size.megabytes" if mega else "size.kilobytes", count=shown)

    def signatures(self, question: model.PinQuestion) -> str:
        """Return how many signatures are made and how often the PIN is typed.

        The files of one container get one signature together.
        """
        count = len(question.documents)
        together = [d for d in question.documents if d.result_kind == "container"]
        if together:
            count += len({each.result for each in together}) - len(together)
        if count == 1:
            return self("signatures.one")
        if question.pin_pad:
            return self("signatures.pad", count=count)
        return self(f"signatures.{'batch' if question.batch else 'many'}", count=count)

    def what_is_signed(
        self,
        documents: tuple[model.Document, ...],
        batch: model.Progress | None = None,
    ) -> str:
        """Return how many documents or hashes are to be signed, in which batch."""
        hashes = any(document.path is None for document in documents)
        what = self("hashes" if hashes else "documents", count=len(documents))
        if batch is None:
            return what
        return f"{self('batch', number=batch.done + 1, total=batch.total)} {what}"

    def warning(self, documents: tuple[model.Document, ...]) -> str:
        """Return the warning about bare hashes; empty for documents."""
        if all(document.path is not None for document in documents):
            return ""
        return self("hashes.warning.many" if len(documents) > 1 else "hashes.warning")

    def pin_consent(self, question: model.PinQuestion) -> str:
        """Return what the person agrees to by typing the PIN."""
        on_pad = question.pin_pad and "pin_pad.consent" in self
        return self("pin_pad.consent" if on_pad else "consent")

    def pin_status(self, question: model.PinQuestion) -> list[str]:
        """Return the result of the last PIN and the tries left, as sentences."""
        said = []
        if question.unlocked:
            said.append(self("pin.unlocked"))
        if question.pad_problem:
            said.append(self(f"pin_pad.{question.pad_problem}"))
        elif question.repeated:
            said.append(self("pin.repeated"))
        elif question.wrong:
            said.append(self("pin.wrong"))
        elif question.unsent:
            said.append(self("pin.unsent"))
        if question.tries_left == 1:
            said.append(self("last_try"))
        elif question.tries_left == 2:
            said.append(self("pin.two_tries"))
        elif question.tries_left != 5:
            said.append(self("pin.tries", tries=question.tries_left))
        if question.pad_unused and question.pad_problem != "refused":
            said.append(self("pin_pad.unused"))
        return said


def languages() -> tuple[str, ...]:
    """Return the codes of the languages that have a catalogue."""
    return texts.languages(_FOLDER)


def load(
    language: str,
    operation: str = "",
    pin: str = "",
    program: str = "",
    purpose: str = "",
) -> Texts:
    """Return the texts of a language, or the English ones if it has none."""
    catalogue = texts.catalogue(_FOLDER, language)
    return Texts(catalogue, operation, pin, program, purpose)
