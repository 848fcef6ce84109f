# SPDX-License-Identifier: MIT
"""What the prompts say of a question, in the person's language."""

import re

from kortilla.common.escaping import printable, program_display_name
from native_host.pin_prompt import model
from native_host.texts.prompt import PromptTexts


class Texts(PromptTexts):
    def activation_offer(self, question: model.ActivationQuestion) -> tuple[str, str]:
        """Return the heading and the body of an offer to activate the card."""
        offer = "offer.partly" if question.partly else "offer"
        if question.undecided:
            offer = "offer.undecided"
        heading, body = self(f"{offer}.heading"), self(f"{offer}.body")
        if question.unasked:  # nothing comes after it
            return heading, body
        then = Texts(self._language, self._purpose)("after_activation")
        return heading, f"{body} {then}"

    def other_card(self, question: model.OtherCardQuestion) -> str:
        """Return what has happened to the card before, and what to do."""
        key = "other.removed" if question.removed else "other.there"
        # A sentence breaks between words only.
        before = re.sub(r"(\S{30})\S+", r"\1…", printable(question.before))
        return self(key, before=before)

    def caller(self, conversation: model.Conversation) -> str:
        """Return the display name of a caller that is no known browser."""
        return program_display_name(conversation.caller) or self.unknown_program

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
