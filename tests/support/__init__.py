# SPDX-License-Identifier: MIT
"""Test harness that several folders of tests share."""
