# SPDX-License-Identifier: MIT
"""Pushed authorization requests (RFC 9126), and userinfo."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.openid.provider import (
    ISSUER,
    OTHER_SECRET,
    Answer,
    Browser,
    LocalOP,
    asked,
    assertion,
    basic,
)


async def follow(browser: Browser, uri: str, client: str = "shop") -> Answer:
    query = urlencode({"client_id": client, "request_uri": uri})
    return await browser.send("GET", f"/authorize?{query}")


async def test_a_pushed_request_logs_in(op: LocalOP, browser: Browser) -> None:
    verifier, form = asked()
    answer = await op.post("/par", form, authorization=basic())
    assert answer.status == 201
    assert answer.json.keys() == {"request_uri", "expires_in"}
    page = await follow(browser, answer.json["request_uri"])
    back = await browser.log_in(page.location)
    assert (await op.token(back.parameters["code"], verifier)).status == 200


async def test_a_pushed_request_works_once(op: LocalOP, browser: Browser) -> None:
    answer = await op.post("/par", asked()[1], authorization=basic())
    uri = answer.json["request_uri"]
    assert "/login/" in (await follow(browser, uri)).location
    again = await follow(browser, uri)
    assert (again.status, again.headers.all("Location")) == (400, [])


async def test_a_pushed_request_is_of_its_client(op: LocalOP, browser: Browser) -> None:
    answer = await op.post("/par", asked()[1], authorization=basic())
    refused = await follow(browser, answer.json["request_uri"], "post")
    assert (refused.status, refused.headers.all("Location")) == (400, [])


async def test_a_pushed_request_expires(op: LocalOP, browser: Browser) -> None:
    answer = await op.post("/par", asked()[1], authorization=basic())
    op.clock.ahead += answer.json["expires_in"]
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
    op: LocalOP, changes: dict[str, Any], error: str
) -> None:
    answer = await op.post("/par", asked(**changes)[1], authorization=basic())
    assert (answer.status, answer.json["error"]) == (400, error)
    assert next(iter(changes)) in answer.json["error_description"] or (
        "client_secret" in changes
    )


async def test_a_stranger_pushes_nothing(op: LocalOP) -> None:
    answer = await op.post("/par", asked()[1])
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")


async def test_a_client_with_keys_pushes(op: LocalOP) -> None:
    _, form = asked(
        client_id="office",
        redirect_uri="https://office.example/cb",
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion=assertion(aud=f"{ISSUER}/par"),
    )
    assert (await op.post("/par", form)).status == 201
    assert (await op.post("/par", form)).json["error"] == "invalid_client"


# --- userinfo


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer x", "Bearer ä", "Basic eDp5", 'Bearer "']
)
async def test_userinfo_needs_a_token(op: LocalOP, authorization: str) -> None:
    headers = [("Authorization", authorization)] if authorization else []
    answer = await op.send("GET", "/userinfo", headers=headers)
    assert answer.status == 401
    [challenge] = answer.headers.all("WWW-Authenticate")
    assert challenge.lower().startswith("bearer")


async def test_userinfo_takes_no_token_that_has_expired(op: LocalOP) -> None:
    access = (await op.tokens())["access_token"]
    assert (await op.userinfo(access)).status == 200
    op.clock.ahead += 300
    assert (await op.userinfo(access)).status == 401


async def test_userinfo_answers_a_post_and_takes_no_token_in_the_form(
    op: LocalOP,
) -> None:
    access = (await op.tokens())["access_token"]
    form = {"access_token": access}
    assert (await op.post("/userinfo", form)).status == 401
    answer = await op.post("/userinfo", "", authorization=f"Bearer {access}")
    assert answer.status == 200


async def test_scopes_choose_among_what_the_operator_allows(op: LocalOP) -> None:
    access = (await op.tokens(scope="openid"))["access_token"]
    told = (await op.userinfo(access)).json
    assert told.keys() == {"sub", "urn:oid:1.2.246.22"}
