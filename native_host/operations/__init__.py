# SPDX-License-Identifier: MIT
"""The host's operations, one file each."""
