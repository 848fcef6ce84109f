# SPDX-License-Identifier: MIT
"""The simulator: persons and outcomes, by a click or by ``login_hint``."""

from html import unescape
from typing import Any

import pytest

from tests.openid.conftest import MakeOP
from tests.openid.provider import CALLBACK, Browser, LocalOP, configuration

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
