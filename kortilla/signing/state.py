# SPDX-License-Identifier: MIT
"""What a service keeps between preparing a signature and finishing it."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from kortilla.signing.algorithms import Digest
from kortilla.signing.answer import MAX_NAME_LENGTH
from kortilla.validation import strict_json

__all__ = ["PreparedSignature", "check_name"]

_FORMAT = "kortilla-signature-1"


@dataclass(frozen=True)
class PreparedSignature:
    """A signature that only lacks the card's part.

    ``digest`` is what the card signs, ``certificate`` (DER) the one that has to.
    ``for_page`` is what the page's ``kortilla.sign`` needs.

    Keep it on the server (``to_bytes``, ``from_bytes``; a PDF is inside, so up to about
    20 MB): in the session's store or in Redis, under the person's session, for some
    minutes, and take it out when it is used. Never let it go through the browser. It
    holds no secret, and any change of it makes ``finish_…`` refuse; but a browser that
    may give back another whole one chooses what is signed.
    """

    kind: Literal["pdf", "file"]
    name: str
    digest: Digest
    certificate: bytes
    chain: tuple[bytes, ...]
    signed_attributes: bytes
    document: bytes = field(default=b"", repr=False)
    #: Where in ``document`` the signature's hexadecimal digits go, brackets included.
    gap: tuple[int, int] = (0, 0)

    @property
    def for_page(self) -> dict[str, str]:
        """One of the ``hashes`` that ``kortilla.sign`` is given, as JSON."""
        return {
            "name": self.name,
            "hash": base64.b64encode(self.digest.value).decode(),
            "hashFunction": self.digest.hash_function,
        }

    def to_bytes(self) -> bytes:
        """Return it as bytes for a store: a line of JSON, and the document."""
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
        """Make one of what ``to_bytes`` returned. Raises ``ValueError`` for others."""
        head, _, document = data.partition(b"\n")
        try:
            fields: Any = strict_json.loads(head)
            if fields["format"] != _FORMAT or fields["kind"] not in {"pdf", "file"}:
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
    """Return a name that the page may give to ``kortilla.sign``, or ``ValueError``."""
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise ValueError(f"A name has 1 to {MAX_NAME_LENGTH} characters.")
    return name


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
