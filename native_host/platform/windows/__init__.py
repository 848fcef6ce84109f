# SPDX-License-Identifier: MIT
"""What is so on Windows."""
