# SPDX-License-Identifier: MIT
"""Pushed authorization requests (RFC 9126), and userinfo."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.openid.scene import (
    CALLBACK,
    ISSUER,
    OTHER_SECRET,
    Answer,
    Browser,
    Scene,
    assertion,
    basic,
    pkce,
)


def pushed(**changes: Any) -> tuple[str, dict[str, str]]:
    verifier, challenge = pkce()
    asked = {
        "client_id": "shop",
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid",
        "state": "s",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **changes,
    }
    return verifier, {k: v for k, v in asked.items() if v is not None}


async def follow(browser: Browser, uri: str, client: str = "shop") -> Answer:
    query = urlencode({"client_id": client, "request_uri": uri})
    return await browser.send("GET", f"/authorize?{query}")


async def test_a_pushed_request_logs_in(scene: Scene, browser: Browser) -> None:
    verifier, form = pushed()
    answer = await scene.post("/par", form, authorization=basic())
    assert answer.status == 201
    assert answer.json.keys() == {"request_uri", "expires_in"}
    back = await browser.log_in(await follow(browser, answer.json["request_uri"]))
    assert (await scene.token(back.parameters["code"], verifier)).status == 200


async def test_a_pushed_request_works_once(scene: Scene, browser: Browser) -> None:
    answer = await scene.post("/par", pushed()[1], authorization=basic())
    uri = answer.json["request_uri"]
    assert "/login/" in (await follow(browser, uri)).location
    again = await follow(browser, uri)
    assert (again.status, again.headers.all("Location")) == (400, [])


async def test_a_pushed_request_is_of_its_client(
    scene: Scene, browser: Browser
) -> None:
    answer = await scene.post("/par", pushed()[1], authorization=basic())
    refused = await follow(browser, answer.json["request_uri"], "post")
    assert (refused.status, refused.headers.all("Location")) == (400, [])


async def test_a_pushed_request_expires(scene: Scene, browser: Browser) -> None:
    answer = await scene.post("/par", pushed()[1], authorization=basic())
    scene.clock.ahead += answer.json["expires_in"]
    assert (await follow(browser, answer.json["request_uri"])).status == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        (
            {"request_uri": "urn:ietf:params:oauth:request_uri:x"},
            "request_uri_not_supported",
        ),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"client_id": "post"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"client_secret": OTHER_SECRET}, "invalid_request"),
    ],
)
async def test_a_push_that_is_wrong_in_one_way_is_refused(
    scene: Scene, changes: dict[str, Any], error: str
) -> None:
    answer = await scene.post("/par", pushed(**changes)[1], authorization=basic())
    assert (answer.status, answer.json["error"]) == (400, error)
    assert next(iter(changes)) in answer.json["error_description"] or (
        "client_secret" in changes
    )


async def test_a_stranger_pushes_nothing(scene: Scene) -> None:
    answer = await scene.post("/par", pushed()[1])
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")


async def test_a_client_with_keys_pushes(scene: Scene) -> None:
    _, form = pushed(
        client_id="office",
        redirect_uri="https://office.example/cb",
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion=assertion(aud=f"{ISSUER}/par"),
    )
    assert (await scene.post("/par", form)).status == 201
    assert (await scene.post("/par", form)).json["error"] == "invalid_client"


# --- userinfo


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer x", "Bearer ä", "Basic eDp5", 'Bearer "']
)
async def test_userinfo_needs_a_token(scene: Scene, authorization: str) -> None:
    headers = [("Authorization", authorization)] if authorization else []
    answer = await scene.send("GET", "/userinfo", headers=headers)
    assert answer.status == 401
    [challenge] = answer.headers.all("WWW-Authenticate")
    assert challenge.lower().startswith("bearer")


async def test_userinfo_takes_no_token_that_has_expired(scene: Scene) -> None:
    code, verifier = await scene.code()
    access = (await scene.token(code, verifier)).json["access_token"]
    assert (await scene.userinfo(access)).status == 200
    scene.clock.ahead += 300
    assert (await scene.userinfo(access)).status == 401


async def test_userinfo_answers_a_post_and_takes_no_token_in_the_form(
    scene: Scene,
) -> None:
    code, verifier = await scene.code()
    access = (await scene.token(code, verifier)).json["access_token"]
    form = {"access_token": access}
    assert (await scene.post("/userinfo", form)).status == 401
    answer = await scene.post("/userinfo", "", authorization=f"Bearer {access}")
    assert answer.status == 200


async def test_scopes_choose_among_what_the_operator_allows(scene: Scene) -> None:
    code, verifier = await scene.code(scope="openid")
    access = (await scene.token(code, verifier)).json["access_token"]
    told = (await scene.userinfo(access)).json
    assert told.keys() == {"sub", "urn:oid:1.2.246.22"}
