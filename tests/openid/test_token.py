# SPDX-License-Identifier: MIT
"""Codes, PKCE, the authentication of clients, and what they get to know."""

import base64
import hmac
import itertools
import json
import time
from typing import Any

import pytest
from joserfc.jwk import ECKey

from kortilla.openid.protocol.protocol import TOKEN_SECONDS
from kortilla.openid.protocol.signing_keys import KeyFile
from tests.openid.provider import (
    BEARER,
    CLIENT_KEY,
    FORM,
    ISSUER,
    KEYS,
    OTHER_SECRET,
    Answer,
    FromNow,
    LocalOP,
    assertion,
    basic,
    pkce,
)


def error(answer: Answer) -> str:
    """Return the error of a JSON answer, which no cache keeps."""
    assert answer.status in {400, 401}, answer.text
    assert answer.headers.all("Cache-Control") == ["no-store"]
    assert answer.json.keys() == {"error", "error_description"}
    found: str = answer.json["error"]
    return found


async def test_a_code_works_once_and_its_replay_revokes_the_token(op: LocalOP) -> None:
    code, verifier = await op.code()
    access = (await op.token(code, verifier)).json["access_token"]
    assert (await op.userinfo(access)).status == 200
    record = await op.provider.store.get("token", access)
    assert record
    assert code not in json.dumps(record)  # it has the code's digest
    assert error(await op.token(code, verifier)) == "invalid_grant"
    assert (await op.userinfo(access)).status == 401


async def test_a_replay_while_the_token_is_made_revokes_it_for_its_whole_life(
    op: LocalOP, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, verifier = await op.code()
    replays: list[str] = []
    keys = op.provider.protocol.keys
    run = keys.run

    async def slow(call: Any) -> Any:
        if not replays:
            replays.append(code)
            assert error(await op.token(code, verifier)) == "invalid_grant"
            op.clock.ahead += 5
        return await run(call)

    monkeypatch.setattr(keys, "run", slow)
    access = (await op.token(code, verifier)).json["access_token"]
    assert (await op.userinfo(access)).status == 401
    op.clock.ahead += TOKEN_SECONDS - 2
    assert await op.provider.store.get("token", access)
    assert (await op.userinfo(access)).status == 401


async def test_a_code_expires(op: LocalOP) -> None:
    code, verifier = await op.code()
    op.clock.ahead += 60
    assert error(await op.token(code, verifier)) == "invalid_grant"


async def test_a_code_is_of_one_client(op: LocalOP) -> None:
    code, verifier = await op.code()
    own = {"client_id": "post", "client_secret": OTHER_SECRET}
    answer = await op.token(code, verifier, authorization="", **own)
    assert error(answer) == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"code_verifier": "v" * 43}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"code_verifier": "short"}, "invalid_request"),
        ({"code_verifier": "v" * 129}, "invalid_request"),
        ({"code_verifier": "v" * 43 + "\n"}, "invalid_request"),
        ({"code_verifier": "ä" * 43}, "invalid_request"),
        ({"redirect_uri": ""}, "invalid_request"),
        ({"redirect_uri": "https://shop.example/other"}, "invalid_grant"),
        ({"redirect_uri": 'https://shop.example/"ä'}, "invalid_grant"),
        ({"code": ""}, "invalid_request"),
        ({"code": "c" * 48}, "invalid_grant"),
        ({"code": '"ä'}, "invalid_grant"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": 'r"ä'}, "unsupported_grant_type"),
        ({"client_id": "office"}, "invalid_request"),
        ({"client_secret": OTHER_SECRET}, "invalid_request"),  # it authenticates twice
    ],
)
async def test_a_token_request_that_is_wrong_in_one_way(
    op: LocalOP, changes: dict[str, str], expected: str
) -> None:
    code, verifier = await op.code()
    form = {"code": code, "code_verifier": verifier, **changes}
    code, verifier = form.pop("code"), form.pop("code_verifier")
    assert error(await op.token(code, verifier, **form)) == expected


async def test_the_challenge_itself_is_no_verifier(op: LocalOP) -> None:
    _, challenge = pkce()
    code, _ = await op.code(code_challenge=challenge)
    assert error(await op.token(code, challenge)) == "invalid_grant"


@pytest.mark.parametrize(
    "authorization",
    [
        *("", "Basic", "Basic !!!", "Bearer x", "Digest x"),
        basic(secret="x" * 43),
        basic(client="stranger"),
        basic(client="post", secret=OTHER_SECRET),  # it posts its secret
        basic(client='"ä'),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b"shop").decode(),
    ],
)
async def test_a_client_that_does_not_authenticate_gets_nothing(
    op: LocalOP, authorization: str
) -> None:
    code, verifier = await op.code()
    answer = await op.token(code, verifier, authorization=authorization)
    assert (answer.status, error(answer)) == (401, "invalid_client")
    # It has not used up the code.
    assert (await op.token(code, verifier)).status == 200


@pytest.mark.parametrize("secret", [OTHER_SECRET, "n" * 43])
async def test_a_client_has_two_secrets_while_it_exchanges_one(
    op: LocalOP, secret: str
) -> None:
    form = {"client_id": "post", "client_secret": secret}
    answer = await op.token("c" * 48, "v" * 43, authorization="", **form)
    assert error(answer) == "invalid_grant"  # it is authenticated


async def test_a_repeated_parameter_is_refused(op: LocalOP) -> None:
    form = "grant_type=authorization_code&code=a&code=b"
    answer = await op.post("/token", form, authorization=basic())
    assert answer.json["error_description"] == "code is repeated"


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", [("Content-Type", "application/json")]),
        ("", []),
        ("", [("Content-Encoding", "gzip"), ("Content-Type", FORM)]),
        ("code=c", [("Content-Type", FORM)]),
    ],
)
async def test_only_a_form_is_read(
    op: LocalOP, query: str, headers: list[tuple[str, str]]
) -> None:
    answer = await op.send("POST", "/token", query=query, headers=headers)
    assert error(answer) == "invalid_request"


async def test_a_long_body_is_refused(op: LocalOP) -> None:
    assert (await op.post("/token", "a=" + "b" * 40_000)).status == 413


# --- private_key_jwt


async def office(op: LocalOP, token: str, **more: str) -> Answer:
    """Authenticate the office with an unknown code."""
    form = {"client_assertion_type": BEARER, "client_assertion": token, **more}
    return await op.token("c" * 48, "v" * 43, authorization="", **form)


@pytest.mark.parametrize(
    "audience", [ISSUER, f"{ISSUER}/token", [ISSUER], [f"{ISSUER}/token"]]
)
async def test_an_assertion_authenticates_a_client_once(
    op: LocalOP, audience: str | list[str]
) -> None:
    token = assertion(aud=audience)
    answer = await office(op, token, client_id="office")
    assert error(answer) == "invalid_grant"  # the code alone is wrong
    answer = await office(op, token)
    assert (answer.status, error(answer)) == (401, "invalid_client")
    assert "jti" in answer.json["error_description"]


async def test_a_client_with_keys_logs_people_in(op: LocalOP) -> None:
    uri = "https://office.example/cb"
    code, verifier = await op.code(client_id="office", redirect_uri=uri)
    form = {"client_assertion_type": BEARER, "client_assertion": assertion()}
    answer = await op.token(code, verifier, authorization="", redirect_uri=uri, **form)
    claims = await op.claims(answer.json["id_token"])
    assert (claims["aud"], claims["sub"]) == ("office", op.card.person.satu)
    # The operator allows no name.
    told = (await op.userinfo(answer.json["access_token"])).json
    assert told == {"sub": op.card.person.satu}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("aud", [None, "https://other.example", [], [[ISSUER]], 5]),
        ("aud", [["https://other.example"], [ISSUER, "https://other.example"]]),
        ("aud", [[ISSUER, f"{ISSUER}/token"]]),
        ("exp", [None, FromNow(-120), FromNow(40_000)]),
        ("exp", ["soon", 1e300]),
        ("jti", [None, 5, "", "j" * 300]),
        ("iss", [None, "shop"]),
        ("sub", ["shop", "stranger", 5, None]),
        ("nbf", [FromNow(60_000)]),
    ],
)
async def test_an_assertion_that_is_wrong_in_one_way_is_refused(
    op: LocalOP, name: str, values: list[Any]
) -> None:
    for value in values:
        answer = await office(op, assertion(**{name: value}))
        assert error(answer) == "invalid_client", value


async def test_an_assertion_without_a_signature_is_refused(op: LocalOP) -> None:
    none = "eyJhbGciOiJub25lIn0." + assertion().split(".")[1] + "."
    for token in (none, "a", "a.b", "a.b.c", "ä.b.c", '"', "e30.e30.e30"):
        assert error(await office(op, token)) == "invalid_client", token


async def test_an_assertion_with_the_public_key_as_secret_is_refused(
    op: LocalOP,
) -> None:
    # By hand, since libraries refuse to sign with it.
    claims = assertion().split(".")[1]
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"client-1"}').decode()
    signed = f"{header.rstrip('=')}.{claims}"
    for secret in (
        CLIENT_KEY.as_pem(private=False),
        json.dumps(CLIENT_KEY.as_dict(private=False)).encode(),
    ):
        digest = hmac.digest(secret, signed.encode(), "sha256")
        mac = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        assert error(await office(op, f"{signed}.{mac}")) == "invalid_client"


async def test_an_assertion_with_another_key_or_client_is_refused(op: LocalOP) -> None:
    foreign = ECKey.generate_key("P-256")
    for token in (
        assertion(foreign, {"alg": "ES256"}),
        assertion(foreign),
        assertion(header={"alg": "ES256", "kid": "another"}),
    ):
        assert error(await office(op, token)) == "invalid_client"
    answer = await office(op, assertion(), client_id="shop")
    assert error(answer) == "invalid_client"


# --- the keys of ID tokens


async def test_rotated_keys_sign_and_the_old_ones_stay_published(op: LocalOP) -> None:
    before = (await op.tokens())["id_token"]
    published = (await op.send("GET", "/jwks")).json
    file = op.provider.protocol.keys
    kept = file.check()
    try:
        file.write(kept.rotated())
        after = (await op.tokens())["id_token"]
        assert (await op.claims(before))["sub"] == (await op.claims(after))["sub"]
        # A client that has not asked since knows the new key already.
        known = [key["kid"] for key in published["keys"]]
        assert file.check().current("RS256").kid in known
    finally:
        file.write(kept)


async def test_an_id_token_names_the_key_that_signed_it(
    op: LocalOP, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the keys are rotated while it is made."""
    found, verifier = await op.code()
    keys = itertools.cycle([KEYS, KEYS.rotated()])
    with monkeypatch.context() as patch:
        patch.setattr(KeyFile, "read", lambda _: next(keys))
        answer = await op.token(found, verifier)
    claims = await op.claims(answer.json["id_token"])
    assert claims["aud"] == "shop"


# --- what a client gets to know


async def test_a_client_gets_the_name_and_a_subject_of_its_own(op: LocalOP) -> None:
    content = await op.tokens()
    assert content.keys() == {
        *("access_token", "token_type", "expires_in", "scope", "id_token")
    }
    assert (content["token_type"], content["expires_in"]) == ("Bearer", 300)
    header = json.loads(
        base64.urlsafe_b64decode(content["id_token"].partition(".")[0] + "==")
    )
    keys = (await op.send("GET", "/jwks")).json["keys"]
    assert header["alg"] == "RS256"
    assert header["kid"] in [key["kid"] for key in keys if key["alg"] == "RS256"]
    claims = await op.claims(content["id_token"])
    since = claims["auth_time"]
    assert abs(since - time.time()) < 60
    assert claims == {
        "iss": ISSUER,
        "aud": "shop",
        "sub": claims["sub"],
        "iat": claims["iat"],
        "exp": claims["iat"] + 300,
        "auth_time": since,
        "nonce": "a nonce",
        "acr": "urn:kortilla:acr:test",
        "amr": ["sc", "pin"],
        "at_hash": claims["at_hash"],
    }
    told = (await op.userinfo(content["access_token"])).json
    person = op.card.person
    assert told == {
        "sub": claims["sub"],
        "name": f"{person.given_name} {person.surname}",
        "given_name": person.given_name,
        "family_name": person.surname,
        "urn:oid:1.2.246.22": person.satu,
        "email": f"{claims['sub']}@example.invalid",
        "email_verified": False,
    }
    assert person.satu not in claims["sub"]


async def test_scopes_choose_among_what_the_operator_allows(op: LocalOP) -> None:
    access = (await op.tokens(scope="openid"))["access_token"]
    told = (await op.userinfo(access)).json
    assert told.keys() == {"sub", "urn:oid:1.2.246.22"}


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer x", "Bearer ä", "Basic eDp5", 'Bearer "']
)
async def test_userinfo_needs_a_token(op: LocalOP, authorization: str) -> None:
    answer = await op.post("/userinfo", "", authorization=authorization)
    assert answer.status == 401
    [challenge] = answer.headers.all("WWW-Authenticate")
    assert challenge.lower().startswith("bearer")


async def test_userinfo_takes_a_token_in_the_header_until_it_expires(
    op: LocalOP,
) -> None:
    access = (await op.tokens())["access_token"]
    assert (await op.post("/userinfo", {"access_token": access})).status == 401
    answer = await op.post("/userinfo", "", authorization=f"Bearer {access}")
    assert answer.status == 200
    op.clock.ahead += 300
    assert (await op.userinfo(access)).status == 401
