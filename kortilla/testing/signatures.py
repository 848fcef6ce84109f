# SPDX-License-Identifier: MIT
"""Signatures by a mock card's keys, without the citizen's program and without APDUs.

No PIN is verified and no try is spent. A card that the program could not sign with is
refused with the program's error code.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from asn1crypto import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from kortilla.common import JsonObject
from kortilla.common.hash_functions import HASH_FUNCTIONS
from kortilla.common.origin import check_origin
from kortilla.mock_card.card_data import CardData, KeyData
from kortilla.mock_card.errors import (
    CardUnusableError,
    InvalidArgumentError,
    OriginRefusedError,
)
from kortilla.mock_card.faults import CommandName, FaultName
from kortilla.mock_card.keys import PrivateKey, load_private_key, sign_digest
from kortilla.mock_card.profiles import PROFILES
from kortilla.mock_card.state import MockCardState

Purpose = Literal["authentication", "signature"]

_MAX_HASHES, _MAX_NAME = 20, 255

#: The commands of a signature that a fault can strike, in the order of the card.
_COMMANDS = (
    CommandName.SELECT,
    CommandName.READ,
    CommandName.PIN_INFO,
    CommandName.VERIFY,
    CommandName.CHOOSE_KEY,
    CommandName.HASH,
    CommandName.SIGN,
)


def check_browser_origin(origin: str) -> None:
    """Raise ``OriginRefusedError`` for an origin that no host takes from a browser."""
    try:
        check_origin(origin)
    except ValueError as error:
        raise OriginRefusedError(str(error)) from None


def usable_key(state: MockCardState, purpose: Purpose) -> tuple[PrivateKey, bytes]:
    """Return the preferred key of a purpose, and its certificate (DER).

    Raises ``CardUnusableError`` and ``MockCardBrokenError``.
    """
    presence = state.presence()
    if not presence.reader:
        raise CardUnusableError("NO_READER", "The mock card's reader was pulled.")
    if not presence.card:
        raise CardUnusableError("NO_CARD", "The mock card is not in its reader.")
    _strike(state)
    data = state.read()
    pin = data.pin1 if purpose == "authentication" else data.pin2
    if not pin.changed:
        raise CardUnusableError("CARD_NOT_ACTIVATED", "The card must be activated.")
    if pin.tries == 0:
        raise CardUnusableError("PIN_BLOCKED", "The PIN has no tries left.")
    key = find_key(data, purpose)
    certificate = x509.Certificate.load(key.certificate)
    if not (
        certificate.not_valid_before <= datetime.now(UTC) <= certificate.not_valid_after
    ):
        raise CardUnusableError("CARD_EXPIRED", "The certificate is not valid now.")
    return load_private_key(key.private_key), key.certificate


def find_key(data: CardData, purpose: Purpose) -> KeyData:
    """Return the key of a purpose that a host prefers: one on a curve."""
    slots = zip(PROFILES[data.profile].keys, data.keys, strict=True)
    keys = [(slot, key) for slot, key in slots if slot.purpose == purpose]
    return min(keys, key=lambda pair: pair[0].key_type.rsa_bits)[1]


def _strike(state: MockCardState) -> None:
    """Apply the pending faults of a signature's commands, each command counted once.

    Delays, 61xx and 6Cxx have no effect. Raises ``CardUnusableError``.
    """
    for command in _COMMANDS:
        fault = state.take_fault(command)
        match fault and fault.name:
            case None | FaultName.DELAY | FaultName.MORE_DATA | FaultName.WRONG_LE:
                continue
            case FaultName.CARD_PULLED | FaultName.READER_PULLED as name:
                reader = name == FaultName.READER_PULLED
                state.pull(reader=reader, seconds=fault.seconds if fault else None)
                raise CardUnusableError("CARD_REMOVED", "The mock card was pulled.")
            case FaultName.MUTE:
                raise CardUnusableError("CARD_MUTE", "The mock card does not answer.")
            case name:
                raise CardUnusableError("CARD_ERROR", f"The fault {name} struck.")


def sign_token(key: PrivateKey, origin: str, nonce: str) -> dict[str, str]:
    """Return the fields of a token that its signature makes: algorithm, signature.

    ``H(H(origin) ‖ H(nonce))`` is signed, as ES256, ES384 or PS256 by the kind of key.
    """
    algorithm = "PS256" if isinstance(key, RSAPrivateKey) else f"ES{key.key_size}"
    function = HASH_FUNCTIONS[f"SHA-{algorithm[2:]}"]

    def h(data: bytes) -> bytes:
        return hashlib.new(function.name, data).digest()

    digest = h(h(origin.encode()) + h(nonce.encode()))
    signature = sign_digest(key, digest, function, pss=True)
    return {"algorithm": algorithm, "signature": _base64(signature)}


def sign_hashes(
    folder: Path, origin: str, named: Mapping[str, bytes], hash_function: str
) -> JsonObject:
    """Sign hashes with PIN2's key, and return the result of PROTOCOL.md's ``sign``.

    ``named`` maps the name of each document to its digest. Raises ``MockCardError``.
    """
    check_browser_origin(origin)
    _check_hashes(named, hash_function)
    key, certificate = usable_key(MockCardState.open(folder), "signature")
    function = HASH_FUNCTIONS[hash_function]
    signatures = [
        {
            "name": name,
            "hash": _base64(digest),
            "hashFunction": hash_function,
            "signature": _base64(sign_digest(key, digest, function)),
            "signatureAlgorithm": _algorithm(hash_function),
        }
        for name, digest in named.items()
    ]
    return {"certificate": _base64(certificate), "signatures": signatures}


def signing_certificate_fields(state: MockCardState) -> JsonObject:
    """Return the preferred signing certificate and the algorithms of its key.

    The names are those of a token of web-eid:1.1.
    """
    data = find_key(state.read(), "signature")
    key = load_private_key(data.private_key)
    # The program lists the hash functions of the key's length first.
    first = ("SHA-384", "SHA-256") if key.key_size > 256 else ("SHA-256", "SHA-384")
    names = dict.fromkeys((*first, "SHA-512", "SHA-224", *HASH_FUNCTIONS))
    return {
        "certificate": _base64(data.certificate),
        "supportedSignatureAlgorithms": [_algorithm(name) for name in names],
    }


def _check_hashes(named: Mapping[str, bytes], hash_function: str) -> None:
    if hash_function not in HASH_FUNCTIONS:
        raise InvalidArgumentError(
            f"The hash function is none of {', '.join(HASH_FUNCTIONS)}."
        )
    if not 1 <= len(named) <= _MAX_HASHES:
        raise InvalidArgumentError(f"1 to {_MAX_HASHES} hashes can be signed at once.")
    size = HASH_FUNCTIONS[hash_function].digest_size
    for name, digest in named.items():
        if not 1 <= len(name) <= _MAX_NAME:
            raise InvalidArgumentError(f"A name has 1 to {_MAX_NAME} characters.")
        if len(digest) != size:
            raise InvalidArgumentError(f"A hash of {hash_function} has {size} bytes.")


def _algorithm(hash_function: str) -> dict[str, str]:
    """Return how a key on a curve signs, in Web eID's words.

    Each card generation has such a key behind PIN2.
    """
    return {
        "cryptoAlgorithm": "ECC",
        "hashFunction": hash_function,
        "paddingScheme": "NONE",
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
