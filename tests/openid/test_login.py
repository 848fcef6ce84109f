# SPDX-License-Identifier: MIT
"""A login from the client's link to the person's name."""

import time

from tests.openid.scene import ISSUER, Scene


async def test_a_client_gets_the_name_and_a_subject_of_its_own(scene: Scene) -> None:
    code, verifier = await scene.code()
    answer = await scene.token(code, verifier)
    assert answer.status == 200, answer.text
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
    claims = await scene.claims(content["id_token"])
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
    told = (await scene.userinfo(content["access_token"])).json
    person = scene.card.person
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
