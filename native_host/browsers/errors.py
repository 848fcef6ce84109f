# SPDX-License-Identifier: MIT
"""What can go wrong when browsers are told about the host."""

from native_host.errors import KortillaError

__all__ = ["InstallFailed"]


class InstallFailed(KortillaError):
    """A file can't be read or written, or no browser was found; the message says."""

    code = "INSTALL_FAILED"
