# SPDX-License-Identifier: MIT
"""Notices that the person leaves: the screen is locked, or the session ends, or sleeps.

logind says it on the system's bus (org.freedesktop.login1(5)), and screen lockers on
the session's (``ActiveChanged``, which all desktops send in their own names). On the
system's bus only the owner of logind's name is heard. On the session's, any program of
the person may send that signal, or an odd message: it ends PINs earlier, no more. None
is dropped, however many others come. The end of a bus counts as the person's leaving,
and so does a message that can't be read.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from enum import StrEnum

from jeepney import DBusAddress, HeaderFields, MatchRule, Message, new_method_call
from jeepney.bus_messages import message_bus
from jeepney.io.asyncio import DBusConnection, open_dbus_connection

from native_host.platform.tasks import race

logger = logging.getLogger(__name__)

_LOGIND = "org.freedesktop.login1"
_PATH = "/org/freedesktop/login1"


class _Interface(StrEnum):
    MANAGER = f"{_LOGIND}.Manager"
    SESSION = f"{_LOGIND}.Session"


_RULES = {
    "SYSTEM": (
        MatchRule(type="signal", sender=_LOGIND, path=_PATH),
        MatchRule(type="signal", sender=_LOGIND, path_namespace=f"{_PATH}/session"),
    ),
    "SESSION": (MatchRule(type="signal", member="ActiveChanged"),),
}
#: What goes wrong without a bus, or when it ends.
_UNAVAILABLE = (OSError, EOFError, KeyError, ValueError, RuntimeError)


async def watch(leaves: Callable[[], None]) -> None:
    """Call ``leaves`` each time the person leaves, until a bus ends. May be cancelled.

    A bus that is not there says nothing.
    """
    try:
        await race(*(_listen(bus, leaves) for bus in _RULES))
    except Exception as error:  # any, by a message of somebody else
        logger.info("A bus has ended: %s", type(error).__name__)
        leaves()


async def _listen(bus: str, leaves: Callable[[], None]) -> None:
    """Listen until the bus ends, and raise its error."""
    try:
        connection = await open_dbus_connection(bus)
    except _UNAVAILABLE as error:
        logger.info("There is no %s bus: %s", bus.lower(), type(error).__name__)
        await asyncio.get_running_loop().create_future()
        raise
    try:
        await _hear(connection, _RULES[bus], leaves)
    finally:
        await connection.close()


async def _hear(
    connection: DBusConnection, rules: tuple[MatchRule, ...], leaves: Callable[[], None]
) -> None:
    for rule in rules:
        await connection.send(message_bus.AddMatch(rule))
    manager = DBusAddress(_PATH, _LOGIND, _Interface.MANAGER)
    question = next(connection.outgoing_serial)
    # On the session's bus nobody has that name, or a program that pretends.
    await connection.send(new_method_call(manager, "ListSessions"), serial=question)
    me = sys.platform != "win32" and os.getuid()  # no token is there
    own: set[str] = set()
    while True:
        message: Message = await connection.receive()
        fields, body = message.header.fields, message.body
        try:
            if fields.get(HeaderFields.reply_serial) == question:
                match body:
                    case ([*sessions],):
                        own = {path for _, uid, *_, path in sessions if uid == me}
                continue
            if not _tells(fields, body, own):
                continue
        except (TypeError, ValueError):  # an odd message of somebody else
            logger.info("A message can't be read.")
        logger.info("The person leaves.")
        leaves()


def _tells(
    fields: dict[HeaderFields, str], body: tuple[object, ...], own: set[str]
) -> bool:
    """Return whether a signal says that the person leaves.

    ``own`` are the paths of the person's sessions. A lock of any session counts: not
    every locker and desktop names the right one.
    """
    interface = str(fields.get(HeaderFields.interface))
    match interface, fields.get(HeaderFields.member), body:
        case _, "ActiveChanged", (True,):
            return interface.endswith(".ScreenSaver")
        case (
            (_Interface.MANAGER, "PrepareForSleep", (True,))
            | (_Interface.SESSION, "Lock", _)
            | (
                _,
                "PropertiesChanged",
                (_Interface.SESSION, {"LockedHint": (_, True)}, _),
            )
            | (_, "PropertiesChanged", (_Interface.SESSION, {"Active": (_, False)}, _))
        ):
            return True
        case _Interface.MANAGER, "SessionRemoved", (_, path):
            return path in own
    return False
