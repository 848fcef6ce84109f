# SPDX-License-Identifier: MIT
"""Shows findings of the doctor as rows, with buttons that mend them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from native_host.desktop.page import Services
from native_host.desktop.parts import Kept, Kind, Row, Sign, muted
from native_host.desktop.prompts import Prompts
from native_host.errors import KortillaError
from native_host.gui.buttons import Button
from native_host.gui.labels import label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from native_host.doctor.findings import Finding, Place

#: Findings that say of something that it works.
_GOOD = {
    *("AGENT_RUNS", "BROWSER", "CARD", "EXTENSION", "EXTENSION_FITS", "HOST_WORKS"),
    *("PKCS11_WORKS", "READER", "SCREEN", "SCREEN_READERS_POSSIBLE"),
}


class Mending:
    """Rows of findings, and the state of what a person mends in them.

    ``changed`` is called when a row is to be shown anew, and ``mended`` when what was
    found may hold no more.
    """

    def __init__(
        self,
        services: Services,
        kept: Kept,
        changed: Callable[[], object],
        mended: Callable[[], object],
    ) -> None:
        self._services = services
        self._texts = services.texts
        self._prompts = Prompts(services)
        self._kept = kept
        self._changed, self._mended = changed, mended
        #: What is said below a finding, by its code.
        self._said: dict[str, str] = {}
        self._confirm: set[str] = set()

    def row(self, finding: Finding, place: Place, sentences: Mapping[str, str]) -> Row:
        """Return the row of a finding."""
        code = finding.code
        state = (self._said.get(code), code in self._confirm)
        return self._kept(
            (repr(finding), repr(place), *state),
            lambda: self._make(finding, place, sentences),
        )

    def _make(
        self, finding: Finding, place: Place, sentences: Mapping[str, str]
    ) -> Row:
        kind, icon = _look(finding)
        words: list[QWidget] = [label(finding.sentence(sentences), bold=True)]
        if finding.is_fault and finding.mend and finding.mend.by == "root":
            words.append(muted(self._texts("self_check.root")))
        if said := self._said.get(finding.code):
            words.append(label(said, 14 / 15))
        controls = self._controls(finding, place, sentences)
        return Row(Sign(icon, kind, 34), words, controls)

    def _controls(
        self, finding: Finding, place: Place, sentences: Mapping[str, str]
    ) -> list[QWidget]:
        mend = finding.mend
        if not finding.is_fault or mend is None or mend.by == "root":
            return []
        if mend.by == "doctor":
            confirmed = finding.code in self._confirm
            key = "go_on" if confirmed else "mend"
            press = partial(self._mend, finding.code, place, confirmed)
        else:
            key = "activate" if "activate" in mend.words else "unlock"
            press = partial(self._prompt, finding.code, mend.words[2:])
        button = Button(self._texts(f"self_check.{key}"), height=40)
        button.setAccessibleDescription(finding.sentence(sentences))
        button.clicked.connect(lambda _=False: press())
        return [button]

    def _prompt(self, code: str, words: tuple[str, ...]) -> None:
        started = self._prompts.start(words, lambda _: self._mended())
        self._say(code, "" if started else self._texts("card.window_open"))

    def _mend(self, code: str, place: Place, confirmed: bool) -> None:
        if self._said.get(code) == self._texts("self_check.mending"):
            return
        self._say(code, self._texts("self_check.mending"))

        async def work() -> None:
            from native_host.doctor.examination import mend

            await mend(place, code, confirmed=confirmed)

        def done(_: None) -> None:
            self._confirm.discard(code)
            self._said.pop(code, None)
            self._mended()

        def failed(error: KortillaError) -> None:
            if error.code == "BROWSER_RUNNING":
                self._confirm.add(code)
                self._say(code, self._texts("self_check.browser_open"))
            else:
                self._say(code, self._texts("self_check.not_mended"))

        self._services.background.start(work, done, failed)

    def _say(self, code: str, words: str) -> None:
        self._said[code] = words
        self._changed()


def _look(finding: Finding) -> tuple[Kind, str]:
    if finding.severity == "error":
        return "error", "error"
    if finding.severity == "warning":
        return "warning", "warning"
    return ("good", "tick") if finding.code in _GOOD else ("note", "info")
