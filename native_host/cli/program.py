# SPDX-License-Identifier: MIT
"""The commands of ``kortilla``, and how each ends."""

import importlib
import importlib.util
import io
import logging
import os
import sys
from collections.abc import Sequence

import click

from kortilla.common.command_output import (
    choose_output,
    error_result,
    print_error,
    print_result,
    say,
)
from kortilla.mock_card.errors import MockCardError
from native_host import VERSION
from native_host.cli.options import CommandGroup
from native_host.commands import extra_of, is_for_scripts, missing
from native_host.errors import InvalidArgumentError, KortillaError, UserCancelledError

logger = logging.getLogger(__name__)

#: Each command's module, imported when the command is called.
_COMMANDS = {
    "agent": "session",
    "card": "card",
    "decrypt": "encrypt",
    "demo": "mock_card",
    "doctor": "doctor",
    "encrypt": "encrypt",
    "identify": "service",
    "install": "install",
    "mock-card": "mock_card",
    "open": "session",
    "pkcs11": "pkcs11",
    "recipients": "encrypt",
    "sign": "sign",
    "trust": "trust",
    "uninstall": "install",
    "verify": "verify",
}

#: Commands whose names Python uses itself, and their functions.
_FUNCTIONS = {"open": "open_"}


class _Commands(CommandGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"native_host.cli.{_COMMANDS[cmd_name]}")
        name = _FUNCTIONS.get(cmd_name, cmd_name.replace("-", "_"))
        command: click.Command = getattr(module, name)
        return command


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
    from native_host.log import set_up_log
    from native_host.platform.hardening import narrow_umask

    narrow_umask()
    if sys.platform == "win32":
        # A pipe there has the country's code page, which lacks many letters. JSON is
        # UTF-8 (RFC 8259 §8.1).
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding="utf-8")
    set_up_log()
    choose_output(for_scripts=is_for_scripts(arguments))
    try:
        status = _kortilla.main(
            args=arguments, prog_name="kortilla", standalone_mode=False
        )
    except click.UsageError as error:
        shown = io.StringIO()
        error.show(shown)
        say(shown.getvalue().removesuffix("\n"))
        print_result(error_result(InvalidArgumentError.code, error.format_message()))
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
    from native_host.log import log_unexpected

    if isinstance(error, click.ClickException):
        return _fail(KortillaError.code, error.format_message())
    if isinstance(error, MockCardError):
        return _fail(error.code, str(error))
    if words := missing(error, extra_of(arguments)):
        return _fail("TOOL_MISSING", words)
    log_unexpected(logger, error)
    return _fail(KortillaError.code, f"This should not happen: {type(error).__name__}.")


def _fail(code: str, message: str, reason: str | None = None) -> int:
    print_error(message, code, reason)
    return 1
