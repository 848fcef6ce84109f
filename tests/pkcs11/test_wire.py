# SPDX-License-Identifier: MIT
"""The bytes of the messages match docs/reference/pkcs11.md, "Wire format"."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native_host.pkcs11.constants import CKA, CKM, CKO, CKR
from native_host.pkcs11.wire import (
    Attribute,
    Input,
    Mechanism,
    PssParameters,
    Size,
    Wanted,
    WireError,
    decode,
    encode,
)
from tests.pkcs11.client import CALLS, CKM_AES_GCM

PSS = PssParameters(CKM.SHA256, 2, 32)  # CKG_MGF1_SHA256


def read(signature: str, hexadecimal: str, version: int = 1) -> list[object]:
    return decode(signature, Input(bytearray.fromhex(hexadecimal), version=version))


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
            Mechanism(CKM.RSA_PKCS_PSS, PSS),
        ),
        (
            2,
            "00000043 01 0000000000000250 0000000000000002 0000000000000020",
            Mechanism(CKM.SHA256_RSA_PKCS_PSS, PSS),
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
        Mechanism(CKM_AES_GCM),
    ]


def test_attributes_within_attributes_are_asked_for_by_newer_clients() -> None:
    asked = "00000001 40000211 00000018 00000001 00000001 00000001"
    assert read("fA", asked, 2) == [[Wanted(CKA.WRAP_TEMPLATE, 24)]]


@pytest.mark.parametrize(
    ("signature", "bytes_"),
    [
        *(("u", "00"), ("", "00"), ("y", ""), ("ay", "01")),
        ("u", "000000000000000000"),  # longer than the signature
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


@pytest.mark.parametrize(
    ("signature", "values", "bytes_"),
    [
        ("", (), ""),
        ("uuv", (1, 2**64 - 1, (2, 40)), "0000000000000001 FFFFFFFFFFFFFFFF 0228"),
        ("s", (b"ab  ",), "00000004 61622020"),
        ("ay", (b"\xab",), "01 00000001 AB"),
        ("ay", (Size(96),), "00 00000060"),
        ("au", ([1],), "01 00000001 0000000000000001"),
        ("au", ([],), "01 00000000"),
        ("au", (Size(2),), "00 00000002"),
        (
            "aAu",
            ([Attribute(CKA.ID, None)], CKR.ATTRIBUTE_TYPE_INVALID),
            "00000001 00000102 00 0000000000000012",
        ),
        (
            "aA",
            ([Attribute(CKA.TOKEN, True), Attribute(CKA.CLASS, CKO.PRIVATE_KEY)],),
            "00000002 00000001 01 00000001 01 00000000 01 00000008 0000000000000003",
        ),
        (
            "aA",
            ([Attribute(CKA.VALUE, b"")],),
            "00000001 00000011 01 00000000 00000000",
        ),
    ],
)
def test_answers_are_written(
    signature: str, values: tuple[object, ...], bytes_: str
) -> None:
    head = b"\0\0\0\7" + len(signature).to_bytes(4) + signature.encode()
    assert encode(7, signature, values) == head + bytes.fromhex(bytes_)


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


# -- Random messages ------------------------------------------------------------------

SIGNATURES = sorted({request for _, request, _ in CALLS.values()})


@given(st.sampled_from(SIGNATURES), st.binary(max_size=200), st.integers(0, 3))
def test_anything_is_read_or_refused(signature: str, data: bytes, version: int) -> None:
    try:
        values = decode(signature, Input(bytearray(data), version=version))
    except WireError:
        return
    assert len(values) <= len(signature)


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
