# SPDX-License-Identifier: MIT
"""``kortilla pkcs11``: the card as a token, for logins in browsers and encrypted mail.

Without a subcommand, standard output is the connection to the program that started it.
Nothing else is ever printed there. Every error goes to standard error.
"""

import asyncio
import logging
import sys
from collections.abc import Iterable, Iterator
from urllib.parse import quote

import click

from kortilla.common import JsonObject
from kortilla.common.command_output import json_option, print_result, say
from kortilla.common.imports import missing
from native_host.cli.options import dry_run_option
from native_host.cli.spoken import CommandGroup, translate
from native_host.config import load_config
from native_host.errors import InvalidArgumentError, KortillaError
from native_host.install import token, token_state
from native_host.install.changes import Change
from native_host.install.tables import TOKEN_FAMILIES, Family, browsers
from native_host.install.token import Report, TokenPlan
from native_host.pkcs11 import control
from native_host.pkcs11.control import RunningServer
from native_host.pkcs11.service import serve_socket, serve_stdio
from native_host.platform.log import log_unexpected
from native_host.platform.paths import runtime_folder

logger = logging.getLogger(__name__)

_TITLES = {"firefox": "Firefox", "chromium": "Chromium"}
#: Those that enable, disable and status know.
_PROGRAMS = {**_TITLES, "thunderbird": "Thunderbird"}

#: The messages for each kind of change, and those of a dry run.
_CHANGES = {
    ("file", "written"): ("Wrote {path}", "Would write {path}"),
    ("file", "removed"): ("Removed {path}", "Would remove {path}"),
    ("file", "unchanged"): ("Already there: {path}",) * 2,
    ("file", "kept"): ("Left alone: {path}, which is not Kortilla's",) * 2,
    ("host", "kept"): (
        "Left alone: {path}, since another program answers to {host}",
        "Would leave alone: {path}, since another program answers to {host}",
    ),
    ("entry", "written"): (
        "Told the database {path} of the card",
        "Would tell the database {path} of the card",
    ),
    ("entry", "removed"): (
        "The database {path} does not know of the card any more",
        "Would have the database {path} forget the card",
    ),
    ("entry", "unchanged"): ("The database {path} knows of the card already",) * 2,
    ("entry", "kept"): (
        "Left alone: another module in the database {path} is called Kortilla",
    )
    * 2,
    ("database", "written"): (
        "Made the database {path}",
        "Would make the database {path}",
    ),
    ("database", "removed"): (
        "Removed the database {path}, in which nothing was left",
        "Would remove the database {path}, in which nothing would be left",
    ),
}

_ROOT = (
    "You are root, for whom p11-kit ignores all this: browsers that root runs do not "
    "see the card. Kortilla needs no root; do this as the person who uses the browser."
)
_NO_PROFILE = (
    "Firefox has no profile yet. Start it once and then do this again, or press the "
    "button in the options of Kortilla's extension."
)
_ANEW = "Close the program and start it again: that is when it takes notice."

_DATABASES = {
    "absent": "does not know of the card",
    "ours": "knows of the card",
    "outdated": "knows of the card at a place where p11-kit is no more",
    "other": "has another module that is called Kortilla",
    "proxy": "knows of all that p11-kit has",
}


@click.group(
    cls=CommandGroup, invoke_without_command=True, hidden=sys.platform == "win32"
)
@click.option(
    "--listen",
    is_flag=True,
    help="Listen on a socket of your own, for p11-kit's client module.",
)
@json_option
@click.pass_context
def pkcs11(ctx: click.Context, listen: bool) -> int | None:
    """Show the card to browsers as a PKCS#11 token.

    Without a subcommand, programs talk to it on standard input and output by the RPC of
    p11-kit, which starts it.
    """
    if ctx.invoked_subcommand is not None:
        if listen:
            raise click.UsageError("--listen does not go with a subcommand.")
        return None
    return _listen() if listen else _serve()


_browsers_option = click.option(
    "--browser",
    type=click.Choice([*_PROGRAMS, "all"]),
    default="all",
    help="All are those that are there; enable leaves out Thunderbird.",
)
_yes_option = click.option(
    "--yes", is_flag=True, help="Go on while the browser runs, without asking."
)


@pkcs11.command()
@_browsers_option
@_yes_option
@dry_run_option
@json_option
def enable(browser: str, yes: bool, dry_run: bool) -> None:
    """Show the card to browsers, for login with a client certificate.

    Thunderbird is shown it for encrypted mail, if --browser names it.
    """

    _carry_out(token.enable(_families(browser)), yes=yes, dry_run=dry_run)


@pkcs11.command()
@_browsers_option
@_yes_option
@dry_run_option
@json_option
def disable(browser: str, yes: bool, dry_run: bool) -> None:
    """Take back what enable wrote, and nothing else."""

    _carry_out(token.disable(_families(browser)), yes=yes, dry_run=dry_run)


@pkcs11.command()
@_browsers_option
@json_option
def status(browser: str) -> None:
    """Say which programs see the card."""

    result = token_state.status()
    result["browsers"] = [
        each for each in result["browsers"] if browser in ("all", each["browser"])
    ]
    print_result(result, _status_words(result))


@pkcs11.command()
@click.option(
    "--browser", type=click.Choice([*_TITLES]), help="The one to log in with."
)
@json_option
def prepare(browser: Family | None) -> None:
    """Type PIN1 beforehand, for a login within two minutes.

    Browsers wait half a minute for a login, and no longer.
    """
    result = asyncio.run(_prepare(browser))
    print_result(result, [f"Log in with {result['program']} within two minutes."])


async def _prepare(family: Family | None) -> JsonObject:

    servers = await control.running_servers()
    if family is not None:
        titles = {each.title for each in browsers("user") if each.family == family}
        servers = [each for each in servers if each.program in titles]
    if not servers:
        raise KortillaError(
            "No browser has the card at the moment. Open the browser first, and the "
            "login page; `kortilla pkcs11 status` says which browsers see the card.",
            code="PROGRAM_NOT_RUNNING",
        )
    server = servers[0] if len(servers) == 1 else _choice(servers)
    say(f"Kortilla's window asks for PIN1, for {server.program}.")
    await control.prepare_login(server)
    return {"program": server.program, "pid": server.program_pid}


def _choice(servers: list[RunningServer]) -> RunningServer:
    names = [f"{each.program} (process {each.program_pid})" for each in servers]
    if not sys.stdin.isatty():
        raise InvalidArgumentError(
            f"Several programs have the card: {', '.join(names)}. Name one with "
            "--browser."
        )
    for number, name in enumerate(names, 1):
        say(f"{number}. {name}")
    numbers = click.IntRange(1, len(names))
    chosen = click.prompt(
        translate("For which of them"), type=numbers, default=1, err=True
    )
    return servers[int(chosen) - 1]


def _serve() -> int:
    # main() must not print anything.
    try:
        if sys.stdin.isatty():
            say("Programs start this. People want kortilla pkcs11 --help.")

        return serve_stdio(load_config())
    except KortillaError as error:
        say(str(error))
    except KeyboardInterrupt:
        pass
    except Exception as error:
        if words := missing(error, "host"):
            say(words)
        else:
            log_unexpected(logger, error)
    return 1


def _listen() -> int:

    config = load_config()
    folder = runtime_folder()
    if folder is None:
        raise InvalidArgumentError(
            "There is nowhere to listen: $XDG_RUNTIME_DIR is not set."
        )
    path = folder / "pkcs11"
    address = f"unix:path={quote(str(path))}"
    words = (
        f"For programs with p11-kit's client module: P11_KIT_SERVER_ADDRESS={address}"
    )
    status = serve_socket(config, path, ready=lambda: say(words))
    print_result({"address": address, "pkcs11": "ended"})
    return status


def confirm(plan: TokenPlan) -> None:
    """Ask whether to go on while a browser is open that uses the files to change.

    Raises ``BROWSER_RUNNING`` without a terminal, or when the answer is no.
    """

    if not plan.report.running:
        return
    words = f"{' and '.join(plan.report.running)}: still open, with what is to change."
    if sys.stdin.isatty():
        say(f"{words} It is safer to close it first.")
        if click.confirm(translate("Go on anyway?"), err=True):
            return
    raise KortillaError(
        f"{words} Close it first, or use kortilla pkcs11 with --yes.",
        code="BROWSER_RUNNING",
    )


def _carry_out(plan: TokenPlan, *, yes: bool, dry_run: bool) -> None:
    if not (yes or dry_run):
        confirm(plan)
    if not dry_run:
        plan.carry_out()
    print_result(
        {**plan.report.as_json(), "dry_run": dry_run},
        change_words(plan.report, dry_run=dry_run),
    )


def _families(browser: str) -> list[Family] | None:

    return [each for each in TOKEN_FAMILIES if each == browser] or None


def change_lines(changes: Iterable[Change], *, dry_run: bool) -> Iterator[str]:
    """Return a line for each change, made or predicted."""
    for change in changes:
        what: str = change.what if change.what in ("entry", "database") else "file"
        if change.host is not None and change.action == "kept":
            what = "host"
        words = _CHANGES[what, change.action][dry_run]
        yield words.format(path=change.path, host=change.host)


def change_words(report: Report, *, dry_run: bool) -> Iterator[str]:
    """Return messages about the changes, made or predicted, and their consequences."""
    yield from change_lines(report.changes, dry_run=dry_run)
    actions = {change.action for change in report.changes}
    if not actions:
        yield "There is nothing to do."
    for each in report.confined:
        yield (
            f"{each['browser']} is a {each['kind']}, which can't load the module: use "
            "the system's own package of the browser."
        )
    if not actions <= {"kept"}:
        told = {change.browser for change in report.changes if change.what == "entry"}
        if "firefox" in {*report.browsers} - told and "removed" not in actions:
            yield _NO_PROFILE
        if report.root:
            yield _ROOT
        if not dry_run and actions & {"written", "removed"}:
            yield _ANEW


def _status_words(status: JsonObject) -> Iterator[str]:
    state = status["module"]["state"]
    for each in status["browsers"]:
        title = _PROGRAMS[each["browser"]]
        if each["enabled"]:
            yield f"{title}: sees the card."
        elif any(found["state"] in ("ours", "outdated") for found in each["databases"]):
            yield f"{title}: does not see the card as it should. Enable it again."
        elif any(found["state"] == "ours" for found in each["manifests"]):
            yield f"{title}: sees the card when told so in the extension's options."
        else:
            yield f"{title}: does not see the card."
        for found in each["databases"]:
            yield f"  {found['path']}: {_DATABASES[found['state']]}"
    if state == "other":
        yield f"{status['module']['path']} is not Kortilla's."
    if status["library"] is None:
        yield "p11-kit is missing."
    if status["hidden"]:
        yield f"Hidden from these browsers: {', '.join(status['hidden'])}."
    if status["root"]:
        yield _ROOT
