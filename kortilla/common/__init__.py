# SPDX-License-Identifier: MIT
"""What the library and the citizen's program both use. It imports nothing of either."""
