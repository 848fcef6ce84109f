# SPDX-License-Identifier: MIT
"""Runs the real window without a screen.

The environment comes from the browser and can't request this, so the command does.
"""

import sys

_CODE = """
import os
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from native_host.pin_prompt.__main__ import main
main()
"""

#: The command of the window's process.
OFFSCREEN = [sys.executable, "-I", "-c", _CODE]
