# SPDX-License-Identifier: MIT
"""What pages of tests have signed, and how the answers are held against it."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.host.signing import digest as hash_of
from tests.host.signing import verify

__all__ = [
    "ACTION",
    "P256",
    "P384",
    "PIN2",
    "THREE",
    "TITLE",
    "Document",
    "Papers",
    "check",
    "request",
]

ACTION = "kortilla:sign"
PIN2 = "123456"
#: What the window is called in English.
TITLE = "^Kortilla: sign"
P384 = {"cryptoAlgorithm": "ECC", "hashFunction": "SHA-384", "paddingScheme": "NONE"}
P256 = {**P384, "hashFunction": "SHA-256"}


@dataclass(frozen=True)
class Document:
    """What a page hands over: a text, some number of times."""

    name: str
    text: str
    times: int = 1

    @property
    def content(self) -> bytes:
        """All its bytes."""
        return self.text.encode() * self.times

    @property
    def bytes_script(self) -> str:
        """The parts that the page makes a Blob or a File of."""
        return f"[{json.dumps(self.text)}.repeat({self.times})]"

    @property
    def script(self) -> str:
        """The document in a request, as JavaScript."""
        name = json.dumps(self.name)
        blob = f"new Blob({self.bytes_script})"
        return f'{{name: {name}, mediaType: "text/plain", bytes: {blob}}}'


THREE = (
    Document("sopimus.txt", "Sovimme tästä.\n"),
    Document("a\u202egpj.exe", "chunks ", 30_000),
    Document("tyhjä", ""),
)


def request(documents: Sequence[Document], **options: object) -> str:
    """Return a request to sign as JavaScript."""
    items = ", ".join(document.script for document in documents)
    return (
        f'{{action: "{ACTION}", id: "1", documents: [{items}], '
        f"options: {json.dumps(options)}}}"
    )


def check(
    answer: dict[str, Any],
    documents: Sequence[Document],
    algorithm: dict[str, str] = P384,
) -> None:
    """Hold an answer against hashes that are computed here."""
    assert [each["name"] for each in answer["signatures"]] == [
        document.name for document in documents
    ]
    for each, document in zip(answer["signatures"], documents, strict=True):
        digest = hash_of(document.content, algorithm["hashFunction"])
        assert base64.b64decode(each["hash"]) == digest
        assert each["hashFunction"] == algorithm["hashFunction"]
        assert each["signatureAlgorithm"] == algorithm
        verify(answer["certificate"], each, digest)


@dataclass(frozen=True)
class Papers:
    """Where the host keeps its copies of documents."""

    folder: Path

    @property
    def are_there(self) -> bool:
        """Whether there is anything of them."""
        return any(self.folder.iterdir())
