# SPDX-License-Identifier: MIT
"""The program's constants have the values of the headers."""

from enum import EnumType

import pytest

from native_host.pkcs11 import constants
from tests.pkcs11 import names

FAMILIES = [
    name for name in constants.__all__ if isinstance(vars(constants)[name], EnumType)
]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_numbers_are_those_of_the_headers(family: str) -> None:
    product = getattr(constants, family).__members__
    header = getattr(names, family).__members__
    assert product == {name: header[name] for name in product}


def test_the_hash_of_each_mask_generation_function_is_the_headers() -> None:
    hashes: dict[int, int] = {
        names.CKG.MGF1_SHA224: names.CKM.SHA224,
        names.CKG.MGF1_SHA256: names.CKM.SHA256,
        names.CKG.MGF1_SHA384: names.CKM.SHA384,
        names.CKG.MGF1_SHA512: names.CKM.SHA512,
    }
    assert hashes == constants.MGF_HASHES


def test_single_numbers_are_those_of_the_headers() -> None:
    assert constants.CKC_X_509 == names.CKC.X_509
    unavailable = constants.CK_UNAVAILABLE_INFORMATION
    assert unavailable == names.CK_UNAVAILABLE_INFORMATION
