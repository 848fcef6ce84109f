# SPDX-License-Identifier: MIT
"""Historical bytes identify cards, and a card of another kind is recognised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native_host.card.atr import AtrError, Generation, identify, parse_atr
from native_host.card.errors import CardKind, UnsupportedCardError

V5 = "3B7F9600008031B865B085050011122460829000"
CONTACTLESS = "3B8F80018031B865B08505102412246082900022"


@pytest.mark.parametrize(
    ("atr", "generation"),
    [
        (V5, Generation.MULTIAPP_V5),
        ("3B7F9600008031B865B085051024122460829000", Generation.MULTIAPP_V5),
        ("3B7F9600008031B865B085059999992460829000", Generation.MULTIAPP_V5),
        ("3B7F9600008031B865B08504021B1200F6829000", Generation.MULTIAPP_V4),
        # The same historical bytes after other interface bytes.
        ("3B0F8031B865B085050011122460829000", Generation.MULTIAPP_V5),
        ("3BFF9600008131FE458031B865B085050011122460829000AA", Generation.MULTIAPP_V5),
    ],
)
def test_citizen_cards_are_known(atr: str, generation: Generation) -> None:
    assert identify(bytes.fromhex(atr)) is generation


@pytest.mark.parametrize(
    ("atr", "kind"),
    [
        ("3B7F9600008031B865B0850300EF1200F6829000", CardKind.MULTIAPP_V3),
        ("3B7F9600008031B865B085060011122460829000", CardKind.UNKNOWN_GENERATION),
        ("3B7F9600008031B865B085000011122460829000", CardKind.UNKNOWN_GENERATION),
        ("3B7B940000806212515646696E454944", CardKind.SETCOS),
        ("3BDD96008031FE450031B8640429ECC1739401808349", CardKind.ORGANISATION),
        ("3BDD96008031FE450031B8640429ECC1739401808248", CardKind.ORGANISATION),
        (CONTACTLESS, CardKind.CONTACTLESS),
        ("3B8F8001804F0CA000000306030001000000006A", CardKind.CONTACTLESS_OTHER),
        # A bank card, whose ATR does not identify it.
        ("3B6E00008031806557B0020306830190", CardKind.UNKNOWN),
        # The pattern of a citizen card, but not at the start of the historical bytes.
        ("3B7F960000008031B865B0850500111224608290", CardKind.UNKNOWN),
        ("3B0680 31B865B085", CardKind.UNKNOWN),
        ("3B00", CardKind.UNKNOWN),
    ],
)
def test_other_cards_are_refused_by_name(atr: str, kind: CardKind) -> None:
    with pytest.raises(UnsupportedCardError) as caught:
        identify(bytes.fromhex(atr))
    assert caught.value.kind == kind
    if kind is CardKind.CONTACTLESS:
        assert "contactless" in str(caught.value)
    else:
        assert "is not a FINEID citizen card" in str(caught.value)
        assert str(kind) in str(caught.value)


@pytest.mark.parametrize(
    "atr", ["", "3B", "0000", "3B0F", "3BFF", "3B80", "3B80808080", "3B" + "00" * 40]
)
def test_what_is_no_answer_to_reset_is_refused(atr: str) -> None:
    with pytest.raises(AtrError):
        parse_atr(bytes.fromhex(atr))
    with pytest.raises(UnsupportedCardError, match="odd"):
        identify(bytes.fromhex(atr))


@given(
    st.binary(max_size=40)
    | st.binary(max_size=38).map(lambda rest: b"\x3b" + rest)
    | st.integers(0, 20).map(lambda end: bytes.fromhex(V5)[:end])
)
def test_any_bytes_are_a_citizen_card_or_an_unsupported_one(atr: bytes) -> None:
    try:
        assert identify(atr) in Generation
    except UnsupportedCardError as error:
        assert error.kind in set(CardKind)
