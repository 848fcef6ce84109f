# SPDX-License-Identifier: MIT
"""Which worker of pytest-xdist runs which tests, and in which order.

A start of a browser takes seconds, and so do some fixtures of a file. So all tests of
one browser go to one worker, and all other tests of a file. What takes longest begins
first, so that no worker is left with it at the end.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # it has no types

__all__ = ["Scheduling", "browser_of", "place_in_order"]

_FAMILIES = ("firefox", "chromium")


def browser_of(nodeid: str) -> str | None:
    """Return the family of the browser that the tests of a family share."""
    path, _, name = nodeid.partition("::")
    parameters = name.partition("[")[2]
    if "tests/browser/" not in path:
        return None
    return next((each for each in _FAMILIES if each in parameters), None)


def place_in_order(item: pytest.Item) -> tuple[int, str]:
    """Return the key to sort tests by: what takes longest comes first.

    A browser's tests come together, as another's in between would restart it. Within
    them a file's tests do, which may share another browser.
    """
    family = browser_of(item.nodeid)
    if family is not None:
        return _FAMILIES.index(family), str(item.path)
    markers = {mark.name for mark in item.iter_markers()}
    return 2 if "browser" in markers else 3 if "slow" in markers else 4, ""


class Scheduling(LoadScopeScheduling):  # type: ignore[misc] # nor has its class
    """Hands out the tests of a browser, or of a file, as one piece, in their order."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return browser_of(nodeid) or nodeid.partition("::")[0]
