# SPDX-License-Identifier: MIT
"""The commands of ``kortilla``, and how each ends."""

import importlib
import importlib.util
import io
import logging
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

import click

from kortilla.common.command_output import (
    choose_output,
    error_result,
    print_result,
    say,
)
from kortilla.common.imports import missing
from kortilla.mock_card.errors import MockCardError
from native_host import VERSION
from native_host.cli.arguments import extra_of, is_for_scripts
from native_host.cli.spoken import (
    CommandGroup,
    choose,
    click_speaks,
    explain,
    spoken,
    translate,
)
from native_host.errors import InvalidArgumentError, KortillaError, UserCancelledError

logger = logging.getLogger(__name__)


class _Command(NamedTuple):
    """A command: its module below this package, and the first line of its help."""

    module: str
    help: str


#: Each command. Its module is imported when the command is called.
_COMMANDS = {
    "agent": _Command("session", "Wait for new cards, and offer to activate them."),
    "card": _Command("card", "Look at the identity card, activate it, set its PINs."),
    "decrypt": _Command(
        "encrypt", "Decrypt files that were encrypted to your card, with PIN1."
    ),
    "demo": _Command(
        "mock_card", "Log in and sign at a demo service, with a mock card."
    ),
    "doctor": _Command("doctor", "Say what works and what does not, without a PIN."),
    "encrypt": _Command(
        "encrypt", "Encrypt your own files for the cards of recipients."
    ),
    "identify": _Command(
        "service", "Identify to a service and print the Web eID token."
    ),
    "install": _Command(
        "install", "Set up the browsers, so that the extension finds this program."
    ),
    "mock-card": _Command("mock_card", "Make and use the testers' card."),
    "open": _Command("session", "Open Kortilla's window, or bring it to the front."),
    "pkcs11": _Command("pkcs11", "Show the card to browsers as a PKCS#11 token."),
    "recipients": _Command(
        "encrypt", "Show or forget the people to whom you have encrypted files."
    ),
    "sign": _Command("sign", "Show your own files, and sign them with PIN2."),
    "trust": _Command(
        "trust", "Get the EU's trusted lists, to check signatures from abroad."
    ),
    "uninstall": _Command("install", "Remove what install wrote, and end the agent."),
    "verify": _Command("verify", "Say who signed files, and whether they are intact."),
}

#: Commands whose names Python uses itself, and their functions.
_FUNCTIONS = {"open": "open_"}
#: Those that work on Linux only.
_ON_LINUX = {"demo", "pkcs11"}


class _Commands(CommandGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(
            f"native_host.cli.{_COMMANDS[cmd_name].module}"
        )
        name = _FUNCTIONS.get(cmd_name, cmd_name.replace("-", "_"))
        command: click.Command = getattr(module, name)
        return spoken(command)

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        hidden = _ON_LINUX if sys.platform == "win32" else ()
        rows = [
            (name, translate(each.help))
            for name, each in _COMMANDS.items()
            if name not in hidden
        ]
        with formatter.section(translate("Commands")):
            formatter.write_dl(rows)


@click.group(
    cls=_Commands,
    epilog=None
    if importlib.util.find_spec("smartcard")
    else "The commands need the extra host, mock-card needs the extra testing.",
    context_settings={
        "help_option_names": ["-h", "--help"],
        "show_default": True,
        "max_content_width": 88,
    },
)
@click.version_option(VERSION, message="%(version)s")
def _kortilla() -> None:
    """Identify and sign with the Citizen Certificate on the identity card."""


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit status, as ``native_host.cli`` says."""
    from native_host.platform.hardening import narrow_umask
    from native_host.platform.log import set_up_log

    narrow_umask()
    if sys.platform == "win32":
        # A pipe there has the country's code page, which lacks many letters. JSON is
        # UTF-8 (RFC 8259 §8.1).
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding="utf-8")
    set_up_log()
    for_scripts = is_for_scripts(arguments)
    choose(arguments)
    choose_output(for_scripts=for_scripts, translate=translate)
    try:
        # JSON has the English message of an error.
        with click_speaks(not for_scripts):
            status = spoken(_kortilla).main(
                args=arguments, prog_name="kortilla", standalone_mode=False
            )
    except click.UsageError as error:
        shown, message = io.StringIO(), error.format_message()
        with click_speaks(True):
            error.show(shown)
            told = error.format_message()
        words = shown.getvalue().removesuffix("\n")
        say(words.replace(told, translate(told)) if told else words)
        print_result(error_result(InvalidArgumentError.code, message))
        return 2
    except KortillaError as error:
        return _fail(error.code, str(error), error.reason)
    except (KeyboardInterrupt, click.Abort):
        return _fail(UserCancelledError.code, "Cancelled from the keyboard.")
    except BrokenPipeError:
        # Nobody reads the output any more; it must not fail again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return _explain(error, arguments)
    return status if isinstance(status, int) else 0


def _explain(error: Exception, arguments: Sequence[str]) -> int:
    """Report a mock card's error, name a missing extra, or log any other error."""
    from native_host.platform.log import log_unexpected

    if isinstance(error, click.ClickException):
        return _fail(KortillaError.code, error.format_message())
    if isinstance(error, MockCardError):
        return _fail(error.code, str(error))
    if words := missing(error, extra_of(arguments)):
        return _fail("TOOL_MISSING", words)
    log_unexpected(logger, error)
    return _fail(KortillaError.code, f"This should not happen: {type(error).__name__}.")


def _fail(code: str, message: str, reason: str | None = None) -> int:
    say(explain(code, message))
    print_result(error_result(code, message, reason))
    return 1
