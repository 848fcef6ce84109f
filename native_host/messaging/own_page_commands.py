# SPDX-License-Identifier: MIT
"""The commands of our own extension's pages: what they may send, and what is done.

``caller.check_own_page`` refuses them to all others. What only a few of them need is
imported late: a person waits while each host starts.
"""

import importlib.util
import os
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from kortilla.common import own_python
from kortilla.common.imports import missing_words
from native_host.card.keys import PinRole
from native_host.config import load_config
from native_host.errors import ToolMissingError
from native_host.install.tables import Family
from native_host.messaging.messages import CommandContext, Language, Model, Run
from native_host.operations.activate import activate
from native_host.operations.card_status import card_status, wait_for_card
from native_host.operations.card_words import readers_words
from native_host.operations.results import Reply
from native_host.operations.set_pin import ManageRequest, change_pin, unblock
from native_host.pin_prompt.prompt import PromptError
from native_host.pin_prompt.spawn import has_screen, window_environment
from native_host.platform import system
from native_host.texts.card import CardTexts
from native_host.texts.language import choose_language

_WINDOW = own_python("-m", "native_host.cli", "open")
#: The environment variables that the window gets beside those of a PIN window: the
#: settings, the card service, and the proxies for questions about revocation.
_PASSED = (
    *("KORTILLA_CONFIG", "KORTILLA_TRUST", "PCSCLITE_CSOCK_NAME"),
    *("http_proxy", "https_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
)
#: Variables with the token of the browser's own start, which brings no other window to
#: the front.
_TOKENS = ("XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID")


class OwnPageArguments(Model):
    """Which page asks (see ``caller.check_own_page``).

    These alone are the arguments of ``open-window``, ``token-status`` and
    ``wait-for-card``.
    """

    page: str

    @property
    def family(self) -> Family:
        """The browser's family, of a page that was checked."""
        is_chromium = self.page.startswith("chrome-extension:")
        return "chromium" if is_chromium else "firefox"


class ManageArguments(OwnPageArguments):
    lang: Language | None = None


class PinArguments(ManageArguments):
    pin: Literal["PIN1", "PIN2"]


class SwitchArguments(OwnPageArguments):
    on: bool


class FixArguments(OwnPageArguments):
    """The arguments of ``fix``: a finding's code.

    ``confirmed`` says that the person wants it although a browser is open.
    """

    code: Annotated[str, Field(max_length=64, pattern=r"^[A-Z][A-Z0-9_]*$")]
    confirmed: bool = False


async def _card_status(arguments: ManageArguments, context: CommandContext) -> Reply:
    readers = await card_status(context.source)
    # Around these words are the page's own.
    texts = CardTexts(choose_language("", arguments.lang))
    words = readers_words(readers, datetime.now(UTC), texts)
    return {"readers": readers, "words": words}


async def _wait_for_card(_: OwnPageArguments, context: CommandContext) -> Reply:
    await wait_for_card(context.source)
    return {}


async def _prepare_login(_: ManageArguments, context: CommandContext) -> Reply:
    from native_host.messaging.browser_token import prepare_login

    await prepare_login()
    return {}


async def _self_check(arguments: ManageArguments, _context: None) -> Reply:
    from native_host.doctor.examination import configured_place, examine, report

    place, config = configured_place()
    language = choose_language(config.language, arguments.lang)
    return report(await examine(place), language)


async def _fix(arguments: FixArguments, _context: None) -> Reply:
    from native_host.doctor.examination import configured_place, fix

    place, _ = configured_place()
    await fix(place, arguments.code, confirmed=arguments.confirmed)
    return {}


async def _token_status(arguments: OwnPageArguments, _context: None) -> Reply:
    from native_host.messaging.browser_token import token_status

    return await token_status(arguments.family)


async def _token_switch(arguments: SwitchArguments, _context: None) -> Reply:
    from native_host.messaging.browser_token import switch_token

    return await switch_token(arguments.family, on=arguments.on)


async def _open_window(_: OwnPageArguments, _context: None) -> Reply:
    open_window()
    return {}


async def _activate(_: ManageArguments, context: CommandContext) -> Reply:
    return (await activate(context, _manage(context))).fields()


async def _change_pin(arguments: PinArguments, context: CommandContext) -> Reply:
    role = PinRole[arguments.pin]
    return (await change_pin(context, _manage(context), role)).fields()


async def _unblock(arguments: PinArguments, context: CommandContext) -> Reply:
    role = PinRole[arguments.pin]
    return (await unblock(context, _manage(context), role)).fields()


def _manage(context: CommandContext) -> ManageRequest:
    return ManageRequest(language=context.language, caller=context.caller)


def open_window(command: Sequence[str] = _WINDOW) -> None:
    """Start the window of ``kortilla open``, and return before it shows anything.

    It is a process of its own session, and goes on when the browser ends this host. A
    second start brings the first one's window to the front (``desktop.single_window``).

    Tests pass another ``command``. Raises ``ToolMissingError`` without Qt,
    ``PromptError`` if there is no screen or the process does not start, and
    ``ConfigBrokenError``.
    """
    load_config()  # the window would end with its error, and nobody would read it
    if importlib.util.find_spec("PySide6") is None:
        raise ToolMissingError(missing_words("PySide6", "host"))
    if not has_screen():
        raise PromptError("There is no screen here for Kortilla's window.")
    try:
        subprocess.Popen(  # noqa: S603 - our own program, or what a test names
            command,
            # The browser reads these until it ends the host.
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            cwd=Path.home(),
            start_new_session=True,
            creationflags=system.BREAKAWAY,
        )
    except (OSError, RuntimeError) as error:
        raise PromptError("Kortilla's window can't be started.") from error


def _environment() -> dict[str, str] | None:
    """Return the environment for the window; None to inherit all of it."""
    passed = window_environment()
    if passed is None:
        return None
    for name in _TOKENS:
        passed.pop(name, None)
    return passed | {name: os.environ[name] for name in _PASSED if name in os.environ}


#: The commands that only our own pages may use.
COMMANDS: Mapping[str, tuple[type[BaseModel], Run]] = {
    "card-status": (ManageArguments, _card_status),
    "wait-for-card": (OwnPageArguments, _wait_for_card),
    "prepare-login": (ManageArguments, _prepare_login),
    "activate": (ManageArguments, _activate),
    "change-pin": (PinArguments, _change_pin),
    "unblock": (PinArguments, _unblock),
    "self-check": (ManageArguments, _self_check),
    "fix": (FixArguments, _fix),
    "open-window": (OwnPageArguments, _open_window),
    "token-status": (OwnPageArguments, _token_status),
    "token-switch": (SwitchArguments, _token_switch),
}
