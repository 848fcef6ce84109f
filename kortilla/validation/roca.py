# SPDX-License-Identifier: MIT
"""RSA keys that can be computed: ROCA, CVE-2017-15361.

A library of smart card chips made its primes as ``k·M + (65537^a mod M)``, where M is
the product of the first primes. So the modulus N of such a key is a power of 65537
modulo each small prime. For other keys this is true once in many millions
(Nemec, Sys, Svenda, Klinec, Matyas: The Return of Coppersmith's Attack, 2017, §2).
"""

__all__ = ["has_roca_fingerprint"]

_GENERATOR = 65537
#: M contains the primes up to 167 even for the shortest keys.
_LARGEST_PRIME = 167


def _subgroup(prime: int) -> frozenset[int]:
    """Return the powers of 65537 modulo a prime."""
    powers = [1]
    while (power := powers[-1] * _GENERATOR % prime) != 1:
        powers.append(power)
    return frozenset(powers)


def _primes(limit: int) -> list[int]:
    primes: list[int] = []
    for number in range(2, limit + 1):
        if all(number % prime for prime in primes):
            primes.append(number)
    return primes


#: The primes for which some residues are no power of 65537.
_SUBGROUPS = [
    (prime, subgroup)
    for prime in _primes(_LARGEST_PRIME)
    if len(subgroup := _subgroup(prime)) < prime - 1
]


def has_roca_fingerprint(modulus: int) -> bool:
    """Return whether an RSA modulus has the structure of the broken library's keys."""
    return all(modulus % prime in subgroup for prime, subgroup in _SUBGROUPS)
