# SPDX-License-Identifier: MIT
"""What the commands say, in the person's language.

The code has the English words, and ``texts/`` what they are in other languages: helps
word by word, messages with ``{0}`` or ``{path}`` for what differs. Codes of errors are
keys too. JSON is never translated.
"""

import copy
import gettext
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from typing import IO, TypeVar

import click

from native_host.config import load_config
from native_host.errors import ConfigBrokenError
from native_host.texts.catalogues import own_texts
from native_host.texts.language import choose_language
from native_host.texts.prompt import PromptTexts

Command = TypeVar("Command", bound=click.Command)

_FIELD = re.compile(r"\{(\w+)(?:!r)?\}")
_language = ContextVar("language", default="en")


def choose(arguments: Sequence[str]) -> None:
    """Choose the language: of ``--lang``, of the configuration, or of the system."""
    asked = ""
    for word, following in zip(arguments, [*arguments[1:], ""], strict=False):
        name, _, value = word.partition("=")
        asked = (value or following) if name == "--lang" else asked
    configured = ""
    # Without the extra host, there is no folder of it.
    with suppress(ConfigBrokenError, ModuleNotFoundError):
        configured = load_config().language
    _language.set(choose_language(asked, configured))


def translate(text: str) -> str:
    """Return English text in the language that was chosen, where that is known."""
    if _language.get() == "en":
        return text
    known = catalogue(_language.get()).get(text)
    return known or "\n".join(map(_translate_line, text.split("\n")))


def explain(code: str, message: str) -> str:
    """Return the words for an error: those of its message, or else of its code."""
    words = translate(message)
    if words != message or _language.get() == "en":
        return words
    known = catalogue(_language.get()).get(f"error.{code}")
    return known.format(message=message) if known else _card_problem(code) or message


def _card_problem(code: str) -> str:
    with suppress(KeyError):
        prompt = PromptTexts(_language.get(), "change-pin")
        return prompt(f"problem.{code}.heading") + "."
    return ""


@contextmanager
def click_speaks(wanted: bool) -> Iterator[None]:
    """Have click speak the language, of which its words are looked up by gettext."""

    def one(domain: str, message: str) -> str:
        return translate(message)

    def counted(domain: str, msgid1: str, msgid2: str, n: int) -> str:
        return translate(msgid1 if n == 1 else msgid2)

    before = gettext.dgettext, gettext.dngettext
    if wanted:
        gettext.dgettext, gettext.dngettext = one, counted
    try:
        yield
    finally:
        gettext.dgettext, gettext.dngettext = before


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return what is known in a language other than English, by the English words."""
    return own_texts("commands", language)


@cache
def _templates(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Return the messages with fields, those that say most first."""
    found = [each for each in catalogue(language).items() if _FIELD.search(each[0])]
    found.sort(key=lambda each: len(_FIELD.sub("", each[0])), reverse=True)
    return [(_pattern(key), text) for key, text in found]


def _pattern(template: str) -> re.Pattern[str]:
    parts = _FIELD.split(template)
    literal, names = map(re.escape, parts[::2]), parts[1::2]
    fields = [*(f"(?P<_{name}>.+?)" for name in names), ""]
    return re.compile("".join(a + b for a, b in zip(literal, fields, strict=True)))


def _translate_line(line: str) -> str:
    text = line.lstrip(" ")
    indent, language = line[: len(line) - len(text)], _language.get()
    if known := catalogue(language).get(text):
        return indent + known
    for pattern, words in _templates(language):
        if match := pattern.fullmatch(text):
            said = {name[1:]: translate(it) for name, it in match.groupdict().items()}
            return indent + _FIELD.sub(lambda field: said[field[1]], words)  # noqa: B023
    return line


def plain(text: str) -> str:
    """Return a help without its line ends, apart from those of paragraphs."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


def spoken(command: Command) -> Command:
    """Return a command whose help is in the language that was chosen."""
    if _language.get() == "en":
        return command
    shown = copy.copy(command)
    shown._help_option = None  # click keeps it in the language of its first use
    shown.help = shown.help and translate(plain(shown.help))
    shown.options_metavar = translate(shown.options_metavar or "")
    shown.epilog = shown.epilog and translate(shown.epilog)
    shown.params = [*map(_spoken_parameter, shown.params)]
    if isinstance(shown, click.Group):
        shown.subcommand_metavar = translate(shown.subcommand_metavar)
    return shown


def _metavar(parameter: click.Parameter) -> str:
    make: Callable[..., str] = parameter.make_metavar
    if inspect.signature(make).parameters:
        return make(click.Context(click.Command(None)))
    return make()  # click 8.1, as Debian 13 has it


def _spoken_parameter(parameter: click.Parameter) -> click.Parameter:
    shown = copy.copy(parameter)
    metavar = _metavar(shown)
    if (known := translate(metavar)) != metavar:
        shown.metavar = known
    if isinstance(shown, click.Option):
        shown.help = shown.help and translate(plain(shown.help))
    return shown


class CommandGroup(click.Group):
    """A group for which a missing command is wrong usage.

    click 8.2 raises its own error for that; earlier releases exit with 0.
    """

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = super().get_command(ctx, cmd_name)
        return found and spoken(found)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Raise ``click.UsageError``, which shows the help, if a command is missing."""
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            raise _CommandMissingError("A command is missing.", ctx)
        return super().parse_args(ctx, args)


class _CommandMissingError(click.UsageError):
    def show(self, file: IO[str] | None = None) -> None:
        if self.ctx is not None:
            click.echo(self.ctx.get_help(), file=file)
