# SPDX-License-Identifier: MIT
"""Web eID's form on the command line: ``-c COMMAND 'JSON ARGUMENTS'``."""

import asyncio
import json
import sys
from collections.abc import Sequence

from native_host.errors import InvalidArgument, KortillaError
from native_host.log import set_up_log
from native_host.messaging.dispatcher import UnknownCommand, web_eid_error
from native_host.messaging.framing import Frame, parse
from native_host.messaging.models import (
    NoArguments,
    WebEidAuthenticateArguments,
    check,
)
from native_host.messaging.operation import Authentication

__all__ = ["answer"]


def answer(words: Sequence[str]) -> int:
    """Print the reply to one request; return 0, or 1 when it is an error."""
    set_up_log()
    try:
        reply = asyncio.run(_reply(words))
    except KortillaError as error:
        reply = web_eid_error(error)
    except KeyboardInterrupt:
        reply = {
            "error": {"code": "ERR_WEBEID_USER_CANCELLED", "message": "Interrupted."}
        }
    sys.stdout.write(json.dumps(reply) + "\n")
    return 1 if "error" in reply else 0


async def _reply(words: Sequence[str]) -> dict[str, object]:
    if len(words) != 2:
        raise InvalidArgument("-c takes a command and its arguments as JSON.")
    command, text = words
    values = parse(Frame(text.encode("utf-8", "surrogateescape")))
    if isinstance(values, str):
        raise InvalidArgument(values)
    if command == "quit":
        check(NoArguments, values)
        return {}
    if command != "authenticate":
        raise UnknownCommand("The command is not known.")
    reply: dict[str, object] = {}
    operation = Authentication(
        check(WebEidAuthenticateArguments, values),
        started_by_person=True,
        progress=lambda _: None,
        answer=reply.update,
        window=lambda: None,
    )
    await operation.run()
    return reply
