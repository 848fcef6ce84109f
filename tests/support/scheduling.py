# SPDX-License-Identifier: MIT
"""Which worker of pytest-xdist runs which tests, and in which order.

A start of a browser takes seconds, and so do some fixtures of a file. So all tests of
one browser go to one worker, and all other tests of a file, or of a group of files.
What takes longest begins first, so that no worker is left with it at the end.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

_FAMILIES = ("firefox", "chromium")
#: How the files begin whose tests share what takes long to start: services, with the
#: process that forks them, and processes that read signed files.
_TOGETHER = {
    "tests/kortilla/test_adapter": "services",
    "tests/kortilla/test_django_users": "services",
    "tests/kortilla/test_documented_services": "services",
    "tests/kortilla/test_setup": "services",
    "tests/kortilla/test_wsgi": "services",
    "tests/openid/test_processes": "services",
    "tests/kortilla/signing/": "signed files",
}


def browser_of(nodeid: str) -> str | None:
    """Return the family of the browser that the tests of a family share."""
    path, _, name = nodeid.partition("::")
    parameters = name.partition("[")[2]
    if "tests/browser/" not in path:
        return None
    return next((each for each in _FAMILIES if each in parameters), None)


def arrange(items: list[pytest.Item]) -> None:
    """Sort tests: what takes longest comes first.

    A browser's tests come together, as another's in between would restart it. So do a
    file's tests, which may share what takes long to start.
    """
    places: dict[Path, int] = {}
    for item in items:
        place = _place(item)
        places[item.path] = min(place, places.get(item.path, place))

    def key(item: pytest.Item) -> tuple[int, str]:
        family = browser_of(item.nodeid)
        if family is not None:
            return _FAMILIES.index(family), str(item.path)
        return len(_FAMILIES) + places[item.path], ""

    items.sort(key=key)


def _place(item: pytest.Item) -> int:
    markers = {mark.name for mark in item.iter_markers()}
    if "browser" in markers:
        return 0
    return 1 if markers & {"slow", "window", "pcscd"} else 2


class Scheduling(LoadScopeScheduling):  # type: ignore[misc] # it has no types
    """Hands out the tests of a browser, or of files, as one piece, in their order.

    A run goes on where a worker dies, and ends with a failure. pytest-xdist would give
    the test that killed it to the next worker, and hang in the end.
    """

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        shared = (name for begin, name in _TOGETHER.items() if file.startswith(begin))
        return browser_of(nodeid) or next(shared, file)

    def _assign_work_unit(self, node: Any) -> None:
        # A worker that has just died takes nothing: remove_node hands its tests out.
        with suppress(OSError):
            super()._assign_work_unit(node)

    def remove_node(self, node: Any) -> str | None:
        """Forget a worker. Return the test that it ran, if it has died."""
        workload: dict[str, dict[str, bool]] = self.assigned_work.pop(node)
        pending = [
            (tests, nodeid)
            for tests in workload.values()
            for nodeid, completed in tests.items()
            if not completed
        ]
        if not pending:
            return None
        tests, crashed = pending[0]
        tests[crashed] = True
        # The worker in its place gets the others once it has collected them.
        rest = {
            scope: each for scope, each in workload.items() if not all(each.values())
        }
        self.workqueue.update(rest)
        return crashed

    def _reschedule(self, node: Any) -> None:
        if node not in self.registered_collections:
            return
        super()._reschedule(node)
        # A worker runs its last test only when it knows that none follows.
        if not node.shutting_down and self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)
