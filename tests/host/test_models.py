# SPDX-License-Identifier: MIT
"""The valid arguments of the signing commands, field by field."""

import base64

import pytest

from native_host.card.signature import HASH_SIZES, KeyType, Padding
from native_host.errors import InvalidArgumentError
from native_host.messaging.commands import (
    ChunkArguments,
    SignArguments,
    WebEidSignArguments,
    check,
)
from tests.host.process import ORIGIN


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


DOCUMENT = {"name": "a.pdf", "mediaType": "application/pdf", "size": 3}
HASH = {"name": "a.pdf", "hash": b64(bytes(32)), "hashFunction": "SHA-256"}
WHO = {"origin": ORIGIN, "userActivation": True}
DOCUMENTS = {**WHO, "documents": [DOCUMENT]}
HASHES = {**WHO, "hashes": [HASH]}
CHUNK = {"document": 0, "number": 0, "data": b64(b"abc")}
WEB_EID = {
    "origin": ORIGIN,
    "hash": b64(bytes(32)),
    "hashFunction": "SHA-256",
    "certificate": b64(b"0\x00"),
}


def named(count: int, **fields: object) -> list[dict[str, object]]:
    return [{**DOCUMENT, **fields, "name": f"{number}"} for number in range(count)]


def test_documents_and_hashes_are_taken() -> None:
    asked = check(SignArguments, {**DOCUMENTS, "hashFunction": "SHA-384"})
    assert asked.documents is not None
    assert (asked.documents[0].size, asked.hash_function) == (3, "SHA-384")
    choice = {"cryptoAlgorithm": "RSA", "paddingScheme": "PSS", "certificate": "MAA="}
    asked = check(SignArguments, {**HASHES, **choice})
    assert asked.hashes is not None
    assert asked.hashes[0].hash == bytes(32)
    assert asked.certificate == b"0\x00"
    assert (asked.crypto_algorithm, asked.padding_scheme) == (KeyType.RSA, Padding.PSS)


@pytest.mark.parametrize("name", HASH_SIZES)
def test_a_hash_has_the_length_of_its_function(name: str) -> None:
    for size in range(HASH_SIZES[name] - 1, HASH_SIZES[name] + 2):
        hash_ = {**HASH, "hash": b64(bytes(size)), "hashFunction": name}
        values = {**HASHES, "hashes": [hash_]}
        if size == HASH_SIZES[name]:
            check(SignArguments, values)
        else:
            with pytest.raises(InvalidArgumentError, match=r"^hashes\.0: .* bytes\.$"):
                check(SignArguments, values)


@pytest.mark.parametrize(
    "name", ["\u202egpj.exe", "../../etc/passwd", "a\x00b", "\n", "x" * 255, "🦭" * 255]
)
def test_a_name_may_hold_whatever_can_be_shown_escaped(name: str) -> None:
    check(SignArguments, {**DOCUMENTS, "documents": [{**DOCUMENT, "name": name}]})


@pytest.mark.parametrize("kind", ["documents", "hashes"])
def test_one_to_twenty_can_be_signed(kind: str) -> None:
    one = DOCUMENT if kind == "documents" else HASH
    for count in (0, 1, 20, 21):
        items = [{**one, "name": str(number)} for number in range(count)]
        if count in {1, 20}:
            check(SignArguments, {**WHO, kind: items})
        else:
            with pytest.raises(InvalidArgumentError, match=f"^{kind}: "):
                check(SignArguments, {**WHO, kind: items})


BAD_SIGN: list[tuple[dict[str, object], str]] = [
    (WHO, "There must be either"),
    ({**DOCUMENTS, "hashes": [HASH]}, "There must be either"),
    ({**DOCUMENTS, "userActivation": 1}, "userActivation"),
    ({**DOCUMENTS, "pin": "123456"}, "pin"),
    ({**DOCUMENTS, "documents": {}}, "documents"),
    ({**DOCUMENTS, "documents": [{**DOCUMENT, "bytes": "AAAA"}]}, "documents.0.bytes"),
    ({**DOCUMENTS, "documents": [{**DOCUMENT, "name": ""}]}, "documents.0.name"),
    ({**DOCUMENTS, "documents": [{**DOCUMENT, "name": "x" * 256}]}, "documents.0.name"),
    ({**DOCUMENTS, "documents": [{**DOCUMENT, "name": "\ud800"}]}, "documents.0.name"),
    (
        {**DOCUMENTS, "documents": named(2, name="") + [DOCUMENT] * 2},
        "Two things to be signed",
    ),
    (
        {
            **DOCUMENTS,
            "documents": [{**DOCUMENT, "name": name} for name in ("\xe9", "e\u0301")],
        },
        "Two things to be signed",
    ),
    ({**HASHES, "hashes": [HASH, HASH]}, "Two things to be signed"),
    ({**DOCUMENTS, "documents": named(1, mediaType="text")}, "documents.0.mediaType"),
    ({**DOCUMENTS, "documents": named(1, mediaType="a/b\n")}, "documents.0.mediaType"),
    ({**DOCUMENTS, "documents": named(1, mediaType="ä/b")}, "documents.0.mediaType"),
    (
        {**DOCUMENTS, "documents": named(1, mediaType="a/" + "b" * 126)},
        "documents.0.mediaType",
    ),
    ({**DOCUMENTS, "documents": named(1, size=-1)}, "documents.0.size"),
    ({**DOCUMENTS, "documents": named(1, size=20_000_001)}, "documents.0.size"),
    ({**DOCUMENTS, "documents": named(1, size=3.0)}, "documents.0.size"),
    ({**DOCUMENTS, "documents": named(1, size=True)}, "documents.0.size"),
    ({**DOCUMENTS, "documents": named(2, size=10_000_001)}, "The documents have more"),
    ({**DOCUMENTS, "hashFunction": "SHA-1"}, "hashFunction"),
    ({**DOCUMENTS, "hashFunction": "sha-256"}, "hashFunction"),
    ({**HASHES, "hashFunction": "SHA-256"}, "hashFunction"),
    ({**HASHES, "hashes": [{**HASH, "hashFunction": "MD5"}]}, "hashes.0.hashFunction"),
    ({**HASHES, "hashes": [{**HASH, "hash": "AAA"}]}, "hashes.0.hash"),
    ({**HASHES, "hashes": [{**HASH, "hash": HASH["hash"] + "\n"}]}, "hashes.0.hash"),
    ({**HASHES, "hashes": [{**HASH, "hash": "_" * 43 + "="}]}, "hashes.0.hash"),
    ({**HASHES, "hashes": [{**HASH, "hash": "A" * 42 + "B="}]}, "hashes.0.hash"),
    ({**HASHES, "hashes": [{**HASH, "hash": [0] * 32}]}, "hashes.0.hash"),
    ({**HASHES, "certificate": ""}, "certificate"),
    ({**HASHES, "certificate": "MAA"}, "certificate"),
    ({**HASHES, "certificate": b64(bytes(8193))}, "certificate"),
    ({**HASHES, "cryptoAlgorithm": "DSA"}, "cryptoAlgorithm"),
    ({**HASHES, "paddingScheme": "OAEP"}, "paddingScheme"),
    ({**HASHES, "paddingScheme": "NONE"}, "paddingScheme"),
    (
        {**HASHES, "cryptoAlgorithm": "ECC", "paddingScheme": "PSS"},
        "paddingScheme",
    ),
]


@pytest.mark.parametrize(("values", "named"), BAD_SIGN, ids=range(len(BAD_SIGN)))
def test_what_is_wrong_with_a_sign_is_named(
    values: dict[str, object], named: str
) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        check(SignArguments, values)
    assert str(caught.value).startswith(named)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"document": -1}, "document"),
        ({"document": "0"}, "document"),
        ({"number": -1}, "number"),
        ({"number": 0.0}, "number"),
        ({"data": ""}, "data"),
        ({"data": "YWJj\n"}, "data"),
        ({"data": "YWJ"}, "data"),
        ({"data": b64(bytes(32769))}, "data"),
        ({"last": True}, "last"),
    ],
)
def test_what_is_wrong_with_a_chunk_is_named(
    changes: dict[str, object], named: str
) -> None:
    check(ChunkArguments, {**CHUNK, "data": b64(bytes(32768))})
    with pytest.raises(InvalidArgumentError, match=f"^{named}: "):
        check(ChunkArguments, {**CHUNK, **changes})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"hash": b64(bytes(48))}, "A hash of SHA-256 has 32 bytes"),
        ({"hash": "x"}, "hash: "),
        ({"hashFunction": "SHA-2"}, "hashFunction: "),
        ({"certificate": None}, "certificate: "),
        ({"name": "a.pdf"}, "name: "),
        ({"userActivation": True}, "userActivation: "),
    ],
)
def test_what_is_wrong_with_web_eids_sign_is_named(
    changes: dict[str, object], named: str
) -> None:
    check(WebEidSignArguments, WEB_EID)
    with pytest.raises(InvalidArgumentError, match=f"^{named}"):
        check(WebEidSignArguments, {**WEB_EID, **changes})
