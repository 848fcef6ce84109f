# SPDX-License-Identifier: MIT
"""What is signed is what was shown, with one PIN2, and nothing else ever."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

from native_host.card.certificate import CardCertificate
from native_host.card.fineid import FineidCard, PinRole
from native_host.card.signature import HASH_SIZES, KeyType, Padding
from native_host.errors import InvalidArgument, UserCancelled
from native_host.mock_card.profiles import PinReference
from native_host.mock_card.source import MockCardSource
from native_host.mock_card.state import MockCardState, PinData
from native_host.operations.documents import DocumentHeader, DocumentInbox
from native_host.operations.sign import (
    CertificateMismatch,
    HashToSign,
    Signature,
    Signatures,
    SigningInterrupted,
    SignRequest,
    sign,
)
from native_host.pin_prompt.prompt import Problem, Progress, Step

from .person import Person, until

ORIGIN = "https://service.example"
PIN1, PIN2 = "1234", "123456"
CONTENTS = {"a.txt": b"one", "b.pdf": b"%PDF-", "c.png": b""}

Signing = "asyncio.Task[Signatures]"


def certificate_of(folder: Path, reference: int) -> bytes:
    keys = MockCardState.open(folder).read().keys
    [found] = [key.certificate for key in keys if key.reference == reference]
    return found


def tries(folder: Path) -> tuple[int, int]:
    card = MockCardState.open(folder).read()
    return card.pin1.tries, card.pin2.tries


def digest(content: bytes, hash_function: str) -> bytes:
    name = hash_function.replace("SHA-", "sha").replace("SHA3-", "sha3_")
    return hashlib.new(name, content).digest()


def hash_of(
    content: bytes, name: str = "a", hash_function: str = "SHA-384"
) -> HashToSign:
    return HashToSign(name, digest(content, hash_function), hash_function)


def request(*items: HashToSign, **fields: object) -> SignRequest:
    return SignRequest(ORIGIN, "fi", hashes=items or (hash_of(b"x"),), **fields)  # type: ignore[arg-type] # any fields


def begin(
    person: Person,
    source: MockCardSource,
    asked: SignRequest | None = None,
    heard: list[tuple[str, Progress | None]] | None = None,
) -> "asyncio.Task[Signatures]":
    def hear(word: str, progress: Progress | None) -> None:
        if heard is not None:
            heard.append((word, progress))

    return asyncio.create_task(
        sign(asked or request(), source=source, prompt=person, progress=hear)
    )


def check(signature: Signature, certificate: CardCertificate, content: bytes) -> None:
    """Verify a signature with the certificate's key over what the test knows."""
    name = signature.algorithm.hash_function
    assert signature.digest == digest(content, name)
    function = getattr(hashes, name.replace("SHA-", "SHA").replace("SHA3-", "SHA3_"))()
    key, value = certificate.public_key, signature.value
    if isinstance(key, ec.EllipticCurvePublicKey):
        half = len(value) // 2
        value = utils.encode_dss_signature(
            int.from_bytes(value[:half]), int.from_bytes(value[half:])
        )
        key.verify(value, content, ec.ECDSA(function))
    elif signature.algorithm.padding is Padding.PSS:
        pss = padding.PSS(padding.MGF1(function), function.digest_size)
        key.verify(value, content, pss, function)
    else:
        key.verify(value, content, padding.PKCS1v15(), function)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the documents' private folders are made."""
    place = tmp_path / "runtime"
    place.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    return place


@pytest.fixture
def inbox(place: Path) -> Iterator[DocumentInbox]:
    headers = [
        DocumentHeader(name, "text/plain", len(content))
        for name, content in CONTENTS.items()
    ]
    with closing(DocumentInbox(headers)) as inbox:
        yield inbox


def fill(inbox: DocumentInbox) -> None:
    for number, content in enumerate(CONTENTS.values()):
        if content:
            inbox.put(number, 0, content)


# -- What is signed -------------------------------------------------------------------


async def test_three_documents_are_shown_and_signed_with_one_pin(
    source: MockCardSource, folder: Path, inbox: DocumentInbox
) -> None:
    person = Person([PIN2])
    heard: list[tuple[str, Progress | None]] = []
    signing = begin(person, source, SignRequest(ORIGIN, "sv", documents=inbox), heard)
    await until(lambda: (Step.RECEIVING, None) in person.shown)
    assert not person.questions
    fill(inbox)
    made = await signing
    assert made.certificate.der == certificate_of(folder, 2)
    assert [each.name for each in made.signatures] == list(CONTENTS)
    for each, content in zip(made.signatures, CONTENTS.values(), strict=True):
        check(each, made.certificate, content)
    assert {each.algorithm.name for each in made.signatures} == {"ES384"}

    [question] = person.questions
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
    assert person.conversation is not None
    assert person.conversation.operation == "sign"
    assert heard == [
        ("window-open", None),
        ("receiving", Progress(0, 8)),
        ("receiving", Progress(8, 8)),
        ("signing", Progress(0, 3)),
        ("signing", Progress(1, 3)),
        ("signing", Progress(2, 3)),
    ]
    assert person.bars[-3:] == [Progress(0, 3), Progress(1, 3), Progress(2, 3)]
    assert tries(folder) == (5, 5)


@pytest.mark.parametrize("hash_function", HASH_SIZES)
async def test_every_hash_function_is_signed_with_an_ec_key(
    source: MockCardSource, hash_function: str
) -> None:
    person = Person([PIN2])
    asked = request(hash_of(b"text", "contract", hash_function))
    made = await begin(person, source, asked)
    check(made.signatures[0], made.certificate, b"text")
    [shown] = person.questions[0].documents
    assert (shown.name, shown.hash_function) == ("contract", hash_function)
    assert (shown.size, shown.media_type, shown.path) == (None, "", None)
    assert not person.bars


async def test_documents_are_hashed_with_the_function_that_was_asked_for(
    source: MockCardSource, inbox: DocumentInbox
) -> None:
    fill(inbox)
    asked = SignRequest(ORIGIN, "fi", documents=inbox, hash_function="SHA3-256")
    made = await begin(Person([PIN2]), source, asked)
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
    made = await begin(Person([PIN2]), old_source, asked)
    assert made.signatures[0].algorithm.name == name
    check(made.signatures[0], made.certificate, b"text")


@pytest.mark.parametrize(("reference", "name"), [(2, "RS256"), (3, "ES256")])
async def test_the_key_is_the_one_whose_certificate_the_service_chose(
    old_source: MockCardSource, old_folder: Path, reference: int, name: str
) -> None:
    chosen = certificate_of(old_folder, reference)
    asked = request(hash_of(b"text", hash_function="SHA-256"), certificate=chosen)
    made = await begin(Person([PIN2]), old_source, asked)
    assert made.certificate.der == chosen
    assert made.signatures[0].algorithm.name == name
    check(made.signatures[0], made.certificate, b"text")


async def test_the_same_hash_may_be_signed_under_two_names(
    source: MockCardSource,
) -> None:
    asked = request(hash_of(b"x", "a"), hash_of(b"x", "b"))
    made = await begin(Person([PIN2]), source, asked)
    assert [each.name for each in made.signatures] == ["a", "b"]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a\u202egnp.exe", "\x1b[2J\x00", "", "ä" * 255]
)
async def test_a_hostile_name_is_handed_on_as_it_is(
    source: MockCardSource, name: str
) -> None:
    person = Person([PIN2])
    made = await begin(person, source, request(hash_of(b"x", name)))
    assert made.signatures[0].name == name
    assert person.questions[0].documents[0].name == name


async def test_the_window_says_that_it_is_a_test_card(source: MockCardSource) -> None:
    person = Person([PIN2])
    await begin(person, source)
    assert person.questions[0].test_card
    assert person.conversation is not None
    assert person.conversation.test_card


async def test_documents_that_a_killed_process_left_are_deleted(
    source: MockCardSource, place: Path
) -> None:
    (place / "kortilla-documents-left").mkdir()
    await begin(Person([PIN2]), source)
    assert not inside(place)


# -- What is refused before anything is shown -----------------------------------------

WRONG_REQUESTS = {
    "nothing to sign": SignRequest(ORIGIN, "fi"),
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
    person = Person([PIN2])
    with pytest.raises(InvalidArgument):
        await begin(person, source, WRONG_REQUESTS[wrong])
    assert person.conversation is None


async def test_documents_with_a_function_that_is_not_known_are_refused(
    source: MockCardSource, inbox: DocumentInbox
) -> None:
    for asked in (
        SignRequest(ORIGIN, "fi", documents=inbox, hash_function="MD5"),
        SignRequest(ORIGIN, "fi", documents=inbox, hashes=(hash_of(b"x"),)),
    ):
        with pytest.raises(InvalidArgument):
            await begin(Person(), source, asked)


async def test_a_certificate_whose_key_can_not_sign_that_is_refused_at_once(
    old_source: MockCardSource, old_folder: Path
) -> None:
    rsa = certificate_of(old_folder, 2)
    asked = request(hash_of(b"x", hash_function="SHA3-256"), certificate=rsa)
    person = Person([PIN2])
    with pytest.raises(InvalidArgument):
        await begin(person, old_source, asked)
    assert person.conversation is None


async def test_a_wrong_chunk_ends_it_before_a_card_is_looked_for(
    source: MockCardSource, inbox: DocumentInbox, place: Path
) -> None:
    person = Person([PIN2])
    signing = begin(person, source, SignRequest(ORIGIN, "fi", documents=inbox))
    await until(lambda: person.shown)
    with pytest.raises(InvalidArgument):
        inbox.put(0, 1, b"x")
    with pytest.raises(InvalidArgument):
        await signing
    assert person.shown == [(Step.RECEIVING, None)]
    assert not inside(place)


def inside(folder: Path) -> list[Path]:
    return list(folder.iterdir())


# -- Which key ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chosen",
    [
        lambda der: der + b"\x00",
        lambda der: der[:-1] + bytes([der[-1] ^ 1]),
        lambda _: b"no certificate",
        lambda _: b"",
    ],
)
async def test_a_certificate_that_is_not_the_cards_is_said(
    source: MockCardSource, folder: Path, chosen: Callable[[bytes], bytes]
) -> None:
    person = Person([PIN2])
    asked = request(certificate=chosen(certificate_of(folder, 2)))
    with pytest.raises(CertificateMismatch):
        await begin(person, source, asked)
    assert person.shown[-1] == (Step.FAILED, Problem("CERTIFICATE_MISMATCH"))
    assert not person.questions
    assert tries(folder) == (5, 5)


async def test_nothing_is_signed_with_the_authentication_key(
    source: MockCardSource, folder: Path
) -> None:
    person = Person([PIN2])
    asked = request(certificate=certificate_of(folder, 1))
    with pytest.raises(CertificateMismatch):
        await begin(person, source, asked)
    assert not person.questions


async def test_a_key_that_is_not_certified_for_signing_is_not_used(
    source: MockCardSource, folder: Path
) -> None:
    """Somebody has put the authentication certificate in the signature key's place."""
    with MockCardState.open(folder).update() as card:
        other = card.keys[0]
        card.keys = (
            other,
            other.model_copy(update={"reference": card.keys[1].reference}),
        )
    for certificate in (None, certificate_of(folder, 2)):
        person = Person([PIN2])
        signing = begin(person, source, request(certificate=certificate))
        await until(lambda: signing.done() or person.problems())  # noqa: B023
        person.cancel()
        with pytest.raises(UserCancelled) as caught:
            await signing
        assert caught.value.reason == "UNSUPPORTED_CARD"
        assert not person.questions


async def test_an_rsa_key_that_the_card_does_not_have_is_said_to_the_person_alone(
    source: MockCardSource,
) -> None:
    person = Person([PIN2])
    signing = begin(person, source, request(key_type=KeyType.RSA))
    await until(person.problems)
    assert person.problems() == ["UNSUPPORTED_CARD"]
    person.cancel()
    with pytest.raises(UserCancelled):
        await signing
    assert not person.questions


# -- The PIN --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attribute", "value", "code"),
    [
        ("tries", 0, "PIN_BLOCKED"),
        ("changed", False, "CARD_NOT_ACTIVATED"),
    ],
)
async def test_a_pin2_that_can_not_be_used_is_said_and_not_asked_for(
    source: MockCardSource, folder: Path, attribute: str, value: object, code: str
) -> None:
    with MockCardState.open(folder).update() as card:
        setattr(pin2(card.pin), attribute, value)
    person = Person([PIN2])
    signing = begin(person, source)
    await until(person.problems)
    person.cancel()
    with pytest.raises(UserCancelled) as caught:
        await signing
    assert caught.value.reason == code
    assert not person.questions


def pin2(pin: Callable[[PinReference], PinData]) -> PinData:
    return pin(PinReference.PIN2)


async def test_a_wrong_pin2_costs_one_try_and_is_not_sent_again(
    source: MockCardSource, folder: Path
) -> None:
    person = Person(["999999", "999999", PIN2])
    asked = request(hash_of(b"x", "a"), hash_of(b"y", "b"))
    made = await begin(person, source, asked)
    assert len(made.signatures) == 2
    assert [q.tries_left for q in person.questions] == [5, 4, 4]
    assert [q.repeated for q in person.questions] == [False, False, True]
    assert [q.wrong for q in person.questions] == [False, True, True]
    assert len({q.documents for q in person.questions}) == 1
    assert tries(folder) == (5, 5)


async def test_the_last_wrong_try_is_said_and_nothing_is_signed(
    source: MockCardSource, folder: Path
) -> None:
    with MockCardState.open(folder).update() as card:
        card.pin2.tries = 1
    person = Person(["999999"])
    signing = begin(person, source)
    await until(person.problems)
    person.cancel()
    with pytest.raises(UserCancelled) as caught:
        await signing
    assert caught.value.reason == "PIN_BLOCKED"
    assert person.questions[0].tries_left == 1
    assert tries(folder) == (5, 0)


async def test_pins_are_wiped_whatever_happens(source: MockCardSource) -> None:
    person = Person(["999999", "999999", PIN2])
    await begin(person, source)
    assert len(person.typed) == 3
    assert not any(any(pin) for pin in person.typed)


@pytest.mark.parametrize("moment", ["typed", "bars"])
async def test_pins_are_wiped_when_the_page_is_left_in_the_middle(
    source: MockCardSource, folder: Path, moment: str
) -> None:
    person = Person([PIN2])
    signing = begin(person, source, request(hash_of(b"x", "a"), hash_of(b"y", "b")))
    await until(lambda: getattr(person, moment))
    signing.cancel()
    await asyncio.wait({signing})
    assert person.typed
    assert not any(any(pin) for pin in person.typed)
    assert tries(folder) == (5, 5)


# -- Interruptions --------------------------------------------------------------------


@pytest.mark.parametrize("done", [1, 2])
async def test_whoever_cancels_in_the_middle_gets_what_was_signed(
    source: MockCardSource, inbox: DocumentInbox, done: int
) -> None:
    fill(inbox)
    person = Person([PIN2])

    def cancel_at(word: str, progress: Progress | None) -> None:
        if word == "signing" and progress == Progress(done, 3):
            person.cancel()

    asked = SignRequest(ORIGIN, "fi", documents=inbox)
    with pytest.raises(SigningInterrupted) as caught:
        await sign(asked, source=source, prompt=person, progress=cancel_at)
    error = caught.value
    assert (error.reason, error.total) == ("USER_CANCELLED", 3)
    assert [each.name for each in error.done.signatures] == list(CONTENTS)[:done]
    for each, content in zip(error.done.signatures, CONTENTS.values(), strict=False):
        check(each, error.done.certificate, content)
    assert person.shown[-1] == (
        Step.FAILED,
        Problem("SIGNING_INTERRUPTED", f"{done}/3"),
    )


async def test_nothing_is_sent_for_whoever_cancels_between_two_signatures(
    source: MockCardSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person([PIN2])
    loop, verify, verified = asyncio.get_running_loop(), FineidCard.verify_pin, 0

    def cancel_meanwhile(card: FineidCard, role: PinRole, pin: bytearray) -> None:
        nonlocal verified
        verified += 1
        verify(card, role, pin)
        loop.call_soon_threadsafe(person.cancel)

    monkeypatch.setattr(FineidCard, "verify_pin", cancel_meanwhile)
    asked = request(hash_of(b"x", "a"), hash_of(b"y", "b"))
    with pytest.raises((UserCancelled, SigningInterrupted)):
        await begin(person, source, asked)
    assert verified == 1


async def test_whoever_cancels_before_the_first_signature_has_cancelled(
    source: MockCardSource, folder: Path
) -> None:
    person = Person([PIN2])

    def cancel(word: str, _: Progress | None) -> None:
        if word == "signing":
            person.cancel()

    with pytest.raises(UserCancelled):
        await sign(request(), source=source, prompt=person, progress=cancel)
    assert tries(folder) == (5, 5)


async def test_nothing_is_received_or_read_before_the_person_says_it_was_them(
    source: MockCardSource, inbox: DocumentInbox
) -> None:
    asked = SignRequest(ORIGIN, "fi", documents=inbox, started_by_person=False)
    person = Person(started=False)
    with pytest.raises(UserCancelled):
        await begin(person, source, asked)
    assert not person.shown


async def test_cancelled_while_documents_come(
    source: MockCardSource, inbox: DocumentInbox
) -> None:
    person = Person()
    signing = begin(person, source, SignRequest(ORIGIN, "fi", documents=inbox))
    await until(lambda: person.shown)
    person.cancel()
    with pytest.raises(UserCancelled):
        await signing
