# SPDX-License-Identifier: MIT
"""One file for each thing that the host can do."""
