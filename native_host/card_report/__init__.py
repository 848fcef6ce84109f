# SPDX-License-Identifier: MIT
"""A report of a card for developers: what it needs no PIN for, without the person.

``reading`` asks the card, ``certificates``, ``directories`` and ``answers`` copy what
it said, and ``report`` puts the copies together. A value is copied only where
``facts`` knows that it says nothing about a person. ``stand_ins`` replaces all others.
"""
