# SPDX-License-Identifier: MIT
"""What people read on the demo's pages: one JSON file for one language."""
