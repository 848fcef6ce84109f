# SPDX-License-Identifier: MIT
"""The API for services in an installed package, as type checkers see it.

It never runs.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, assert_type

from aiohttp import web
from fastapi import FastAPI

import kortilla.aiohttp
import kortilla.starlette
from kortilla import (
    Identity,
    LoginService,
    RelyingPartyError,
    Trust,
    validate,
    validate_client,
    validate_signer,
)
from kortilla.audit import AuditLog
from kortilla.encryption import CertificateRecipient, checked_recipient
from kortilla.errors import RateLimitedError, UserCertificateRevokedError
from kortilla.events import (
    Event,
    EventHook,
    Refused,
    RequestContext,
    SignatureRefused,
    pseudonym,
)
from kortilla.prometheus import Metrics
from kortilla.redis import RedisStores
from kortilla.revocation import (
    UNCHECKED,
    CertificatePath,
    Revocation,
    RevocationChecker,
)
from kortilla.signing import Digest, VerifiedSignatures, verify_signatures
from kortilla.signing.cades import finish_file, prepare_file
from kortilla.signing.pades import Appearance, SignedPdf, finish_pdf, prepare_pdf
from kortilla.signing.state import PreparedSignature
from kortilla.web.challenge import ChallengeStore
from kortilla.web.prepared import PreparedStore
from kortilla.web.rate_limit import Attempt, FixedWindowLimit, RateLimit
from kortilla.web.refusals import Refusals
from kortilla.web.sessions import SessionStore


class LostCards:
    """A service's own revocation checker."""

    def __init__(self, lost: set[int]) -> None:
        self._lost = lost

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        """Refuse a card that was reported lost."""
        assert_type(path.leaf.dump(), bytes)
        assert_type(path.issuer.serial_number, int)
        if path.root is not None:
            assert_type(path.root.not_valid_after, datetime)
        if path.leaf.serial_number in self._lost:
            raise UserCertificateRevokedError("The card is said to be lost.")


class OneNonce(ChallengeStore):
    """A service's own store of challenges."""

    def __init__(self) -> None:
        self._open: dict[str, datetime] = {}

    async def put(self, nonce: str, expires_at: datetime) -> None:
        """Keep it."""
        self._open[nonce] = expires_at

    async def take(self, nonce: str) -> datetime:
        """Return it once."""
        return self._open.pop(nonce)


async def refuse(attempt: Attempt) -> None:
    """Apply the service's own limit."""
    assert_type(attempt.client, str | None)
    raise RateLimitedError(retry_after=5)


def services(folder: Path) -> list[LoginService]:
    """Create services in every way."""
    trust = Trust.from_folder(folder, test=True)
    stores = RedisStores.from_url("redis://127.0.0.1")
    checkers: list[RevocationChecker] = [
        UNCHECKED,
        LostCards({5}),
        Revocation(cache_folder=folder, max_age=timedelta(minutes=1), by="crl"),
    ]
    limits: list[RateLimit] = [refuse, FixedWindowLimit(10)]
    challenges: list[ChallengeStore] = [OneNonce(), stores.challenges]
    sessions: SessionStore = stores.sessions
    made = [
        LoginService(
            origin="https://service.example",
            trust=trust,
            revocation=checker,
            challenges=store,
            rate_limit=limit,
            refusals=Refusals(page="<p>$message</p>", texts={"fi": {"home": "Alkuun"}}),
        )
        for checker in checkers
        for store in challenges
        for limit in limits
    ]
    assert_type(made[0].origin, str)
    kortilla.aiohttp.setup(web.Application(), made[0], sessions=sessions)
    kortilla.starlette.setup(FastAPI(), made[0], prefix="/card")
    return made


def watch(event: Event) -> None:
    """Look at an event."""
    assert_type(event.time, datetime)
    assert_type(event.person, str | None)
    match event:
        case Refused(action=action, code=code):
            assert_type(action, Literal["challenge", "login", "logout"])
            assert_type(code, str)
        case SignatureRefused():
            assert_type(event.step, Literal["prepare", "finish"])
        case _:
            assert_type(event.to_json(), dict[str, str | float | None])


async def watched(folder: Path, key: bytes, answer: bytes) -> LoginService:
    """Create a service with hooks of each kind."""
    hooks: list[EventHook] = [watch, AuditLog(folder / "audit.jsonl")]
    service = LoginService(
        origin="https://service.example",
        trust=Trust.from_folder(folder),
        on_event=hooks,
        pseudonym_key=key,
        request_id_header="X-Request-ID",
    )
    Metrics(service)
    verified = await service.events.finishing(
        verify_signatures(
            answer, {}, trust=service.trust, revocation=service.revocation
        ),
        satu="99902038C",
        context=RequestContext("id"),
    )
    assert_type(verified, VerifiedSignatures)
    assert_type(pseudonym(key, verified.signer.satu), str)
    if isinstance(service.revocation, Revocation):
        for source in service.revocation.status().sources:
            assert_type(source.working, bool)
    return service


async def front(request: web.Request) -> web.Response:
    """Respond with the name, in aiohttp."""
    person = await kortilla.aiohttp.current_identity(request)
    assert_type(person, Identity | None)
    recent = await kortilla.aiohttp.current_identity(
        request, max_age=timedelta(minutes=5)
    )
    if recent:
        assert_type(recent.authenticated_at, datetime | None)
        assert_type(recent.serial, str)
    assert_type(await kortilla.aiohttp.session_id(request), str | None)
    assert_type(await kortilla.aiohttp.end_sessions(request, "99902038C"), int)
    response = web.Response(text=person.given_names if person else "")
    assert_type(
        kortilla.aiohttp.is_same_origin(request, "https://service.example"), bool
    )
    await kortilla.aiohttp.end_session(request, response)
    return response


async def checks(token: str, certificate: bytes, trust: Trust) -> str:
    """Validate without routes."""
    try:
        person = await validate(
            token, origin="https://service.example", nonce="A" * 44, trust=trust
        )
        assert_type(person, Identity)
        assert_type(person.satu, str)
        assert_type(person.assurance, Literal["citizen-certificate", "test", "unknown"])
        assert_type(person.certificate, str)
        recipient = await checked_recipient(person, trust=trust, revocation=None)
        assert_type(recipient, CertificateRecipient)
        assert_type(await validate_client(certificate, trust=trust), Identity)
        assert_type(await validate_signer(certificate, trust=trust), Identity)
    except RelyingPartyError as error:
        assert_type(error.code, str)
        return error.code
    return Identity.from_json(person.to_json()).surname


async def signatures(
    answer: bytes, pdf: bytes, certificate: bytes, trust: Trust
) -> tuple[bytes, bytes]:
    """Verify and make signatures."""
    expected: dict[str, bytes | Digest] = {"a.pdf": Digest(bytes(48), "SHA-384")}
    verified = await verify_signatures(answer, expected, trust=trust, satu="99902038C")
    assert_type(verified, VerifiedSignatures)
    assert_type(verified.signatures[0].digest.value, bytes)
    prepared = await prepare_pdf(
        pdf,
        certificate=certificate,
        trust=trust,
        name="a.pdf",
        appearance=Appearance((72, 72, 372, 132)),
    )
    assert_type(prepared, PreparedSignature)
    assert_type(prepared.for_page, dict[str, str])
    stores: list[PreparedStore] = [
        PreparedStore(lifetime=60),
        RedisStores.from_url("redis://127.0.0.1", prepared_lifetime=60).prepared,
    ]
    key = await stores[0].put("session", prepared)
    assert_type(key, str)
    signed = await finish_pdf(await stores[0].take("session", key), answer, trust=trust)
    assert_type(signed, SignedPdf)
    assert_type(signed.level, Literal["B-B", "B-T", "B-LT", "B-LTA"])
    file = await prepare_file(pdf, certificate=certificate, trust=trust, name="a.pdf")
    finished = await finish_file(file, answer, trust=trust)
    return signed.content, finished.content
