# SPDX-License-Identifier: MIT
"""The simulator: persons and outcomes, by a click or by ``login_hint``."""

from html import unescape
from urllib.parse import urlencode

import pytest

from tests.openid.conftest import MakeOP
from tests.openid.provider import CALLBACK, Browser, LocalOP

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def simulator(make_op: MakeOP) -> LocalOP:
    return make_op(simulator=True)


async def test_a_person_logs_in_by_a_hint_without_a_page(simulator: LocalOP) -> None:
    browser = Browser(simulator)
    verifier, answer = await browser.authorize(login_hint="SPECIMEN-ÅKERSTRÖM")
    token = await simulator.token(answer.parameters["code"], verifier)
    claims = await simulator.claims(token.json["id_token"])
    assert claims["acr"] == "urn:kortilla:acr:simulator"
    told = (await simulator.userinfo(token.json["access_token"])).json
    assert told["name"] == "ÖRJAN SPECIMEN-ÅKERSTRÖM"
    assert told["urn:oid:1.2.246.22"] == "99955514D"


@pytest.mark.parametrize(
    ("hint", "description"),
    [
        ("cancelled", "denied"),
        ("expired-card", "CERTIFICATE_EXPIRED"),
        ("revoked-card", "USER_CERTIFICATE_REVOKED"),
        ("wrong-service", "AUTH_TOKEN_SIGNATURE_VALIDATION"),
    ],
)
async def test_an_outcome_goes_back_to_the_client_by_a_hint(
    simulator: LocalOP, hint: str, description: str
) -> None:
    _, answer = await Browser(simulator).authorize(login_hint=hint)
    parameters = answer.parameters
    assert parameters["error"] == "access_denied"
    assert description in parameters["error_description"]


async def test_all_can_be_chosen_on_the_page(simulator: LocalOP) -> None:
    browser = Browser(simulator)
    verifier, answer = await browser.authorize()
    page = answer.location
    text = unescape((await browser.send("GET", page)).text)
    assert "This is a simulator for tests." in text
    assert "VÄINÖ JUHANI SPECIMEN-KORHONEN" in text
    assert "kortilla-button" not in text

    for name, code in (
        ("expired-card", "CERTIFICATE_EXPIRED"),
        ("revoked-card", "USER_CERTIFICATE_REVOKED"),
        ("wrong-service", "AUTH_TOKEN_SIGNATURE_VALIDATION"),
    ):
        body = urlencode({"choice": name}).encode()
        refused = await browser.send("POST", f"{page}/simulate", body=body, kind=FORM)
        assert (refused.status, code in refused.text) == (200, True)
    body = urlencode({"choice": "SPECIMEN-KORHONEN"}).encode()
    back = await browser.send("POST", f"{page}/simulate", body=body, kind=FORM)
    assert (await simulator.token(back.parameters["code"], verifier)).status == 200


async def test_a_choice_is_one_of_the_list_and_of_our_own_page(
    simulator: LocalOP,
) -> None:
    browser = Browser(simulator)
    page = await browser.page(login_hint="SPECIMEN-UNKNOWN")
    path = f"{page}/simulate"
    for body in (b"", b"choice=x", b"choice=a&choice=b", b"\xff"):
        assert (await browser.send("POST", path, body=body, kind=FORM)).status == 400
    body = b"choice=SPECIMEN-KORHONEN"
    foreign = await browser.send(
        "POST", path, body=body, kind=FORM, origin="https://evil.example"
    )
    assert foreign.status == 403


async def test_cancelling_on_the_page(simulator: LocalOP) -> None:
    browser = Browser(simulator)
    page = await browser.page()
    back = await browser.send(
        "POST", f"{page}/simulate", body=b"choice=cancelled", kind=FORM
    )
    assert back.location.startswith(CALLBACK)
    assert back.parameters["error"] == "access_denied"


async def test_the_metadata_says_that_it_is_a_simulator(simulator: LocalOP) -> None:
    answer = await simulator.send("GET", "/.well-known/openid-configuration")
    assert answer.json["kortilla_simulator"] is True
    assert answer.json["acr_values_supported"] == ["urn:kortilla:acr:simulator"]


async def test_a_person_has_the_same_subject_at_each_start(
    make_op: MakeOP,
) -> None:
    subjects = set()
    for _ in range(2):
        op = make_op(simulator=True)
        verifier, answer = await Browser(op).authorize(login_hint="SPECIMEN-VIRTANEN")
        token = await op.token(answer.parameters["code"], verifier)
        subjects.add((await op.claims(token.json["id_token"]))["sub"])
    assert len(subjects) == 1


async def test_a_client_s_own_level_is_never_told(make_op: MakeOP) -> None:
    clients = [
        {
            "id": "shop",
            "name": {"fi": "a", "sv": "b", "en": "c"},
            "redirect_uris": [CALLBACK],
            "secrets": ["s" * 20 + "-" + "S" * 22],
            "acr": "http://ftn.ficora.fi/2017/loatest3",
        }
    ]
    op = make_op(simulator=True, clients=clients)
    verifier, answer = await Browser(op).authorize(login_hint="SPECIMEN-VIRTANEN")
    token = await op.token(answer.parameters["code"], verifier)
    claims = await op.claims(token.json["id_token"])
    assert claims["acr"] == "urn:kortilla:acr:simulator"


async def test_without_the_simulator_a_hint_is_mere_data(browser: Browser) -> None:
    page = await browser.page(login_hint="SPECIMEN-VIRTANEN")
    assert "/login/" in page
