# SPDX-License-Identifier: MIT
"""The prompt that answers without a person, for demonstrations and tests.

It works with the mock card only.
"""

import asyncio
from collections.abc import Mapping

from native_host.pin_prompt import model
from native_host.pin_prompt.prompt import Prompt, PromptError

#: The problem code of each step that needs a person.
_WAITING = {
    model.Step.WAITING_FOR_READER: "NO_READER",
    model.Step.WAITING_FOR_CARD: "NO_CARD",
}


class AutomaticPrompt(Prompt):
    """Answers with the given PINs and codes, once each.

    ``codes`` has ``PIN1`` and ``PIN2``, and ``activation`` and ``PUK`` for the card's
    codes, ``CAN`` for a contactless reader. A new PIN is ``new-PIN1`` or ``new-PIN2``,
    or else the PIN of that number. It confirms the mock card's last try too. When a
    person would have to act, it raises ``PromptError``, so that nothing waits.
    """

    attended = False

    def __init__(self, codes: Mapping[str, str]) -> None:
        self._codes = dict(codes)
        self._stuck = asyncio.Event()
        self._problem = ""
        self._over = False

    async def open(self, conversation: model.Conversation) -> None:
        if not conversation.test_card:
            raise PromptError("The automatic prompt answers for the mock card only.")

    def show(
        self,
        step: model.Step,
        problem: model.Problem | None = None,
        progress: model.Progress | None = None,
    ) -> None:
        if step in (model.Step.EXPIRED, model.Step.FAILED):
            self._over = True  # a window would stay open for reading
            self._stuck.set()
        elif problem is not None or step in _WAITING:
            self._problem = problem.code if problem else _WAITING[step]
            self._stuck.set()

    async def ask(self, question: model.AnyQuestion) -> model.Answer:
        """Answer with what was set up, yes, or the first card."""
        match question:
            case model.PinQuestion(role=role):
                _check(question, role)
                if role not in self._codes:
                    raise PromptError(f"No {role} was set up.")
                return _answer({role: self._codes[role]})
            case model.CodesQuestion(fields=fields):
                _check(question, "code")
                return _answer({f.name: self._code(f, question) for f in fields})
            case model.CanQuestion(wrong=wrong):
                if wrong or "CAN" not in self._codes:
                    raise PromptError("No CAN was set up, or the card refused it.")
                return _answer({"CAN": self._codes["CAN"]})
            case model.OtherCardQuestion():
                raise PromptError("Nobody is there to say which card is meant.")
            case model.ActivationQuestion():
                raise PromptError("Nobody is there to activate the card.")
            case model.UnlockQuestion():
                raise PromptError("Nobody is there to unlock the PIN.")
        return model.Answer()

    def _code(self, field: model.CodeField, question: model.CodesQuestion) -> str:
        """Return the code for a field. Raises ``PromptError`` if none fits."""
        names: Mapping[str, tuple[str, ...]] = {
            "activation": ("activation", "PUK"),  # of eight digits, it is the PUK
            "PUK": ("PUK",),
            "old": (question.pin,),
            "new-PIN1": ("new-PIN1", "PIN1"),
            "new-PIN2": ("new-PIN2", "PIN2"),
        }
        for name in names[field.name]:
            if len(code := self._codes.get(name, "")) in field.lengths:
                return code
        raise PromptError(f"Nothing that fits was set up for {field.name}.")

    async def wait_for_cancel(self) -> None:
        await self._stuck.wait()
        if self._over:
            return
        raise PromptError(f"Nobody is there to solve the problem {self._problem}.")

    async def close(self) -> None:
        """Do nothing."""


def _answer(codes: Mapping[str, str]) -> model.Answer:
    return model.Answer({name: bytearray(c, "ascii") for name, c in codes.items()})


def _check(question: model.PinQuestion | model.CodesQuestion, what: str) -> None:
    """Raise ``PromptError`` where only a person can answer."""
    if question.wrong or question.repeated:
        raise PromptError(f"The card refused the {what} that was set up.")
    if question.pin_pad:
        raise PromptError("Nobody is there to type on the reader.")
