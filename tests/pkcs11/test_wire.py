# SPDX-License-Identifier: MIT
"""What messages hold that no other test's client sends or reads.

The clients of the other tests have their own encoding of the rest, after
docs/reference/pkcs11.md, "Wire format".
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native_host.pkcs11.constants import CKA, CKM
from native_host.pkcs11.wire import (
    Attribute,
    Input,
    Mechanism,
    Wanted,
    WireError,
    decode,
    encode,
)
from tests.pkcs11.client import CALLS, CKM_AES_GCM


def read(signature: str, hexadecimal: str, version: int = 1) -> list[object]:
    return decode(signature, Input(bytearray.fromhex(hexadecimal), version=version))


@pytest.mark.parametrize(
    ("version", "signature", "bytes_", "values"),
    [
        (1, "ay", "01 FFFFFFFF", [None]),
        (1, "ay", "00 00000009", [None]),
        (1, "fyfufu", "00000000 FFFFFFFF 00000010", [None, 0, 16]),
        (1, "aA", "00000001 00000102 01 00000000 FFFFFFFF", [[Attribute(CKA.ID, b"")]]),
        (
            1,
            "aA",
            "00000001 40000600 01 00000008 00000001 0000000000001041",
            [[Attribute(CKA.ALLOWED_MECHANISMS, (CKM.ECDSA,))]],
        ),
        (  # with attributes within
            1,
            "aA",
            "00000001 40000211 01 00000018 00000001 00000001 01 00000001 00",
            [[Attribute(CKA.WRAP_TEMPLATE, (Attribute(CKA.TOKEN, False),))]],
        ),
        (  # which newer clients ask for too
            2,
            "fA",
            "00000001 40000211 00000018 00000001 00000001 00000001",
            [[Wanted(CKA.WRAP_TEMPLATE, 24)]],
        ),
        (1, "M", "00000001 00000000", [Mechanism(CKM.RSA_PKCS)]),
        (2, "M", "0000000D 00", [Mechanism(CKM.RSA_PKCS_PSS)]),
        # The length of these parameters is not known, so nothing more is read.
        (1, "Mu", "00001087 01 00000003 414243", [Mechanism(CKM_AES_GCM)]),
    ],
)
def test_arguments_are_read(
    version: int, signature: str, bytes_: str, values: list[object]
) -> None:
    assert read(signature, bytes_, version) == values


@pytest.mark.parametrize(
    ("signature", "bytes_"),
    [
        *(("u", "00"), ("", "00"), ("y", ""), ("ay", "01"), ("M", "00")),
        ("u", "000000000000000000"),  # longer than the signature
        ("ay", "01 00000005 AABBCCDD"),
        ("ay", "01 FFFFFFFE"),
        ("fy", "000000"),
        ("fA", "7FFFFFFF"),
        ("fA", "FFFFFFFF 00000102 00000000"),
        ("aA", "00000002 00000102 00"),
        ("aA", "00000001 00000102 01 00000001 00000005 45"),
        ("aA", "00000001 00000000 01 00000008 00000003"),
        ("aA", "00000001 40000600 01 00000008 7FFFFFFF 0000000000001041"),
        ("M", "0000000D 0000000000000250"),
        ("M", "00001041"),
    ],
)
def test_lengths_that_are_not_so_are_refused(signature: str, bytes_: str) -> None:
    with pytest.raises(WireError):
        read(signature, bytes_)


def test_attributes_are_nested_only_so_deep() -> None:
    with pytest.raises(WireError, match="deeply"):
        read("aA", "00000001 40000211 01 00000018" * 9 + "00000000")
    with pytest.raises(WireError, match="deeply"):
        read("fA", "00000001 40000211 00000018" * 10 + "00000000", 2)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *((CKA.TOKEN, 1), (CKA.TOKEN, b"\1"), (CKA.CLASS, b"\3"), (CKA.ID, 69)),
        (CKA.DESTROYABLE, True),
    ],
)
def test_a_value_of_another_type_than_p11_kit_has_it_is_a_mistake(
    kind: CKA, value: bytes | int
) -> None:
    with pytest.raises(TypeError):
        encode(24, "aA", [[Attribute(kind, value)]])


@given(
    st.sampled_from(sorted({request for _, request, _ in CALLS.values()})),
    st.binary(max_size=200),
    st.integers(0, 3),
)
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
