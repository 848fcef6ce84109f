# SPDX-License-Identifier: MIT
"""The choice of the card's key that signs for a service, and of its algorithm."""

import logging
from collections.abc import Iterator

from native_host.card.certificate import CardCertificate, PublicKey
from native_host.card.errors import (
    CONNECTION_ERRORS,
    CardError,
    KeyMissingError,
    UnsupportedCardError,
)
from native_host.card.fineid import CardKey, FineidCard, KeyRole
from native_host.card.signature import (
    KeyType,
    Padding,
    SignatureAlgorithm,
    supported_algorithms,
)
from native_host.errors import InvalidArgumentError
from native_host.operations.card_session import check_validity

logger = logging.getLogger(__name__)


def signature_keys(
    card: FineidCard, key_type: KeyType | None = None
) -> Iterator[tuple[CardKey, CardCertificate]]:
    """Yield the keys that may sign a service's request, the preferred one first.

    They are PIN2's keys whose certificates are for signing alone and valid now.
    Certificates are read lazily. If there is none, it raises the ``CardError`` that
    ruled out the last one.
    """
    found = False
    obstacle: CardError = KeyMissingError("The card has no such signature key.")
    keys = card.keys()
    for key in keys:
        if key.role is not KeyRole.SIGNATURE or key_type not in {None, key.key_type}:
            continue
        try:
            certificate = card.certificate(key)
            if not certificate.for_signing:
                raise UnsupportedCardError("The card's certificate is not for signing.")
            check_validity(certificate)
        except CONNECTION_ERRORS:
            raise
        except CardError as error:
            logger.info("A signature key can't be used: %s", error.code)
            obstacle = error
            continue
        found = True
        yield key, certificate
    if not found:
        raise obstacle


def algorithm_of(
    key: PublicKey, hash_function: str | None, padding: Padding | None
) -> SignatureAlgorithm:
    """Return the preferred algorithm of a key for a hash function and a padding.

    None means any of them. Raises ``InvalidArgumentError`` if there is none.
    """
    for algorithm in supported_algorithms(key):
        if hash_function not in {None, algorithm.hash_function}:
            continue
        if padding in {None, algorithm.padding}:
            return algorithm
    raise InvalidArgumentError("The key can't sign what is asked for in this way.")
