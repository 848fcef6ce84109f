# SPDX-License-Identifier: MIT
"""Share the cases of a test out among the browsers.

A browser takes part in each case the same way where the host or the window makes the
difference. Each case then runs in one browser, and each browser runs some of them.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

_FAMILIES = ("chromium", "firefox")

#: For a test of which the browser is no subject, as long as others go its way in both.
#: A test costs Firefox half as much again as Chromium.
only_in_chromium = pytest.mark.parametrize("family", ["chromium"], indirect=True)
only_in_firefox = pytest.mark.parametrize("family", ["firefox"], indirect=True)


def in_turn(
    names: str | Sequence[str],
    cases: Iterable[Any],
    *,
    ids: Callable[[Any], str] | Sequence[str] | None = None,
) -> pytest.MarkDecorator:
    """Parametrize like pytest, with each case in the next browser in turn."""
    if isinstance(names, str):
        names, cases = (names,), [(case,) for case in cases]
    cases = list(cases)
    browsers = [_FAMILIES[place % len(_FAMILIES)] for place in range(len(cases))]
    if ids is not None and not callable(ids):
        ids = [f"{family}-{each}" for family, each in zip(browsers, ids, strict=True)]
    return pytest.mark.parametrize(
        ("family", *names),
        [(family, *case) for family, case in zip(browsers, cases, strict=True)],
        indirect=["family"],
        ids=ids,
    )
