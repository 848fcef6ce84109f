# SPDX-License-Identifier: MIT
"""The window, in a process of its own: the only package that imports Qt."""
