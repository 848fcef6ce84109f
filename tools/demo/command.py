# SPDX-License-Identifier: MIT
"""``kortilla demo``: a demo service, a browser with the extension, a login."""

import asyncio
import logging
from pathlib import Path

import click

from kortilla.common.command_output import error_result, json_option, print_result, say
from native_host.cli.options import Card, card_option
from native_host.errors import KortillaError, UserCancelledError
from native_host.install.tables import Family
from native_host.pin_prompt.spawn import has_screen

logger = logging.getLogger(__name__)


@click.command()
@click.option(
    "--browser",
    type=click.Choice(["chromium", "firefox"]),
    default="chromium",
    show_default=True,
)
@click.option(
    "--headless", is_flag=True, help="Log in and sign by itself, without a screen."
)
@click.option(
    "--tls",
    is_flag=True,
    help="Log in with the card as the browser's own client certificate too.",
)
@json_option
@card_option
@click.option(
    "--state",
    type=click.Choice(
        [
            *("active", "new", "partly-activated", "pin1-blocked", "pin2-blocked"),
            *("last-try", "expired", "revoked"),
        ]
    ),
    default="active",
    show_default=True,
    help="The state that the mock card is in.",
)
@click.option(
    "--trust",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of CA certificates; needed with --card pcsc.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(__file__).parents[2] / "build/demo",
    show_default="build/demo of the checkout",
    help="The folder for the demo's own files and pictures.",
)
def demo(
    *,
    browser: Family,
    headless: bool,
    tls: bool,
    card: Card | None,
    state: str,
    trust: Path | None,
    output: Path,
) -> int:
    """Log in and sign at a demo service, with a mock card.

    The browser with the extension, the card and all settings live in the output
    folder; yours are left alone. With --headless, or where there is no screen, it runs
    unattended, and the last line is one of JSON. With --tls the card is a PKCS#11 token
    of the browser as well, and the service takes it as Suomi.fi's card login does.
    """
    card = card or "mock"
    if card == "pcsc" and headless:
        raise click.UsageError("--headless types the mock card's PIN, and no other.")
    if (card == "pcsc") != (trust is not None):
        raise click.UsageError("--trust goes with --card pcsc, and the other way.")
    if card == "pcsc" and state != "active":
        raise click.UsageError("--state is for the mock card.")
    if not headless and card == "mock" and not has_screen():
        say("There is no screen here: the demo logs in and signs by itself.")
        headless = True
    try:
        from tools.demo.run import run_demo
    except ModuleNotFoundError as error:
        return _failed(browser, f"{error.name} is missing: run `make demo`.")
    try:
        result = asyncio.run(
            run_demo(
                browser, output, headless=headless, trust=trust, state=state, tls=tls
            )
        )
    except KortillaError as error:
        return _failed(browser, str(error), error.code)
    except (KeyboardInterrupt, asyncio.CancelledError):
        if headless:
            return _failed(browser, "The demo was ended.", UserCancelledError.code)
        say("The demo has ended.")
        return 0
    except Exception as error:
        # A caller that parses the last line gets one even after an unexpected error.
        logger.exception("the demo failed")
        name = type(error).__name__
        return _failed(browser, f"This should not happen: {name}.", KortillaError.code)
    if result is not None:
        say(f"The pictures: {' and '.join(result['pictures'])}")
        say(f"The signed PDF: {result['signed']}")
        print_result(result)
    return 0


def _failed(browser: Family, message: str, code: str = "DEMO_FAILED") -> int:
    say(message)
    print_result({"login": "failed", "browser": browser, **error_result(code, message)})
    return 1
