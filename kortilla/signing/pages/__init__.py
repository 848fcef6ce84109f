# SPDX-License-Identifier: MIT
"""Draws the pages of a signed PDF, and compares them with those that were signed."""
