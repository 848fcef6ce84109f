# SPDX-License-Identifier: MIT
"""The process's application, without a screen."""

from tests.pin_prompt.conftest import application

__all__ = ["application"]
