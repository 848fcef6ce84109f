# SPDX-License-Identifier: MIT
"""A certificate authority of the test's own, and browsers that trust it: the demo's."""

from tools.demo.site_authority import Authority

__all__ = ["Authority"]
