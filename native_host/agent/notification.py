# SPDX-License-Identifier: MIT
"""A notification of the desktop (freedesktop.org, Desktop Notifications 1.2).

It takes no focus, unlike a window. The desktop shows it, and screen readers say it as
the desktop has them do.
"""

import logging
from contextlib import suppress

from jeepney import DBusAddress, HeaderFields, MatchRule, Message, new_method_call
from jeepney.bus_messages import message_bus
from jeepney.io.asyncio import DBusRouter, Proxy, open_dbus_router
from jeepney.wrappers import DBusErrorResponse, unwrap_msg

logger = logging.getLogger(__name__)

_NAME = "org.freedesktop.Notifications"
_SERVICE = DBusAddress("/org/freedesktop/Notifications", _NAME, _NAME)
_DESKTOP_FILE = "fi.kortilla.Kortilla"
_OPEN = "default"  # what a click on the notification means too
_AS_LONG_AS_USUAL = -1
_SIGNALS = 8  # that may wait; the desktop tells of all programs' notifications

#: What goes wrong without a session bus, without such a service, or when either ends.
_UNAVAILABLE = (OSError, EOFError, KeyError, ValueError, DBusErrorResponse)


async def notify(title: str, text: str, button: str) -> str | None:
    """Show a notification until it is pressed, and None without a desktop that can.

    Returns the token with which the desktop lets a window come to the front, or an
    empty text. Cancelling withdraws the notification. The texts are markup.
    """
    try:
        async with open_dbus_router() as router:
            return await _show(router, title, text, button)
    except _UNAVAILABLE as error:
        logger.info("No notification can be shown: %s", type(error).__name__)
        return None


async def _show(router: DBusRouter, title: str, text: str, button: str) -> str | None:
    rule = MatchRule(type="signal", interface=_NAME, path=_SERVICE.object_path)
    await Proxy(message_bus, router).AddMatch(rule)
    with router.filter(rule, bufsize=_SIGNALS) as signals:
        hints = {"desktop-entry": ("s", _DESKTOP_FILE)}
        shown = ("Kortilla", 0, _DESKTOP_FILE, title, text, [_OPEN, button], hints)
        call = new_method_call(
            _SERVICE, "Notify", "susssasa{sv}i", (*shown, _AS_LONG_AS_USUAL)
        )
        answer: Message = await router.send_and_get_reply(call)
        [number] = unwrap_msg(answer)
        service, token = answer.header.fields[HeaderFields.sender], ""
        try:
            while True:
                signal: Message = await signals.get()
                fields = signal.header.fields
                if fields[HeaderFields.sender] != service or signal.body[0] != number:
                    continue
                match fields[HeaderFields.member]:
                    case "ActivationToken":
                        token = signal.body[1]
                    case "ActionInvoked":
                        return token
                    case "NotificationClosed":
                        return None
        finally:
            with suppress(*_UNAVAILABLE):
                close = new_method_call(_SERVICE, "CloseNotification", "u", (number,))
                await router.send(close)
