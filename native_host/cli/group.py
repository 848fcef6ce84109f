# SPDX-License-Identifier: MIT
"""Groups of commands, which are the same with each release of click."""

from typing import IO, Any

import click

__all__ = ["CommandGroup"]


class CommandGroup(click.Group):
    """A group that is used wrongly without a command.

    click 8.2 raises an error of its own for that; until then it counts as done.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Raise ``click.UsageError``, which shows the help, where a command misses."""
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            raise _CommandMissingError("A command is missing.", ctx)
        return super().parse_args(ctx, args)


class _CommandMissingError(click.UsageError):
    def show(self, file: IO[Any] | None = None) -> None:
        if self.ctx is not None:
            click.echo(self.ctx.get_help(), file=file)
