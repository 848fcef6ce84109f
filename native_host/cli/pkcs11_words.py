# SPDX-License-Identifier: MIT
"""The messages of ``kortilla pkcs11`` for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from native_host.install.token import Report

_TITLES = {"firefox": "Firefox", "chromium": "Chromium"}

#: The messages for each kind of change, and those of a dry run.
_CHANGES = {
    ("file", "written"): ("Wrote {path}", "Would write {path}"),
    ("file", "removed"): ("Removed {path}", "Would remove {path}"),
    ("file", "unchanged"): ("Already there: {path}",) * 2,
    ("file", "kept"): ("Left alone: {path}, which is not Kortilla's",) * 2,
    ("entry", "written"): (
        "Told the database {path} of the card",
        "Would tell the database {path} of the card",
    ),
    ("entry", "removed"): (
        "The database {path} does not know of the card any more",
        "Would have the database {path} forget the card",
    ),
    ("entry", "unchanged"): ("The database {path} knows of the card already",) * 2,
    ("entry", "kept"): (
        "Left alone: another module in the database {path} is called Kortilla",
    )
    * 2,
    ("database", "written"): (
        "Made the database {path}",
        "Would make the database {path}",
    ),
    ("database", "removed"): (
        "Removed the database {path}, in which nothing was left",
        "Would remove the database {path}, in which nothing would be left",
    ),
}

_ROOT = (
    "You are root, for whom p11-kit ignores all this: browsers that root runs do not "
    "see the card. Kortilla needs no root; do this as the person who uses the browser."
)
_NO_PROFILE = (
    "Firefox has no profile yet. Start it once and then do this again, or press the "
    "button in the options of Kortilla's extension."
)
_ANEW = "Close the browser and start it again: that is when it takes notice."


def change_words(report: Report, *, dry_run: bool) -> Iterator[str]:
    """Return messages about the changes, made or predicted, and their consequences."""
    for change in report.changes:
        what = change.what if change.what in ("entry", "database") else "file"
        yield _CHANGES[what, change.action][dry_run].format(path=change.path)
    actions = {change.action for change in report.changes}
    if not actions:
        yield "There is nothing to do."
    for each in report.confined:
        yield (
            f"{each['browser']} is a {each['kind']}, which can't load the module: use "
            "the system's own package of the browser."
        )
    if not actions <= {"kept"}:
        if "firefox" in _without_entry(report) and "removed" not in actions:
            yield _NO_PROFILE
        if report.root:
            yield _ROOT
        if not dry_run and actions & {"written", "removed"}:
            yield _ANEW


def status_words(status: dict[str, Any]) -> Iterator[str]:
    """Return the result of ``browsers.pkcs11.setup.status`` in words."""
    state = status["module"]["state"]
    for each in status["browsers"]:
        title = _TITLES[each["browser"]]
        if each["enabled"]:
            yield f"{title}: sees the card."
        elif any(found["state"] in _TOLD for found in each["databases"]):
            yield f"{title}: does not see the card as it should. Enable it again."
        elif any(found["state"] == "ours" for found in each["manifests"]):
            yield f"{title}: sees the card when told so in the extension's options."
        else:
            yield f"{title}: does not see the card."
        for found in each["databases"]:
            yield f"  {found['path']}: {_DATABASES[found['state']]}"
    if state == "other":
        yield f"{status['module']['path']} is not Kortilla's."
    if status["library"] is None:
        yield "p11-kit is missing."
    if status["hidden"]:
        yield f"Hidden from these browsers: {', '.join(status['hidden'])}."
    if status["root"]:
        yield _ROOT


_TOLD = ("ours", "outdated")

_DATABASES = {
    "absent": "does not know of the card",
    "ours": "knows of the card",
    "outdated": "knows of the card at a place where p11-kit is no more",
    "other": "has another module that is called Kortilla",
    "proxy": "knows of all that p11-kit has",
}


def _without_entry(report: Report) -> set[str]:
    """Return the browsers without an entry in any database."""
    told = {change.browser for change in report.changes if change.what == "entry"}
    return {each for each in report.browsers if each not in told}
