# SPDX-License-Identifier: MIT
"""The protocols with the browser: framing, models of messages, requests."""
