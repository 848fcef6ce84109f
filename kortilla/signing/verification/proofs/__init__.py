# SPDX-License-Identifier: MIT
"""What a signed file itself proves for later: timestamps, and revocation data.

``kept`` gathers the data, in the limited process. ``evidence`` says what they tell of a
certificate at a time, and which level of the ETSI baseline profiles verifies; ``times``
says which timestamps prove a time.
"""
