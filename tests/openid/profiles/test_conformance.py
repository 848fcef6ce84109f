# SPDX-License-Identifier: MIT
"""Cases of the OpenID Foundation's test plans, by the names of its modules.

They are the cases that no other test has. docs/openid/conformance.md lists them all.
"""

import json
import time
from typing import Any

import pytest
from joserfc.jwk import ECKey

from tests.openid.profiles.parties import (
    BANK_CALLBACK,
    LEVEL,
    assertion,
    bank_code,
    follow,
    proof,
    push,
    redeem,
)
from tests.openid.provider import Browser, FromNow, LocalOP

KEY = ECKey.generate_key("P-256")

#: By module of ``oidcc-basic-certification-test-plan``: what differs in the request.
BASIC: dict[str, dict[str, Any]] = {
    "oidcc-server": {},
    "oidcc-ensure-request-without-nonce-succeeds-for-code-flow": {"nonce": None},
    "oidcc-scope-profile": {"scope": "openid profile"},
    "oidcc-scope-email": {"scope": "openid email"},
    "oidcc-scope-address": {"scope": "openid address"},
    "oidcc-scope-phone": {"scope": "openid phone"},
    "oidcc-scope-all": {"scope": "openid profile email address phone"},
    "oidcc-ensure-other-scope-order-succeeds": {"scope": "email openid profile"},
    "oidcc-display-page": {"display": "page"},
    "oidcc-display-popup": {"display": "popup"},
    "oidcc-max-age-10000": {"max_age": "10000"},
    "oidcc-ensure-request-with-unknown-parameter-succeeds": {"extra": "foobar"},
    "oidcc-login-hint": {"login_hint": "user@example.invalid"},
    "oidcc-ui-locales": {"ui_locales": "se"},
    "oidcc-claims-locales": {"claims_locales": "se"},
    "oidcc-ensure-request-with-acr-values-succeeds": {"acr_values": LEVEL},
}


@pytest.mark.parametrize("module", BASIC)
async def test_a_basic_request_succeeds(op: LocalOP, module: str) -> None:
    changes = BASIC[module]
    content = await op.tokens(**changes)
    claims = await op.claims(content["id_token"])
    assert claims.get("nonce") == changes.get("nonce", "a nonce")
    scopes = (changes.get("scope") or "profile email").split()
    told = (await op.userinfo(content["access_token"])).json
    assert ("name" in told, "email" in told) == (
        "profile" in scopes,
        "email" in scopes,
    )
    assert told["sub"] == claims["sub"]


#: By module of ``fapi2-security-profile-final-test-plan``, without that prefix: what
#: differs in the pushed request (``claims``: in its assertion), and the error.
PUSHED: dict[str, tuple[dict[str, Any], str]] = {
    "happy-flow": ({}, ""),
    "ensure-authorization-request-without-state-success": ({"state": None}, ""),
    "ensure-authorization-request-without-nonce-success": ({"nonce": None}, ""),
    "ensure-authorization-request-with-64-char-nonce-success": (
        {"nonce": "n" * 64},
        "",
    ),
    "ensure-authorization-request-with-long-nonce": ({"nonce": "n" * 384}, ""),
    "ensure-authorization-request-with-long-state": ({"state": "s" * 384}, ""),
    "ensure-other-scope-order-succeeds": ({"scope": "profile openid"}, ""),
    "ensure-response-type-code-idtoken-fails": (
        {"response_type": "code id_token"},
        "unsupported_response_type",
    ),
    "ensure-response-type-token-fails": (
        {"response_type": "token"},
        "unsupported_response_type",
    ),
    "ensure-redirect-uri-in-authorization-request": (
        {"redirect_uri": None},
        "invalid_request",
    ),
    "ensure-registered-redirect-uri": (
        {"redirect_uri": BANK_CALLBACK + "/more"},
        "invalid_request",
    ),
    "par-ensure-pkce-required": (
        {"code_challenge": None, "code_challenge_method": None},
        "invalid_request",
    ),
    "par-plain-pkce-rejected": ({"code_challenge_method": "plain"}, "invalid_request"),
    "par-authorization-request-containing-request_uri-form-param": (
        {"request_uri": "urn:ietf:params:oauth:request_uri:x"},
        "request_uri_not_supported",
    ),
    "ensure-client-assertion-in-token-endpoint": (
        {"client_assertion": None, "client_assertion_type": None, "client_id": "bank"},
        "invalid_client",
    ),
    "ensure-client-assertion-with-no-sub-fails": (
        {"claims": {"sub": None}},
        "invalid_client",
    ),
    "ensure-client-assertion-with-exp-is-5-minutes-in-past-fails": (
        {"claims": {"exp": FromNow(-300)}},
        "invalid_client",
    ),
}


@pytest.mark.parametrize("module", PUSHED)
async def test_a_pushed_request_is_as_fapi_2_wants(op: LocalOP, module: str) -> None:
    changes, error = PUSHED[module]
    changes = {**assertion("bank", **changes.get("claims", {})), **changes}
    changes.pop("claims", None)
    verifier, answer = await push(op, **changes)
    if error:
        assert (answer.status // 100, answer.json["error"]) == (4, error)
        return
    browser = Browser(op)
    back = await browser.log_in((await follow(browser, answer)).location)
    code = back.parameters["code"]
    answer = await redeem(op, "bank", code, verifier, headers=[proof(KEY)])
    assert answer.status == 200
    assert json.loads(answer.body)["token_type"] == "DPoP"


#: By module of the same plan: what differs at the token endpoint, and the status.
REDEEMED: dict[str, tuple[dict[str, Any], int]] = {
    "ensure-dpopproof-with-iat-10seconds-before-succeeds": ({"iat": -10}, 200),
    "ensure-dpopproof-with-iat-10seconds-after-succeeds": ({"iat": 10}, 200),
    "check-dpop-proof-nbf-exp": ({"iat": 0, "nbf": 0, "exp": 60}, 200),
    "incorrect-pkce-code-verifier-rejected": ({"verifier": "w" * 43}, 400),
    "ensure-pkce-code-verifier-required": ({"verifier": ""}, 400),
    "ensure-token-endpoint-fails-with-expired-auth-code": ({"ahead": 60}, 400),
    "ensure-holder-of-key-required": ({"headers": []}, 400),
}


@pytest.mark.parametrize("module", REDEEMED)
async def test_a_code_is_redeemed_as_fapi_2_wants(op: LocalOP, module: str) -> None:
    changes, status = REDEEMED[module]
    code, verifier = await bank_code(op)
    now = int(time.time())
    shown = {
        name: now + changes[name] for name in ("iat", "nbf", "exp") if name in changes
    }
    ahead = changes.get("ahead", 0)
    if ahead:
        shown["iat"] = now + ahead
    op.clock.ahead += ahead
    answer = await redeem(
        op,
        "bank",
        code,
        changes.get("verifier", verifier),
        headers=changes.get("headers", [proof(KEY, **shown)]),
    )
    assert answer.status == status


async def test_access_token_type_header_case_sensitivity(op: LocalOP) -> None:
    code, verifier = await bank_code(op)
    answer = await redeem(op, "bank", code, verifier, headers=[proof(KEY)])
    token = answer.json["access_token"]
    for scheme in ("DPoP", "dpop", "DPOP"):
        shown = proof(KEY, "/userinfo", method="GET", access_token=token)
        headers = [("Authorization", f"{scheme} {token}"), shown]
        told = await op.send("GET", "/userinfo", headers=headers)
        assert told.status == 200
