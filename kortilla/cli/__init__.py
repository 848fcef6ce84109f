# SPDX-License-Identifier: MIT
"""The ``kortilla-server`` command, for those who run or write an e-service.

Results are words on standard output, or with ``--json`` one line of JSON; errors are
words on standard error, and with ``--json`` also ``{"error": {"code", "message"}}`` on
standard output. `token` is for scripts, and needs no ``--json``. The exit status is 0
for done, 1 for refused or failed, and 2 for wrong usage.
"""

import importlib
import importlib.metadata
import logging
import sys
from collections.abc import Sequence

import click

from kortilla.common.command_output import (
    CommandError,
    choose_output,
    print_error,
    print_result,
)
from kortilla.common.imports import missing_words
from kortilla.errors import RelyingPartyError, TrustConfigurationError
from kortilla.mock_card.errors import MockCardError

logger = logging.getLogger(__name__)

#: Each command's module, imported when the command is asked for.
_COMMANDS = {"openid": "openid", "token": "token", "trust": "trust"}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"{__name__}.{_COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
)
@click.version_option(importlib.metadata.version("kortilla"), message="%(version)s")
def _kortilla_server() -> None:
    """Card login for e-services: trusted CAs, OpenID Connect, tokens for tests."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    ``arguments`` are without the program's name (default: the command line's).
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    makes_token = [*arguments[:1]] == ["token"] and "list" not in arguments
    choose_output(for_scripts="--json" in arguments or makes_token)
    try:
        status = _kortilla_server.main(
            args=arguments, prog_name="kortilla-server", standalone_mode=False
        )
    except click.UsageError as error:
        error.show(sys.stderr)
        bare = isinstance(error, click.exceptions.NoArgsIsHelpError)
        message = "A command is missing." if bare else error.format_message()
        print_result({"error": {"code": "INVALID_ARGUMENT", "message": message}})
        return 2
    except (KeyboardInterrupt, click.Abort):
        return _fail("CANCELLED", "Cancelled from the keyboard.")
    except Exception as error:
        return _fail(*_described(error), **getattr(error, "result", {}))
    return status if isinstance(status, int) else 0


def _described(error: Exception) -> tuple[str, str]:
    match error:
        case CommandError() | RelyingPartyError() | MockCardError():
            return error.code, str(error)
        case TrustConfigurationError():
            return "TRUST_CONFIGURATION", str(error)
        case click.ClickException():
            return "FAILED", error.format_message()
        case ModuleNotFoundError(name=str(name)) if not name.startswith("kortilla"):
            # It belongs to an extra, or the installation is broken.
            return "TOOL_MISSING", missing_words(name)
        case OSError(filename=filename, strerror=str(words)) if filename:
            return "FILE", f"{filename}: {words}."
    logger.exception("A command ended with an error that it does not know.")
    return "FAILED", f"This should not happen: {type(error).__name__}."


def _fail(code: str, message: str, **result: object) -> int:
    print_error(message, code, None, **result)
    return 1
