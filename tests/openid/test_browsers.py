# SPDX-License-Identifier: MIT
"""Logins are bound to one browser, and other sites can do nothing with them."""

import json
import re
from html import unescape
from urllib.parse import urlencode

import pytest

from tests.openid.conftest import MakeScene
from tests.openid.scene import CALLBACK, ISSUER, ORIGIN, Browser, Scene

COOKIE = "__Host-kortilla-openid"
FORM = "application/x-www-form-urlencoded"


async def test_another_browser_s_login_is_not_continued(
    scene: Scene, browser: Browser
) -> None:
    _, answer = await browser.authorize()
    page = answer.location
    for other in (Browser(scene), Browser(scene, {COOKIE: "x" * 43})):
        for method, path in (
            ("GET", page),
            ("POST", f"{page}/challenge"),
            ("POST", f"{page}/login"),
            ("GET", f"{page}/done"),
            ("POST", f"{page}/cancel"),
        ):
            refused = await other.send(method, path, body=b"{}")
            assert refused.status == 404
            assert "has ended" in refused.text
    assert (await browser.log_in(answer)).location.startswith(CALLBACK)


async def test_a_login_that_an_attacker_began_logs_nobody_in(
    scene: Scene, browser: Browser
) -> None:
    """Session fixation: the victim is sent to the attacker's page."""
    _, answer = await browser.authorize()
    victim = Browser(scene)
    assert (await victim.send("GET", answer.location)).status == 404
    assert COOKIE not in victim.cookies


async def test_a_token_of_another_login_is_refused(
    scene: Scene, browser: Browser
) -> None:
    _, first = await browser.authorize()
    _, second = await browser.authorize()
    _, body = await browser.token_for(first.location)
    refused = await browser.send("POST", f"{second.location}/login", body=body)
    assert refused.status == 403
    assert "CHALLENGE_NONCE_NOT_FOUND" in refused.text


async def test_two_tabs_log_in_beside_each_other(
    scene: Scene, browser: Browser
) -> None:
    verifier, first = await browser.authorize(state="1")
    other_verifier, second = await browser.authorize(state="2")
    later = await browser.log_in(second)
    earlier = await browser.log_in(first)
    states = (earlier.parameters["state"], later.parameters["state"])
    assert states == ("1", "2")
    for answer, own in ((earlier, verifier), (later, other_verifier)):
        assert (await scene.token(answer.parameters["code"], own)).status == 200


async def test_the_cookie_is_stable_and_safe(browser: Browser) -> None:
    _, answer = await browser.authorize()
    [cookie] = answer.headers.all("Set-Cookie")
    assert re.fullmatch(
        rf"{COOKIE}=[\w-]{{43}}; HttpOnly; Path=/; SameSite=Lax; Secure", cookie
    )
    _, again = await browser.authorize()
    assert again.headers.all("Set-Cookie") == []


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", ISSUER])
@pytest.mark.parametrize("action", ["challenge", "login", "cancel"])
async def test_another_site_s_post_is_refused(
    browser: Browser, origin: str | None, action: str
) -> None:
    _, answer = await browser.authorize()
    page = answer.location
    refused = await browser.send("POST", f"{page}/{action}", body=b"{}", origin=origin)
    assert (refused.status, "ORIGIN_REFUSED" in refused.text) == (403, True)
    assert (await browser.log_in(answer)).location.startswith(CALLBACK)


async def test_no_page_can_be_framed_or_run_foreign_scripts(browser: Browser) -> None:
    _, answer = await browser.authorize()
    pages = [
        await browser.send("GET", answer.location),
        await browser.send("GET", "/authorize"),
        await browser.send("GET", "/logout"),
    ]
    for page in pages:
        [policy] = page.headers.all("Content-Security-Policy")
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers.all("X-Frame-Options") == ["DENY"]
        assert page.headers.all("Cache-Control") == ["no-store"]
        assert not re.search(
            r"<script(?! type=\"module\" src=)|style=|\son\w+=", page.text
        )


async def test_cancelling_goes_back_to_the_client(browser: Browser) -> None:
    _, answer = await browser.authorize()
    page = answer.location
    back = await browser.send("POST", f"{page}/cancel", kind=FORM)
    assert (
        back.parameters.items()
        >= {
            "error": "access_denied",
            "state": "a state",
            "iss": ISSUER,
        }.items()
    )
    assert (await browser.send("GET", page)).status == 404


async def test_done_without_a_login_leads_to_the_page(browser: Browser) -> None:
    _, answer = await browser.authorize()
    done = await browser.send("GET", f"{answer.location}/done")
    assert done.location == answer.location


async def test_a_login_ends_once(browser: Browser) -> None:
    _, answer = await browser.authorize()
    await browser.log_in(answer)
    assert (await browser.send("GET", f"{answer.location}/done")).status == 404


async def test_a_login_has_half_an_hour(scene: Scene, browser: Browser) -> None:
    _, answer = await browser.authorize()
    scene.clock.ahead += 30 * 60
    assert (await browser.send("GET", answer.location)).status == 404


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ("wrong-origin", "AUTH_TOKEN_SIGNATURE_VALIDATION"),
        ("expired", "CERTIFICATE_EXPIRED"),
    ],
)
async def test_a_card_that_is_refused_logs_nobody_in(
    browser: Browser, broken: str, code: str
) -> None:
    _, answer = await browser.authorize()
    page = answer.location
    _, body = await browser.token_for(page, broken=broken)
    refused = await browser.send("POST", f"{page}/login", body=body)
    assert (refused.status, code in refused.text) == (403, True)
    assert (await browser.send("GET", f"{page}/done")).location == page
    # The person may try again on the same page.
    assert (await browser.log_in(answer)).location.startswith(CALLBACK)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("challenge", b"", 400),
        ("challenge", b"[]", 400),
        ("challenge", b'{"more":1}', 400),
        ("login", b"{}", 400),
        ("login", b'{"authToken":1}', 403),
        ("login", b'{"authToken":{},"nonce":1}', 400),
        ("login", b"x" * 20_000, 413),
        ("other", b"{}", 404),
        ("simulate", b"{}", 404),
    ],
)
async def test_what_a_page_may_not_send(
    browser: Browser, path: str, body: bytes, status: int
) -> None:
    _, answer = await browser.authorize()
    refused = await browser.send("POST", f"{answer.location}/{path}", body=body)
    assert refused.status == status


async def test_attempts_of_one_client_are_limited(make_scene: MakeScene) -> None:
    browser = Browser(make_scene(server={"logins_per_minute": 2}))
    _, answer = await browser.authorize()
    path = f"{answer.location}/challenge"
    statuses = [(await browser.send("POST", path, body=b"{}")).status for _ in range(3)]
    assert statuses == [200, 200, 429]


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
async def test_the_page_names_the_service_its_host_and_what_it_gets(
    scene: Scene, language: str
) -> None:
    browser = Browser(scene, language=language)
    _, answer = await browser.authorize()
    page = unescape((await browser.send("GET", answer.location)).text)
    assert f'<html lang="{language}">' in page
    name = {"fi": "Kauppa & Kumpp.", "sv": "Butiken", "en": "The shop"}[language]
    assert name in page
    assert "shop.example" in page
    assert "login.example" in page
    satu = {
        "fi": "sähköisen asiointitunnuksesi",
        "sv": "elektroniska kommunikationskod",
        "en": "electronic client identifier",
    }[language]
    assert satu in page


@pytest.mark.parametrize(
    ("language", "mark"),
    [("fi", "hyväksyy testikortit"), ("sv", "testkort"), ("en", "accepts test cards")],
)
async def test_test_trust_is_seen_on_the_page_and_in_the_log(
    make_scene: MakeScene, caplog: pytest.LogCaptureFixture, language: str, mark: str
) -> None:
    browser = Browser(make_scene(), language=language)
    _, answer = await browser.authorize()
    page = (await browser.send("GET", answer.location)).text
    assert re.search(rf'<aside class="simulator">[^<]*{mark}', page)
    assert "trust.test is set" in caplog.text


async def test_the_client_and_the_person_choose_the_language(browser: Browser) -> None:
    _, answer = await browser.authorize(ui_locales="de sv-FI fi")
    page = answer.location
    assert '<html lang="sv">' in (await browser.send("GET", page)).text
    assert '<html lang="fi">' in (await browser.send("GET", f"{page}?lang=fi")).text
    assert '<html lang="fi">' in (await browser.send("GET", page)).text


async def test_a_notice_is_text_for_people(make_scene: MakeScene) -> None:
    notice = {"fi": "Huolto <b>", "sv": "Underhåll", "en": "Maintenance"}
    browser = Browser(make_scene(notice=notice), language="fi")
    _, answer = await browser.authorize()
    page = (await browser.send("GET", answer.location)).text
    assert '<aside class="notice">Huolto &lt;b&gt;</aside>' in page


async def test_the_button_s_requests_are_answered_in_json(browser: Browser) -> None:
    _, answer = await browser.authorize()
    challenge, body = await browser.token_for(answer.location)
    assert len(challenge.json["nonce"]) == 44
    logged_in = await browser.send("POST", f"{answer.location}/login", body=body)
    assert json.loads(logged_in.body).keys() == {"name", "satu"}


async def test_the_redirect_leaks_no_address(browser: Browser) -> None:
    _, answer = await browser.authorize()
    back = await browser.log_in(answer)
    assert back.headers.all("Referrer-Policy") == ["no-referrer"]
    assert back.headers.all("Cache-Control") == ["no-store"]
    assert ORIGIN not in back.parameters.values()


async def test_a_form_may_lead_to_the_client_alone(browser: Browser) -> None:
    _, answer = await browser.authorize()
    page = await browser.send("GET", answer.location)
    [policy] = page.headers.all("Content-Security-Policy")
    assert policy.endswith("form-action 'self' https://shop.example")


async def test_a_client_that_is_gone_ends_its_logins(
    scene: Scene, browser: Browser
) -> None:
    _, answer = await browser.authorize()
    clients = dict(scene.provider.protocol.clients)
    del clients["shop"]
    scene.provider.protocol.clients = clients
    assert (await browser.send("GET", answer.location)).status == 404
    query = urlencode({"client_id": "shop", "redirect_uri": CALLBACK})
    assert (await browser.send("GET", f"/authorize?{query}")).status == 400
