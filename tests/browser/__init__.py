# SPDX-License-Identifier: MIT
"""End to end: real browsers, the extension, the host as its own process."""
