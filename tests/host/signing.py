# SPDX-License-Identifier: MIT
"""Requests to sign, and verification that is independent of the program's code."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from asn1crypto import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kortilla.mock_card.card_data import CardData
from kortilla.mock_card.state import MockCardState
from tests.host.conftest import MOCK_FOLDER
from tests.host.process import ORIGIN, HostProcess

CHUNK = 32 * 1024

Documents = Mapping[str, bytes]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def digest(data: bytes, hash_function: str) -> bytes:
    """Hash bytes with a hash function by its Web eID name."""
    name = {"SHA-": "sha", "SHA3": "sha3_"}[hash_function[:4]]
    return hashlib.new(name + hash_function.rpartition("-")[2], data).digest()


def signing(**arguments: object) -> dict[str, Any]:
    """Return a ``sign`` request of our protocol with these arguments and id 1."""
    sound: dict[str, object] = {"origin": ORIGIN, "userActivation": True, **arguments}
    return {"id": "1", "command": "sign", "arguments": sound}


def announced(documents: Documents, media_type: str = "text/plain") -> list[Any]:
    return [
        {"name": name, "mediaType": media_type, "size": len(content)}
        for name, content in documents.items()
    ]


def chunk(document: int, number: int, data: bytes) -> dict[str, Any]:
    arguments = {"document": document, "number": number, "data": b64(data)}
    return {"id": "1", "command": "chunk", "arguments": arguments}


def chunks(documents: Documents) -> Iterator[dict[str, Any]]:
    """Return the ``chunk`` messages of whole documents, in order."""
    for document, content in enumerate(documents.values()):
        for number, start in enumerate(range(0, len(content), CHUNK)):
            yield chunk(document, number, content[start : start + CHUNK])


def sign_documents(
    host: HostProcess, documents: Documents, **arguments: object
) -> dict[str, Any]:
    host.send(signing(documents=announced(documents), **arguments))
    for each in chunks(documents):
        host.send(each)
    return host.answer()


def left_behind(environment: Mapping[str, str]) -> list[Path]:
    """Return the remaining copies of documents."""
    return list(Path(environment["XDG_RUNTIME_DIR"]).iterdir())


def card_of(home: Path) -> CardData:
    return MockCardState.open(home / MOCK_FOLDER).read()


def verify(certificate: str, signed: Mapping[str, Any], hashed: bytes) -> None:
    """Verify a signature of a hash. Raises ``InvalidSignature``.

    ``signed`` has ``signature`` and ``signatureAlgorithm``.
    """
    der = base64.b64decode(certificate)
    information = x509.Certificate.load(der).public_key.dump()
    key = load_der_public_key(information)
    value = base64.b64decode(signed["signature"])
    how = signed["signatureAlgorithm"]
    kind = getattr(
        hashes, how["hashFunction"].replace("SHA3-", "SHA3_").replace("-", "")
    )
    function = Prehashed(kind())
    if isinstance(key, ec.EllipticCurvePublicKey):
        assert (how["cryptoAlgorithm"], how["paddingScheme"]) == ("ECC", "NONE")
        half = len(value) // 2
        numbers = (int.from_bytes(value[:half]), int.from_bytes(value[half:]))
        key.verify(encode_dss_signature(*numbers), hashed, ec.ECDSA(function))
        return
    assert isinstance(key, rsa.RSAPublicKey)
    assert how["cryptoAlgorithm"] == "RSA"
    scheme = {
        "PKCS1.5": padding.PKCS1v15(),
        "PSS": padding.PSS(padding.MGF1(kind()), kind().digest_size),
    }[how["paddingScheme"]]
    key.verify(value, hashed, scheme, function)
