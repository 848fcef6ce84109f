# SPDX-License-Identifier: MIT
"""The page of a login, which one browser ends once, and the page of the simulator."""

import asyncio
import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest

from kortilla.web.http import Headers, Request
from tests.openid.conftest import MakeOP
from tests.openid.provider import (
    CALLBACK,
    ISSUER,
    ORIGIN,
    Browser,
    LocalOP,
    configuration,
)

COOKIE = "__Host-kortilla-openid"


async def test_another_browser_s_login_is_not_continued(
    op: LocalOP, browser: Browser
) -> None:
    page = await browser.page()
    victim = Browser(op)  # whom an attacker sends to a page
    for other in (victim, Browser(op, {COOKIE: "x" * 43})):
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
    assert COOKIE not in victim.cookies
    assert (await browser.log_in(page)).location.startswith(CALLBACK)


async def test_a_token_of_another_login_is_refused(
    op: LocalOP, browser: Browser
) -> None:
    _, first = await browser.authorize()
    _, second = await browser.authorize()
    _, body = await browser.token_for(first.location)
    refused = await browser.send("POST", f"{second.location}/login", body=body)
    assert refused.status == 403
    assert "CHALLENGE_NONCE_NOT_FOUND" in refused.text


async def test_two_tabs_log_in_beside_each_other(op: LocalOP, browser: Browser) -> None:
    verifier, first = await browser.authorize(state="1")
    other_verifier, second = await browser.authorize(state="2")
    later = await browser.log_in(second.location)
    earlier = await browser.log_in(first.location)
    states = (earlier.parameters["state"], later.parameters["state"])
    assert states == ("1", "2")
    for answer, own in ((earlier, verifier), (later, other_verifier)):
        assert (await op.token(answer.parameters["code"], own)).status == 200


async def test_a_login_keeps_its_cookie_and_leaks_no_address(browser: Browser) -> None:
    _, answer = await browser.authorize()
    [cookie] = answer.headers.all("Set-Cookie")
    assert re.fullmatch(
        rf"{COOKIE}=[\w-]{{43}}; HttpOnly; Path=/; SameSite=Lax; Secure", cookie
    )
    page = answer.location
    challenge, body = await browser.token_for(page)
    assert len(challenge.json["nonce"]) == 44
    logged_in = await browser.send("POST", f"{page}/login", body=body)
    assert logged_in.json.keys() == {"name", "satu"}
    back = await browser.send("GET", f"{page}/done")
    assert back.headers.all("Referrer-Policy") == ["no-referrer"]
    assert back.headers.all("Cache-Control") == ["no-store"]
    assert ORIGIN not in back.parameters.values()
    _, again = await browser.authorize()
    assert again.headers.all("Set-Cookie") == []


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", ISSUER])
@pytest.mark.parametrize("action", ["challenge", "login", "cancel"])
async def test_another_site_s_post_is_refused(
    browser: Browser, origin: str | None, action: str
) -> None:
    page = await browser.page()
    refused = await browser.send("POST", f"{page}/{action}", body=b"{}", origin=origin)
    assert (refused.status, "ORIGIN_REFUSED" in refused.text) == (403, True)
    assert (await browser.log_in(page)).location.startswith(CALLBACK)


async def test_no_page_can_be_framed_or_run_foreign_scripts(browser: Browser) -> None:
    pages = [
        await browser.send("GET", await browser.page()),
        await browser.send("GET", "/authorize"),
        await browser.send("GET", "/logout"),
    ]
    [policy] = pages[0].headers.all("Content-Security-Policy")
    assert policy.endswith("form-action 'self' https://shop.example")
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
    page = await browser.page()
    parameters = (await browser.submit(f"{page}/cancel")).parameters
    assert parameters["error"] == "access_denied"
    assert (parameters["state"], parameters["iss"]) == ("a state", ISSUER)
    assert (await browser.send("GET", page)).status == 404


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
    page = await browser.page()
    _, body = await browser.token_for(page, broken=broken)
    refused = await browser.send("POST", f"{page}/login", body=body)
    assert (refused.status, code in refused.text) == (403, True)
    assert (await browser.send("GET", f"{page}/done")).location == page
    # The person may try again on the same page.
    assert (await browser.log_in(page)).location.startswith(CALLBACK)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
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
    page = await browser.page()
    refused = await browser.send("POST", f"{page}/{path}", body=body)
    assert refused.status == status


async def test_attempts_of_one_client_are_limited(make_op: MakeOP) -> None:
    browser = Browser(make_op(server={"logins_per_minute": 2}))
    page = await browser.page()
    path = f"{page}/challenge"
    statuses = [(await browser.send("POST", path, body=b"{}")).status for _ in range(3)]
    assert statuses == [200, 200, 429]


@pytest.mark.parametrize(
    ("language", "name", "satu", "mark"),
    [
        ("fi", "Kauppa & Kumpp.", "sähköisen asiointitunnuksesi", "hyväksyy testikort"),
        ("sv", "Butiken", "elektroniska kommunikationskod", "testkort"),
        ("en", "The shop", "electronic client identifier", "accepts test cards"),
    ],
)
async def test_the_page_names_the_service_what_it_gets_and_test_trust(
    make_op: MakeOP,
    caplog: pytest.LogCaptureFixture,
    language: str,
    name: str,
    satu: str,
    mark: str,
) -> None:
    browser = Browser(make_op(), language=language)
    page = unescape((await browser.send("GET", await browser.page())).text)
    assert f'<html lang="{language}">' in page
    for text in (name, satu, "shop.example", "login.example"):
        assert text in page
    assert re.search(rf'<aside class="simulator">[^<]*{mark}', page)
    assert "trust.test is set" in caplog.text


async def test_the_client_and_the_person_choose_the_language(browser: Browser) -> None:
    page = await browser.page(ui_locales="de sv-FI fi")
    assert '<html lang="sv">' in (await browser.send("GET", page)).text
    assert '<html lang="fi">' in (await browser.send("GET", f"{page}?lang=fi")).text
    assert '<html lang="fi">' in (await browser.send("GET", page)).text


async def test_a_notice_is_text_for_people(make_op: MakeOP) -> None:
    notice = {"fi": "Huolto <b>", "sv": "Underhåll", "en": "Maintenance"}
    browser = Browser(make_op(notice=notice), language="fi")
    page = (await browser.send("GET", await browser.page())).text
    assert '<aside class="notice">Huolto &lt;b&gt;</aside>' in page


async def test_a_client_that_is_gone_ends_its_logins(
    op: LocalOP, browser: Browser
) -> None:
    page = await browser.page()
    op.change(lambda clients: clients.pop(0))
    assert (await browser.send("GET", page)).status == 404
    query = urlencode({"client_id": "shop", "redirect_uri": CALLBACK})
    assert (await browser.send("GET", f"/authorize?{query}")).status == 400


# --- a login ends once, and in time


async def test_who_knows_the_browser_s_cookie_gets_no_login_of_it(op: LocalOP) -> None:
    """The attacker begins, and the victim logs in on the attacker's page."""
    attacker = Browser(op)
    page = await attacker.page()
    victim = Browser(op, cookies=dict(attacker.cookies))
    _, body = await victim.token_for(page)
    logged_in = await victim.send("POST", f"{page}/login", body=body)
    assert logged_in.status == 200
    [cookie] = logged_in.headers.all("Set-Cookie")
    assert cookie.startswith("__Host-kortilla-openid-login-")
    assert "; HttpOnly; Path=/; SameSite=Lax; Secure" in cookie
    stolen = await attacker.send("GET", f"{page}/done")
    assert (stolen.status, stolen.headers.all("Location")) == (404, [])
    done = await victim.send("GET", f"{page}/done")
    assert "code" in done.parameters
    assert [name for name in victim.cookies if "-login-" in name] == []


async def test_a_login_that_has_ended_stays_ended(op: LocalOP) -> None:
    """A challenge that was asked for before brings nothing back."""
    browser = Browser(op)
    page = await browser.page()
    _, body = await browser.token_for(page)
    await browser.send("POST", f"{page}/login", body=body)
    asking, ended = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        asking.set()
        await ended.wait()
        yield b"{}"

    headers = {
        "Cookie": "; ".join("=".join(each) for each in browser.cookies.items()),
        "Content-Type": "application/json",
        "Origin": ORIGIN,
    }
    path = page.removeprefix("/openid") + "/challenge"
    request = Request("POST", path, Headers(headers.items()), slow(), "192.0.2.1")
    late = asyncio.create_task(op.provider.handle(request, ""))
    await asyncio.wait_for(asking.wait(), 60)
    assert "code" in (await browser.send("GET", f"{page}/done")).parameters
    assert (await browser.send("GET", f"{page}/done")).status == 404
    ended.set()
    assert (await late).status == 404
    assert await op.provider.store.get("login", page.rpartition("/")[2]) is None


async def test_changing_the_language_makes_no_login_longer(op: LocalOP) -> None:
    browser = Browser(op)
    page = await browser.page()
    op.clock.ahead = 1799.5
    await browser.send("GET", f"{page}?lang=fi")
    op.clock.ahead = 1800.3
    assert (await browser.send("GET", f"{page}?lang=fi")).status == 404


# --- the simulator: persons and outcomes, by a click or by ``login_hint``

ACR = "urn:kortilla:acr:simulator"
OUTCOMES = [
    ("expired-card", "CERTIFICATE_EXPIRED"),
    ("revoked-card", "USER_CERTIFICATE_REVOKED"),
    ("wrong-service", "AUTH_TOKEN_SIGNATURE_VALIDATION"),
]


@pytest.fixture
def simulator(make_op: MakeOP) -> LocalOP:
    return make_op(simulator=True)


async def claims(op: LocalOP, hint: str) -> dict[str, Any]:
    """Return the claims of the ID token of a person."""
    return await op.claims((await op.tokens(login_hint=hint))["id_token"])


async def test_a_person_logs_in_by_a_hint_without_a_page(simulator: LocalOP) -> None:
    tokens = await simulator.tokens(login_hint="SPECIMEN-ÅKERSTRÖM")
    assert (await simulator.claims(tokens["id_token"]))["acr"] == ACR
    told = (await simulator.userinfo(tokens["access_token"])).json
    assert told["name"] == "ÖRJAN SPECIMEN-ÅKERSTRÖM"
    assert told["urn:oid:1.2.246.22"] == "99955514D"


@pytest.mark.parametrize(("hint", "code"), [("cancelled", "denied"), *OUTCOMES])
async def test_an_outcome_goes_back_to_the_client_by_a_hint(
    simulator: LocalOP, hint: str, code: str
) -> None:
    _, answer = await Browser(simulator).authorize(login_hint=hint)
    assert answer.parameters["error"] == "access_denied"
    assert code in answer.parameters["error_description"]


async def test_all_can_be_chosen_on_the_page(simulator: LocalOP) -> None:
    browser = Browser(simulator)
    verifier, answer = await browser.authorize()
    page = answer.location
    text = unescape((await browser.send("GET", page)).text)
    assert "This is a simulator for tests." in text
    assert "VÄINÖ JUHANI SPECIMEN-KORHONEN" in text
    assert "kortilla-button" not in text
    for name, code in OUTCOMES:
        refused = await browser.submit(f"{page}/simulate", {"choice": name})
        assert (refused.status, code in refused.text) == (200, True)
    back = await browser.submit(f"{page}/simulate", {"choice": "SPECIMEN-KORHONEN"})
    assert (await simulator.token(back.parameters["code"], verifier)).status == 200

    page = await browser.page()
    back = await browser.submit(f"{page}/simulate", {"choice": "cancelled"})
    assert back.location.startswith(CALLBACK)
    assert back.parameters["error"] == "access_denied"


async def test_a_choice_is_one_of_the_list_and_of_our_own_page(
    simulator: LocalOP,
) -> None:
    browser = Browser(simulator)
    path = f"{await browser.page(login_hint='SPECIMEN-UNKNOWN')}/simulate"
    for body in (b"", b"choice=x", b"choice=a&choice=b", b"\xff"):
        assert (await browser.submit(path, body)).status == 400
    body = b"choice=SPECIMEN-KORHONEN"
    foreign = await browser.submit(path, body, origin="https://evil.example")
    assert foreign.status == 403


async def test_the_metadata_says_that_it_is_a_simulator(simulator: LocalOP) -> None:
    answer = await simulator.send("GET", "/.well-known/openid-configuration")
    assert answer.json["kortilla_simulator"] is True
    assert answer.json["acr_values_supported"] == [ACR]


async def test_a_person_has_the_same_subject_at_each_start(make_op: MakeOP) -> None:
    ops = [make_op(simulator=True) for _ in range(2)]
    assert len({(await claims(op, "SPECIMEN-VIRTANEN"))["sub"] for op in ops}) == 1


async def test_a_client_s_own_level_is_never_told(make_op: MakeOP) -> None:
    clients = configuration()["clients"]
    clients[0]["acr"] = "http://ftn.ficora.fi/2017/loatest3"
    op = make_op(simulator=True, clients=clients)
    assert (await claims(op, "SPECIMEN-VIRTANEN"))["acr"] == ACR
