# SPDX-License-Identifier: MIT
"""Groups of commands that behave alike with every release of click."""

from typing import IO, Any

import click


class CommandGroup(click.Group):
    """A group for which a missing command is wrong usage.

    click 8.2 raises its own error for that; earlier releases exit with 0.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Raise ``click.UsageError``, which shows the help, if a command is missing."""
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            raise _CommandMissingError("A command is missing.", ctx)
        return super().parse_args(ctx, args)


class _CommandMissingError(click.UsageError):
    def show(self, file: IO[Any] | None = None) -> None:
        if self.ctx is not None:
            click.echo(self.ctx.get_help(), file=file)
