# SPDX-License-Identifier: MIT
"""Fixtures for the tests of encryption."""

import pytest

from kortilla.encryption import recipients
from tests.kortilla.encryption.keys import PROFILES, SoftwareKey, key_of


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a password cost no time. Another program's tests need the real number."""
    monkeypatch.setattr(recipients, "_ITERATIONS", 1000)


@pytest.fixture(params=PROFILES)
def key(request: pytest.FixtureRequest) -> SoftwareKey:
    """A key on P-384, one of RSA-3072, and one of RSA-2048."""
    return key_of(request.param)


@pytest.fixture
def ecc() -> SoftwareKey:
    return key_of("v5")


@pytest.fixture
def rsa() -> SoftwareKey:
    return key_of("v4.2")
