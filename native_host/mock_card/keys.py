# SPDX-License-Identifier: MIT
"""Private keys of the mock card and its test CA."""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from native_host.mock_card.profiles import KeyType

__all__ = [
    "PrivateKey",
    "PublicKey",
    "generate_key",
    "load_private_key",
    "private_key_der",
]

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


def generate_key(key_type: KeyType) -> PrivateKey:
    """Make a private key of the kind."""
    match key_type:
        case KeyType.P256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyType.P384:
            return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=key_type.rsa_bits)


def load_private_key(der: bytes) -> PrivateKey:
    """Load PKCS#8 DER of one of the kinds used here. Raises ``ValueError``."""
    # The mock's own keys need no primality test, which would take tens of ms.
    key = serialization.load_der_private_key(
        der, password=None, unsafe_skip_rsa_key_validation=True
    )
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError("neither an elliptic curve nor an RSA key")  # noqa: TRY004 - the file's content is wrong, not a caller's type
    return key


def private_key_der(key: PrivateKey) -> bytes:
    """Return the key as unencrypted PKCS#8 DER."""
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
