# SPDX-License-Identifier: MIT
"""Signed files, good and forged, and what other programs show of each.

"Valid" is said of a file only if each program shows what was signed. The files are made
by code, with a new key each time: ``cases`` has them all.
"""
