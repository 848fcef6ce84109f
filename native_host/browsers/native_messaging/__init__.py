# SPDX-License-Identifier: MIT
"""The host's manifests, launcher and agent: ``kortilla install`` and ``uninstall``."""
