# SPDX-License-Identifier: MIT
"""Sockets of this user on this computer: apart from ``system``, as asyncio is slow."""

import sys

if sys.platform == "win32":
    from native_host.platform.windows_pipes import answer_locally, ask_locally
else:
    from native_host.platform.posix_sockets import answer_locally, ask_locally

__all__ = ["answer_locally", "ask_locally"]
