# SPDX-License-Identifier: MIT
"""Where no window can come up, that is said, with what can be done."""

import sys

import pytest

from native_host.pin_prompt.prompt import PromptFailed
from native_host.pin_prompt.spawn import spawn


def test_without_a_screen_no_window_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(PromptFailed, match="--prompt terminal"):
        spawn()
