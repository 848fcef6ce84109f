# SPDX-License-Identifier: MIT
"""What is signed: a digest, and the state between preparing and finishing."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

from kortilla.common.hash_functions import HASH_FUNCTIONS
from kortilla.validation.untrusted import load_json

__all__ = ["PreparedSignature"]

#: SHA-224 and SHA3-224 are too short for documents.
HASHES = {name: each for name, each in HASH_FUNCTIONS.items() if each.digest_size >= 32}

#: Characters of a document's name (PROTOCOL.md §3).
MAX_NAME_LENGTH = 255
#: What is signed: a PDF, any file, or the files in a container.
Kind = Literal["pdf", "file", "container"]

_FORMAT = "kortilla-signature-1"


@dataclass(frozen=True)
class Digest:
    """The digest of a content, with its hash function (``SHA-384``, …).

    Raises ``ValueError`` for a hash function that is not accepted, and for a digest of
    the wrong length.
    """

    value: bytes
    hash_function: str

    def __post_init__(self) -> None:
        if self.hash_function not in HASHES:
            raise ValueError(f"The hash function is none of {', '.join(HASHES)}.")
        if len(self.value) != HASHES[self.hash_function].digest_size:
            raise ValueError("The digest is not as long as its hash function gives.")

    @classmethod
    def of(cls, content: bytes, hash_function: str) -> "Digest":
        """Hash a content."""
        if hash_function not in HASHES:
            raise ValueError(f"The hash function is none of {', '.join(HASHES)}.")
        name = HASHES[hash_function].name.replace("-", "_")
        return cls(hashlib.new(name, content).digest(), hash_function)


@dataclass(frozen=True)
class PreparedSignature:
    """A prepared signature that only needs the card's signature.

    The card signs ``digest``, with the key of ``certificate`` (DER). ``for_page`` is an
    argument of the page's ``kortilla.sign``.

    Keep the state on the server (``to_bytes``, ``from_bytes``), in the session store or
    in Redis, bound to the user's session, for some minutes, and delete it at its use.
    With a PDF it has up to about 20 MB. Never send it through the browser. It holds no
    secret, and ``finish_…`` refuses an altered state, but a browser that can return
    another valid state chooses what is signed.
    """

    kind: Kind
    name: str
    digest: Digest
    certificate: bytes
    chain: tuple[bytes, ...]
    #: The signed attributes of CMS in DER, or a container's XML signature.
    signed_attributes: bytes
    document: bytes = field(default=b"", repr=False)
    #: The range of ``document`` for the signature's hexadecimal digits, with brackets.
    gap: tuple[int, int] = (0, 0)

    @property
    def for_page(self) -> dict[str, str]:
        """An element of the ``hashes`` of ``kortilla.sign``, as JSON."""
        return {
            "name": self.name,
            "hash": base64.b64encode(self.digest.value).decode(),
            "hashFunction": self.digest.hash_function,
        }

    def to_bytes(self) -> bytes:
        """Serialise the state: a line of JSON, and the document."""
        head = {
            "format": _FORMAT,
            "kind": self.kind,
            "name": self.name,
            "digest": _text(self.digest.value),
            "hashFunction": self.digest.hash_function,
            "certificate": _text(self.certificate),
            "chain": [_text(each) for each in self.chain],
            "signedAttributes": _text(self.signed_attributes),
            "gap": list(self.gap),
        }
        return json.dumps(head).encode() + b"\n" + self.document

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Restore the state from ``to_bytes``. Raises ``ValueError``."""
        head, _, document = data.partition(b"\n")
        try:
            fields: Any = load_json(head)
            if fields["format"] != _FORMAT or fields["kind"] not in get_args(Kind):
                raise ValueError("another format")
            begin, end = (int(each) for each in fields["gap"])
            return cls(
                kind=fields["kind"],
                name=check_name(fields["name"]),
                digest=Digest(_bytes(fields["digest"]), fields["hashFunction"]),
                certificate=_bytes(fields["certificate"]),
                chain=tuple(_bytes(each) for each in fields["chain"]),
                signed_attributes=_bytes(fields["signedAttributes"]),
                document=document,
                gap=(begin, end),
            )
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError("This is not a prepared signature.") from error


def check_name(name: str) -> str:
    """Return a name that ``kortilla.sign`` accepts. Raises ``ValueError``."""
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise ValueError(f"A name has 1 to {MAX_NAME_LENGTH} characters.")
    return name


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
