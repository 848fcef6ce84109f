# SPDX-License-Identifier: MIT
"""The small program in the background that notices new cards."""
