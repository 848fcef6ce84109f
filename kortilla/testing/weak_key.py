# SPDX-License-Identifier: MIT
"""RSA keys as the broken library made them (ROCA, CVE-2017-15361), for tests.

Its primes are ``k·M + (65537^a mod M)`` with M the product of the first primes
(Nemec, Sys, Svenda, Klinec, Matyas: The Return of Coppersmith's Attack, 2017, §2).
"""

import math
import secrets

from cryptography.hazmat.primitives.asymmetric import rsa

_E = 65537
_BITS = 2048
#: How many of the first primes M has for a key of 2048 bits (table 1).
_PRIMES = 126


def weak_key() -> rsa.RSAPrivateKey:
    """Make a key of 2048 bits that can be computed from its modulus."""
    product = math.prod(_first_primes(_PRIMES))
    while True:
        p, q = _candidate(product), _candidate(product)
        d = pow(_E, -1, (p - 1) * (q - 1))
        numbers = rsa.RSAPrivateNumbers(
            p=p,
            q=q,
            d=d,
            dmp1=rsa.rsa_crt_dmp1(d, p),
            dmq1=rsa.rsa_crt_dmq1(d, q),
            iqmp=rsa.rsa_crt_iqmp(p, q),
            public_numbers=rsa.RSAPublicNumbers(_E, p * q),
        )
        try:
            return numbers.private_key()
        except ValueError:  # a candidate was composite
            continue


def _candidate(product: int) -> int:
    """Return a probable prime, with its two highest bits set."""
    highest = (1 << _BITS // 2) // product
    while True:
        k = highest - secrets.randbelow(highest // 8) - 1
        number = k * product + pow(_E, secrets.randbits(64), product)
        if math.gcd(number - 1, _E) == 1 and pow(2, number - 1, number) == 1:
            return number


def _first_primes(count: int) -> list[int]:
    primes: list[int] = []
    number = 2
    while len(primes) < count:
        if all(number % prime for prime in primes):
            primes.append(number)
        number += 1
    return primes
