# SPDX-License-Identifier: MIT
"""The shown documents are signed with one PIN2, and bad requests fail at once."""

from pathlib import Path

import pytest

from native_host.card.mock_source import MockCardSource
from native_host.card.signature import KeyType, Padding
from native_host.errors import InvalidArgumentError
from native_host.operations.documents import DocumentInbox
from native_host.operations.sign import HashToSign, SignRequest
from native_host.pin_prompt.model import Progress, Step
from tests.operations.signing import (
    CONTENTS,
    ORIGIN,
    PIN2,
    begin,
    certificate_of,
    check,
    digest,
    fill,
    hash_of,
    inside,
    request,
    tries,
)
from tests.operations.user import User, until

# -- Signatures -----------------------------------------------------------------------


async def test_three_documents_are_shown_and_signed_with_one_pin(
    source: MockCardSource, folder: Path, inbox: DocumentInbox
) -> None:
    user = User([PIN2])
    heard: list[tuple[str, Progress | None]] = []
    signing = begin(
        user,
        source,
        SignRequest(origin=ORIGIN, language="sv", documents=inbox),
        heard,
    )
    await until(lambda: (Step.RECEIVING, None) in user.shown)
    assert not user.questions
    fill(inbox)
    made = await signing
    assert made.certificate.der == certificate_of(folder, 2)
    assert [each.name for each in made.signatures] == list(CONTENTS)
    for each, content in zip(made.signatures, CONTENTS.values(), strict=True):
        check(each, made.certificate, content)
    assert {each.algorithm.name for each in made.signatures} == {"ES384"}

    [question] = user.questions
    assert (question.role, question.min_length, question.max_length) == ("PIN2", 6, 12)
    for shown, (name, content) in zip(
        question.documents, CONTENTS.items(), strict=True
    ):
        assert (shown.name, shown.size, shown.media_type) == (
            name,
            len(content),
            "text/plain",
        )
        assert shown.digest == digest(content, "SHA-384").hex()
        assert shown.hash_function == "SHA-384"
        assert shown.path is not None
    assert user.conversation is not None
    assert user.conversation.operation == "sign"
    assert heard == [
        ("window-open", None),
        ("receiving", Progress(0, 8)),
        ("receiving", Progress(8, 8)),
        ("signing", Progress(0, 3)),
        ("signing", Progress(1, 3)),
        ("signing", Progress(2, 3)),
    ]
    assert user.bars[-3:] == [Progress(0, 3), Progress(1, 3), Progress(2, 3)]
    assert tries(folder) == (5, 5)


async def test_documents_are_hashed_with_the_function_that_was_asked_for(
    source: MockCardSource, inbox: DocumentInbox
) -> None:
    fill(inbox)
    asked = SignRequest(
        origin=ORIGIN, language="fi", documents=inbox, hash_function="SHA3-256"
    )
    made = await begin(User([PIN2]), source, asked)
    for each, content in zip(made.signatures, CONTENTS.values(), strict=True):
        assert each.algorithm.hash_function == "SHA3-256"
        check(each, made.certificate, content)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "ES256"),
        ({"key_type": KeyType.ECC}, "ES256"),
        ({"key_type": KeyType.RSA}, "RS256"),
        ({"key_type": KeyType.RSA, "padding": Padding.PSS}, "PS256"),
        ({"padding": Padding.PSS}, "PS256"),
        ({"padding": Padding.PKCS1}, "RS256"),
        ({"padding": Padding.NONE}, "ES256"),
    ],
)
async def test_the_older_card_signs_with_the_key_that_is_asked_for(
    old_source: MockCardSource, fields: dict[str, object], name: str
) -> None:
    asked = request(hash_of(b"text", hash_function="SHA-256"), **fields)
    made = await begin(User([PIN2]), old_source, asked)
    assert made.signatures[0].algorithm.name == name
    check(made.signatures[0], made.certificate, b"text")


@pytest.mark.parametrize(("reference", "name"), [(2, "RS256"), (3, "ES256")])
async def test_the_key_is_the_one_whose_certificate_the_service_chose(
    old_source: MockCardSource, old_folder: Path, reference: int, name: str
) -> None:
    chosen = certificate_of(old_folder, reference)
    asked = request(hash_of(b"text", hash_function="SHA-256"), certificate=chosen)
    made = await begin(User([PIN2]), old_source, asked)
    assert made.certificate.der == chosen
    assert made.signatures[0].algorithm.name == name
    check(made.signatures[0], made.certificate, b"text")


async def test_the_same_hash_may_be_signed_under_two_names(
    source: MockCardSource,
) -> None:
    asked = request(hash_of(b"x", "a"), hash_of(b"x", "b"))
    made = await begin(User([PIN2]), source, asked)
    assert [each.name for each in made.signatures] == ["a", "b"]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a\u202egnp.exe", "\x1b[2J\x00", "", "ä" * 255]
)
async def test_a_hostile_name_is_handed_on_as_it_is(
    source: MockCardSource, name: str
) -> None:
    user = User([PIN2])
    made = await begin(user, source, request(hash_of(b"x", name)))
    assert made.signatures[0].name == name
    assert user.questions[0].documents[0].name == name


async def test_the_window_says_that_it_is_a_test_card(source: MockCardSource) -> None:
    user = User([PIN2])
    await begin(user, source)
    assert user.questions[0].test_card
    assert user.conversation is not None
    assert user.conversation.test_card


async def test_documents_that_a_killed_process_left_are_deleted(
    source: MockCardSource, place: Path
) -> None:
    (place / "kortilla-documents-left").mkdir()
    await begin(User([PIN2]), source)
    assert not inside(place)


# -- Requests refused before anything is shown ----------------------------------------

WRONG_REQUESTS = {
    "nothing to sign": SignRequest(origin=ORIGIN, language="fi"),
    "twenty-one hashes": request(*(hash_of(b"x", str(n)) for n in range(21))),
    "a name too long": request(hash_of(b"x", "a" * 256)),
    "a name twice": request(hash_of(b"x"), hash_of(b"y")),
    "one name in two spellings": request(
        hash_of(b"x", "\u00e4"), hash_of(b"y", "a\u0308")
    ),
    "no name among several": request(hash_of(b"x", ""), hash_of(b"y", "b")),
    "a hash too short": request(HashToSign("a", bytes(47), "SHA-384")),
    "a hash of another function": request(HashToSign("a", bytes(32), "SHA-384")),
    "an empty hash": request(HashToSign("a", b"", "SHA3-256")),
    "an unknown hash function": request(HashToSign("a", bytes(20), "SHA-1")),
    "a function for hashes that have one": request(hash_function="SHA-384"),
    "RSA and SHA-3": request(
        hash_of(b"x", hash_function="SHA3-256"), key_type=KeyType.RSA
    ),
    "PSS and SHA-3": request(
        hash_of(b"x", hash_function="SHA3-256"), padding=Padding.PSS
    ),
    "a padding for EC keys": request(key_type=KeyType.ECC, padding=Padding.PSS),
    "RSA without padding": request(key_type=KeyType.RSA, padding=Padding.NONE),
}


@pytest.mark.parametrize("wrong", WRONG_REQUESTS)
async def test_a_wrong_request_is_refused_before_a_window_opens(
    source: MockCardSource, wrong: str
) -> None:
    user = User([PIN2])
    with pytest.raises(InvalidArgumentError):
        await begin(user, source, WRONG_REQUESTS[wrong])
    assert user.conversation is None


async def test_documents_with_a_function_that_is_not_known_are_refused(
    source: MockCardSource, inbox: DocumentInbox
) -> None:
    for asked in (
        SignRequest(origin=ORIGIN, language="fi", documents=inbox, hash_function="MD5"),
        SignRequest(
            origin=ORIGIN, language="fi", documents=inbox, hashes=(hash_of(b"x"),)
        ),
    ):
        with pytest.raises(InvalidArgumentError):
            await begin(User(), source, asked)


@pytest.mark.parametrize(
    ("reference", "hash_function", "key_type"),
    [(2, "SHA3-256", None), (2, "SHA-256", KeyType.ECC), (3, "SHA-256", KeyType.RSA)],
)
async def test_a_certificate_whose_key_can_not_sign_that_is_refused_at_once(
    reference: int,
    hash_function: str,
    key_type: KeyType | None,
    old_source: MockCardSource,
    old_folder: Path,
) -> None:
    asked = request(
        hash_of(b"x", hash_function=hash_function),
        certificate=certificate_of(old_folder, reference),
        key_type=key_type,
    )
    user = User([PIN2])
    with pytest.raises(InvalidArgumentError):
        await begin(user, old_source, asked)
    assert user.conversation is None


async def test_a_wrong_chunk_ends_it_before_a_card_is_looked_for(
    source: MockCardSource, inbox: DocumentInbox, place: Path
) -> None:
    user = User([PIN2])
    signing = begin(
        user, source, SignRequest(origin=ORIGIN, language="fi", documents=inbox)
    )
    await until(lambda: user.shown)
    with pytest.raises(InvalidArgumentError):
        inbox.put(0, 1, b"x")
    with pytest.raises(InvalidArgumentError):
        await signing
    assert user.shown == [(Step.RECEIVING, None)]
    assert not inside(place)
