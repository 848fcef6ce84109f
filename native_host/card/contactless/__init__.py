# SPDX-License-Identifier: MIT
"""The card on the contactless side of a reader: PACE and secure messaging."""
