# SPDX-License-Identifier: MIT
"""The simulator: test persons and outcomes in place of cards (``kortilla[testing]``).

Mock cards make the tokens, and the same validation checks them. The persons are the
same at each start, with the same SATU.
"""

import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kortilla.common import JsonObject
from kortilla.errors import UserCertificateRevokedError
from kortilla.revocation import CertificatePath
from kortilla.testing import MockCardState, make_token, revoked_serials
from kortilla.validation.trust import Trust


@dataclass(frozen=True)
class Choice:
    """A person or an outcome. ``name`` is a ``login_hint``.

    ``person`` is shown for a person; ``texts`` has a text for the other outcomes.
    """

    name: str
    person: str = ""
    satu: str = ""
    broken: str | None = None
    state: str = "active"


CHOICES = (
    Choice("SPECIMEN-VIRTANEN", "AINO", "99955512B"),
    Choice("SPECIMEN-KORHONEN", "VÄINÖ JUHANI", "99955513C"),
    Choice("SPECIMEN-ÅKERSTRÖM", "ÖRJAN", "99955514D"),
    Choice("cancelled"),
    Choice("expired-card", broken="expired"),
    Choice("revoked-card", state="revoked"),
    Choice("wrong-service", broken="wrong-origin"),
)
_BY_NAME = {choice.name: choice for choice in CHOICES}


class Simulator:
    """The mock cards, in a temporary folder, which ``close`` deletes."""

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="kortilla-simulator-")
        self._folder = Path(self._temporary.name)
        trusted = self._folder / "trusted"
        trusted.mkdir()
        for number, choice in enumerate(CHOICES):
            if choice.name == "cancelled":
                continue
            folder = self._folder / str(number)
            MockCardState.create(
                folder,
                state=choice.state,
                surname=choice.name if choice.person else None,
                given_name=choice.person or None,
                satu=choice.satu or None,
            )
            for file in ("issuing", "root"):
                content = (folder / f"{file}.der").read_bytes()
                (trusted / f"{number}-{file}.der").write_bytes(content)
        self.trust = Trust.from_folder(trusted, test=True)

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The persons and outcomes, in the order of the page."""
        return CHOICES

    def knows(self, name: str) -> bool:
        """Return whether there is such a choice."""
        return name in _BY_NAME

    def cancels(self, name: str) -> bool:
        """Return whether a choice is the person's who cancels."""
        return name == "cancelled"

    def token(self, name: str, origin: str, nonce: str) -> JsonObject:
        """Return the token of a choice's card."""
        choice = _BY_NAME[name]
        folder = self._folder / str(CHOICES.index(choice))
        return make_token(folder, origin, nonce, broken=choice.broken)

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        """Check revocation by the cards' own list, as ``Revocation`` does by others."""
        folder = self._folder / str(CHOICES.index(_BY_NAME["revoked-card"]))
        if path.leaf.serial_number in revoked_serials(folder):
            raise UserCertificateRevokedError("The mock card is revoked.")

    async def close(self) -> None:
        """Delete the cards."""
        self._temporary.cleanup()
