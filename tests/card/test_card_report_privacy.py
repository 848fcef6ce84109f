# SPDX-License-Identifier: MIT
"""A card report holds nothing of the person, from any place of the card."""

import base64
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from kortilla.mock_card.authority import make_satu
from kortilla.mock_card.ber import octets, sequence, text
from kortilla.mock_card.state import MockCardState
from native_host.card.fineid import FineidCard
from native_host.card.keys import KeyRole
from native_host.card.mock_source import MockCardConnection
from native_host.card.tlv import Tlv
from native_host.card_report.answers import copy_answer
from native_host.card_report.certificates import copy_certificate
from native_host.card_report.copying import Copier
from native_host.card_report.directories import (
    certificate_files,
    copy_card_info,
    copy_directory,
    directory_files,
)
from native_host.card_report.reading import CardContent, read_card
from native_host.card_report.report import catalogue, make_report, write_text
from native_host.card_report.stand_ins import StandIns
from native_host.languages import SPOKEN
from tests.support import cards
from tests.support.replayed import ReplayedCard, bytes_of, load_report

REPORT = Path(__file__).with_name("reports") / "mock-card-v5.json"

SATU = make_satu(99_908_765)
BEGIN = datetime(2024, 3, 17, 4, 5, 6, tzinfo=UTC)
END = datetime(2029, 3, 15, 21, 59, 58, tzinfo=UTC)


@pytest.fixture(scope="module", params=["v5", "v4.2"])
def known(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> MockCardState:
    """A card of a person whose data have letters of all kinds."""
    return MockCardState.create(
        tmp_path_factory.mktemp("known") / "card",
        profile=request.param,
        surname="SPECIMEN-ÄYRÄPÄÄ-VÄLIMAA",
        given_name="TUULIKKI ÖYSTEIN",
        satu=SATU,
        pin1="83516",
        pin2="7042895",
        puk="93847561",
        not_before=BEGIN,
        not_after=END,
    )


def content_of(state: MockCardState) -> CardContent:
    with closing(MockCardConnection(state)) as connection:
        return read_card(connection)


def forms_of_text(value: str) -> Iterator[bytes]:
    """Yield a text in the encodings that a card, or a careless program, may have."""
    for each in (value, value.lower(), value.title(), value[::-1]):
        for encoding in ("utf-8", "latin-1", "utf-16-le", "utf-16-be", "utf-7"):
            raw = each.encode(encoding)
            yield raw
            yield raw.hex().encode()
            yield raw.hex().upper().encode()
            yield raw.hex(" ").upper().encode()
            for start in range(3):  # at each place in what is encoded
                yield base64.b64encode(b"\0" * start + raw)[4:-4] or raw
    if value.isdecimal() and len(value) % 2 == 0:
        yield from forms_of_bytes(bytes.fromhex(value))


def forms_of_bytes(value: bytes) -> Iterator[bytes]:
    """Yield bytes as they are, backwards, with swapped halves, and in digits."""
    swapped = bytes((each & 15) << 4 | each >> 4 for each in value)
    for each in (value, value[::-1], swapped):
        yield each
        yield each.hex().encode()
        yield each.hex().upper().encode()
        yield base64.b64encode(each)[:-4]


def forms_of_date(value: datetime) -> Iterator[bytes]:
    """Yield a date as certificates, people and clocks have it."""
    for form in (
        *("%Y%m%d", "%Y-%m-%d", "%d.%m.%Y", "%y%m%d%H%M", "%H%M%SZ", "%d%m%Y"),
        *("%Y-%m-%dT%H:%M:%S", "%d.%m.%y"),
    ):
        yield value.strftime(form).encode()
    yield f"{value.day}.{value.month}.{value.year}".encode()
    yield from forms_of_bytes(int(value.timestamp()).to_bytes(4))
    yield from forms_of_bytes(bytes.fromhex(value.strftime("%Y%m%d")))


def personal_data(state: MockCardState) -> Iterator[bytes]:
    """Yield all forms of what a card tells of its holder, and its PINs."""
    data = state.read()
    words = ["ÄYRÄPÄÄ", "VÄLIMAA", "TUULIKKI", "ÖYSTEIN", SATU, "99908765"]
    words += ["83516", "7042895", "93847561", data.serial]
    for word in words:
        yield from forms_of_text(word)
    for moment in (BEGIN, END):
        yield from forms_of_date(moment)
    for key in data.keys:
        certificate = x509.Certificate.load(key.certificate)
        spki = certificate.public_key
        yield from forms_of_bytes(certificate.serial_number.to_bytes(20))
        yield from forms_of_bytes(certificate.signature[-24:])
        yield from forms_of_bytes(spki.dump()[-24:])
        yield from forms_of_bytes(spki.dump()[40:64])
        yield from forms_of_bytes(spki.sha1)
        yield from forms_of_bytes(spki.sha256)
        yield from forms_of_bytes(certificate.key_identifier)
        yield from forms_of_bytes(certificate.sha256)
    for authority in ("root.der", "issuing.der"):
        certificate = x509.Certificate.load(state.read_file(authority))
        yield from forms_of_bytes(certificate.public_key.dump()[-24:])
        yield from forms_of_bytes(certificate.signature[-24:])


def everything_in(report: dict[str, Any]) -> bytes:
    """Return the text of a report, and after it the bytes that its lines stand for."""
    lines = [
        bytes_of(each[name])
        for each in (*report["files"], *report["pins"])
        for name in ("content", "answer")
        if name in each
    ]
    return b"\n".join((write_text(report).encode(), *lines))


def test_nothing_of_a_known_person_is_in_the_report(known: MockCardState) -> None:
    content = content_of(known)
    raw = b"\n".join(each.content for each in content.files)
    there = [each for each in personal_data(known) if each in raw]
    assert len(there) > 20, "the search finds nothing in the card itself"
    for language in SPOKEN:
        report = make_report(content, catalogue(language), mock_card=True)
        written = everything_in(report)
        assert [each for each in personal_data(known) if each in written] == []


def test_the_reports_that_are_committed_hold_no_default_person() -> None:
    for path in REPORT.parent.glob("mock-card-*.json"):
        written = everything_in(load_report(path))
        for word in ("VIRTANEN", "AINO", "99955512", make_satu(99_955_512)):
            for form in forms_of_text(word):
                assert len(form) < 4 or form not in written


def test_a_report_says_nothing_of_when_and_where_it_was_made(tmp_path: Path) -> None:
    texts = []
    for name in ("a", "b"):
        content = content_of(cards.new_card(tmp_path / name))
        report = make_report(content, catalogue("en"), mock_card=True)
        texts.append(write_text(report))
    assert texts[0] == texts[1]
    assert str(tmp_path) not in texts[0]


def test_two_people_with_names_of_one_length_have_the_same_report(
    tmp_path: Path,
) -> None:
    """So nothing is in it that follows from who they are."""
    texts = []
    for surname, name, satu in (
        ("SPECIMEN-KORHONEN", "AINO", make_satu(99_900_111)),
        ("SPECIMEN-LAHTINEN", "EERO", make_satu(99_911_222)),
    ):
        state = MockCardState.create(
            tmp_path / name, surname=surname, given_name=name, satu=satu
        )
        content = content_of(state)
        report = make_report(content, catalogue("en"), mock_card=True)
        for file in report["files"]:
            # ECDSA's signatures differ in length, and certificates with them.
            if file["kind"] in {"certificate", "authority"}:
                file["content"] = [each for each in file["content"] if "'" in each]
                file["answer"] = file["pieces"] = None
        report["understood"]["authorityCertificateLengths"] = None
        texts.append(write_text(report))
    assert texts[0] == texts[1]


# -- Personal data where nobody expects them ----------------------------------

SECRET = "JYVXKWQZ"  # letters that no word has in this order
NUMBER = "71386245"


def in_directory(*parts: bytes) -> bytes:
    """Return an entry of a directory with more in it than the usual."""
    return sequence(
        sequence(text("perustunnusluku"), *parts),
        sequence(octets(b"\x45"), *parts),
        Tlv(0xA1, sequence(sequence(octets(b"\x43\x31")), *parts)),
    )


def named(certificate: Callable[[bytes], bytes] = bytes) -> bytes:
    """Return the replaced certificate of a report."""
    [file] = [each for each in load_report(REPORT)["files"] if each["file"] == "4331"]
    return certificate(bytes_of(file["content"]))


def in_place_of(old: str, new: str) -> Callable[[bytes], bytes]:
    def replace(content: bytes) -> bytes:
        assert old.encode() in content and len(old) == len(new)
        return content.replace(old.encode(), new.encode())

    return replace


def with_extension(oid: str, value: bytes) -> Callable[[bytes], bytes]:
    def add(content: bytes) -> bytes:
        to_be_signed, *signature = Tlv.parse_all(Tlv.parse(content).value)
        *parts, extensions = Tlv.parse_all(to_be_signed.value)
        more = sequence(Tlv(0x06, bytes.fromhex(oid)), octets(value))
        all_of_them = sequence(Tlv.parse(extensions.value).value, more)
        return sequence(sequence(*parts, Tlv(0xA3, all_of_them)), *signature)

    return add


SECRETS = SECRET.encode()
BCD = bytes.fromhex(NUMBER)
ENTRIES: dict[str, bytes] = {
    "label": in_directory(text(f"perustunnusluku {SECRET}")),
    "label of another type": in_directory(text(SECRET, tag=0x13)),
    "wide label": in_directory(Tlv(0x1E, SECRET.encode("utf-16-be"))),
    "unknown tag": in_directory(Tlv(0x41, SECRETS)),
    "long tag": in_directory(Tlv(0x5F20, SECRETS)),
    "context tag": in_directory(Tlv(0x82, SECRETS)),
    "application tag": Tlv(0x61, SECRETS) + in_directory(),
    "id": in_directory(octets(SECRETS)),
    "id in digits": in_directory(octets(NUMBER.encode()), octets(BCD)),
    "path": in_directory(sequence(octets(SECRETS))),
    "number": in_directory(Tlv(0x02, SECRETS), Tlv(0x02, BCD)),
    "flags": in_directory(Tlv(0x03, b"\x00" + SECRETS)),
    "object identifier": in_directory(Tlv(0x06, b"\x2a" + SECRETS)),
    "known family": in_directory(Tlv(0x06, bytes.fromhex("551D") + SECRETS)),
    "time": in_directory(Tlv(0x18, b"19770412120000Z"), Tlv(0x17, SECRETS)),
    "between letters": in_directory(text("-".join(SECRET))),
    "text in zeros": in_directory() + SECRET.encode("utf-16-le"),
    "text after zeros": b"\x00" * 9 + SECRETS,
    "text alone": SECRETS * 4,
    "digits alone": BCD * 4,
}


@pytest.mark.parametrize("content", ENTRIES.values(), ids=ENTRIES)
@pytest.mark.parametrize("copy", [copy_directory, copy_card_info, copy_certificate])
def test_nothing_personal_is_copied_from_any_place_of_a_directory(
    content: bytes, copy: Callable[[bytes, Copier], None]
) -> None:
    assert_no_secret(content, copied(content, copy))


CERTIFICATES: dict[str, bytes] = {
    "surname": named(in_place_of("SPECIMEN-SPECIMEN", f"{SECRET}-{SECRET}")),
    "client identifier": named(in_place_of("99999999D", f"{NUMBER}D")),
    "issuer": named(in_place_of("SPECIMEN Kortilla", f"SPECIMEN {SECRET}")),
    "policy": named(in_place_of("crl/issuing.crl", f"crl/{SECRET.lower()}.crl"[:15])),
    "validity": named(in_place_of("210601000000Z", "770412123456Z")),
    "no date": named(in_place_of("210601000000Z", f"{SECRET}ABCDE")),
    "padding": named(lambda content: content + SECRETS),
    "padded": named(lambda content: content + b"\x00" * 8 + SECRETS),
    "e-mail address": named(
        with_extension("551D11", sequence(Tlv(0x81, f"{SECRET}@example.com".encode())))
    ),
    "name in words": named(with_extension("551D11", sequence(text(SECRET)))),
    "birthday": named(
        with_extension("551D09", sequence(Tlv(0x18, b"19770412120000Z")))
    ),
    "own extension": named(with_extension("2A81768405014D", octets(SECRETS))),
    "extension with a name": named(with_extension("2A0304", SECRETS)),
}


@pytest.mark.parametrize("content", CERTIFICATES.values(), ids=CERTIFICATES)
@pytest.mark.parametrize("copy", [copy_certificate, copy_card_info, copy_directory])
def test_nothing_personal_is_copied_from_any_place_of_a_certificate(
    content: bytes, copy: Callable[[bytes, Copier], None]
) -> None:
    assert_no_secret(content, copied(content, copy))


def test_a_name_of_known_words_is_still_a_name() -> None:
    """In the subject and beside it no text is copied, also if each word is known."""
    alternative = with_extension("551D11", sequence(text("Root Citizen Test")))
    subject = in_place_of("SPECIMEN-SPECIMEN", "Root Citizen Test")
    written = copied(
        named(lambda content: alternative(subject(content))), copy_certificate
    )
    assert b"Root Citizen Test" not in written
    assert b"SPECIMEN-SPECIMEN" in written


def test_nothing_of_an_unknown_extension_is_copied() -> None:
    """Not even a small number, which may be an age."""
    value = sequence(Tlv(0x02, b"\x4d"), Tlv(0x0A, b"\x01"), text("Citizen"))
    written = copied(named(with_extension("2A0304", value)), copy_certificate)
    assert octets(value) not in written
    assert octets(b"\xaa" * len(value)) in written


ANSWERS: dict[str, bytes] = {
    "name of a folder": Tlv(0x62, Tlv(0x84, SECRETS) + Tlv(0x81, b"\x00\x18")),
    "size": Tlv(0x62, Tlv(0x81, SECRETS)),
    "conditions": Tlv(0x62, Tlv(0x8C, SECRETS[:4])),
    "own data": Tlv(0x6F, Tlv(0xA5, Tlv(0xDF21, SECRETS) + SECRETS)),
    "PIN info": Tlv(0xA0, Tlv(0x83, SECRETS) + Tlv(0xDF2F, SECRETS)),
    "text": SECRETS,
    "wide text": SECRET.encode("utf-16-le"),
}


@pytest.mark.parametrize("content", ANSWERS.values(), ids=ANSWERS)
def test_nothing_personal_is_copied_from_answers(content: bytes) -> None:
    assert_no_secret(content, copied(content, copy_answer))


def test_an_unknown_file_that_a_card_names_is_not_copied(tmp_path: Path) -> None:
    """EF.OD names a directory of data objects, which is a text about the person."""
    report = load_report(REPORT)
    by_name = {each["file"]: each for each in report["files"]}
    directory = Tlv(0xA7, sequence(octets(b"\x44\x0a")))
    put(by_name["5031"], bytes_of(by_name["5031"]["content"]) + directory)
    unknown = {**by_name["4401"], "file": "440A"}
    put(unknown, f"{SECRET} {NUMBER}".encode() + SECRET.encode("utf-16-le"))
    report["files"].append(unknown)
    again = make_report(
        read_card(ReplayedCard(report)), catalogue("en"), mock_card=False
    )
    assert "440A" in [each["file"] for each in again["files"]]
    assert_no_secret(everything_in(report), everything_in(again), longer=2)
    assert again["mockCard"] is True  # its label says so


def test_a_status_word_that_is_none_is_not_copied() -> None:
    report = load_report(REPORT)
    report["files"][0]["status"] = report["files"][1]["end"] = "4A59"
    report["pins"][0]["status"] = "5658"
    again = make_report(
        read_card(ReplayedCard(report)), catalogue("en"), mock_card=False
    )
    assert [again["files"][0]["status"], again["files"][1]["end"]] == ["6F00"] * 2
    assert again["pins"][0]["status"] == "6F00"
    assert "4A59" not in write_text(again)


def test_a_path_that_is_a_name_is_not_copied() -> None:
    """The card says that its certificate is in a file that is called so."""
    report = load_report(REPORT)
    by_name = {each["file"]: each for each in report["files"]}
    path = SECRETS.hex().upper()
    listed = bytes_of(by_name["4404"]["content"])
    entry = sequence(
        sequence(text("certificate")),
        sequence(octets(b"\x45")),
        Tlv(0xA1, sequence(sequence(octets(SECRETS)))),
    )
    put(by_name["4404"], entry + listed[len(Tlv.take(listed)[0]) :])
    report["files"].append({**by_name["4331"], "file": path})
    card = ReplayedCard(report)
    used = FineidCard(card).key(KeyRole.AUTHENTICATION)
    assert used.certificate_path == SECRETS, "the card has such a file"
    again = make_report(read_card(card), catalogue("en"), mock_card=False)
    assert_no_secret(SECRETS, everything_in(again), longer=2)
    assert path not in write_text(again)
    assert again["understood"]["chosen"]["authentication"]["file"] is None


def put(file: dict[str, Any], content: bytes) -> None:
    """Give a file of a report another content."""
    file["content"] = [content.hex()]
    file["answer"] = [f"62048102{len(content):04X}"]
    file["pieces"] = str(len(content))


def copied(content: bytes, copy: Callable[[bytes, Copier], None]) -> bytes:
    copier = Copier(StandIns())
    copy(content, copier)
    written = b"".join(map(bytes, copier.pieces))
    assert len(written) == len(content)
    words = " ".join(each.words for each in copier.pieces)
    return written + words.encode()


#: The secrets as they may stand, and how many bytes of them in a row are too many.
FORMS = (
    *((SECRETS, 3), (SECRETS.lower(), 3), ("-".join(SECRET).encode(), 4)),
    *((SECRET.encode("utf-16-le"), 5), (SECRET.encode("utf-16-be"), 5)),
    *((NUMBER.encode(), 4), (BCD, 2), (b"19770412", 4), (b"0412123456", 4)),
)


def assert_no_secret(content: bytes, written: bytes, *, longer: int = 0) -> None:
    """Find no part of the secrets in what was written, but some in ``content``."""
    assert any(form[:width] in content for form, width in FORMS)
    for form, width in FORMS:
        size = width + longer
        for start in range(len(form) - size + 1):
            assert form[start : start + size] not in written


# -- Anything -----------------------------------------------------------------

COPIES = (copy_directory, copy_card_info, copy_certificate, copy_answer)
TAGS = st.sampled_from(
    [*range(0x01, 0x20), 0x30, 0x31, *range(0x40, 0x60), *range(0x80, 0xB0)]
)
SECRET_VALUES = st.sampled_from([SECRETS, SECRETS * 3, SECRET.encode("utf-16-le"), BCD])
TREES = st.recursive(
    st.builds(Tlv, TAGS, SECRET_VALUES),
    lambda below: st.builds(
        lambda tag, parts: Tlv(tag, b"".join(parts)), TAGS, st.lists(below, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None)  # the machine may be busy
@given(content=st.lists(TREES, min_size=1, max_size=4).map(b"".join))
def test_no_tree_of_objects_gets_a_secret_through(content: bytes) -> None:
    for copy in COPIES:
        assert_no_secret(content + SECRETS, copied(content, copy))


@settings(deadline=None)  # the machine may be busy
@given(content=st.binary(max_size=400))
def test_any_bytes_are_copied_in_their_length(content: bytes) -> None:
    for copy in COPIES:
        copied(content, copy)  # which looks at the length
    assert len(list(directory_files(content))) <= len(content)
    assert len(list(certificate_files(content))) <= len(content)
