# SPDX-License-Identifier: MIT
"""Creates the test's own certificate authority and makes browsers trust it."""

from tools.demo.site_authority import Authority

__all__ = ["Authority"]
