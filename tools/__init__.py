# SPDX-License-Identifier: MIT
"""What developers run: the demo, the benchmarks, the scripts behind the Makefile."""
