# SPDX-License-Identifier: MIT
"""Parses the page's answer to a signing request. It is untrusted.

Three formats are accepted: ``{certificate, signatures}`` of ``kortilla.sign``
(PROTOCOL.md §1), and Web eID's ``{signature, signatureAlgorithm}`` with or without
``certificate``.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from kortilla.errors import SignatureParseError
from kortilla.validation.untrusted import (
    Base64Text,
    WireModel,
    decode_base64,
    read_object,
)

__all__ = [
    "MAX_ANSWER_LENGTH",
    "MAX_NAME_LENGTH",
    "PageAnswer",
    "PageSignature",
    "SignatureAlgorithm",
    "parse_answer",
]

#: Characters of an answer as JSON: enough for twenty RSA signatures with long names.
MAX_ANSWER_LENGTH = 100_000
#: Characters of a document's name, and the number of documents (PROTOCOL.md §3).
MAX_NAME_LENGTH = 255
_MAX_SIGNATURES = 20

_HashFunction = Literal[
    "SHA-256", "SHA-384", "SHA-512", "SHA3-256", "SHA3-384", "SHA3-512"
]


class SignatureAlgorithm(WireModel):
    """A signature algorithm, with Web eID's names."""

    crypto_algorithm: Literal["ECC", "RSA"]
    hash_function: _HashFunction
    padding_scheme: Literal["NONE", "PKCS1.5", "PSS"]


class PageSignature(WireModel):
    """One signature. Web eID's format has no ``name`` and ``hash``."""

    signature: Annotated[Base64Text, Field(max_length=1400)]
    algorithm: Annotated[SignatureAlgorithm, Field(alias="signatureAlgorithm")]

    @property
    def value(self) -> bytes:
        """The signature: raw r‖s for ECDSA, as long as the modulus for RSA."""
        return decode_base64(self.signature)


class NamedSignature(PageSignature):
    """One signature of ``kortilla.sign``, with the document that it claims to sign."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_LENGTH)]
    hash: Annotated[Base64Text, Field(max_length=88)]
    hash_function: _HashFunction

    def claims(self, name: str, digest: bytes) -> bool:
        """Return whether it claims to sign this digest with this name."""
        return (
            self.name == name
            and self.hash_function == self.algorithm.hash_function
            and decode_base64(self.hash) == digest
        )


class _KortillaAnswer(WireModel):
    certificate: Annotated[Base64Text, Field(max_length=8192)]
    signatures: Annotated[
        list[NamedSignature], Field(min_length=1, max_length=_MAX_SIGNATURES)
    ]


class _WebEidAnswer(PageSignature):
    certificate: Annotated[Base64Text | None, Field(max_length=8192)] = None


class PageAnswer:
    """A well-formed answer. ``parse_answer`` makes it.

    ``certificate`` is DER, or None if the answer has none. ``signatures`` are
    ``NamedSignature``, or one ``PageSignature`` in Web eID's format.
    """

    def __init__(self, answer: "_KortillaAnswer | _WebEidAnswer") -> None:
        self.certificate = (
            None if answer.certificate is None else decode_base64(answer.certificate)
        )
        self.signatures: tuple[PageSignature, ...] = (
            tuple(answer.signatures)
            if isinstance(answer, _KortillaAnswer)
            else (answer,)
        )


def parse_answer(answer: str | bytes | Mapping[str, Any]) -> PageAnswer:
    """Parse an answer, given as JSON or as the parsed object.

    Raises ``SignatureParseError``, which names the field and quotes no input.
    """
    form = read_object(
        answer,
        _form_of,
        what="answer",
        limit=MAX_ANSWER_LENGTH,
        error=SignatureParseError,
    )
    return PageAnswer(form)


def _form_of(content: Mapping[str, Any]) -> "type[_KortillaAnswer | _WebEidAnswer]":
    return _KortillaAnswer if "signatures" in content else _WebEidAnswer
