# SPDX-License-Identifier: MIT
"""What the library and the citizen's program both use. It imports nothing of either."""

from typing import Any

#: A JSON object. Its members have the types that PROTOCOL.md or a docstring names; one
#: that comes from elsewhere is checked where it is read.
JsonObject = dict[str, Any]
