# SPDX-License-Identifier: MIT
"""``python -m kortilla.cli``, for when the script is not on the path."""

import sys

from kortilla.cli import main

sys.exit(main())
