# SPDX-License-Identifier: MIT
"""Codes, PKCE and the authentication of clients at the token endpoint."""

import base64
import hmac
import itertools
import json
import time
from typing import Any

import pytest
from joserfc.jwk import ECKey

from kortilla.openid.keys import KeyFile
from tests.openid.conftest import MakeOP
from tests.openid.provider import (
    CLIENT_KEY,
    ISSUER,
    KEYS,
    OTHER_SECRET,
    Answer,
    Browser,
    LocalOP,
    assertion,
    basic,
    pkce,
)

BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def error(answer: Answer) -> str:
    """Return the error of a JSON answer, which no cache keeps."""
    assert answer.status in {400, 401}, answer.text
    assert answer.headers.all("Cache-Control") == ["no-store"]
    assert answer.json.keys() == {"error", "error_description"}
    found: str = answer.json["error"]
    return found


async def test_a_code_works_once_and_its_replay_revokes_the_token(op: LocalOP) -> None:
    code, verifier = await op.code()
    first = await op.token(code, verifier)
    access = first.json["access_token"]
    assert (await op.userinfo(access)).status == 200
    assert error(await op.token(code, verifier)) == "invalid_grant"
    assert (await op.userinfo(access)).status == 401


async def test_a_code_expires(op: LocalOP) -> None:
    code, verifier = await op.code()
    op.clock.ahead += 60
    assert error(await op.token(code, verifier)) == "invalid_grant"


async def test_a_code_is_of_one_client(op: LocalOP) -> None:
    code, verifier = await op.code()
    answer = await op.token(
        code,
        verifier,
        authorization="",
        client_id="post",
        client_secret=OTHER_SECRET,
    )
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
    browser = Browser(op)
    _, challenge = pkce()
    _, answer = await browser.authorize(code_challenge=challenge)
    back = await browser.log_in(answer.location)
    answer = await op.token(back.parameters["code"], challenge)
    assert error(answer) == "invalid_grant"


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        basic(secret="x" * 43),
        basic(client="stranger"),
        basic(client="post", secret=OTHER_SECRET),  # it posts its secret
        basic(client='"ä'),
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b"shop").decode(),
        "Bearer x",
        "Digest x",
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


async def test_a_client_may_not_authenticate_twice(op: LocalOP) -> None:
    answer = await op.token("c", "v" * 43, client_secret=OTHER_SECRET)
    assert error(answer) == "invalid_request"


@pytest.mark.parametrize("secret", [OTHER_SECRET, "n" * 43])
async def test_a_client_has_two_secrets_while_it_exchanges_one(
    op: LocalOP, secret: str
) -> None:
    form = {"client_id": "post", "client_secret": secret}
    answer = await op.token("c" * 48, "v" * 43, authorization="", **form)
    assert error(answer) == "invalid_grant"  # it is authenticated


async def test_a_repeated_parameter_is_refused(op: LocalOP) -> None:
    answer = await op.post(
        "/token", "grant_type=authorization_code&code=a&code=b", authorization=basic()
    )
    assert answer.json["error_description"] == "code is repeated"


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Type", "application/json")],
        [],
        [("Content-Encoding", "gzip"), ("Content-Type", "x")],
    ],
)
async def test_only_a_form_is_read(op: LocalOP, headers: list[tuple[str, str]]) -> None:
    answer = await op.send("POST", "/token", body=b"{}", headers=headers)
    assert error(answer) == "invalid_request"


async def test_a_code_in_the_query_is_refused(op: LocalOP) -> None:
    kind = ("Content-Type", "application/x-www-form-urlencoded")
    answer = await op.send("POST", "/token", query="code=c", headers=[kind])
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
async def test_an_assertion_authenticates_a_client(
    op: LocalOP, audience: str | list[str]
) -> None:
    answer = await office(op, assertion(aud=audience), client_id="office")
    assert error(answer) == "invalid_grant"  # the code alone is wrong


async def test_a_client_with_keys_logs_people_in(op: LocalOP) -> None:
    browser = Browser(op)
    uri = "https://office.example/cb"
    verifier, answer = await browser.authorize(client_id="office", redirect_uri=uri)
    back = await browser.log_in(answer.location)
    answer = await op.token(
        back.parameters["code"],
        verifier,
        authorization="",
        redirect_uri=uri,
        client_assertion_type=BEARER,
        client_assertion=assertion(),
    )
    claims = await op.claims(answer.json["id_token"])
    assert (claims["aud"], claims["sub"]) == ("office", op.card.person.satu)
    # The operator allows no name.
    told = (await op.userinfo(answer.json["access_token"])).json
    assert told == {"sub": op.card.person.satu}


async def test_an_assertion_works_once(op: LocalOP) -> None:
    token = assertion()
    assert error(await office(op, token)) == "invalid_grant"
    answer = await office(op, token)
    assert (answer.status, error(answer)) == (401, "invalid_client")
    assert "jti" in answer.json["error_description"]


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": None},
        {"aud": "https://other.example"},
        {"aud": []},
        {"aud": [[ISSUER]]},
        {"aud": ["https://other.example"]},
        {"aud": [ISSUER, "https://other.example"]},
        {"aud": [ISSUER, f"{ISSUER}/token"]},
        {"aud": 5},
        {"exp": None},
        {"exp": int(time.time()) - 120},
        {"exp": int(time.time()) + 40_000},
        {"exp": "soon"},
        {"exp": 1e300},
        {"jti": None},
        {"jti": 5},
        {"jti": ""},
        {"jti": "j" * 300},
        {"iss": None},
        {"iss": "shop"},
        {"sub": "shop"},
        {"sub": "stranger"},
        {"sub": 5},
        {"sub": None},
        {"nbf": int(time.time()) + 60_000},
    ],
)
async def test_an_assertion_that_is_wrong_in_one_way_is_refused(
    op: LocalOP, changes: dict[str, Any]
) -> None:
    assert error(await office(op, assertion(**changes))) == "invalid_client"


async def test_an_assertion_without_a_signature_is_refused(op: LocalOP) -> None:
    none = "eyJhbGciOiJub25lIn0." + assertion().split(".")[1] + "."
    assert error(await office(op, none)) == "invalid_client"


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


async def test_an_assertion_with_another_key_is_refused(op: LocalOP) -> None:
    foreign = ECKey.generate_key("P-256")
    for header in ({"alg": "ES256"}, {"alg": "ES256", "kid": "client-1"}):
        answer = await office(op, assertion(foreign, header))
        assert error(answer) == "invalid_client"
    unknown = assertion(header={"alg": "ES256", "kid": "another"})
    assert error(await office(op, unknown)) == "invalid_client"


@pytest.mark.parametrize("token", ["a", "a.b", "a.b.c", "ä.b.c", '"', "e30.e30.e30"])
async def test_an_assertion_that_is_none_is_refused(op: LocalOP, token: str) -> None:
    assert error(await office(op, token)) == "invalid_client"


async def test_an_assertion_with_another_client_id_is_refused(op: LocalOP) -> None:
    answer = await office(op, assertion(), client_id="shop")
    assert error(answer) == "invalid_client"


async def test_rotated_keys_sign_and_the_old_ones_stay_published(
    make_op: MakeOP,
) -> None:
    op = make_op()
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


async def test_a_used_code_is_kept_as_a_digest(op: LocalOP) -> None:
    code, verifier = await op.code()
    token = (await op.token(code, verifier)).json["access_token"]
    record = await op.provider.store.get("token", token)
    assert record
    assert code not in json.dumps(record)
    await op.token(code, verifier)
    assert (await op.userinfo(token)).status == 401


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
    code, verifier = await op.code()
    answer = await op.token(code, verifier)
    content = answer.json
    assert content.keys() == {
        "access_token",
        "token_type",
        "expires_in",
        "scope",
        "id_token",
    }
    assert (content["token_type"], content["expires_in"]) == ("Bearer", 300)
    assert answer.headers.all("Cache-Control") == ["no-store"]
    first = content["id_token"].partition(".")[0]
    header = json.loads(base64.urlsafe_b64decode(f"{first}=="))
    keys = (await op.send("GET", "/jwks")).json["keys"]
    assert header["alg"] == "RS256"
    assert header["kid"] in [key["kid"] for key in keys if key["alg"] == "RS256"]
    claims = await op.claims(content["id_token"])
    assert claims.keys() == {
        "iss",
        "aud",
        "sub",
        "iat",
        "exp",
        "auth_time",
        "nonce",
        "acr",
        "amr",
        "at_hash",
    }
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (
        ISSUER,
        "shop",
        "a nonce",
    )
    assert claims["exp"] - claims["iat"] == 300
    assert abs(claims["auth_time"] - time.time()) < 60
    assert claims["amr"] == ["sc", "pin"]
    assert claims["acr"] == "urn:kortilla:acr:test"
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
