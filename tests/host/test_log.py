# SPDX-License-Identifier: MIT
"""The log shows where an unexpected error occurred, never its text."""

import logging

import pytest

from native_host.log import log_unexpected


def test_an_unexpected_error_leaves_its_text_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    typed = "-".join(["90", "81", "72"])  # not in the source either
    try:
        raise RuntimeError(typed)
    except RuntimeError as error:
        log_unexpected(logging.getLogger("kortilla"), error)
    assert "RuntimeError" in caplog.text
    assert "test_log.py" in caplog.text
    assert typed not in caplog.text
