# SPDX-License-Identifier: MIT
"""Copies of mock cards, of which each kind is made once: making keys is slow."""

import shutil
import tempfile
from pathlib import Path

from kortilla.testing.card import KortillaCard
from kortilla.testing.state import MockCardState

__all__ = ["CardCopies"]


class CardCopies:
    """Gives fresh cards, all of them in ``folder``.

    The cards of one kind have the same keys, certificates and CA.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[tuple[str, str], Path] = {}

    def copy(self, profile: str, state: str) -> KortillaCard:
        """Return a card that nobody else uses. Raises ``InvalidArgumentError``."""
        if (profile, state) not in self._made:
            original = self._new_folder()
            MockCardState.create(original, profile=profile, state=state)
            self._made[profile, state] = original
        folder = self._new_folder()
        shutil.copytree(self._made[profile, state], folder)
        return KortillaCard(folder)

    def _new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(prefix="card-", dir=self._folder)) / "card"
