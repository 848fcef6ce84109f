# SPDX-License-Identifier: MIT
"""``kortilla open`` and ``kortilla agent``: what runs in the user's session."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click

from kortilla.common.command_output import json_option, print_result, say
from kortilla.common.imports import is_packaged
from native_host.agent import package_watch, presence
from native_host.agent.agent import Agent
from native_host.card.pcsc import PcscSource
from native_host.cli.options import (
    PATH,
    Card,
    card_option,
    configured,
    lang_option,
    spoken_language,
)
from native_host.doctor.examination import configured_place
from native_host.doctor.findings import Sentences
from native_host.errors import KortillaError
from native_host.files import ENCRYPTED
from native_host.install import token
from native_host.pin_prompt.prompt import PromptError
from native_host.pin_prompt.spawn import has_screen
from native_host.platform import system
from native_host.state import traces


@click.command("open")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=PATH)
@click.option("--check", is_flag=True, help="Check the signatures of the files.")
@click.option("--sign", is_flag=True, help="Sign the files.")
@click.option("--encrypt", is_flag=True, help="Encrypt the files.")
@json_option
@card_option
@lang_option
def open_(
    *,
    files: tuple[Path, ...],
    check: bool,
    sign: bool,
    encrypt: bool,
    card: Card | None,
    lang: str | None,
) -> None:
    """Open Kortilla's window, or bring it to the front.

    Encrypted files (.p7m) need no option: the window opens them.
    """
    from native_host.desktop.single_window import (
        MOST_FILES,
        Handover,
        SingleWindow,
    )

    if check + sign + encrypt > 1:
        raise click.UsageError("Give one of --check, --sign and --encrypt.")
    sealed = bool(files) and all(each.suffix.casefold() in ENCRYPTED for each in files)
    if files and not (check or sign or encrypt or sealed):
        raise click.UsageError(
            "Say what to do with the files: --check, --sign or --encrypt."
        )
    handover = None
    if check or sign or encrypt or sealed:
        page = "check" if check else "sign" if sign else "encrypt"
        handover = Handover(page, tuple(e.absolute() for e in files[:MOST_FILES]))
    config = configured(card=card)
    if not has_screen():
        raise PromptError("There is no screen here for Kortilla's window.")
    with closing(SingleWindow()) as claim:
        if not claim.claim(handover):
            print_result({"open": "raised"})
            return
        from native_host.desktop.window import run

        run(config, spoken_language(config, lang), claim, handover)
    print_result({"open": "closed"})


@click.command()
@click.option(
    "--enable", "wish", flag_value="enable", help="Let it run, now and at each login."
)
@click.option(
    "--disable", "wish", flag_value="disable", help="End it, and let it run no more."
)
@click.option("--status", "wish", flag_value="status", help="Say whether it runs.")
@json_option
@lang_option
def agent(wish: str | None, lang: str | None) -> None:
    """Wait for new cards, and offer to activate them."""

    if wish is None:
        print_result({"agent": serve(lang=lang)})
        return
    if wish == "disable":
        presence.set_enabled(False)
        presence.stop()
    elif wish == "enable":
        presence.set_enabled(True)
        if not presence.is_running():
            presence.start()
    status = {"enabled": presence.is_enabled(), "running": presence.is_running()}
    print_result(status, _words(lang, **status))


def serve(window: Sequence[str] | None = None, lang: str | None = None) -> str:
    """Run as the agent; return the reason of its end.

    When its package is upgraded it becomes the new version's agent in the same process.
    ``window`` replaces the command of the activation window.
    """

    if not presence.is_enabled():
        for line in _words(lang, enabled=False, running=False):
            say(line)
        return "disabled"
    outcome = asyncio.run(_serve(window, _language(lang)))
    if outcome == "renewed":
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606
    if outcome == "removed":
        _take_back()
    if outcome == "running":
        for line in _words(lang, enabled=True, running=True):
            say(line)
    return outcome


def _take_back() -> None:
    """Take back what the person switched on in browsers, as ``pkcs11 disable`` does.

    What is kept of the use is deleted too. The package goes, and with it each command
    and each switch that could. What can't be taken back stays. The package's script
    leaves the program in place until this ends.
    """

    asyncio.run(traces.remove())
    with contextlib.suppress(KortillaError):
        token.disable().carry_out()


async def _serve(window: Sequence[str] | None, language: str) -> str:

    async with PcscSource() as source:
        command = () if window is None else (window,)
        agent = Agent(source, *command, language=language)
        run = asyncio.create_task(agent.run())
        # Before other processes can find this one in order to end it.
        system.on_signals(run.cancel, signal.SIGINT, signal.SIGTERM)
        awaited: set[asyncio.Task[object]] = {run}
        if is_packaged():
            change = asyncio.create_task(package_watch.change())
            awaited.add(change)
        with presence.only_one() as only:
            # A command that switched it off before this could not find it.
            if not (only and presence.is_enabled()):
                run.cancel()
            ended, _ = await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            run.cancel()
            await asyncio.wait({run})
        if not run.cancelled():
            run.result()
    if not only:
        return "running"
    return "ended" if run in ended else change.result()


def _language(lang: str | None) -> str:
    """Return the language of the agent, also with a configuration that is broken."""

    return spoken_language(configured_place()[1], lang)


def _words(lang: str | None, *, enabled: bool, running: bool) -> list[str]:
    """Return what the self-check says of the agent, and what switches it on."""

    language = _language(lang)
    texts = Sentences(language)
    if running or enabled:
        return [texts["AGENT_RUNS" if running else "AGENT_NOT_RUNNING"]]
    how = texts["agent.switch"]
    return [texts["AGENT_DISABLED"], f"{how}: kortilla agent --enable"]
