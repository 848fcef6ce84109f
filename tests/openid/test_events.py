# SPDX-License-Identifier: MIT
"""The provider's logins are events of the library, and lines of an audit log."""

import json
from pathlib import Path
from urllib.parse import urlencode

import pytest

from kortilla.errors import ConfigurationError
from kortilla.events import Event, pseudonym
from kortilla.openid import Settings, create_provider
from tests.openid.conftest import MakeOP
from tests.openid.provider import KEYS, Browser, configuration, key_file


def lines(log: Path) -> list[dict[str, object]]:
    """Return the events in a log."""
    return [json.loads(line) for line in log.read_text().splitlines()]


async def test_logins_refusals_and_logouts_are_in_the_audit_log(
    make_op: MakeOP, tmp_path: Path
) -> None:
    log = tmp_path / "audit.jsonl"
    op = make_op(audit_log=str(log), sso_minutes=5)
    browser = Browser(op)
    verifier, answer = await browser.authorize()
    _, body = await browser.token_for(answer.location, broken="expired")
    await browser.send("POST", f"{answer.location}/login", body=body)
    back = await browser.log_in(answer.location)
    token = await op.token(back.parameters["code"], verifier)
    hint = urlencode({"id_token_hint": token.json["id_token"]})
    await browser.send("GET", f"/logout?{hint}")
    await op.provider.close()
    events = lines(log)
    kinds = ["challenge", "refusal", "challenge", "login", "logout"]
    assert [each["event"] for each in events] == kinds
    assert events[1]["code"] == "CERTIFICATE_EXPIRED"
    person = pseudonym(KEYS.pseudonym_key, op.card.person.satu)
    assert [each["person"] for each in events] == [None, None, None, person, person]
    assert {each["client"] for each in events} == {None}
    text = json.dumps(events, ensure_ascii=False)
    secrets = [
        op.card.person.satu,
        op.card.person.surname,
        *back.parameters.values(),
        *map(str, token.json.values()),
    ]
    assert [each for each in secrets if len(each) > 8 and each in text] == []


async def test_what_the_simulator_plays_is_an_event(
    make_op: MakeOP, tmp_path: Path
) -> None:
    log = tmp_path / "audit.jsonl"
    op = make_op(audit_log=str(log), simulator=True)
    for hint in ("SPECIMEN-KORHONEN", "revoked-card", "cancelled"):
        await Browser(op).authorize(login_hint=hint)
    await op.provider.close()
    events = lines(log)
    assert [(each["event"], each.get("code")) for each in events] == [
        ("login", None),
        ("refusal", "USER_CERTIFICATE_REVOKED"),
    ]


async def test_a_hook_sees_the_events_of_an_application_s_provider(
    make_op: MakeOP,
) -> None:
    found: list[Event] = []
    op = make_op(simulator=True, on_event=[found.append])
    await Browser(op).authorize(login_hint="SPECIMEN-KORHONEN")
    await op.provider.close()
    assert [event.kind for event in found] == ["login"]


def test_an_audit_log_that_can_t_be_written_is_named(files: Path) -> None:
    content = configuration(audit_log="nowhere/audit.jsonl")
    settings = Settings.model_validate({**content, "folder": files})
    with pytest.raises(ConfigurationError, match="nowhere/audit"):
        create_provider(settings, keys=key_file(files))
