# SPDX-License-Identifier: MIT
"""The window itself, in its own process: the only part that imports Qt."""
