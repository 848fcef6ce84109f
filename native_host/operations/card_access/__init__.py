# SPDX-License-Identifier: MIT
"""The card of an operation: found, opened without contact, held, released, removed."""
