# SPDX-License-Identifier: MIT
"""The card's directories are used only when they are whole, and never crash it."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from native_host.card.errors import (
    CardMuteError,
    CardRemovedError,
    UnsupportedCardError,
)
from native_host.card.fineid import CardKey, FineidCard, KeyRole
from native_host.card.keys import (
    DirectoryError,
    parse_directories,
    parse_object_directory,
)
from native_host.card.signature import KeyType
from tests.card.scripted import (
    AUTHENTICATION,
    SELECT,
    SIGNATURE,
    SIGNATURE_USAGE,
    V4_2,
    V5,
    V5_SIGNING,
    certificate,
    certificates_of,
    control_parameters,
    object_directory,
    path,
    pin,
    private_key,
)

Files = dict[str, bytes | Exception | str]

RSA = 0x30
PINS = pin("01", "11") + pin("02", "82") + pin("03", "83")
KEYS = private_key("45", "01", "01") + private_key(
    "46", "02", "02", usage=SIGNATURE_USAGE
)
CERTIFICATES = certificate("45", "4331") + certificate("46", "50164332")
OBJECTS = object_directory(path("4401"), path("4402"), path("4403"))
OTHERS = path("4402"), path("4403")


def parse(
    keys: bytes = KEYS, certificates: bytes = CERTIFICATES, pins: bytes = PINS
) -> tuple[CardKey, ...]:
    return parse_directories([keys], [certificates], [pins])


# -- Valid directories ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "inside"),
    [
        ("3F0050154401", "4401"),
        ("3F004401", "4401"),
        ("4401", "4401"),
        ("50165031", "50165031"),
        ("3F00501550165031", "50165031"),
        ("3F0050165031", "50165031"),
        ("5015", "5015"),
    ],
)
def test_a_file_is_named_from_the_top_or_from_the_application(
    written: str, inside: str
) -> None:
    files = parse_object_directory(object_directory(path(written), *OTHERS))
    assert files[0] == [bytes.fromhex(inside)]


def test_the_object_directory_names_one_or_more_files_of_each_kind() -> None:
    more = object_directory(path("4401") + path("4411"), path("4402"), path("4403"))
    public_keys = bytes.fromhex("A108300604043F004404")
    padded = b"\xff\x00" + public_keys + b"\x00" * 3 + more + b"\xff" * 40
    assert parse_object_directory(padded) == [
        [b"\x44\x01", b"\x44\x11"],
        [b"\x44\x02"],
        [b"\x44\x03"],
    ]


def test_keys_are_paired_with_certificates_and_pins_by_their_ids() -> None:
    assert parse() == (AUTHENTICATION, SIGNATURE)
    # The ids and the order do not matter.
    assert parse(
        private_key("C0FFEE", "07", "AA55", usage=SIGNATURE_USAGE)
        + private_key("01", "09", "00"),
        certificate("02", "4336", authority=True)
        + certificate("01", "3F0050154337")
        + certificate("C0FFEE", "501650174338"),
        pin("AA55", "82") + pin("00", "11"),
    ) == (
        CardKey(KeyRole.SIGNATURE, KeyType.ECC, 7, bytes.fromhex("501650174338")),
        CardKey(KeyRole.AUTHENTICATION, KeyType.ECC, 9, bytes.fromhex("4337")),
    )


def test_rsa_alternates_come_after_the_keys_that_are_preferred() -> None:
    alternates = private_key("47", "04", "01", tag=RSA) + private_key(
        "48", "0085", "02", usage=SIGNATURE_USAGE, tag=RSA
    )
    more = certificate("47", "50164333") + certificate("48", "50164335")
    authentication, signature, *rest = parse(alternates + KEYS, more + CERTIFICATES)
    assert (authentication, signature) == (AUTHENTICATION, SIGNATURE)
    assert [(key.role, key.key_type, key.reference) for key in rest] == [
        (KeyRole.AUTHENTICATION, KeyType.RSA, 0x04),
        (KeyRole.SIGNATURE, KeyType.RSA, 0x85),
    ]


@pytest.mark.parametrize("reference", ["82", "0082", "FF82"])
def test_a_reference_above_7f_may_be_written_as_a_negative_number(
    reference: str,
) -> None:
    assert parse(pins=pin("01", "11") + pin("02", reference)) == parse()


def test_files_may_be_padded_and_objects_stand_in_several() -> None:
    halves = [private_key("45", "01", "01"), b"\x00\x00"]
    halves.append(private_key("46", "02", "02", usage=SIGNATURE_USAGE) + b"\xff" * 9)
    assert parse_directories(halves, [b"\xff" + CERTIFICATES], [PINS]) == parse()


def test_what_is_of_no_use_is_passed_over() -> None:
    decipher = private_key("49", "08", "01", usage="0640", tag=RSA)
    without_certificate = private_key("50", "0A", "03")
    dsa = private_key("51", "0B", "01", tag=0xA2)
    not_x509 = bytes.fromhex("A0023000")
    biometric = bytes.fromhex("A0023000")
    assert (
        parse(
            decipher + without_certificate + dsa + KEYS,
            not_x509 + CERTIFICATES,
            biometric + PINS,
        )
        == parse()
    )


# -- Invalid directories --------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 64,
        bytes.fromhex("A0"),
        OBJECTS[:-1],
        OBJECTS[:20],
        object_directory(path("44"), *OTHERS),
        object_directory(path(""), *OTHERS),
        object_directory(path("3F00"), *OTHERS),
        object_directory(path("44" * 10), *OTHERS),
        object_directory(b"", *OTHERS),
        object_directory(b"\x04\x02\x44\x01", *OTHERS),
        object_directory(b"\x30\x00", *OTHERS),
        object_directory(path("4401") * 9, *OTHERS),
        # An object that begins in the middle of its file.
        OBJECTS.replace(path("4402"), bytes.fromhex("300704024402020105")).replace(
            b"\xa4\x06", b"\xa4\x09"
        ),
    ],
)
def test_an_odd_object_directory_is_refused(content: bytes) -> None:
    with pytest.raises(DirectoryError):
        parse_object_directory(content)


@pytest.mark.parametrize(
    ("keys", "certificates", "pins"),
    [
        # One is empty, cut off, or begins with an odd object.
        *((keys, CERTIFICATES, PINS) for keys in (b"", KEYS[:-1])),
        *((KEYS, certificates, PINS) for certificates in (b"", CERTIFICATES[:-1])),
        *((KEYS, CERTIFICATES, pins) for pins in (b"", PINS[:-1])),
        (b"\x30\x00" + KEYS, CERTIFICATES, PINS),
        (b"\x30\x04\x30\x00\x04\x00" + KEYS, CERTIFICATES, PINS),
        # No key for authentication.
        (private_key("46", "02", "02", usage=SIGNATURE_USAGE), CERTIFICATES, PINS),
        # Invalid references, and a PIN that is missing.
        *(
            (private_key("45", *reference), CERTIFICATES, PINS)
            for reference in (("00", "01"), ("0101", "01"), ("", "01"), ("01", "09"))
        ),
        # PINs that are not the card's, or not for the role.
        *(
            (KEYS, CERTIFICATES, pin("01", pin1) + pin("02", pin2))
            for pin1, pin2 in (("03", "82"), ("11", "04"), ("82", "11"), ("83", "82"))
        ),
        # A certificate that stands in the directory itself.
        (KEYS, CERTIFICATES.replace(path("4331"), b"\xa0\x04" + bytes(4)), PINS),
        # Duplicate ids.
        (KEYS + private_key("45", "05", "01"), CERTIFICATES, PINS),
        (KEYS, CERTIFICATES + certificate("45", "4337"), PINS),
        (KEYS, CERTIFICATES, PINS + pin("01", "82")),
    ],
)
def test_odd_directories_are_refused(
    keys: bytes, certificates: bytes, pins: bytes
) -> None:
    with pytest.raises(DirectoryError):
        parse(keys, certificates, pins)


def changed(which: int, place: float, value: int) -> list[bytes]:
    contents = [bytearray(content) for content in (KEYS, CERTIFICATES, PINS)]
    contents[which][int(place * len(contents[which]))] = value
    return [bytes(content) for content in contents]


@settings(max_examples=300)
@given(
    st.lists(st.binary(max_size=120), min_size=3, max_size=3)
    | st.builds(
        changed,
        st.integers(0, 2),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
    ),
    st.binary(max_size=200),
)
def test_any_bytes_are_directories_or_refused(
    contents: list[bytes], objects: bytes
) -> None:
    """Also directories with a wrong byte."""
    with suppress(DirectoryError):
        parse(*contents)
    with suppress(DirectoryError):
        parse_object_directory(objects)


# -- On the card ----------------------------------------------------------------------


class FileCard:
    """A card that has only these files, by their paths in the application."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.file = b""
        self.selected: list[str] = []

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        if apdu.hex().upper() == SELECT:
            return b"", 0x9000
        if apdu[1] == 0xB0:
            offset = int.from_bytes(apdu[2:4])
            return self.file[offset : offset + 181], 0x9000
        assert apdu[:4] == bytes.fromhex("00A40804")
        name = apdu[5:].hex()
        self.selected.append(name)
        content = self.files.get(name, "6A82")
        if isinstance(content, Exception):
            raise content
        if isinstance(content, str):
            return b"", int(content, 16)
        self.file = content
        return bytes.fromhex(control_parameters(len(content)))[:-2], 0x9000


# The files of a v5 card whose keys and file ids differ from the table's.
FIRST_KEY = private_key("45", "07", "01")
FILES: Files = {
    "5031": OBJECTS,
    "4401": FIRST_KEY + private_key("46", "09", "02", usage=SIGNATURE_USAGE),
    "4402": certificate("45", "4337") + certificate("46", "50164338"),
    "4403": PINS,
    "4337": V5,
    "50164338": V5_SIGNING,
}
BROKEN: list[bytes | str] = ["6A82", b"\x30\x03\x02\x01\x05"]


def test_a_card_uses_the_keys_that_its_directories_name() -> None:
    connection = FileCard(FILES)
    card = FineidCard(connection)
    key = card.key(KeyRole.SIGNATURE)
    assert (key.reference, key.certificate_path.hex()) == (9, "50164338")
    assert card.certificate(key).der == V5_SIGNING
    # Each file is read once.
    assert set(certificates_of(card)) == set(card.keys())
    assert len(connection.selected) == len(set(connection.selected)) == 6


@pytest.mark.parametrize(
    ("changes", "listed", "authenticating", "signing"),
    [
        ({}, [7, 9], 7, 9),
        # A role that the directories leave out is filled from the table.
        ({"4401": FIRST_KEY}, [7, 2], 7, None),
        # A directory that can't be used leaves the table.
        *(
            ({name: content, "4331": V5}, [1, 2], 1, None)
            for name in ("5031", "4401", "4402", "4403")
            for content in (
                *("6A82", "6982", "6F00", b"", b"\x30\x82\xff\xff"),
                *(b"\xff" * 5000, b"\x30" * 9000),
            )
        ),
        # A certificate that is not where the directory says is where the table says.
        *(({"4337": content, "4331": V5}, [7, 9], 1, 9) for content in (*BROKEN, b"")),
        # A key is not used whose certificate is for another use.
        ({"50164338": V5}, [7, 9], 7, None),
        # The table has the last word, as if the directories listed RSA alone.
        *(
            (
                {
                    "4401": private_key("45", "07", "01", tag=RSA),
                    "4337": content,
                    "4331": V5,
                },
                [7, 2],
                1,
                None,
            )
            for content in BROKEN
        ),
    ],
)
def test_the_table_stands_in_for_directories_that_are_wrong(
    changes: Files, listed: list[int], authenticating: int, signing: int | None
) -> None:
    card = FineidCard(FileCard(FILES | changes))
    keys, key = card.keys(), card.key(KeyRole.AUTHENTICATION)
    assert [each.reference for each in keys] == listed
    assert key.reference == authenticating
    assert card.certificate(key).der == V5
    if signing is None:
        with pytest.raises(UnsupportedCardError):
            card.key(KeyRole.SIGNATURE)
    else:
        assert card.key(KeyRole.SIGNATURE).reference == signing


@pytest.mark.parametrize("error", [CardRemovedError("gone"), CardMuteError("mute")])
@pytest.mark.parametrize("name", ["5031", "4403", "4337"])
def test_a_card_that_goes_meanwhile_is_not_an_odd_directory(
    name: str, error: Exception
) -> None:
    with pytest.raises(type(error)):
        FineidCard(FileCard(FILES | {name: error})).key(KeyRole.AUTHENTICATION)


def test_the_certificate_decides_what_a_key_is() -> None:
    # Nothing identifies this as a v4.2 card, and the table of v5 is wrong for it.
    card = FineidCard(FileCard({"4331": V4_2}))
    assert card.keys()[0].key_type is KeyType.ECC
    assert card.key(KeyRole.AUTHENTICATION).key_type is KeyType.RSA
    assert card.key(KeyRole.AUTHENTICATION, KeyType.RSA).reference == 1
    with pytest.raises(UnsupportedCardError):
        card.key(KeyRole.AUTHENTICATION, KeyType.ECC)
