# SPDX-License-Identifier: MIT
"""No request object and no proof is a server error, or is taken by chance."""

import base64
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.openid.profiles.parties import (
    SIGNING,
    assertion,
    proof,
    raw_signed,
    redeem,
    request_claims,
    request_object,
)
from tests.openid.provider import LocalOP

JSON = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
        st.sampled_from(["broker", "openid", "JWT", "\u202e", "\0", "\ud7ff", 10**400]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner)
    ),
    max_leaves=5,
)
HEADER = st.dictionaries(
    st.sampled_from(
        ["alg", "kid", "typ", "cty", "crit", "b64", "zip", "jwk", "jku", "x5c", "enc"]
    ),
    st.one_of(JSON, st.sampled_from(["ES256", "none", "HS256", "sig", "dpop+jwt"])),
    max_size=3,
)
#: Of a signed request, and of a proof.
CLAIMS = st.dictionaries(
    st.sampled_from([*request_claims(), "max_age", "claims", "prompt", "htm", "htu"]),
    JSON,
    max_size=3,
)


def forged(parts: list[bytes]) -> str:
    """Return a token of any parts."""
    return ".".join(base64.urlsafe_b64encode(each).decode() for each in parts)


def _damaged(good: str, at: int, more: str) -> str:
    """Return a request object with two letters cut out, and others in their place."""
    begin, cut, end = good[:at], good[at : at + 2], good[at + 2 :]
    return begin + (more if more != cut else "") + end


TOKENS = st.one_of(
    st.lists(st.binary(max_size=60), max_size=6).map(forged),
    st.builds(
        lambda header, payload: raw_signed(SIGNING, {"alg": "ES256"} | header, payload),
        HEADER,
        st.one_of(
            st.binary(max_size=60), JSON.map(lambda each: json.dumps(each).encode())
        ),
    ),
    # A good one whose signed part has something cut out, or put in.
    st.builds(
        lambda at, more: _damaged(request_object(), at, more),
        st.integers(0, 500),
        st.text("ABC._-=", max_size=3),
    ),
)


@settings(max_examples=60)
@given(text=TOKENS)
async def test_no_text_is_taken_for_a_request(op: LocalOP, text: str) -> None:
    answer = await op.post("/par", {"request": text, **assertion("broker")})
    assert (answer.status, answer.json["error"]) in {
        (400, "invalid_request_object"),
        (400, "invalid_request"),  # it was left out
    }


@settings(max_examples=60)
@given(header=HEADER, changes=CLAIMS)
async def test_no_signed_request_is_a_server_error(
    op: LocalOP, header: dict[str, Any], changes: dict[str, Any]
) -> None:
    head = {"alg": "ES256", "kid": "sig"} | header
    good = request_claims()
    payload = json.dumps(good | changes).encode()
    text = raw_signed(SIGNING, head, payload)
    answer = await op.post("/par", {"request": text, **assertion("broker")})
    assert answer.status < 500
    if answer.status == 201:
        for name in ("iss", "client_id", "aud", "redirect_uri", "response_type"):
            assert changes.get(name, good[name]) == good[name]
        assert {*header} <= {"kid", "typ", "jwk", "jku", "x5c", "alg"}


@settings(max_examples=60)
@given(
    header=HEADER,
    changes=CLAIMS,
    raw=st.one_of(st.none(), st.text(st.characters(max_codepoint=255), max_size=60)),
)
async def test_no_proof_is_a_server_error(
    op: LocalOP, header: dict[str, Any], changes: dict[str, Any], raw: str | None
) -> None:
    name, good = proof(SIGNING)
    if raw is None and (header or changes):
        jwk = SIGNING.as_dict(private=False)
        public = {"alg": "ES256", "typ": "dpop+jwt", "jwk": jwk}
        claims = json.dumps({"htm": "POST", "jti": "a"} | changes).encode()
        raw = raw_signed(SIGNING, public | header, claims)
    answer = await redeem(op, "bank", "c" * 48, headers=[(name, raw or good)])
    assert answer.status == 400
    expected = "invalid_dpop_proof" if raw else "invalid_grant"
    assert answer.json["error"] == expected
