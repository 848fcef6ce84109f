# SPDX-License-Identifier: MIT
"""Developers' tools: the demo, the benchmarks, the scripts of the Makefile."""
