# SPDX-License-Identifier: MIT
"""Fixtures for keys and certificates, created once for this folder."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.card.scripted import AUTHENTICATING_RSA, SIGNING, make_certificate
from tests.support.cards import rsa_key


@pytest.fixture(scope="session")
def p384() -> ec.EllipticCurvePrivateKey:
    """The authentication key of a v5 card."""
    return ec.generate_private_key(ec.SECP384R1())


@pytest.fixture(scope="session")
def rsa3072() -> rsa.RSAPrivateKey:
    """The authentication key of a v4.2 card, with the measured length."""
    return rsa_key(3072)


@pytest.fixture(scope="session")
def rsa4096() -> rsa.RSAPrivateKey:
    """An alternate key of a 2026 card."""
    return rsa_key(4096)


@pytest.fixture(scope="session")
def p256() -> ec.EllipticCurvePrivateKey:
    """The preferred signature key of a v4.2 card."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def v5_certificate(p384: ec.EllipticCurvePrivateKey) -> bytes:
    return make_certificate(p384)


@pytest.fixture(scope="session")
def v5_signature_certificate(p384: ec.EllipticCurvePrivateKey) -> bytes:
    return make_certificate(p384, key_usage=SIGNING)


@pytest.fixture(scope="session")
def v4_2_certificate(rsa3072: rsa.RSAPrivateKey) -> bytes:
    return make_certificate(
        rsa3072, null_parameters=False, key_usage=AUTHENTICATING_RSA
    )
