# SPDX-License-Identifier: MIT
"""The real window without a screen.

Its environment can't ask for that, which comes from a browser: its command does.
"""

import sys

__all__ = ["OFFSCREEN"]

_CODE = """
import os
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from native_host.pin_prompt.__main__ import main
main()
"""

#: The command of the window's process.
OFFSCREEN = [sys.executable, "-I", "-c", _CODE]
