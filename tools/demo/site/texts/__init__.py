# SPDX-License-Identifier: MIT
"""The texts on the demo's pages: one JSON file per language."""
