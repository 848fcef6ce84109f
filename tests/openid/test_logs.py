# SPDX-License-Identifier: MIT
"""A provider's log and its audit log: what each has, and what it never has."""

import asyncio
import contextlib
import json
import logging
import re
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from kortilla.events import Event, pseudonym
from kortilla.openid.provider import Provider
from kortilla.openid.serving import serve
from tests.openid.conftest import MakeOP
from tests.openid.provider import (
    BEARER,
    KEYS,
    SECRET,
    Answer,
    Browser,
    LocalOP,
    assertion,
    basic,
)

#: A line that a client would like to add to the log.
LINE = "\n2026-01-01 ERROR kortilla: forged\u2028\x1b[31m"


@contextlib.asynccontextmanager
async def served(provider: Provider) -> AsyncIterator[tuple[str, int]]:
    """Serve a provider in this process. Yields host and port."""
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve(provider, host="127.0.0.1", port=0, started=started.set_result)
    )
    try:
        async with asyncio.timeout(60):
            parts = urlsplit(await started)
        yield parts.hostname or "", parts.port or 0
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def raw(address: tuple[str, int], request: bytes) -> bytes:
    """Send bytes, and return all that comes back."""
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    return answer


async def test_a_malformed_request_leaves_no_code_in_the_log(
    op: LocalOP, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with served(op.provider) as address:
        for request in (
            b"GET /openid/authorize?code=SECRET\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /openid/authorize?code=SECRET HTTP/9.x\r\n\r\n",
            b"GET /openid/userinfo HTTP/1.1\r\nHost: x\r\n"
            b"Authorization: Bearer SECRET\x01\r\n\r\n",
            b"GET /openid/x?code=SECRET" + b"A" * 9000 + b" HTTP/1.1\r\n\r\n",
        ):
            assert (await raw(address, request)).startswith(b"HTTP/1.0 400")
    assert "BadStatusLine" in caplog.text or "BadHttpMessage" in caplog.text
    assert "SECRET" not in caplog.text
    assert caplog.text.count("UNKNOWN another path 400") == 4


async def test_the_log_has_no_path_that_a_client_chose(
    op: LocalOP, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with served(op.provider) as address:
        for path in (
            "/99955512B/token",
            "/openid/99955512B/token",
            f"/openid/login/{'x' * 43}/99955512b",
            "/openid/jwks",
        ):
            request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            await raw(address, request.encode())
    logged = [
        each.getMessage().rpartition(" ")[0].rpartition(" ")[0]
        for each in caplog.records
        if each.name == "kortilla.openid.access"
    ]
    assert logged == ["GET another path 404"] * 3 + ["GET /openid/jwks 200"]


# --- mistakes of a client


async def foreign_origin(op: LocalOP) -> Answer:
    browser = Browser(op)
    page = await browser.page()
    return await browser.submit(f"{page}/challenge", origin=f"https://a.example{LINE}")


async def authorize(op: LocalOP, **changes: str | None) -> Answer:
    return (await Browser(op).authorize(**changes))[1]


async def late(op: LocalOP) -> Answer:
    used = assertion(exp=int(time.time()) - 3600)
    form = {"client_assertion_type": BEARER, "client_assertion": used}
    return await op.token("c" * 48, "v" * 43, authorization="", **form)


async def by_post(op: LocalOP) -> Answer:
    form = {"client_id": "shop", "client_secret": SECRET}
    return await op.token("c" * 48, "v" * 43, authorization="", **form)


#: What a client sends, and what the log says.
IN_THE_LOG: dict[str, tuple[Any, str]] = {
    "a foreign origin": (
        foreign_origin,
        r"ORIGIN_REFUSED: a request came from 'https://a\.example\\n.*, and this "
        r"service is https://login\.example\. ",
    ),
    "an unknown redirect URI": (
        partial(
            authorize, redirect_uri=f"https://shop.example/callbac{LINE}?code=SECRET"
        ),
        r"The client shop has no redirect URI 'https://shop\.example/callbac\\n.*' "
        r"with a query: add it",
    ),
    "no PKCE": (
        partial(authorize, code_challenge=None, code_challenge_method=None),
        r"shop was refused: .* the client has to use PKCE \(RFC 7636\)",
    ),
    "no verifier": (lambda op: op.token("c", ""), "code_verifier is .* use PKCE"),
    "another method": (
        by_post,
        r"^/token was refused: .* \(client shop: it came with client_secret_post, and "
        r"is registered with client_secret_basic\)$",
    ),
    "a wrong secret": (
        lambda op: op.token("c", "v" * 43, authorization=basic(secret="x")),
        r"\(client shop\)$",
    ),
    "no client": (
        lambda op: op.token("c", "v" * 43, authorization=basic(LINE)),
        r"\(no client of the configuration\)$",
    ),
    "another clock": (late, "compare the clocks; here it is ..:..:.. UTC"),
}


@pytest.mark.parametrize("mistake", IN_THE_LOG)
async def test_a_mistake_of_a_client_is_named_in_one_line_of_the_log(
    op: LocalOP, caplog: pytest.LogCaptureFixture, mistake: str
) -> None:
    send, message = IN_THE_LOG[mistake]
    with caplog.at_level("INFO"):
        answer = await send(op)
    assert answer.status in {303, 400, 401, 403}
    lines = [record.getMessage() for record in caplog.records]
    assert [each for each in lines if re.search(message, each)], lines
    assert all(each.isprintable() and each.isascii() for each in lines), lines
    assert "SECRET" not in caplog.text


# --- the audit log


async def test_logins_refusals_and_logouts_are_in_the_audit_log(
    make_op: MakeOP, tmp_path: Path
) -> None:
    log = tmp_path / "audit.jsonl"
    op = make_op(audit_log=str(log), sso_minutes=5)
    browser = Browser(op)
    page = await browser.page()
    _, body = await browser.token_for(page, broken="expired")
    await browser.send("POST", f"{page}/login", body=body)
    code, verifier = await browser.code()
    tokens = (await op.token(code, verifier)).json
    hint = urlencode({"id_token_hint": tokens["id_token"]})
    await browser.send("GET", f"/logout?{hint}")
    await op.provider.close()
    events = [json.loads(line) for line in log.read_text().splitlines()]
    kinds = ["challenge", "refusal", "challenge", "login", "answer", "logout"]
    assert [each["event"] for each in events] == kinds
    assert events[1]["code"] == "CERTIFICATE_EXPIRED"
    person = pseudonym(KEYS.pseudonym_key, op.card.person.satu)
    assert [each["person"] for each in events] == [None, None, None] + 3 * [person]
    assert (events[4]["client_id"], events[4]["outcome"]) == ("shop", "card")
    assert {each["client"] for each in events} == {None}
    text = json.dumps(events, ensure_ascii=False)
    named = op.card.person.satu, op.card.person.surname
    secrets = [*named, code, verifier, *map(str, tokens.values())]
    assert [each for each in secrets if len(each) > 8 and each in text] == []


async def test_a_hook_sees_what_the_simulator_plays(make_op: MakeOP) -> None:
    found: list[Event] = []
    op = make_op(simulator=True, on_event=[found.append])
    for hint in ("SPECIMEN-KORHONEN", "revoked-card", "cancelled"):
        await Browser(op).authorize(login_hint=hint)
    await op.provider.close()
    told = [getattr(event, "outcome", getattr(event, "code", "")) for event in found]
    assert list(zip((event.kind for event in found), told, strict=True)) == [
        ("login", ""),
        ("answer", "card"),
        ("refusal", "USER_CERTIFICATE_REVOKED"),
        ("answer", "refused"),
        ("answer", "cancelled"),
    ]


async def test_a_user_who_cancels_and_one_who_need_not_log_in_are_in_the_audit_log(
    make_op: MakeOP, tmp_path: Path
) -> None:
    log = tmp_path / "audit.jsonl"
    op = make_op(audit_log=str(log), sso_minutes=5)
    browser = Browser(op)
    page = await browser.page()
    await browser.submit(f"{page}/cancel")
    await browser.authorize(prompt="none")  # no login begins, so nothing is told
    await browser.code()
    await browser.code()
    await op.provider.close()
    events = [json.loads(line) for line in log.read_text().splitlines()]
    told = [each for each in events if each["event"] == "answer"]
    assert [each["outcome"] for each in told] == ["cancelled", "card", "session"]
    assert {each["client_id"] for each in told} == {"shop"}
    assert [each["person"] is None for each in told] == [True, False, False]
