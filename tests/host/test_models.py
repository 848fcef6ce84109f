# SPDX-License-Identifier: MIT
"""The valid arguments of the signing commands, field by field.

operations/test_sign.py has what must fit together.
"""

from typing import Any

import pytest

from native_host.card.signature import KeyType, Padding
from native_host.errors import InvalidArgumentError
from native_host.messaging.messages import (
    CertificateArguments,
    ChunkArguments,
    SignArguments,
    WebEidSignArguments,
    check,
)
from tests.host.process import ORIGIN
from tests.host.signing import b64

Values = dict[str, Any]

DOCUMENT = {"name": "a.pdf", "mediaType": "application/pdf", "size": 3}
HASH = {"name": "a.pdf", "hash": b64(bytes(32)), "hashFunction": "SHA-256"}
WHO = {"origin": ORIGIN, "userActivation": True}
CHUNK = {"document": 0, "number": 0, "data": b64(b"abc")}
WEB_EID = {
    "origin": ORIGIN,
    "hash": b64(bytes(32)),
    "hashFunction": "SHA-256",
    "certificate": b64(b"0\x00"),
}


def documents(*changes: Values, **fields: object) -> Values:
    """Return the arguments for documents, each with its changes."""
    each = [{**DOCUMENT, **one} for one in changes or ({},)]
    return {**WHO, "documents": each, **fields}


def hashes(*changes: Values, **fields: object) -> Values:
    """Return the arguments for hashes, each with its changes."""
    return {**WHO, "hashes": [{**HASH, **one} for one in changes or ({},)], **fields}


def test_documents_and_hashes_are_taken() -> None:
    asked = check(SignArguments, documents(hashFunction="SHA-384"))
    assert asked.documents is not None
    assert (asked.documents[0].size, asked.hash_function) == (3, "SHA-384")
    choice = {"cryptoAlgorithm": "RSA", "paddingScheme": "PSS", "certificate": "MAA="}
    asked = check(SignArguments, hashes(**choice))
    assert asked.hashes is not None
    assert asked.hashes[0].hash == bytes(32)
    assert asked.certificate == b"0\x00"
    assert (asked.crypto_algorithm, asked.padding_scheme) == (KeyType.RSA, Padding.PSS)


@pytest.mark.parametrize(
    "name", ["\u202egpj.exe", "../../etc/passwd", "a\x00b", "\n", "x" * 255, "🦭" * 255]
)
def test_a_name_may_hold_whatever_can_be_shown_escaped(name: str) -> None:
    check(SignArguments, documents({"name": name}))


@pytest.mark.parametrize("make", [documents, hashes])
def test_one_to_twenty_can_be_signed(make: Any) -> None:
    kind = make.__name__
    check(SignArguments, make(*({"name": str(number)} for number in range(20))))
    too_many = make(*({"name": str(number)} for number in range(21)))
    for wrong in (too_many, {**WHO, kind: []}):
        with pytest.raises(InvalidArgumentError, match=f"^{kind}: "):
            check(SignArguments, wrong)


BAD_SIGN: list[tuple[Values, str]] = [
    (documents(userActivation=1), "userActivation"),
    (documents(pin="123456"), "pin"),
    (documents(documents={}), "documents"),
    (documents({"bytes": "AAAA"}), "documents.0.bytes"),
    *((documents({"name": n}), "documents.0.name") for n in ("", "x" * 256, "\ud800")),
    *(
        (documents({"mediaType": kind}), "documents.0.mediaType")
        for kind in ("text", "a/b\n", "ä/b", "a/" + "b" * 126)
    ),
    *(
        (documents({"size": size}), "documents.0.size")
        for size in (-1, 20_000_001, 3.0, True)
    ),
    *((documents(hashFunction=h), "hashFunction") for h in ("SHA-1", "sha-256")),
    (hashes({"hashFunction": "MD5"}), "hashes.0.hashFunction"),
    *(
        (hashes({"hash": wrong}), "hashes.0.hash")
        for wrong in (
            *("AAA", f"{HASH['hash']}\n", "_" * 43 + "=", "A" * 42 + "B="),
            [0] * 32,
        )
    ),
    *((hashes(certificate=c), "certificate") for c in ("", "MAA", b64(bytes(8193)))),
    (hashes(cryptoAlgorithm="DSA"), "cryptoAlgorithm"),
    *((hashes(paddingScheme=scheme), "paddingScheme") for scheme in ("OAEP", "NONE")),
    (hashes(cryptoAlgorithm="ECC", paddingScheme="PSS"), "paddingScheme"),
]


def names_what_is_wrong(model: Any, values: Values, named: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        check(model, values)
    assert str(caught.value).startswith(named)


@pytest.mark.parametrize(("values", "named"), BAD_SIGN, ids=range(len(BAD_SIGN)))
def test_what_is_wrong_with_a_sign_is_named(values: Values, named: str) -> None:
    names_what_is_wrong(SignArguments, values, named)


@pytest.mark.parametrize(
    ("model", "sound", "changes"),
    [
        *(
            (ChunkArguments, {**CHUNK, "data": b64(bytes(32768))}, changes)
            for changes in (
                *({"document": -1}, {"document": "0"}, {"number": -1}),
                *({"number": 0.0}, {"data": ""}, {"data": "YWJj\n"}, {"data": "YWJ"}),
                *({"data": b64(bytes(32769))}, {"last": True}),
            )
        ),
        *(
            (WebEidSignArguments, WEB_EID, changes)
            for changes in (
                *({"hash": "x"}, {"hashFunction": "SHA-2"}, {"certificate": None}),
                *({"name": "a.pdf"}, {"userActivation": True}),
            )
        ),
        *(
            (CertificateArguments, WHO, {"identifiedBy": login})
            for login in ("", "AAAA", b64(bytes(33)), 5, "x" * 44)
        ),
    ],
)
def test_a_field_that_is_wrong_is_named(
    model: Any, sound: Values, changes: Values
) -> None:
    check(model, sound)
    [field] = changes
    names_what_is_wrong(model, {**sound, **changes}, f"{field}: ")
