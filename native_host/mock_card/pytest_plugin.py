# SPDX-License-Identifier: MIT
"""A pytest plugin that gives an e-service's own tests a mock card, and tokens from it.

    def test_login(client, kortilla_card):
        nonce = client.post("/auth/challenge").json()["nonce"]
        token = kortilla_card.token("https://service.example", nonce)
        assert client.post("/auth/login", json={"authToken": token}).ok

pytest loads this module in every run where Kortilla is installed, so nothing is
imported here before a fixture is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from native_host.mock_card.authority import Person
    from native_host.mock_card.state import MockCardState
    from native_host.mock_card.tokens import Version

__all__ = ["KortillaCard", "MakeKortillaCard", "kortilla_card", "make_kortilla_card"]


class KortillaCard:
    """A mock card in a folder of its own, which a test may use and break as it likes.

    ``folder`` also holds the card's test CA: ``Trust.from_folder(folder, test=True)``
    takes it, another validator ``issuing_ca`` and ``root_ca`` (files in DER).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def state(self) -> MockCardState:
        """What the card holds, and the faults that can be set on it."""
        from native_host.mock_card.state import MockCardState

        return MockCardState.open(self.folder)

    @property
    def issuing_ca(self) -> Path:
        """The certificate of the CA that issued the card's certificates."""
        return self.folder / "issuing.der"

    @property
    def root_ca(self) -> Path:
        """The certificate of the root above it."""
        return self.folder / "root.der"

    @property
    def person(self) -> Person:
        """Whom the card names."""
        from native_host.mock_card.authority import Person

        data = self.state.read()
        return Person(data.surname, data.given_name, data.satu)

    def token(
        self,
        origin: str,
        nonce: str,
        *,
        broken: str | None = None,
        version: Version = "1.0",
    ) -> dict[str, Any]:
        """Identify to an origin with a challenge, and return the Web eID token.

        ``broken`` makes it one that has to be refused, in a way that
        ``native_host.mock_card.broken_tokens`` names; ``version`` is that of the
        format, ``1.0`` or ``1.1``. Otherwise it is as
        ``native_host.mock_card.tokens.make_token``.
        """
        from native_host.mock_card.tokens import make_token

        return make_token(self.folder, origin, nonce, broken=broken, version=version)

    def sign(
        self, origin: str, hashes: Mapping[str, bytes], hash_function: str = "SHA-384"
    ) -> dict[str, Any]:
        """Sign hashes, by the names that the window would show for them, with PIN2.

        Returns ``{"certificate", "signatures"}`` as a page gets it from
        ``kortilla.sign``. Otherwise it is as ``token``.
        """
        from native_host.mock_card.tokens import operate
        from native_host.operations.sign import HashToSign, SignRequest, sign
        from native_host.origin import check_origin
        from native_host.results import signatures_fields

        request = SignRequest(
            origin=check_origin(origin, allow_localhost=True),
            language="en",
            hashes=tuple(
                HashToSign(name, digest, hash_function)
                for name, digest in hashes.items()
            ),
        )
        return signatures_fields(operate(self.folder, sign, request))


class MakeKortillaCard(Protocol):
    """What the fixture ``make_kortilla_card`` gives."""

    def __call__(self, *, profile: str = "v5", state: str = "active") -> KortillaCard:
        """Return a fresh card of that profile and state."""
        ...


@pytest.fixture(scope="session")
def _kortilla_cards(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, str], KortillaCard]:
    """Make a card of each kind once in a session: keys take their time."""
    made: dict[tuple[str, str], KortillaCard] = {}

    def make(profile: str, state: str) -> KortillaCard:
        from native_host.mock_card.state import MockCardState

        if (profile, state) not in made:
            folder = tmp_path_factory.mktemp("kortilla-card") / "card"
            MockCardState.create(folder, profile=profile, state=state)
            made[profile, state] = KortillaCard(folder)
        return made[profile, state]

    return make


@pytest.fixture
def make_kortilla_card(
    _kortilla_cards: Callable[[str, str], KortillaCard],
    tmp_path_factory: pytest.TempPathFactory,
) -> MakeKortillaCard:
    """Make further cards: ``make_kortilla_card(profile="v4.2", state="revoked")``.

    Each call gives a fresh copy. The keys and the CA of a kind stay the same through
    the session.
    """

    def make(*, profile: str = "v5", state: str = "active") -> KortillaCard:
        import shutil

        folder = tmp_path_factory.mktemp("kortilla-card") / "card"
        shutil.copytree(_kortilla_cards(profile, state).folder, folder)
        return KortillaCard(folder)

    return make


@pytest.fixture
def kortilla_card(make_kortilla_card: MakeKortillaCard) -> KortillaCard:
    """A mock card with all its tries, whatever other tests did with theirs."""
    return make_kortilla_card()
