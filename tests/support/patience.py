# SPDX-License-Identifier: MIT
"""How long tests wait for what comes in any case.

A fixed limit is a verdict by elapsed time on a machine that is busy. Limits grow with
the number of programs that share a processor there.
"""

import os

_MOST = 15


def slowdown() -> float:
    """Return how many times longer than on an idle machine things take now."""
    return min(max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)), _MOST)


def patience(seconds: float = 60) -> float:
    """Return so many seconds of an idle machine in seconds of this one."""
    return seconds * slowdown()
