# SPDX-License-Identifier: MIT
"""What a process on Windows keeps from the user's other programs.

``posix_protection.py`` has the same names.
"""

from native_host.platform import windows_security


def deny_memory_access() -> None:
    """Deny this memory to the user's other programs."""
    windows_security.deny_memory_access()


def allow_inspection() -> None:
    """Do nothing: desktop services look at no process on Windows."""


def disable_core_dumps() -> None:
    """Have no report of a crash hold this memory. Child processes inherit this."""
    windows_security.disable_crash_reports()


def refuse_foreign_code() -> None:
    """Load no DLL that others place here."""
    windows_security.load_only_from_safe_folders()
    windows_security.set_policies("extension-points", "fonts", "images")


def make_no_code() -> None:
    """Let this process make no memory executable.

    It is for processes without a window: what Windows, drivers and screen readers load
    into a window may need that.
    """
    windows_security.set_policies("dynamic-code")
