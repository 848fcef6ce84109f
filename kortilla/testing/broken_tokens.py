# SPDX-License-Identifier: MIT
"""Tokens with one fault each, and the error that a validator must raise.

The command, the pytest plugin and the tests use the table ``BROKEN_TOKENS``.
"""

import base64
import hashlib
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from asn1crypto import x509
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
)

from kortilla.common import JsonObject
from kortilla.mock_card.authority import Authority, Person
from kortilla.mock_card.errors import InvalidArgumentError
from kortilla.mock_card.issue import revoke
from kortilla.mock_card.keys import PrivateKey, generate_key, load_private_key
from kortilla.mock_card.profiles import PROFILES, KeyType
from kortilla.mock_card.state import MockCardState
from kortilla.testing.signatures import find_key, sign_token

Token = JsonObject

_DAY = timedelta(days=1)
_E = 65537
_BITS = 2048
#: How many of the first primes M has for a key of 2048 bits (table 1).
_PRIMES = 126
#: In the arc for examples (ITU-T X.660).
_OTHER_POLICY = "2.999.1"


class TokenFault(StrEnum):
    """One fault of a token; ``BROKEN_TOKENS`` has the error that it must raise."""

    WRONG_ORIGIN = "wrong-origin"
    WRONG_NONCE = "wrong-nonce"
    WRONG_SIGNATURE = "wrong-signature"
    WRONG_KEY = "wrong-key"
    WRONG_ALGORITHM = "wrong-algorithm"
    TRUNCATED_SIGNATURE = "truncated-signature"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    REVOKED = "revoked"
    UNTRUSTED_ISSUER = "untrusted-issuer"
    SIGNING_CERTIFICATE = "signing-certificate"
    CA_CERTIFICATE = "ca-certificate"
    NO_KEY_USAGE = "no-key-usage"
    DISALLOWED_POLICY = "disallowed-policy"
    WEAK_KEY = "weak-key"
    TRUNCATED_CERTIFICATE = "truncated-certificate"
    UNKNOWN_FORMAT = "unknown-format"
    MISSING_SIGNATURE = "missing-signature"
    NOT_BASE64 = "not-base64"
    OVERSIZED = "oversized"


@dataclass(frozen=True)
class BrokenToken:
    """A fault of a token. ``error`` is the ``code`` of an error of ``kortilla.errors``.

    ``asks`` means that only a validator that checks revocation detects it.
    """

    name: TokenFault
    what: str
    error: str
    make: "Callable[[_Maker], Token]" = field(repr=False)
    asks: bool = False


def break_token(
    name: str, token: Token, *, folder: Path, origin: str, nonce: str
) -> Token:
    """Return a valid token of the card in ``folder``, with the named fault.

    ``revoked`` adds to the folder's ``revoked.crl``; no other file changes. Raises
    ``InvalidArgumentError`` for an unknown name.
    """
    known = {str(broken.name): broken for broken in BROKEN_TOKENS}
    if name not in known:
        raise InvalidArgumentError(f"{name!r} is none of {', '.join(known)}.")
    return known[name].make(_Maker(token, folder, origin, nonce))


class _Maker:
    """Makes tokens with the card's keys and its CA."""

    def __init__(self, sound: Token, folder: Path, origin: str, nonce: str) -> None:
        self.sound = sound
        self.folder = folder
        self.origin, self.nonce = origin, nonce
        self.authority = Authority.open(folder)
        self._card = MockCardState.open(folder).read()

    def changed(self, **fields: object) -> Token:
        return {**self.sound, **fields}

    def without(self, field: str) -> Token:
        return {name: value for name, value in self.sound.items() if name != field}

    def signed(
        self,
        *,
        key: PrivateKey | None = None,
        certificate: bytes | None = None,
        origin: str | None = None,
        nonce: str | None = None,
    ) -> Token:
        """Return a newly signed token, valid except for the given arguments."""
        key = key or self.key
        fields = sign_token(key, origin or self.origin, nonce or self.nonce)
        if certificate is not None:
            fields["unverifiedCertificate"] = _text(certificate)
        return self.changed(**fields)

    def issued(
        self,
        *,
        key: PrivateKey | None = None,
        authority: Authority | None = None,
        **options: Any,
    ) -> Token:
        """Return a token with another leaf, otherwise valid."""
        key = key or self.key
        card = self._card
        leaf = (authority or self.authority).issue(
            key.public_key(),
            Person(card.surname, card.given_name, card.satu),
            "authentication",
            **{"null_parameters": PROFILES[card.profile].null_parameters, **options},
        )
        return self.signed(key=key, certificate=leaf)

    @property
    def key(self) -> PrivateKey:
        return load_private_key(find_key(self._card, "authentication").private_key)

    def signing(self) -> Token:
        data = find_key(self._card, "signature")
        key = load_private_key(data.private_key)
        return self.signed(key=key, certificate=data.certificate)

    def revoked(self) -> Token:
        token = self.issued()
        leaf = x509.Certificate.load(_bytes(token["unverifiedCertificate"]))
        revoke(self.folder, [leaf.serial_number])
        return token


def _flipped(text: str) -> str:
    data = bytearray(_bytes(text))
    data[-1] ^= 1
    return _text(bytes(data))


def _halved(text: str) -> str:
    data = _bytes(text)
    return _text(data[: len(data) // 2])


def _other_origin(origin: str) -> str:
    names = ("https://wrong-origin.example", "https://other-origin.example")
    return next(name for name in names if name != origin)


def _other_nonce(nonce: str) -> str:
    return _text(hashlib.sha256(nonce.encode()).digest())


def _other_algorithm(algorithm: str) -> str:
    return algorithm[:2] + ("384" if algorithm.endswith("256") else "256")


def _other_key(key: PrivateKey) -> PrivateKey:
    if isinstance(key, RSAPrivateKey):
        return generate_key(KeyType.RSA2048)
    return generate_key(KeyType(f"P-{key.key_size}"))


def _kind(authority: Authority) -> Literal["ECC", "RSA"]:
    return "RSA" if isinstance(authority.issuing_key, RSAPrivateKey) else "ECC"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)


def weak_key() -> RSAPrivateKey:
    """Make a key of 2048 bits that can be computed from its modulus.

    So a library made keys (ROCA, CVE-2017-15361). Its primes are ``k·M + (65537^a mod
    M)`` with M the product of the first primes (Nemec, Sys, Svenda, Klinec, Matyas: The
    Return of Coppersmith's Attack, 2017, §2).
    """
    product = math.prod(_first_primes(_PRIMES))
    while True:
        p, q = _candidate(product), _candidate(product)
        d = pow(_E, -1, (p - 1) * (q - 1))
        numbers = RSAPrivateNumbers(
            p=p,
            q=q,
            d=d,
            dmp1=rsa_crt_dmp1(d, p),
            dmq1=rsa_crt_dmq1(d, q),
            iqmp=rsa_crt_iqmp(p, q),
            public_numbers=RSAPublicNumbers(_E, p * q),
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


_PARSE = "AUTH_TOKEN_PARSE"
_SIGNATURE = "AUTH_TOKEN_SIGNATURE_VALIDATION"
_CERTIFICATE = "USER_CERTIFICATE_PARSE"

#: Each way to break a token, with the code of the error that must refuse it.
BROKEN_TOKENS: tuple[BrokenToken, ...] = (
    BrokenToken(
        TokenFault.WRONG_ORIGIN,
        "signed for another origin, as a relayed login is",
        _SIGNATURE,
        lambda maker: maker.signed(origin=_other_origin(maker.origin)),
    ),
    BrokenToken(
        TokenFault.WRONG_NONCE,
        "signed for another challenge, as a replayed login is",
        _SIGNATURE,
        lambda maker: maker.signed(nonce=_other_nonce(maker.nonce)),
    ),
    BrokenToken(
        TokenFault.WRONG_SIGNATURE,
        "one bit of the signature is another",
        _SIGNATURE,
        lambda maker: maker.changed(signature=_flipped(maker.sound["signature"])),
    ),
    BrokenToken(
        TokenFault.WRONG_KEY,
        "signed by another key than the certificate's",
        _SIGNATURE,
        lambda maker: maker.signed(key=_other_key(maker.key)),
    ),
    BrokenToken(
        TokenFault.WRONG_ALGORITHM,
        "names another algorithm than it was signed with",
        _SIGNATURE,
        lambda maker: maker.changed(
            algorithm=_other_algorithm(maker.sound["algorithm"])
        ),
    ),
    BrokenToken(
        TokenFault.TRUNCATED_SIGNATURE,
        "half of the signature is missing",
        _SIGNATURE,
        lambda maker: maker.changed(signature=_halved(maker.sound["signature"])),
    ),
    BrokenToken(
        TokenFault.EXPIRED,
        "the certificate was valid until yesterday",
        "CERTIFICATE_EXPIRED",
        lambda maker: maker.issued(
            not_before=datetime.now(UTC) - 366 * _DAY,
            not_after=datetime.now(UTC) - _DAY,
        ),
    ),
    BrokenToken(
        TokenFault.NOT_YET_VALID,
        "the certificate is valid from tomorrow on",
        "CERTIFICATE_NOT_YET_VALID",
        lambda maker: maker.issued(not_before=datetime.now(UTC) + _DAY),
    ),
    BrokenToken(
        TokenFault.REVOKED,
        "the certificate is in the CA's revoked.crl",
        "USER_CERTIFICATE_REVOKED",
        _Maker.revoked,
        asks=True,
    ),
    BrokenToken(
        TokenFault.UNTRUSTED_ISSUER,
        "another CA of the same name issued the certificate",
        "CERTIFICATE_NOT_TRUSTED",
        lambda maker: maker.issued(authority=Authority.create(_kind(maker.authority))),
    ),
    BrokenToken(
        TokenFault.SIGNING_CERTIFICATE,
        "made with the key and certificate of PIN2",
        "USER_CERTIFICATE_WRONG_PURPOSE",
        _Maker.signing,
    ),
    BrokenToken(
        TokenFault.CA_CERTIFICATE,
        "made with the key and certificate of the issuing CA",
        "USER_CERTIFICATE_WRONG_PURPOSE",
        lambda maker: maker.signed(
            key=maker.authority.issuing_key, certificate=maker.authority.issuing_der
        ),
    ),
    BrokenToken(
        TokenFault.NO_KEY_USAGE,
        "the certificate does not say what its key is for",
        "USER_CERTIFICATE_MISSING_PURPOSE",
        lambda maker: maker.issued(key_usage=False),
    ),
    BrokenToken(
        TokenFault.DISALLOWED_POLICY,
        "the certificate is not one for citizens",
        "USER_CERTIFICATE_DISALLOWED_POLICY",
        lambda maker: maker.issued(policy=_OTHER_POLICY),
    ),
    BrokenToken(
        TokenFault.WEAK_KEY,
        "the key can be computed (ROCA, CVE-2017-15361)",
        "USER_CERTIFICATE_WEAK_KEY",
        lambda maker: maker.issued(key=weak_key()),
    ),
    BrokenToken(
        TokenFault.TRUNCATED_CERTIFICATE,
        "half of the certificate is missing",
        _CERTIFICATE,
        lambda maker: maker.changed(
            unverifiedCertificate=_halved(maker.sound["unverifiedCertificate"])
        ),
    ),
    BrokenToken(
        TokenFault.UNKNOWN_FORMAT,
        "of the format web-eid:2.0",
        _PARSE,
        lambda maker: maker.changed(format="web-eid:2.0"),
    ),
    BrokenToken(
        TokenFault.MISSING_SIGNATURE,
        "has no signature",
        _PARSE,
        lambda maker: maker.without("signature"),
    ),
    BrokenToken(
        TokenFault.NOT_BASE64,
        "its signature is in the alphabet of URLs",
        _PARSE,
        lambda maker: maker.changed(signature="-_" + maker.sound["signature"][2:]),
    ),
    BrokenToken(
        TokenFault.OVERSIZED,
        "longer than 10,000 characters",
        _PARSE,
        lambda maker: maker.changed(padding="x" * 10_000),
    ),
)
