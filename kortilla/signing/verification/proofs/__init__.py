# SPDX-License-Identifier: MIT
"""What a signed file itself proves for later: timestamps, and revocation data.

``kept`` gathers the data, in the limited process. ``evidence`` says what they tell of a
certificate at a time, ``times`` which timestamps prove one, and ``levels`` which level
of the ETSI baseline profiles verifies.
"""
