# SPDX-License-Identifier: MIT
"""Validation of tokens and certificates. Nothing here knows HTTP or a web framework."""
