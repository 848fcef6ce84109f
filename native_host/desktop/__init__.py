# SPDX-License-Identifier: MIT
"""The window of ``kortilla open``: the card, this computer and its browsers."""
