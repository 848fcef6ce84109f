# SPDX-License-Identifier: MIT
"""What an error has to be."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from native_host.errors import KortillaError


@contextmanager
def raises(code: str, match: str | None = None) -> Iterator[None]:
    """As ``pytest.raises``, for an error of a code; pytest 8.3 has no ``check``."""
    with pytest.raises(KortillaError, match=match) as caught:
        yield
    assert caught.value.code == code
