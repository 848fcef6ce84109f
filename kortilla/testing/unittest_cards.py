# SPDX-License-Identifier: MIT
"""The mock card for test suites of ``unittest``, without pytest."""

import atexit
import functools
import shutil
import tempfile
import unittest
from pathlib import Path

from kortilla.testing.card import CardCopies, KortillaCard


class CardTestCase(unittest.TestCase):
    """A test case with a mock card of its own for each test.

    Other base classes come after it, such as ``IsolatedAsyncioTestCase`` or Django's
    ``TestCase``. A ``setUp`` of your own begins with ``super().setUp()``.
    """

    #: A card with all its tries left. No other test uses it.
    kortilla_card: KortillaCard

    def setUp(self) -> None:
        """Make the test's card."""
        super().setUp()
        self.kortilla_card = self.make_kortilla_card()

    def make_kortilla_card(
        self, *, profile: str = "v5", state: str = "active"
    ) -> KortillaCard:
        """Return a further card of that profile and state, until the test's end."""
        card = _copies().copy(profile, state)
        self.addCleanup(shutil.rmtree, card.folder.parent, ignore_errors=True)
        return card


@functools.cache
def _copies() -> CardCopies:
    folder = Path(tempfile.mkdtemp(prefix="kortilla-cards-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return CardCopies(folder)
