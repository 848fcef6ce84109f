# SPDX-License-Identifier: MIT
"""Real clients log in test persons: openid-client of Node, and Authlib's."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.openid.clients.running import RealClients, real_clients


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clients(files: Path) -> AsyncIterator[RealClients]:
    async with real_clients(files, simulator=True) as running:
        yield running


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ["node", "python"])
@pytest.mark.parametrize(
    ("hint", "told"),
    [
        ("SPECIMEN-ÅKERSTRÖM", "ÖRJAN SPECIMEN-ÅKERSTRÖM"),
        ("cancelled", "access_denied"),
        ("revoked-card", "access_denied"),
    ],
)
async def test_a_real_client_gets_the_person_or_the_refusal(
    clients: RealClients, name: str, hint: str, told: str
) -> None:
    asked = {"login_hint": hint}
    async with (
        aiohttp.ClientSession() as session,
        session.get(clients.urls[name], params=asked) as answer,
    ):
        assert f'<p id="who">{told}</p>' in await answer.text()
