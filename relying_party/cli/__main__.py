# SPDX-License-Identifier: MIT
"""``python -m relying_party.cli``, where the script is not on the path."""

import sys

from . import main

sys.exit(main())
