# SPDX-License-Identifier: MIT
"""A system that gives processes no network namespace, such as many containers."""

import subprocess
import sys

#: Code that has the kernel refuse: it knows no such flags.
REFUSED = """\
from kortilla.common import limits
limits._CLONE_NEWNET = limits._CLONE_NEWUSER = 1
"""
_PROBE = "from kortilla.common.limits import leave_network; exit(not leave_network())"


def may_leave_network() -> bool:
    """Return whether a process of this user may leave the network here."""
    done = subprocess.run([sys.executable, "-c", _PROBE], check=False)
    return done.returncode == 0
