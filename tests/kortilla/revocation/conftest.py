# SPDX-License-Identifier: MIT
"""A chain with a responder, and one with lists."""

import pytest

from tests.kortilla.pki import CA
from tests.kortilla.responder import Server
from tests.kortilla.revocation_checks import Checks, well


@pytest.fixture
def ocsp(server: Server, root: CA) -> Checks:
    """Checks by OCSP of a valid chain."""
    return Checks(server, well(server, root, by="ocsp"), "ocsp")


@pytest.fixture
def crl(server: Server, root: CA) -> Checks:
    """Checks by CRL of a valid chain."""
    return Checks(server, well(server, root, by="crl"), "crl")
