# SPDX-License-Identifier: MIT
"""What is written on the user's computer, so that browsers find Kortilla.

``tables`` reads what goes where from ``manifests/``, ``contents`` makes the files, and
``changes`` writes and removes them. ``host`` sets up native messaging and the desktop,
``token`` the card as a PKCS#11 token.
"""
