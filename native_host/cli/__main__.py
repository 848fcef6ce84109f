# SPDX-License-Identifier: MIT
"""``python -m native_host.cli`` is the ``kortilla`` command too."""

import sys

from native_host.cli import main

sys.exit(main())
