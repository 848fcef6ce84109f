# SPDX-License-Identifier: MIT
"""Requests to sign for test pages, and checks of their responses."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.host.signing import digest as hash_of
from tests.host.signing import verify

ACTION = "kortilla:sign"
PIN2 = "123456"
#: The window's title in English.
TITLE = "^Kortilla: sign"
P384 = {"cryptoAlgorithm": "ECC", "hashFunction": "SHA-384", "paddingScheme": "NONE"}


@dataclass(frozen=True)
class Document:
    """A document of a page: a text, repeated."""

    name: str
    text: str
    times: int = 1

    @property
    def content(self) -> bytes:
        """The document's bytes."""
        return self.text.encode() * self.times

    @property
    def bytes_script(self) -> str:
        """JavaScript for the parts of the page's Blob or File."""
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


def check(answer: dict[str, Any], documents: Sequence[Document]) -> None:
    """Compare a response with hashes that are computed here."""
    assert [each["name"] for each in answer["signatures"]] == [
        document.name for document in documents
    ]
    for each, document in zip(answer["signatures"], documents, strict=True):
        digest = hash_of(document.content, P384["hashFunction"])
        assert base64.b64decode(each["hash"]) == digest
        assert each["hashFunction"] == P384["hashFunction"]
        assert each["signatureAlgorithm"] == P384
        verify(answer["certificate"], each, digest)


@dataclass(frozen=True)
class Papers:
    """The host's folder for copies of documents."""

    folder: Path

    @property
    def are_there(self) -> bool:
        """Whether the folder holds any copy."""
        return any(self.folder.iterdir())
