# SPDX-License-Identifier: MIT
"""Fixtures for the tests of trusted lists."""

import pytest

from tests.kortilla.pki import Leaf
from tests.kortilla.small_eu import list_signer


@pytest.fixture(scope="session")
def signer() -> Leaf:
    """Somebody who signs lists."""
    return list_signer("SPECIMEN Signer")
