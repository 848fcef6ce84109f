# SPDX-License-Identifier: MIT
"""The clock of validation, sessions and signatures."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current time in UTC, with its time zone."""
    return datetime.now(UTC)
