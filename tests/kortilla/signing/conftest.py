# SPDX-License-Identifier: MIT
"""Fixtures for the tests of signed files and of answers to a signing request."""

from collections.abc import AsyncIterator

import pytest
from pyhanko.sign.timestamps import DummyTimeStamper

from kortilla.mock_card.authority import Authority
from tests.kortilla import signed_files
from tests.kortilla.pki import CA, Leaf
from tests.kortilla.signed_files import Maker
from tests.kortilla.signing.demo_signer import Signer, issue
from tests.kortilla.timestamps import stamper
from tools.demo.site import DemoServer


@pytest.fixture(scope="module")
def signing_leaf(ca: CA) -> Leaf:
    return issue(ca)


@pytest.fixture(scope="module")
def maker(ca: CA) -> Maker:
    """Signs files for the tests of verification."""
    return Maker(signed_files.issue(ca), ca)


@pytest.fixture
def timestamper(authority: Authority) -> DummyTimeStamper:
    """A time-stamping service with a certificate of the card's CA."""
    return stamper(authority)


@pytest.fixture
async def stranger(demo: DemoServer) -> AsyncIterator[Signer]:
    """A browser that has not logged in."""
    signer = Signer(demo)
    yield signer
    await signer.visitor.http.close()


@pytest.fixture
async def signer(demo: DemoServer, ca: CA) -> AsyncIterator[Signer]:
    signer = Signer(demo)
    await signer.visitor.log_in(ca)
    yield signer
    await signer.visitor.http.close()
