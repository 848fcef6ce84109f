# SPDX-License-Identifier: MIT
"""The prompt in the terminal in which the program was started.

It does what ``getpass`` does, but on the event loop. A thread that blocks in
``getpass`` cannot be interrupted when the host cancels, and would leave the terminal
without echo.
"""

import asyncio
import sys
from collections.abc import Sequence

from kortilla.common.escaping import printable
from native_host.card.contactless import CAN_DIGITS
from native_host.errors import UserCancelledError
from native_host.pin_prompt import codes, model, texts
from native_host.pin_prompt.documents import describe
from native_host.pin_prompt.prompt import DeclinedError, Prompt, PromptError
from native_host.pin_prompt.site_name import SiteName
from native_host.platform import system
from native_host.platform.hardening import wipe
from native_host.texts.language import SPOKEN

#: Longest answer in bytes. A terminal's line has at most 4096.
_MAX_LINE = 4096


class TerminalPrompt(Prompt):
    """Reads from the terminal at standard input, and writes to standard error."""

    patient = False

    def __init__(self) -> None:
        self._shown: tuple[model.Step, model.Problem | None] | None = None
        self._asking: asyncio.Future[bytearray] | None = None
        #: The texts of what is done with the PINs, while it is done.
        self._managing: texts.Texts | None = None
        self._marked = False
        self._over = asyncio.Event()
        self._terminal: system.Terminal | None = None
        self._last_progress: tuple[model.Step, model.Progress] | None = None
        self._late = self._contactless = False
        #: What the pending question ends with, where the answer is typed.
        self._words = ""

    def cancel(self) -> bool:
        """See ``Prompt``. Works once; then the program must end in another way."""
        if self._over.is_set():
            return False
        self._over.set()
        if self._asking and not self._asking.done():
            self._asking.set_exception(UserCancelledError())
        return True

    async def open(self, conversation: model.Conversation) -> None:
        if not _is_terminal():
            raise PromptError(
                "The terminal prompt needs a terminal as standard input. Start the "
                "program in a terminal, or choose prompt = 'window'."
            )
        self._terminal = system.Terminal(sys.stdin.fileno())
        self._language = conversation.language
        self._operation = conversation.operation
        self._texts = text = texts.Texts(
            conversation.language, conversation.operation, program=conversation.program
        )
        text.in_terminal = True
        self._mark(conversation.test_card)
        if warning := text.warning_of_caller(conversation):
            self._write(f"*** {warning}\n")
        self._by_itself = not conversation.origin
        if self._by_itself:
            if asking := text.asking():
                self._write("{}\n\n    {}\n".format(*asking))
            else:
                self._write(text("own"))
            return
        site = SiteName.of(conversation.origin)
        self._write(f"{text('site')}\n\n    {site.origin}\n")
        if site.international:
            self._write(text("site.international", name=site.international))
            self._write(text("site.international.warning"))

    async def ask(self, question: model.AnyQuestion) -> model.Answer:
        match question:
            case model.PinQuestion():
                pin = await self._ask_pin(question)
                return model.Answer({question.role: pin} if pin else {})
            case model.CodesQuestion():
                return model.Answer(await self._ask_codes(question))
            case model.CanQuestion():
                return model.Answer({"CAN": await self._ask_can(question)})
            case model.CardQuestion():
                return model.Answer(index=await self._choose_card(question.choices))
            case model.StartedQuestion():
                self._write(self._texts("started.heading"))
                self._write(self._texts("started.body"))
            case model.OtherCardQuestion():
                self._write_other_card(question)
            case model.ConsentQuestion():
                self._begin(question)
                self._write_person(question)
                self._write(self._texts("consent"))
            case model.ActivationQuestion():
                self._write_activation(question)
            case model.UnlockQuestion():
                raise PromptError("A terminal offers no unlocking.")
        await self._ask_to_go_on()
        return model.Answer()

    def show(
        self,
        step: model.Step,
        problem: model.Problem | None = None,
        progress: model.Progress | None = None,
    ) -> None:
        again = progress if step in {model.Step.PIN_PAD, model.Step.SIGNING} else None
        if (step, problem) == self._shown and not again:
            return
        text = self._managing or self._texts
        text.contactless = self._follow(step)
        if (step, problem) != self._shown or step is model.Step.PIN_PAD:
            if problem:
                heading, body = text.problem(problem.code, problem.detail)
            else:
                heading, body = text.step(step)
            if problem and f"terminal.{problem.code}" in text:
                body = text(f"terminal.{problem.code}")  # the window has a button
            self._write(f"{heading}. {body}")
            if step in (model.Step.WAITING_FOR_READER, model.Step.WAITING_FOR_CARD):
                self._write(text("terminal.cancel"))
        self._shown = step, problem
        if again and (
            step is model.Step.PIN_PAD or (step, again) != self._last_progress
        ):
            self._last_progress = step, again
            self._write(text.progress(step, again))
        if step in (model.Step.EXPIRED, model.Step.FAILED):
            self._over.set()  # the text stays in the terminal

    def _follow(self, step: model.Step) -> bool:
        """Return whether the card lies on a contactless reader."""
        if step in (model.Step.READING, model.Step.CONTACTLESS):
            self._contactless = step is model.Step.CONTACTLESS
        return self._contactless

    def show_caller_timeout(self) -> None:
        if self._late:
            return
        self._late = True
        self._write_meanwhile(self._texts("late"))

    def show_connections(self, count: int) -> None:
        if count > 1:
            self._write_meanwhile(self._texts("connections", count=count))

    def _write_meanwhile(self, words: str) -> None:
        asking = self._asking is not None and not self._asking.done()
        self._write("\n" * asking + words)
        if asking:  # the typed digits are still in the terminal's line
            self._write(self._words, end="")

    async def _choose_card(self, choices: Sequence[model.CardChoice]) -> int:
        text = self._texts
        self._shown = None
        self._write(f"{text('choose.heading')}. {text('choose.body')}")
        for number, choice in enumerate(choices, 1):
            name, satu = printable(choice.name), printable(choice.satu)
            self._write(f"  {number}. {name}, {satu}")
            reader = printable(choice.reader)
            self._write(f"     {text('choose.reader', reader=reader)}")
        self._show_typing()
        answer = await self._ask(text("terminal.choose"))
        given = answer.decode(errors="replace").strip()
        numbers = [str(number) for number in range(1, len(choices) + 1)]
        if given not in numbers:
            raise UserCancelledError
        return numbers.index(given)

    async def _ask_can(self, question: model.CanQuestion) -> bytearray:
        """Ask, with the digits shown, which are printed on the card too."""
        text = self._texts
        self._shown = self._managing = None
        if question.wrong:
            wrong = text("can.recalled" if question.recalled else "can.wrong")
            self._write(f"\n{wrong} {text('can.wrong.more')}")
        self._write(f"{text('can.heading')}. {text('can.body')} {text('can.where')}")
        self._write(text("terminal.cancel"))
        self._show_typing()
        while True:
            can = await self._ask(f"{text('can.field')}: ")
            if not can:
                raise UserCancelledError
            if can.isdigit() and len(can) == CAN_DIGITS:
                return can
            wipe(can)  # it may be a PIN
            self._write(text("can.wrong_length"))

    def _write_other_card(self, question: model.OtherCardQuestion) -> None:
        text = self._texts
        self._begin(question)
        self._write(f"\n*** {text('other.heading')}. {text.other_card(question)}")
        self._write_person(question)
        self._write(text("choose.reader", reader=printable(question.reader)))

    async def _ask_pin(self, question: model.PinQuestion) -> bytearray:
        text = self._texts
        self._begin(question)
        self._write_question(question)
        if question.pin_pad:
            self._write(text("pin_pad.hint"))
        elif question.tries_left == 1:
            await self._ask_to_go_on()
        if question.can_activate:
            self._write(f"{text('no_pin.more')} {text('terminal.no_pin')}")
        if question.pin_pad:
            await self._ask_to_go_on(can_decline=question.can_activate)
            return bytearray()
        while True:
            pin = await self._ask_hidden(text(f"pin.{question.role}"))
            if question.can_activate and _means(pin, "terminal.no"):
                raise DeclinedError
            if not pin.isdigit():
                error_notice = text("pin.digits_only")
            elif len(pin) < question.min_length:
                error_notice = text("pin.too_short", min=question.min_length)
            elif len(pin) > question.max_length:
                error_notice = text("pin.too_long", max=question.max_length)
            else:
                return pin
            wipe(pin)
            self._write(error_notice)

    async def _ask_codes(self, question: model.CodesQuestion) -> dict[str, bytearray]:
        self._shown = None
        self._mark(question.test_card)
        self._managing = text = texts.Texts(
            self._language, question.operation, question.pin
        )
        text.in_terminal = True
        self._write(f"\n{text('heading')}.")
        self._write_person(question)
        about = codes.instructions(question, text, by_itself=self._by_itself)
        self._write(*about, *codes.status(question, text))
        if question.pin_pad:
            self._write(*codes.pin_pad_instructions(question, text))
        if question.pin_pad or question.tries_left == 1:
            await self._ask_to_go_on()
        typed: dict[str, bytearray] = {}
        if question.pin_pad:
            return typed
        try:
            for field in question.fields:
                code = await self._ask_code(field, question, typed, text)
                typed[field.name] = code
        except BaseException:
            for code in typed.values():
                wipe(code)
            raise
        return typed

    def _write_activation(self, question: model.ActivationQuestion) -> None:
        self._shown = None
        self._managing = text = texts.Texts(
            self._language, "activate", purpose=self._operation
        )
        text.in_terminal = True
        self._write("{}. {}".format(*text.activation_offer(question)))
        self._write(text("unproven"), text("elsewhere"))

    async def wait_for_cancel(self) -> None:
        """Wait for the end. In a terminal, the person cancels with Ctrl-C."""
        await self._over.wait()

    async def close(self) -> None:
        if self._asking and not self._asking.done():
            self._asking.set_exception(PromptError("The prompt has been closed."))
        self._show_typing()

    def _begin(self, question: model.Question) -> None:
        """Prepare for a question of the operation itself."""
        self._shown = self._managing = None
        self._mark(question.test_card)

    def _mark(self, test_card: bool) -> None:
        if test_card and not self._marked:
            self._marked = True
            mark = self._texts("mark.test_card")
            self._write(f"*** {mark} *** {self._texts('mark.test_card.explained')}")

    def _write_question(self, question: model.PinQuestion) -> None:
        # No text before the field contains "PIN1", except that of the last try, so that
        # a program that drives the terminal can wait for it. "PIN2:" is the same.
        text = self._texts
        self._write_person(question)
        if question.documents:
            self._write_documents(question.documents, question.batch)
            self._write(text.signatures(question))
        self._write(text.pin_consent(question))
        if "check" in text:
            self._write(text("check"))
        self._write(*text.pin_status(question))

    async def _ask_code(
        self,
        field: model.CodeField,
        question: model.CodesQuestion,
        typed: dict[str, bytearray],
        text: texts.Texts,
    ) -> bytearray:
        """Ask for a code until it is valid; ask twice for a new PIN."""
        name = codes.field_label(field, question, text)
        while True:
            code = await self._ask_hidden(f"{name}, {codes.length_text(field, text)}")
            if not code.isdigit():
                error_notice = text("codes.digits_only")
            elif not (error_notice := codes.length_error(field, len(code), text)):
                if not codes.is_new(field):
                    return code
                try:
                    if await self._takes(code, question, typed, text):
                        again = await self._ask_hidden(
                            text("terminal.again", name=name)
                        )
                        same = again == code
                        wipe(again)
                        if same:
                            return code
                        error_notice = text("terminal.differ")
                except BaseException:
                    wipe(code)
                    raise
            wipe(code)
            if error_notice:
                self._write(error_notice)

    async def _takes(
        self,
        code: bytearray,
        question: model.CodesQuestion,
        typed: dict[str, bytearray],
        text: texts.Texts,
    ) -> bool:
        """Return whether a new PIN is good, or the person uses it anyway.

        The answer is not shown: it may be another PIN.
        """
        chosen = [each for name, each in typed.items() if name.startswith("new-")]
        before = {k: each for k, each in typed.items() if not k.startswith("new-")}
        said = codes.warnings(code, text, question.issued, others=chosen, codes=before)
        if not said:
            return True
        self._write(*said)
        self._opened().hide_typing()
        answer = await self._ask(text("terminal.easy"))
        self._show_typing()
        self._write("")
        accepted = _means(answer, "terminal.yes")
        wipe(answer)
        return accepted

    async def _ask_hidden(self, name: str) -> bytearray:
        """Ask without echo. An empty answer cancels.

        If the question is withdrawn, the person may still be typing. The echo stays
        off until the next question or the end.
        """
        self._opened().hide_typing()
        self._write(self._texts("terminal.hidden"))
        answer = await self._ask(f"{name}: ")
        self._show_typing()
        self._write("")
        if not answer:
            raise UserCancelledError
        return answer

    def _write_person(
        self,
        question: model.OtherCardQuestion
        | model.ConsentQuestion
        | model.PinQuestion
        | model.CodesQuestion,
    ) -> None:
        name, satu = printable(question.name), printable(question.satu)
        self._write(f"{self._texts('person.name')}: {name}")
        self._write(f"{self._texts('person.satu')}: {satu}")

    def _write_documents(
        self, documents: tuple[model.Document, ...], batch: model.Progress | None
    ) -> None:
        text = self._texts
        self._write(f"\n{text.what_is_signed(documents, batch)}")
        if warning := text.warning(documents):
            self._write(f"*** {warning}")
        for number, document in enumerate(documents, 1):
            first, *rest = describe(document, text)
            self._write(f"\n  {number}. {first}", *(f"     {line}" for line in rest))
        self._write("")

    async def _ask_to_go_on(self, *, can_decline: bool = False) -> None:
        self._show_typing()
        answer = await self._ask(self._texts("terminal.go_on"))
        if can_decline and _means(answer, "terminal.no"):
            raise DeclinedError
        if not _means(answer, "terminal.yes"):
            raise UserCancelledError

    def _write(self, *lines: str, end: str = "\n") -> None:
        """Write to standard error, and to the terminal if that is another file."""
        for line in lines:
            print(line, end=end, file=sys.stderr, flush=True)
            if self._terminal and not sys.stderr.isatty():
                self._terminal.write(line + end)

    async def _ask(self, words: str) -> bytearray:
        """Return the next line of the terminal, without its line end."""
        answer: asyncio.Future[bytearray] = asyncio.get_running_loop().create_future()
        self._asking = answer

        def take(line: bytearray) -> None:
            if answer.done():
                wipe(line)
            else:
                answer.set_result(line)

        self._words = words
        self._write(words, end="")
        with self._opened().reading(_MAX_LINE, take):
            try:
                return await answer
            finally:
                self._asking = None

    def _show_typing(self) -> None:
        if self._terminal:
            self._terminal.show_typing()

    def _opened(self) -> system.Terminal:
        assert self._terminal is not None  # noqa: S101 - `open` comes first
        return self._terminal


def _means(answer: bytearray, key: str) -> bool:
    """Whether an answer is a word of the texts, in any language."""
    if any(chr(byte).isdigit() for byte in answer):
        return False  # digits never become a str, which can't be wiped
    given = answer.decode(errors="replace").strip().casefold()
    return given in {texts.Texts(code)(key) for code in SPOKEN}


def _is_terminal() -> bool:
    try:
        return sys.stdin.isatty()
    except (AttributeError, ValueError):  # no standard input, or a closed one
        return False
