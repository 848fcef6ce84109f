# SPDX-License-Identifier: MIT
"""The objects that a service's login owns, and those that the service passes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kortilla import Identity, LoginService, Trust
from kortilla.revocation import UNCHECKED, Revocation
from kortilla.web import login
from tests.kortilla.pki import NOW, ORIGIN, Leaf


class Watched(Revocation):
    made: list["Watched"] = []
    closed = 0

    def __init__(self) -> None:
        super().__init__()
        self.made.append(self)

    async def close(self) -> None:
        self.closed += 1
        await super().close()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Watched]:
    """The checkers that a service creates."""
    monkeypatch.setattr(login, "Revocation", Watched)
    monkeypatch.setattr(Watched, "made", [])
    return Watched.made


async def test_production_trust_gets_a_checker_that_the_service_closes(
    trust: Trust, made: list[Watched]
) -> None:
    service = LoginService(origin=ORIGIN, trust=replace(trust, test=False))
    await service.close()
    await service.close()
    assert [checker.closed for checker in Watched.made] == [2]


async def test_a_checker_that_was_given_is_the_callers(
    trust: Trust, made: list[Watched]
) -> None:
    mine = Revocation()
    for checker in (mine, UNCHECKED):
        production = replace(trust, test=False)
        service = LoginService(origin=ORIGIN, trust=production, revocation=checker)
        await service.close()
    await LoginService(origin=ORIGIN, trust=trust).close()
    assert Watched.made == []
    await mine.close()


async def test_a_checker_that_forgets_its_lists_is_named_at_the_start(
    trust: Trust, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table: list[tuple[dict[str, Any], bool]] = [
        ({}, True),
        ({"by": "crl"}, True),
        ({"by": "ocsp"}, False),
        ({"cache_folder": tmp_path}, False),
    ]
    for options, named in table:
        caplog.clear()
        async with Revocation(**options) as checker:
            service = LoginService(origin=ORIGIN, trust=trust, revocation=checker)
            await service.close()
        assert ("accepts an older one again" in caplog.text) == named


async def test_an_identity_of_another_version_is_nobody(
    trust: Trust, leaf: Leaf
) -> None:
    """A shared store may hold data of an earlier version of the program."""
    service = LoginService(origin=ORIGIN, trust=trust, clock=lambda: NOW)
    session: dict[str, object] = {}
    token = leaf.token(nonce=await service.challenge(session))
    identity = await service.login(session, token)
    service.set_identity(session, identity)
    assert service.identity(session) == identity
    [(name, data)] = [(k, v) for k, v in session.items() if "identity" in k]
    assert isinstance(data, dict)
    others: tuple[object, ...] = (
        {k: v for k, v in data.items() if k != "satu"},
        {**data, "serial": "x"},
        {**data, "not_after": "x"},
        {},
        [],
        "x",
        1,
    )
    for other in others:
        assert service.identity({name: other}) is None, other
    assert isinstance(identity, Identity)
