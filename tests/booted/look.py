# SPDX-License-Identifier: MIT
"""Says what a screen reader sees: the windows of programs, as JSON.

It runs in the person's session with Debian's Python: ``look.py TITLE`` tells of the
windows whose titles begin with a match of this regular expression. A part is its role,
name, text, place on the screen (left, top, width, height, in pixels), states and parts.
A window also has the number of its process.
"""

import json
import re
import sys
from typing import Any

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402 - after the version is chosen

_STATES = ("ACTIVE", "CHECKED", "EDITABLE", "ENABLED", "FOCUSED", "SHOWING", "VISIBLE")
_DEEPEST = 40


def tell(part: Any, depth: int = 0) -> dict[str, Any]:
    """Return a part with all that is in it."""
    states = part.get_state_set()
    place = part.get_component_iface()
    box = place.get_extents(Atspi.CoordType.SCREEN) if place else None
    parts = []
    if depth < _DEEPEST:
        for number in range(part.get_child_count()):
            try:
                child = part.get_child_at_index(number)
                if child is not None:
                    parts.append(tell(child, depth + 1))
            except GLib.Error:  # it has just gone
                continue
    return {
        "role": part.get_role_name(),
        "name": part.get_name() or "",
        "box": [box.x, box.y, box.width, box.height] if box else None,
        "states": [
            each for each in _STATES if states.contains(getattr(Atspi.StateType, each))
        ],
        "parts": parts,
    }


def windows(title: str) -> list[dict[str, Any]]:
    """Return the windows of programs whose titles begin with a match."""
    found = []
    desktop = Atspi.get_desktop(0)
    for number in range(desktop.get_child_count()):
        program = desktop.get_child_at_index(number)
        try:
            count = program.get_child_count() if program else 0
            for place in range(count):
                window = program.get_child_at_index(place)
                if window and re.match(title, window.get_name() or ""):
                    found.append(tell(window) | {"process": window.get_process_id()})
        except GLib.Error:
            continue
    return found


print(json.dumps(windows(sys.argv[1]), ensure_ascii=False))
