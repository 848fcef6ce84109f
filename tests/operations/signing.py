# SPDX-License-Identifier: MIT
"""Requests for the tests of signing, and checks of the results."""

import asyncio
from pathlib import Path
from typing import Any

from kortilla.mock_card.state import MockCardState
from native_host.card.certificate import CardCertificate
from native_host.card.mock_source import MockCardSource
from native_host.operations.documents import DocumentInbox
from native_host.operations.request import Context, Report, report_nothing
from native_host.operations.results import signature_fields
from native_host.operations.sign import (
    HashToSign,
    Signature,
    Signatures,
    SignRequest,
    sign,
)
from tests.host.signing import b64, digest, verify
from tests.operations.user import User

ORIGIN = "https://service.example"
PIN1, PIN2 = "1234", "123456"
CONTENTS = {"a.txt": b"one", "b.pdf": b"%PDF-", "c.png": b""}


def certificate_of(folder: Path, reference: int) -> bytes:
    keys = MockCardState.open(folder).read().keys
    [found] = [key.certificate for key in keys if key.reference == reference]
    return found


def tries(folder: Path) -> tuple[int, int]:
    card = MockCardState.open(folder).read()
    return card.pin1.tries, card.pin2.tries


def hash_of(
    content: bytes, name: str = "a", hash_function: str = "SHA-384"
) -> HashToSign:
    return HashToSign(name, digest(content, hash_function), hash_function)


def request(
    *items: HashToSign, documents: DocumentInbox | None = None, **fields: Any
) -> SignRequest:
    """Return a request for documents, for hashes, or for one hash."""
    hashes = items or (() if documents else (hash_of(b"x"),))
    return SignRequest(
        origin=ORIGIN, language="fi", hashes=hashes, documents=documents, **fields
    )


def begin(
    user: User,
    source: MockCardSource,
    asked: SignRequest | None = None,
    hear: Report = report_nothing,
) -> "asyncio.Task[Signatures]":
    return asyncio.create_task(sign(Context(source, user, hear), asked or request()))


def check(signature: Signature, certificate: CardCertificate, content: bytes) -> None:
    """Verify a signature with the certificate's key over the test's own data."""
    hashed = digest(content, signature.algorithm.hash_function)
    assert signature.digest == hashed
    verify(b64(certificate.der), signature_fields(signature), hashed)


def fill(inbox: DocumentInbox) -> None:
    for number, content in enumerate(CONTENTS.values()):
        if content:
            inbox.put(number, 0, content)
