# SPDX-License-Identifier: MIT
"""The look of the program's windows: colours, sizes, icons and controls."""
