# SPDX-License-Identifier: MIT
"""The window, in a separate process: the only package that imports Qt."""
