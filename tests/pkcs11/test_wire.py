# SPDX-License-Identifier: MIT
"""The bytes of the messages match docs/reference/pkcs11.md, "Wire format"."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native_host.pkcs11.wire import (
    MAX_BODY,
    MAX_OPTIONS,
    Attribute,
    Input,
    Mechanism,
    PssParameters,
    Size,
    Wanted,
    WireError,
    decode,
    encode,
    frame,
    parse_header,
)
from tests.pkcs11 import client as other
from tests.pkcs11.names import CKA, CKG, CKM, CKO, CKR


def read(signature: str, hexadecimal: str, version: int = 1) -> list[object]:
    return decode(signature, Input(bytearray.fromhex(hexadecimal), version=version))


def written(signature: str, *values: object) -> str:
    body = encode(7, signature, values)
    head = 8 + len(signature)
    assert body[:head] == b"\0\0\0\7" + len(signature).to_bytes(4) + signature.encode()
    return body[head:].hex().upper()


@pytest.mark.parametrize(
    ("signature", "bytes_", "values"),
    [
        ("", "", []),
        ("yu", "FF 0000000000000100", [255, 256]),
        ("ay", "01 00000002 ABCD", [bytearray(b"\xab\xcd")]),
        ("ay", "01 00000000", [bytearray()]),
        ("ay", "01 FFFFFFFF", [None]),
        ("ay", "00 00000009", [None]),
        ("fyfu", "00000000 FFFFFFFF", [None, 0]),
        ("fu", "00000010", [16]),
        ("fA", "00000001 00000102 00000000", [[Wanted(CKA.ID, 0)]]),
        ("aA", "00000000", [[]]),
        (
            "aA",
            "00000004 00000000 01 00000008 0000000000000003 00000001 01 00000001 01 "
            "00000102 01 00000001 00000001 45 00000003 00",
            [
                [
                    Attribute(CKA.CLASS, CKO.PRIVATE_KEY),
                    Attribute(CKA.TOKEN, True),
                    Attribute(CKA.ID, b"\x45"),
                    Attribute(CKA.LABEL, None),
                ]
            ],
        ),
        ("aA", "00000001 00000102 01 00000000 FFFFFFFF", [[Attribute(CKA.ID, b"")]]),
        (
            "aA",
            "00000001 40000600 01 00000008 00000001 0000000000001041",
            [[Attribute(CKA.ALLOWED_MECHANISMS, (CKM.ECDSA,))]],
        ),
        (  # with attributes within
            "aA",
            "00000001 40000211 01 00000018 00000001 00000001 01 00000001 00",
            [[Attribute(CKA.WRAP_TEMPLATE, (Attribute(CKA.TOKEN, False),))]],
        ),
    ],
)
def test_arguments_are_read(signature: str, bytes_: str, values: list[object]) -> None:
    assert read(signature, bytes_) == values


@pytest.mark.parametrize(
    ("version", "bytes_", "mechanism"),
    [
        (0, "00001041 FFFFFFFF", Mechanism(CKM.ECDSA)),
        (1, "00001041 FFFFFFFF", Mechanism(CKM.ECDSA)),
        (1, "00000001 00000000", Mechanism(CKM.RSA_PKCS)),
        (2, "00001041", Mechanism(CKM.ECDSA)),
        (255, "00000001", Mechanism(CKM.RSA_PKCS)),
        (2, "0000000D 00", Mechanism(CKM.RSA_PKCS_PSS)),
        (
            1,
            "0000000D 0000000000000250 0000000000000002 0000000000000020",
            Mechanism(CKM.RSA_PKCS_PSS, PssParameters(CKM.SHA256, CKG.MGF1_SHA256, 32)),
        ),
        (
            2,
            "00000043 01 0000000000000250 0000000000000002 0000000000000020",
            Mechanism(
                CKM.SHA256_RSA_PKCS_PSS, PssParameters(CKM.SHA256, CKG.MGF1_SHA256, 32)
            ),
        ),
        (1, "FFFFFFFF", None),
        (2, "FFFFFFFF", None),
    ],
)
def test_mechanisms_are_read_as_the_clients_version_writes_them(
    version: int, bytes_: str, mechanism: Mechanism | None
) -> None:
    key = "0000000000000003"
    assert read("Mu", bytes_ + key, version) == [mechanism, 3]


def test_a_mechanism_that_is_not_known_is_not_read_further() -> None:
    assert read("uMu", "0000000000000001 00001087 01 00000003 414243") == [
        1,
        Mechanism(CKM.AES_GCM),
    ]


def test_attributes_within_attributes_are_asked_for_by_newer_clients() -> None:
    asked = "00000001 40000211 00000018 00000001 00000001 00000001"
    assert read("fA", asked, 2) == [[Wanted(CKA.WRAP_TEMPLATE, 24)]]


@pytest.mark.parametrize(
    ("signature", "bytes_"),
    [
        ("u", "00"),
        ("u", "000000000000000000"),  # longer than the signature
        ("", "00"),
        ("y", ""),
        ("ay", "01"),
        ("ay", "01 00000005 AABBCCDD"),
        ("ay", "01 FFFFFFFE"),
        ("ay", "01 7FFFFFFF"),
        ("fy", "000000"),
        ("fA", "7FFFFFFF"),
        ("fA", "FFFFFFFF 00000102 00000000"),
        ("aA", "FFFFFFFF"),
        ("aA", "00000002 00000102 00"),
        ("aA", "00000001 00000102 01 00000001 00000005 45"),
        ("aA", "00000001 00000000 01 00000008 00000003"),
        ("aA", "00000001 40000600 01 00000008 7FFFFFFF 0000000000001041"),
        ("M", "00"),
        ("M", "0000000D 0000000000000250"),
        ("M", "00001041"),
    ],
)
def test_lengths_that_are_not_so_are_refused(signature: str, bytes_: str) -> None:
    with pytest.raises(WireError):
        read(signature, bytes_)


def test_attributes_are_nested_only_so_deep() -> None:
    nested = "00000001 40000211 01 00000018" * 9 + "00000000"
    with pytest.raises(WireError, match="deeply"):
        read("aA", nested)
    with pytest.raises(WireError, match="deeply"):
        read("fA", "00000001 40000211 00000018" * 10 + "00000000", 2)


def test_answers_are_written() -> None:
    assert written("") == ""
    assert written("uuv", 1, 2**64 - 1, (2, 40)) == "0" * 15 + "1" + "F" * 16 + "0228"
    assert written("s", b"ab  ") == "0000000461622020"
    assert written("ay", b"\xab") == "0100000001AB"
    assert written("ay", Size(96)) == "0000000060"
    assert written("au", [1]) == "01000000010000000000000001"
    assert written("au", []) == "0100000000"
    assert written("au", Size(2)) == "0000000002"
    assert written("aAu", [Attribute(CKA.ID, None)], CKR.ATTRIBUTE_TYPE_INVALID) == (
        "00000001000001020000000000000000" + "12"
    )
    assert written(
        "aA", [Attribute(CKA.TOKEN, True), Attribute(CKA.CLASS, CKO.PRIVATE_KEY)]
    ) == ("00000002" + "00000001010000000101" + "0000000001000000080000000000000003")
    assert (
        written("aA", [Attribute(CKA.VALUE, b"")])
        == "0000000100000011010000000000000000"
    )


def test_a_value_of_another_type_than_p11_kit_has_it_is_a_mistake() -> None:
    for attribute in (
        Attribute(CKA.TOKEN, 1),
        Attribute(CKA.TOKEN, b"\1"),
        Attribute(CKA.CLASS, b"\3"),
        Attribute(CKA.ID, 69),
        Attribute(CKA.DESTROYABLE, True),
    ):
        with pytest.raises(TypeError):
            encode(24, "aA", [[attribute]])


def test_frames_have_bounded_lengths() -> None:
    def header(code: int, options: int, body: int) -> bytes:
        return b"".join(each.to_bytes(4) for each in (code, options, body))

    assert parse_header(header(1, MAX_OPTIONS, MAX_BODY)).body == MAX_BODY
    for options, body in (
        (MAX_OPTIONS + 1, 0),
        (0, MAX_BODY + 1),
        (2**32 - 1, 2**32 - 1),
        (0, 0x7FFF_FFFF),
    ):
        with pytest.raises(WireError):
            parse_header(header(1, options, body))
    assert frame(5, b"abc") == header(5, 0, 3) + b"abc"


# -- Random messages ------------------------------------------------------------------

SIGNATURES = sorted({request for _, request, _ in other.CALLS.values()})


@given(st.sampled_from(SIGNATURES), st.binary(max_size=200), st.integers(0, 3))
def test_anything_is_read_or_refused(signature: str, data: bytes, version: int) -> None:
    try:
        values = decode(signature, Input(bytearray(data), version=version))
    except WireError:
        return
    assert len(values) <= len(signature)


values = {
    "u": st.integers(0, 2**64 - 1).map(lambda n: (n, other.u64(n))),
    "y": st.integers(0, 255).map(lambda n: (n, bytes([n]))),
    "ay": st.one_of(st.none(), st.binary(max_size=20)).map(
        lambda b: (b, other.octets(b))
    ),
    "fu": st.integers(1, 2**32 - 2).map(lambda n: (n, other.u32(n))),
    "fA": st.dictionaries(st.integers(0, 0xFFFF), st.integers(0, 99), max_size=4).map(
        lambda d: ([Wanted(*each) for each in d.items()], other.wanted(d))
    ),
    "aA": st.dictionaries(
        st.sampled_from([CKA.LABEL, CKA.VALUE, CKA.SUBJECT, CKA.NSS_URL]),
        st.binary(max_size=9),
        max_size=4,
    ).map(lambda d: ([Attribute(*each) for each in d.items()], other.attributes(d))),
}


@given(st.data(), st.lists(st.sampled_from(sorted(values)), max_size=5))
def test_what_one_side_writes_the_other_reads(
    data: st.DataObject, kinds: list[str]
) -> None:
    chosen = [data.draw(values[kind]) for kind in kinds]
    message = Input(bytearray(b"".join(written for _, written in chosen)))
    assert decode("".join(kinds), message) == [value for value, _ in chosen]


def test_a_pin_in_a_message_that_is_too_long_is_wiped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[bytearray] = []
    take = Input.take

    def remember(message: Input, size: int) -> bytearray:
        taken.append(take(message, size))
        return taken[-1]

    monkeypatch.setattr(Input, "take", remember)
    with pytest.raises(WireError):
        read("uay", "0000000000000001 01 00000004 31323334 FF")
    assert bytearray(4) in taken
    assert bytearray(b"1234") not in taken
