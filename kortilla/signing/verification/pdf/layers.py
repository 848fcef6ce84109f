# SPDX-License-Identifier: MIT
"""Refuses layers that only paper or only the screen shows (ISO 32000-2 §8.11)."""

from kortilla.signing.verification.pdf.lexical import (
    Reference,
    Value,
    differently,
    irregular,
)
from kortilla.signing.verification.pdf.objects import View

_MAX_MEMBERS = 100


def check_layers(view: View, groups: set[int]) -> None:
    """Check that each layer is either shown or hidden, on screen and paper.

    ``groups`` are the numbers of all layers of the file. Raises ``RefusedError``.
    """
    properties = view.value(view.root.get("OCProperties"))
    if not isinstance(properties, dict):
        if groups:
            raise irregular("a layer that the file does not list")
        return
    config = view.value(properties.get("D"))
    config = config if isinstance(config, dict) else {}
    if view.value(config.get("Intent")) not in (None, "View"):
        raise differently("layers that are not for viewing")
    on, off = _numbers(view, config, "ON"), _numbers(view, config, "OFF")
    listed = _numbers(view, properties, "OCGs")
    if listed != groups or not on | off <= listed or on & off:
        raise irregular("a layer that the file does not list, or twice")
    hidden = view.value(config.get("BaseState")) == "OFF"
    for number in listed:
        group = view.value(Reference(number, 0))
        shown = number not in off and (not hidden or number in on)
        if isinstance(group, dict):
            _check_usage(view, group, shown=shown)
    for each in view.array(config.get("AS")):
        kinds = view.array(each.get("Category")) if isinstance(each, dict) else []
        if set(map(str, kinds)) & {"Language", "User", "Zoom"}:
            raise differently("a layer that depends on the person or program")


def check_membership(view: View, found: Value, groups: set[int]) -> None:
    """Check what says in which layers something is (§8.11.2.2).

    It may be missing, or be of another kind. Raises ``RefusedError``.
    """
    entries = view.value(found)
    if not isinstance(entries, dict):
        return
    kind = view.value(entries.get("Type"))
    if kind != "OCMD" and not entries.keys() & {"OCGs", "VE"}:
        if kind == "OCG" and not isinstance(found, Reference):
            raise irregular("a layer that the file does not list")
        return
    listed = entries.get("OCGs")
    if not (isinstance(listed, Reference) and listed.number in groups):
        listed = view.value(listed)
    members = listed if isinstance(listed, list) and listed else [listed]
    known = {
        each.number
        for each in members[: _MAX_MEMBERS + 1]
        if isinstance(each, Reference)
    }
    complete = len(known) == len(members) <= _MAX_MEMBERS and known <= groups
    if "VE" in entries or not complete:
        raise irregular("something in layers that programs read differently")


def _check_usage(view: View, group: dict[str, Value], *, shown: bool) -> None:
    """Check that a layer's usage agrees: some programs follow it, and others don't."""
    intents = view.value(group.get("Intent"))
    if intents is not None and "View" not in view.listed(intents):
        raise differently("a layer that is not for viewing")
    usage = view.value(group.get("Usage"))
    for kind in ("View", "Print", "Export"):
        said = view.value(usage.get(kind)) if isinstance(usage, dict) else None
        state = view.value(said.get(f"{kind}State")) if isinstance(said, dict) else None
        if state is not None and (state == "ON") != shown:
            raise differently("a layer for screen or paper only")
    if isinstance(usage, dict) and "Zoom" in usage:
        raise differently("a layer for some sizes only")


def _numbers(view: View, holder: dict[str, Value], key: str) -> set[int]:
    found = view.value(holder.get(key))
    items = found if isinstance(found, list) else []
    return {each.number for each in items if isinstance(each, Reference)}
