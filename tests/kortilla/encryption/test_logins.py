# SPDX-License-Identifier: MIT
"""A service encrypts to the person who has just logged in."""

from base64 import b64decode
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kortilla import Identity, LoginService
from kortilla.aiohttp import setup
from kortilla.encryption import RecipientUnsuitableError, checked_recipient
from kortilla.errors import (
    CertificateExpiredError,
    CertificateNotTrustedError,
    UserCertificateRevokedError,
)
from kortilla.mock_card.keys import load_private_key
from kortilla.revocation import UNCHECKED
from kortilla.testing import KortillaCard
from kortilla.validation.trust import Trust
from kortilla.validation.validator import validate_client
from tests.kortilla.browser import Browser
from tests.kortilla.encryption.keys import CONTENT, SoftwareKey, decrypted
from tests.kortilla.pki import ORIGIN
from tests.kortilla.signing_parts import FixedRevocation
from tests.support.cards import new_card
from tests.support.guide import blocks


async def test_nothing_is_encrypted_to_a_lost_card(tmp_path: Path) -> None:
    state = new_card(tmp_path)
    certificate = state.read().keys[0].certificate
    trust = Trust.from_folder(state.folder, test=True)
    person = await validate_client(certificate, trust=trust, revocation=UNCHECKED)
    assert b64decode(person.certificate) == certificate
    good = FixedRevocation()
    for each in (person, certificate):
        found = await checked_recipient(each, trust=trust, revocation=good)
        assert found.der == certificate
    assert good.count == 2

    revoked = FixedRevocation(UserCertificateRevokedError("revoked"))
    with pytest.raises(UserCertificateRevokedError):
        await checked_recipient(person, trust=trust, revocation=revoked)
    with pytest.raises(CertificateExpiredError):
        later = person.not_after + timedelta(seconds=1)
        await checked_recipient(person, trust=trust, revocation=UNCHECKED, at=later)
    with pytest.raises(CertificateNotTrustedError):
        other = new_card(tmp_path / "other", number=2).read().keys[0].certificate
        await checked_recipient(other, trust=trust, revocation=UNCHECKED)


async def test_an_identity_needs_its_own_certificate(tmp_path: Path) -> None:
    state = new_card(tmp_path)
    trust = Trust.from_folder(state.folder, test=True)
    person = await validate_client(state.read().keys[0].certificate, trust=trust)
    kept = Identity.from_json(person.to_json(certificate=True))
    assert (await checked_recipient(kept, trust=trust)).not_after == person.not_after
    for each in (
        Identity.from_json(person.to_json()),
        replace(person, certificate="ä"),
        replace(person, satu="99900002C"),
    ):
        with pytest.raises(RecipientUnsuitableError):
            await checked_recipient(each, trust=trust)


async def test_the_guides_service_encrypts_to_who_has_logged_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kortilla_card: KortillaCard
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "decision.pdf").write_bytes(CONTENT)
    block, _ = blocks("encryption.md", "python")
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102 - the guide's own
    service = LoginService(
        origin=ORIGIN,
        trust=Trust.from_folder(kortilla_card.folder, test=True),
        revocation=kortilla_card.revocation,
    )
    app = web.Application()
    app.router.add_get("/decision", partial(names["decision"], service=service))
    setup(app, service)
    key = kortilla_card.state.read().keys[0]
    own = SoftwareKey(key.certificate, load_private_key(key.private_key))
    async with TestServer(app) as server, Browser(server) as browser:

        async def ask() -> tuple[int, bytes]:
            async with browser.request("GET", "/decision", headers={}) as answer:
                return answer.status, await answer.read()

        assert (await ask())[0] == 403
        token = kortilla_card.token(ORIGIN, await browser.challenge())
        assert (await browser.post("login", {"authToken": token}))[0] == 200
        status, message = await ask()
        assert status == 200
        assert decrypted(message, own) == CONTENT
        # The card is reported lost while its holder is logged in.
        kortilla_card.revoke()
        assert (await ask())[0] == 500
