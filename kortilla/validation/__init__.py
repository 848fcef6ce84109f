# SPDX-License-Identifier: MIT
"""Validation of tokens and certificates, without HTTP or a web framework."""
