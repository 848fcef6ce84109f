# SPDX-License-Identifier: MIT
"""The token parser: any input gives a token or ``AuthTokenParseError``."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kortilla.errors import AuthTokenParseError
from kortilla.validation.token import MAX_TOKEN_LENGTH, AuthToken, parse_token

FIELDS = (
    "unverifiedCertificate",
    "algorithm",
    "signature",
    "format",
    "appVersion",
    "unverifiedSigningCertificates",
)
SOUND = {
    "unverifiedCertificate": "AAAA",
    "algorithm": "ES384",
    "signature": "AAAA",
    "format": "web-eid:1.0",
    "appVersion": "urn:uuid:48e30dea-567c-4965-9e98-7118cfcaca7e#kortilla-0.1.0",
}

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
almost_a_token = st.builds(
    lambda changes: SOUND | changes,
    st.dictionaries(st.sampled_from(FIELDS), any_json | st.sampled_from(["AAAA"])),
)


def parse(token: Any) -> AuthToken | None:
    try:
        return parse_token(token)
    except AuthTokenParseError:
        return None


def test_a_sound_token_is_read() -> None:
    token = parse_token(SOUND)
    assert token.algorithm == "ES384"
    assert token.certificate_der == token.signature_bytes == bytes(3)


@given(st.binary() | st.text())
def test_any_text(text: str | bytes) -> None:
    assert parse(text) is None


@given(any_json)
def test_any_json(content: Any) -> None:
    assert parse(json.dumps(content)) is None
    assert parse(content) is None


@given(almost_a_token)
def test_almost_a_token(content: dict[str, Any]) -> None:
    by_object = parse(content)
    if by_object is not None:
        assert by_object == parse(json.dumps(content))
        assert by_object.format.startswith("web-eid:1")


@given(st.integers(0, 400), st.integers(0, 255))
def test_any_byte_replaced(position: int, value: int) -> None:
    text = bytearray(json.dumps(SOUND).encode())
    text[position % len(text)] = value
    parse(bytes(text))


@pytest.mark.parametrize("depth", [100, 2_000, 4_999])
def test_any_depth(depth: int) -> None:
    assert parse("[" * depth + "]" * depth) is None
    assert parse('{"a":' * (depth // 3) + "1" + "}" * (depth // 3)) is None


def test_the_longest_token_there_may_be() -> None:
    frame = len(json.dumps(SOUND | {"padding": ""}))
    assert parse(json.dumps(SOUND | {"padding": "x" * (MAX_TOKEN_LENGTH - frame)}))
    assert not parse(
        json.dumps(SOUND | {"padding": "x" * (MAX_TOKEN_LENGTH - frame + 1)})
    )


@given(st.text(min_size=1))
def test_an_error_quotes_nothing_of_the_input(text: str) -> None:
    marked = f"SPECIMEN {text} SPECIMEN"
    for content in (
        SOUND | {"algorithm": marked},
        SOUND | {"signature": marked},
        SOUND | {"format": marked},
    ):
        with pytest.raises(AuthTokenParseError) as caught:
            parse_token(content)
        assert "SPECIMEN" not in str(caught.value)
        assert caught.value.__cause__ is None
