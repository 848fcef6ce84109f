# SPDX-License-Identifier: MIT
"""``kortilla install`` and ``kortilla uninstall``: the browsers, and the agent."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click

import native_host
from kortilla.common import JsonObject
from kortilla.common.command_output import json_option, print_result
from kortilla.common.imports import is_packaged
from native_host.agent import presence
from native_host.cli.options import dry_run_option
from native_host.cli.pkcs11 import change_lines, change_words, confirm
from native_host.config import load_config
from native_host.errors import InstallError
from native_host.install import host
from native_host.install import token as pkcs11
from native_host.install.changes import Change, launcher_path
from native_host.install.host import Report
from native_host.install.tables import Level, browser_names, is_package_there, own_host
from native_host.install.token import Report as TokenReport
from native_host.state import traces


def _browser_choice(
    ctx: click.Context, parameter: click.Parameter, value: str
) -> list[str] | None:

    if value == "all":
        return None
    if value not in browser_names():
        names = ", ".join(browser_names())
        raise click.BadParameter(f"{value!r} is not all or one of {names}.")
    return [value]


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        dry_run_option,
        click.option(
            "--system", is_flag=True, help="For everyone on the computer; as root."
        ),
        click.option(
            "--browser",
            default="all",
            callback=_browser_choice,
            help="chromium, firefox, … or all of those that are there.",
        ),
        json_option,
    ):
        command = option(command)
    return command


@click.command()
@_options
@click.option(
    "--destdir",
    type=click.Path(file_okay=False, path_type=Path),
    help="With --system: write a package's files below this folder.",
)
@click.option(
    "--prefix",
    type=click.Path(path_type=Path),
    help="With --destdir: where the package will be; /usr without it.",
)
def install(
    browser: list[str] | None,
    system: bool,
    dry_run: bool,
    destdir: Path | None,
    prefix: Path | None,
) -> None:
    """Set up the browsers, so that the extension finds this program.

    The agent, which notices a new card, then starts with each login.
    """

    if destdir is not None:
        prefix = prefix or Path("/usr")
        if not system or browser or not prefix.is_absolute():
            raise click.UsageError(
                "--destdir goes with --system and an absolute --prefix, for all "
                "browsers."
            )
        _show(host.install_package(destdir, prefix, dry_run=dry_run))
        return
    if prefix is not None:
        raise click.UsageError("--prefix goes with --destdir.")
    if is_packaged():
        if system:
            _show(host.set_up_package(dry_run=dry_run))
            return
        words = ["Kortilla is already installed for everyone on this computer."]
        if host.has_own_set():
            words.append(
                "Files of an older installation come first: `kortilla uninstall`."
            )
        if not dry_run:
            presence.start()
        print_result(host.Report("system", dry_run).as_json(), words)
        return
    beside_package = is_package_there()
    if system and beside_package:
        raise InstallError(
            "A package has installed Kortilla for everyone on this computer already."
        )
    report = host.install(
        browser,
        level="system" if system else "user",
        dry_run=dry_run,
        extensions=load_config().extensions,
    )
    if not (system or dry_run):
        presence.start()
    if beside_package:
        last = (
            "A package has installed Kortilla for everyone on this computer too. For "
            "you, browsers start this one. `kortilla uninstall` takes it back."
        )
    elif sys.platform == "win32":
        stores = " ".join(own_host().stores)
        last = f"The extension: {stores}" if stores else _NO_STORE
    else:
        folder = Path(native_host.__file__).parents[1] / "extension"
        in_checkout = (folder / "manifest.json").is_file()
        last = _EXTENSION[in_checkout].format(folder=folder)
    _show(report, last=[last])


@click.command()
@_options
def uninstall(browser: list[str] | None, system: bool, dry_run: bool) -> None:
    """Remove what install wrote, and end the agent.

    For all browsers, pkcs11 is disabled, and what is kept of the use deleted too.
    """

    if system and is_packaged():
        _show(host.take_down_package(dry_run=dry_run))
        return
    windows = sys.platform == "win32"  # which has no token
    token = None if browser or system or windows else pkcs11.disable()
    if token and not dry_run:
        confirm(token)
        token.carry_out()
    launcher, last = str(launcher_path("user")), []
    level: Level = "system" if system else "user"
    report = host.uninstall(browser, level=level, dry_run=dry_run)
    removed = {change.path for change in report.changes}
    # A package's launcher, and on Windows the installer's, is not in a person's folder.
    if launcher in removed or not (browser or system):
        found = traces.files()
        if not dry_run:
            presence.stop()
            if not asyncio.run(traces.remove()):
                last = [_CAN_STAYS[windows]]
            presence.forget()  # the last: then the folder of all may be empty
        left = [] if dry_run else traces.files()
        gone = [Change(str(path), "removed") for path in found if path not in left]
        report = replace(report, changes=(*report.changes, *gone))
        last += [f"Could not be deleted: {path}" for path in left]
        last += [f"Stays, as it is yours: {path}" for path in traces.staying()]
    _show(report, token=token.report if token else None, last=last)


_CAN_STAYS = (
    "Your password store is locked, and keeps the number of a card: delete the entry "
    "“Kortilla: CAN” there.",
    "The remembered number of a card could not be deleted.",
)


_CONFINED = {
    True: (
        "{browser} is a {kind}; whether it may start the host is up to the system's "
        "portal or xdg-native-messaging-proxy. `kortilla doctor` says more."
    ),
    False: (
        "{browser} is a {kind} and can't start programs outside its sandbox here: "
        "Kortilla does not work in it. Use the system's own package of the browser."
    ),
}

_NO_STORE = "The browser also needs Kortilla's extension. It is in no store yet."

_EXTENSION = {
    True: (
        "If the extension is not in the browser yet, load it from {folder}, as "
        "README.md says."
    ),
    False: (
        "The extension does not come with this installation: if it is not in the "
        "browser yet, load the folder extension/ of Kortilla's sources, as their "
        "README.md says."
    ),
}


def _show(
    report: Report, *, token: TokenReport | None = None, last: Sequence[str] = ()
) -> None:
    result: JsonObject = report.as_json()
    words: list[str] = []
    if token and token.changes:
        result["pkcs11"] = token.as_json()
        words += change_words(token, dry_run=report.dry_run)
    words += change_lines(report.changes, dry_run=report.dry_run)
    words += [_CONFINED[each["written"]].format(**each) for each in report.confined]
    if not words:
        words.append("There is nothing to do.")
    print_result(result, [*words, *last])
