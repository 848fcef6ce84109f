# SPDX-License-Identifier: MIT
"""The mock card: a card in software, with its faults, states, certificates and test CA.

It imports nothing else of Kortilla, so that both sides can use it. ``card.py`` executes
command APDUs over a folder that ``state.py`` keeps. ``kortilla.testing`` has the public
names for testers.
"""
