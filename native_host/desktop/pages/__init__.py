# SPDX-License-Identifier: MIT
"""The pages of the window, each a module with a class ``Page``, and what they share."""
