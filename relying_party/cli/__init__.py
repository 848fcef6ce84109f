# SPDX-License-Identifier: MIT
"""The ``kortilla-rp`` command, for whoever runs or writes an e-service.

Results are JSON on standard output, words for people on standard error; exit status 0
done, 1 refused or failed (with ``{"error": {"code", "message"}}`` on standard output),
2 wrong usage.
"""

import importlib
import importlib.metadata
import logging
import sys
from collections.abc import Sequence
from typing import Any

import click

from relying_party.errors import RelyingPartyError, TrustConfigurationError

from .output import CommandFailed, print_result, say

__all__ = ["main"]

logger = logging.getLogger(__name__)

#: Each command's module, imported when the command is asked for.
_COMMANDS = {"token": "token", "trust": "trust"}


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
def _kortilla_rp() -> None:
    """Card login for e-services: trusted CAs, and tokens for tests."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    ``arguments`` are without the program's name (default: the command line's).
    """
    try:
        status = _kortilla_rp.main(
            args=arguments, prog_name="kortilla-rp", standalone_mode=False
        )
    except click.UsageError as error:
        error.show(sys.stderr)
        bare = isinstance(error, click.exceptions.NoArgsIsHelpError)
        message = "A command is missing." if bare else error.format_message()
        print_result({"error": {"code": "INVALID_ARGUMENT", "message": message}})
        return 2
    except CommandFailed as error:
        return _fail(error.code, str(error), **error.result)
    except RelyingPartyError as error:
        return _fail(error.code, str(error))
    except TrustConfigurationError as error:
        return _fail("TRUST_CONFIGURATION", str(error))
    except (KeyboardInterrupt, click.Abort):
        return _fail("CANCELLED", "Cancelled from the keyboard.")
    except click.ClickException as error:
        return _fail("FAILED", error.format_message())
    except OSError as error:
        return _fail("FILE", f"{error.filename or 'A file'}: {error.strerror}.")
    except Exception as error:
        logger.exception("A command ended with an error that it does not know.")
        name = type(error).__name__
        return _fail("FAILED", f"This should not happen: {name}.")
    return status if isinstance(status, int) else 0


def _fail(code: str, message: str, **result: Any) -> int:
    say(message)
    print_result({"error": {"code": code, "message": message}, **result})
    return 1
