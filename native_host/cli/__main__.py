# SPDX-License-Identifier: MIT
"""``python -m native_host.cli`` is the ``kortilla`` command too."""

import sys

from . import main

sys.exit(main())
