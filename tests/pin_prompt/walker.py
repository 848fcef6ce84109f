# SPDX-License-Identifier: MIT
"""A program that asks all parts of all windows everything, again and again.

``python -m tests.pin_prompt.walker ADDRESS`` takes the address of an accessibility bus,
and prints the number of parts after each walk. A screen reader may ask so much at any
time, also for parts that have gone since it has heard of them.
"""

import sys
from collections.abc import Iterable

from jeepney import DBusAddress, HeaderFields, Message, MessageType, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

_PREFIX = "org.a11y.atspi"
_ROOT = (f"{_PREFIX}.Registry", "/org/a11y/atspi/accessible/root")
_GET = "org.freedesktop.DBus.Properties"
#: Seconds until an answer comes no more: its window has been closed.
_SECONDS = 30
#: What is asked of each part: interface, method, signature and arguments.
_QUESTIONS = (
    *(
        (f"{_PREFIX}.Accessible", method, None, ())
        for method in ("GetRole", "GetState", "GetAttributes", "GetRelationSet")
    ),
    *(
        (f"{_PREFIX}.Accessible", "GetChildAtIndex", "i", (index,))
        for index in (0, 1, 7, 1000, -1)
    ),
    *(
        (_GET, "Get", "ss", (f"{_PREFIX}.Accessible", name))
        for name in ("Name", "Description", "Parent", "ChildCount", "Locale")
    ),
    (f"{_PREFIX}.Component", "GetExtents", "u", (0,)),
    (f"{_PREFIX}.Component", "GetAccessibleAtPoint", "iiu", (300, 300, 0)),
    (f"{_PREFIX}.Action", "GetActions", None, ()),
    (f"{_PREFIX}.Text", "GetText", "ii", (0, -1)),
    (f"{_PREFIX}.Text", "GetCharacterExtents", "iu", (0, 0)),
    (f"{_PREFIX}.Value", "GetMinimumIncrement", None, ()),
    (f"{_PREFIX}.Selection", "GetSelectedChild", "i", (0,)),
)
#: So many parts are asked for that were there last.
_KNOWN = 1200
#: Questions that wait for an answer at once.
_AT_ONCE = 200
Part = tuple[str, str]


def ask(connection: DBusConnection, calls: Iterable[Message]) -> list[Message | None]:
    """Send calls, then wait for the answers. None is one that has not come."""
    sent = []
    for call in calls:
        serial = next(connection.outgoing_serial)
        connection.send(call, serial=serial)
        sent.append(serial)
    answers: dict[int, Message] = {}
    while len(answers) < len(sent):
        try:
            answer = connection.receive(timeout=_SECONDS)
        except TimeoutError:
            break
        serial = answer.header.fields.get(HeaderFields.reply_serial, -1)
        if serial in sent:
            answers[serial] = answer
    return [answers.get(each) for each in sent]


def call(
    part: Part, interface: str, method: str, signature: str | None, args: object
) -> Message:
    bus_name, path = part
    address = DBusAddress(path, bus_name, interface)
    return new_method_call(address, method, signature, args)


def walk(connection: DBusConnection, known: dict[Part, None]) -> int:
    """Ask what is there now, and what was there not long ago; return how many parts."""
    children = (f"{_PREFIX}.Accessible", "GetChildren", None, ())
    layer: list[Part] = [_ROOT]
    while layer:
        answers = ask(connection, (call(part, *children) for part in layer))
        layer = [
            (str(name), str(path))
            for answer in answers
            if answer and answer.header.message_type is MessageType.method_return
            for name, path in answer.body[0]
        ]
        for part in layer:  # the newest come last
            known.pop(part, None)
            known[part] = None
    for part in [*known][:-_KNOWN]:
        del known[part]
    calls = [call(part, *each) for part in known for each in _QUESTIONS]
    for begin in range(0, len(calls), _AT_ONCE):
        ask(connection, calls[begin : begin + _AT_ONCE])
    return len(known)


def main() -> None:
    known: dict[Part, None] = {}
    with open_dbus_connection(sys.argv[1]) as connection:
        while True:
            print(walk(connection, known), flush=True)


if __name__ == "__main__":
    main()
