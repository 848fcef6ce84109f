# SPDX-License-Identifier: MIT
"""Web eID's form on the command line: ``-c COMMAND 'JSON ARGUMENTS'``."""

import asyncio
import json
import sys
from collections.abc import Sequence

from native_host.errors import InvalidArgumentError, KortillaError
from native_host.install.calling_program import program_in_place_of_browser
from native_host.messaging.answers import WebEidResponder, web_eid_error
from native_host.messaging.commands import web_eid_command
from native_host.messaging.frames import Frame, PromptPrelaunch, parse
from native_host.messaging.messages import NoArguments, check
from native_host.messaging.requests import RequestRunner
from native_host.operations.results import Reply
from native_host.platform.log import set_up_log
from native_host.platform.process_tree import parent_program


def answer(words: Sequence[str]) -> int:
    """Print the reply to one request; return 0, or 1 if it is an error."""
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


async def _reply(words: Sequence[str]) -> Reply:
    if len(words) != 2:
        raise InvalidArgumentError("-c takes a command and its arguments as JSON.")
    command, text = words
    values = parse(Frame(text.encode("utf-8", "surrogateescape")))
    if isinstance(values, str):
        raise InvalidArgumentError(values)
    if command == "quit":
        check(NoArguments, values)
        return {}
    replies: list[Reply] = []
    runner = RequestRunner(
        web_eid_command(command, values),
        WebEidResponder(replies.append),
        caller=program_in_place_of_browser(parent_program()),
        prelaunch=PromptPrelaunch(None),
    )
    await runner.run()
    return replies[-1]
