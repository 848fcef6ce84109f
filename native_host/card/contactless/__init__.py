# SPDX-License-Identifier: MIT
"""The card on the contactless side of a reader: PACE and secure messaging."""

#: How many digits the card access number has.
CAN_DIGITS = 6
