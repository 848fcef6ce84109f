# SPDX-License-Identifier: MIT
"""The seam to the browser: framing, wire models, dispatcher."""
