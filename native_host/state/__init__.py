# SPDX-License-Identifier: MIT
"""What the program remembers on this computer between its runs."""
