# SPDX-License-Identifier: MIT
"""What the relying party's tests share."""

import pytest

from relying_party import Trust

from .pki import CA, Leaf, key


@pytest.fixture(scope="session")
def root() -> CA:
    """A test root."""
    return CA.create("SPECIMEN Root CA")


@pytest.fixture(scope="session")
def ca(root: CA) -> CA:
    """A test CA that issues leaves."""
    return CA.create("SPECIMEN Issuing CA", parent=root)


@pytest.fixture(scope="session")
def trust(ca: CA, root: CA) -> Trust:
    """A test trust in the issuing CA, its root known."""
    return ca.trust(root.der)


@pytest.fixture(scope="session")
def leaf(ca: CA) -> Leaf:
    """A sound authentication certificate with a P-384 key."""
    return ca.issue(key("P-384"))
