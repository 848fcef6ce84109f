# SPDX-License-Identifier: MIT
"""Where the log goes: standard error, which the browser keeps in its own log."""

import logging
import os
import sys

__all__ = ["TRAFFIC", "set_up_log"]

#: Below DEBUG: the commands to the card, with PINs and personal data left out.
TRAFFIC = 5


def set_up_log() -> None:
    """Log warnings, or from the level that ``$KORTILLA_LOG`` names.

    The levels are ``error``, ``warning``, ``info``, ``debug`` and ``traffic``. The
    environment and what the browser sends are never logged.
    """
    logging.addLevelName(TRAFFIC, "TRAFFIC")
    levels = logging.getLevelNamesMapping()
    level = levels.get(os.environ.get("KORTILLA_LOG", "").upper(), logging.WARNING)
    logging.basicConfig(
        stream=sys.stderr,
        level=level,
        format="kortilla %(levelname)s %(name)s: %(message)s",
    )
    # Libraries keep to themselves what they would say of messages and of asyncio.
    for name in ("asyncio", "smartcard"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
