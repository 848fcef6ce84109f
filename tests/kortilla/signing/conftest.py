# SPDX-License-Identifier: MIT
"""Fixtures for the tests of signed files and of answers to a signing request."""

import pytest
from pyhanko.sign.timestamps import DummyTimeStamper

from kortilla.mock_card.authority import Authority
from tests.kortilla import pki
from tests.kortilla.pki import CA, Leaf, key
from tests.kortilla.signed_files import Maker, issue
from tests.kortilla.signing.lasting_files import Lasting
from tests.kortilla.timestamps import stamper


@pytest.fixture(scope="session")
def signer(ca: CA) -> Leaf:
    """A signature certificate that is valid at ``pki.NOW``."""
    return ca.issue(key("P-384"), key_usage=pki.SIGNATURE)


@pytest.fixture(scope="session")
def maker(ca: CA) -> Maker:
    """Signs files, with a certificate that is valid today."""
    return Maker(issue(ca), ca)


@pytest.fixture
def timestamper(authority: Authority) -> DummyTimeStamper:
    """A time-stamping service with a certificate of the card's CA."""
    return stamper(authority)


@pytest.fixture(scope="module")
def lasting() -> Lasting:
    return Lasting.create()
