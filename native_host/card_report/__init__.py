# SPDX-License-Identifier: MIT
"""A report of a card for developers: its structure, without a value of it.

``reading`` asks the card what needs no PIN. ``report`` writes down lengths, tags,
status words and known algorithms. No other value has a way into a report.
"""
