# SPDX-License-Identifier: MIT
"""Access tokens that are bound to a key (RFC 9449)."""

from typing import Any

import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, RSAKey

from tests.openid.profiles.parties import (
    assertion,
    bank_code,
    proof,
    push,
    raw_signed,
    redeem,
    rsa_keys,
)
from tests.openid.provider import CALLBACK, ISSUER, Answer, FromNow, LocalOP, basic

KEY = ECKey.generate_key("P-256")
OTHER = ECKey.generate_key("P-256")


async def ask(op: LocalOP, token: str, *headers: tuple[str, str]) -> Answer:
    """Ask for userinfo under the scheme of bound tokens."""
    own = ("Authorization", f"DPoP {token}")
    return await op.send("GET", "/userinfo", headers=[own, *headers])


def proved(token: str, key: Key = KEY, **changes: Any) -> tuple[str, str]:
    """Return the proof for userinfo."""
    given = {"method": "GET", "access_token": token, **changes}
    return proof(key, "/userinfo", **given)


async def bound(op: LocalOP, key: Key = KEY, **header: Any) -> str:
    """Return a token that is bound to a key."""
    code, verifier = await bank_code(op)
    headers = [proof(key, header=header)]
    answer = await redeem(op, "bank", code, verifier, headers=headers)
    assert answer.status == 200, answer.text
    assert answer.json["token_type"] == "DPoP"
    token: str = answer.json["access_token"]
    return token


@pytest.mark.parametrize("algorithm", ["ES256", "PS256"])
async def test_only_who_has_the_key_uses_the_token(op: LocalOP, algorithm: str) -> None:
    key: Key = KEY if algorithm == "ES256" else rsa_keys()[0]
    token = await bound(op, key, alg=algorithm)
    header = {"alg": algorithm}
    shown = proved(token, key, header=header)
    assert (await ask(op, token, shown)).json["name"]
    again = await ask(op, token, shown)
    assert (again.status, again.json["error"]) == (401, "invalid_dpop_proof")
    [challenge] = again.headers.all("WWW-Authenticate")
    assert challenge == 'DPoP error="invalid_dpop_proof", algs="ES256 PS256"'
    for headers in ([], [proved(token, OTHER)]):
        assert (await ask(op, token, *headers)).status == 401
    # A copied token is worth nothing under the other scheme.
    assert (await op.userinfo(token)).status == 401
    headers = [("Authorization", f"Bearer {token}"), proved(token, key, header=header)]
    answer = await op.send("GET", "/userinfo", headers=headers)
    assert answer.status == 401
    assert (await ask(op, token, proved(token, key, header=header))).status == 200


async def test_a_token_without_a_key_is_not_bound_later(op: LocalOP) -> None:
    token = (await op.tokens())["access_token"]
    assert (await ask(op, token, proved(token))).status == 401
    assert (await op.userinfo(token)).status == 200


async def test_each_client_may_bind_its_tokens(op: LocalOP) -> None:
    code, verifier = await op.code()
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": verifier,
    }
    answer = await op.post("/token", form, authorization=basic(), headers=[proof(KEY)])
    assert answer.json["token_type"] == "DPoP"
    assert (await op.userinfo(answer.json["access_token"])).status == 401


#: What is wrong in a proof: the claim, its values, and what is said of them.
WRONG: list[tuple[str, list[Any], str]] = [
    ("jti", [None, "", 5, "j" * 257], "jti in DPoP"),
    (
        "iat",
        [None, "0", True, FromNow(-3600), FromNow(36000), FromNow(0.0)],
        "iat in DPoP",
    ),
    ("iat", [10**400, -(10**400)], "iat in DPoP"),
    ("htm", [None, "GET", "post", 5], "htm in DPoP"),
    ("htu", [None, ISSUER, 5, "https://[", f"{ISSUER}/token/"], "htu in DPoP"),
    ("htu", ["https://login.example:444/openid/token"], "htu in DPoP"),
    ("htu", ["http://login.example/openid/token"], "htu in DPoP"),
    ("header", [{"typ": "JWT"}, {"typ": None}, {"crit": ["exp"]}], "is no proof"),
    ("header", [{"jwk": None}, {"jwk": "x"}, {"jwk": {}}], "is no proof"),
    ("header", [{"jwk": KEY.as_dict(private=True)}], "is no proof"),
    ("header", [{"jwk": OTHER.as_dict(private=False)}], "is no proof"),
    ("header", [{"jwk": {"kty": "oct", "k": "c2VjcmV0"}}], "is no proof"),
]


@pytest.mark.parametrize(("name", "values", "said"), WRONG)
async def test_a_proof_that_is_wrong_in_one_way_is_refused(
    op: LocalOP, name: str, values: list[Any], said: str
) -> None:
    for value in values:
        headers = [proof(KEY, **{name: value})]
        answer = await redeem(op, "bank", "c" * 48, headers=headers)
        assert (answer.status, answer.json["error"]) == (400, "invalid_dpop_proof")
        assert said in answer.json["error_description"], value


async def test_what_is_no_proof_is_refused(op: LocalOP) -> None:
    with pytest.warns(SecurityWarning):
        short = RSAKey.generate_key(1024)
    public = KEY.as_dict(private=False)
    content = b'{"jti":"a","htm":"POST"}'
    head = {"alg": "ES256", "typ": "dpop+jwt", "jwk": public}
    good = proof(KEY)[1]
    none = good.split(".")
    texts = [
        proof(short, header={"alg": "PS256"})[1],
        proof(rsa_keys()[0], header={"alg": "RS256"})[1],
        raw_signed(KEY, {**head, "b64": False, "crit": ["b64"]}, content),
        raw_signed(KEY, {**head, "cty": "JWT"}, good.encode()),
        raw_signed(KEY, {**head, "alg": "HS256"}, content),
        raw_signed(KEY, {**head, "alg": "none"}, content),
        raw_signed(KEY, {**head, "jwk": {**public, "x": "A" * 2000}}, content),
        raw_signed(KEY, head, b"[" * 5000),
        f"{none[0]}.{none[1]}.",
        *(good[:-4], "", "x", "a.b.c", "\udcff", good + ".a.b", '"'),
        assertion("bank")["client_assertion"],
    ]
    for text in texts:
        answer = await redeem(op, "bank", "c" * 48, headers=[("DPoP", text)])
        assert answer.status == 400, text
        assert answer.json["error"] == "invalid_dpop_proof", text
    answer = await redeem(op, "bank", "c" * 48, headers=[proof(KEY), proof(KEY)])
    assert answer.json["error_description"] == "DPoP is repeated"


@pytest.mark.parametrize(
    "changes", [{"access_token": None}, {"access_token": "x"}, {"method": "POST"}]
)
async def test_a_proof_is_for_one_token_and_method(
    op: LocalOP, changes: dict[str, Any]
) -> None:
    token = await bound(op)
    answer = await ask(op, token, proved(token, **changes))
    assert (answer.status, answer.json["error"]) == (401, "invalid_dpop_proof")


@pytest.mark.parametrize("way", ["parameter", "proof"])
async def test_a_code_is_bound_to_the_key_that_the_request_named(
    op: LocalOP, way: str
) -> None:
    async def code() -> tuple[str, str]:
        if way == "proof":
            return await bank_code(op, proof(KEY, "/par"))
        return await bank_code(op, dpop_jkt=KEY.thumbprint())

    for key, status in ((OTHER, 400), (KEY, 200)):
        answer = await redeem(op, "bank", *await code(), headers=[proof(key)])
        assert answer.status == status
        assert status == 200 or answer.json["error"] == "invalid_grant"


async def test_a_push_that_names_two_keys_is_refused(op: LocalOP) -> None:
    _, answer = await push(op, proof(KEY, "/par"), dpop_jkt=OTHER.thumbprint())
    assert (answer.status, answer.json["error"]) == (400, "invalid_dpop_proof")
    _, answer = await push(op, dpop_jkt="short")
    assert answer.json["error_description"] == "dpop_jkt is malformed"
    # The proof is for this endpoint.
    _, answer = await push(op, proof(KEY))
    assert answer.json["error"] == "invalid_dpop_proof"


async def test_the_bank_has_to_prove_a_key(op: LocalOP) -> None:
    code, verifier = await bank_code(op)
    answer = await redeem(op, "bank", code, verifier)
    assert (answer.status, answer.json["error"]) == (400, "invalid_dpop_proof")
    # It has not used up the code.
    assert (
        await redeem(op, "bank", code, verifier, headers=[proof(KEY)])
    ).status == 200


async def test_a_proof_works_once(op: LocalOP) -> None:
    shown = proof(KEY)
    answer = await redeem(op, "bank", "c" * 48, headers=[shown])
    assert answer.json["error"] == "invalid_grant"  # only the code is wrong
    answer = await redeem(op, "bank", "c" * 48, headers=[shown])
    assert answer.json["error_description"] == "DPoP was used before"
    # The mark is in the store, under the key: another client's jti may be the same.
    for key in (KEY, OTHER):
        headers = [proof(key, jti="the same")]
        answer = await redeem(op, "bank", "c" * 48, headers=headers)
        assert answer.json["error"] == "invalid_grant"
