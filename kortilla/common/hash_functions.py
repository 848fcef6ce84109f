# SPDX-License-Identifier: MIT
"""The hash functions that signatures use, by Web eID's names."""

from cryptography.hazmat.primitives import hashes

#: All that ECDSA signs. RSA's paddings name the function, and cards know only SHA-2.
HASH_FUNCTIONS: dict[str, hashes.HashAlgorithm] = {
    "SHA-224": hashes.SHA224(),
    "SHA-256": hashes.SHA256(),
    "SHA-384": hashes.SHA384(),
    "SHA-512": hashes.SHA512(),
    "SHA3-224": hashes.SHA3_224(),
    "SHA3-256": hashes.SHA3_256(),
    "SHA3-384": hashes.SHA3_384(),
    "SHA3-512": hashes.SHA3_512(),
}
