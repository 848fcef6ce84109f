# SPDX-License-Identifier: MIT
"""The log on standard error, which the browser adds to its own log."""

import logging
import os
import sys
import traceback

#: Below DEBUG: the commands to the card, with PINs and personal data left out.
TRAFFIC = 5


def set_up_log() -> None:
    """Log warnings, or from the level that ``$KORTILLA_LOG`` names.

    The levels are ``error``, ``warning``, ``info``, ``debug`` and ``traffic``. The
    environment and the browser's messages are never logged.
    """
    logging.addLevelName(TRAFFIC, "TRAFFIC")
    levels = logging.getLevelNamesMapping()
    level = levels.get(os.environ.get("KORTILLA_LOG", "").upper(), logging.WARNING)
    logging.basicConfig(
        stream=sys.stderr,
        level=level,
        format="kortilla %(levelname)s %(name)s: %(message)s",
    )
    # Below WARNING, asyncio and pyscard may log messages.
    for name in ("asyncio", "smartcard"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def log_unexpected(logger: logging.Logger, error: Exception) -> None:
    """Log where an unexpected error occurred, without its text.

    The text could contain a person's input or identity.
    """
    frames = "".join(traceback.format_tb(error.__traceback__))
    logger.error("unexpected %s\n%s", type(error).__name__, frames)
