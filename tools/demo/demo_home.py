# SPDX-License-Identifier: MIT
"""The demo's folder, which keeps the person's own files untouched."""

from native_host.browser_testing.temporary_home import TemporaryHome as DemoHome
from native_host.browser_testing.temporary_home import extension_folder

__all__ = ["DemoHome", "extension_folder"]
