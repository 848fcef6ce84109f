# SPDX-License-Identifier: MIT
"""Keys with the structure of CVE-2017-15361 are recognised by their modulus alone."""

import functools
import math
import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from kortilla.validation.signature import has_roca_fingerprint
from tests.kortilla.pki import key

#: The number of primes in M, by the modulus' length (the paper's table 1).
PRIMES_IN_M = {512: 39, 1024: 71, 2048: 126}


def is_prime(number: int) -> bool:
    """Run the Miller–Rabin primality test, which errs once in 2^40."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(20):
        power = pow(secrets.randbelow(number - 3) + 2, odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


def first_primes(count: int) -> list[int]:
    primes: list[int] = []
    number = 2
    while len(primes) < count:
        if all(number % prime for prime in primes):
            primes.append(number)
        number += 1
    return primes


def broken_prime(bits: int, m: int) -> int:
    """Return a prime k·M + (65537^a mod M), as the vulnerable library makes them."""
    while True:
        k = (1 << bits) // m - secrets.randbelow((1 << bits) // m // 8) - 1
        prime = k * m + pow(65537, secrets.randbits(64), m)
        fits = prime.bit_length() == bits and math.gcd(prime - 1, 65537) == 1
        # Fermat's test rules most candidates out, so few need the long one.
        if fits and pow(2, prime - 1, prime) == 1 and is_prime(prime):
            return prime


@functools.cache
def broken_key(bits: int) -> rsa.RSAPrivateKey:
    """Return an RSA key with the structure of the vulnerable library's keys."""
    m = math.prod(first_primes(PRIMES_IN_M[bits]))
    p, q = broken_prime(bits // 2, m), broken_prime(bits // 2, m)
    d = pow(65537, -1, math.lcm(p - 1, q - 1))
    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=d % (p - 1),
        dmq1=d % (q - 1),
        iqmp=pow(q, -1, p),
        public_numbers=rsa.RSAPublicNumbers(65537, p * q),
    ).private_key()


@pytest.mark.parametrize("bits", [1024, 2048])
def test_a_key_of_the_broken_library_is_known(bits: int) -> None:
    modulus = broken_key(bits).public_key().public_numbers().n
    assert modulus.bit_length() == bits
    assert has_roca_fingerprint(modulus)


@pytest.mark.parametrize("kind", ["RSA-2048", "RSA-3072"])
def test_an_ordinary_key_is_not(kind: str) -> None:
    ordinary = key(kind)
    assert isinstance(ordinary, rsa.RSAPrivateKey)
    assert not has_roca_fingerprint(ordinary.public_key().public_numbers().n)


def test_no_ordinary_modulus_of_many_has_the_fingerprint() -> None:
    assert not any(
        has_roca_fingerprint(secrets.randbits(2048) | 1) for _ in range(20_000)
    )


def test_one_broken_prime_alone_is_no_fingerprint() -> None:
    ordinary = key("RSA-2048")
    assert isinstance(ordinary, rsa.RSAPrivateKey)
    broken = broken_key(2048).private_numbers().p
    assert not has_roca_fingerprint(broken * ordinary.private_numbers().p)
