# SPDX-License-Identifier: MIT
"""The page of the self-check: what ``kortilla doctor`` finds, and what mends it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from PySide6.QtCore import QTime
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from native_host.desktop.findings_view import Mending
from native_host.desktop.page import PageBase, Services
from native_host.desktop.page_foot import PageFoot
from native_host.desktop.parts import RowsPanel, muted
from native_host.errors import KortillaError
from native_host.gui.buttons import Button
from native_host.gui.labels import label
from native_host.gui.notices import Notice

if TYPE_CHECKING:
    from native_host.doctor.findings import Finding, Place

NAME = "self_check"


class Page(PageBase):
    """Examines this computer when it is first shown, and when asked to again."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, services.texts("self_check.title"))
        self._mending = Mending(services, self.kept, self._build, self._examine)
        self._findings: list[Finding] | None = None
        self._place: Place | None = None
        self._running = False
        self._failed = False
        self._time = ""
        self._copied = False
        self._said = muted("", 1.0)
        self._faults, self._others = RowsPanel("warning"), RowsPanel()
        self._examine()

    def _examine(self) -> None:
        if self._running:
            return
        self._running, self._copied = True, False
        self._build()
        card = self.services.config.card

        async def work() -> tuple[Place, list[Finding]]:
            from native_host.doctor.examination import configured_place, examine

            place, _ = configured_place(card)
            return place, await examine(place)

        self.services.background.start(work, self._done, self._fail)

    def _done(self, result: tuple[Place, list[Finding]]) -> None:
        self._place, self._findings = result
        self._running = self._failed = False
        self._time = QTime.currentTime().toString("H.mm")
        faults = sum(each.is_fault for each in self._findings)
        self.services.set_badge(NAME, faults)
        self._build()

    def _fail(self, _: KortillaError) -> None:
        self._running, self._failed = False, True
        self._build()

    def _build(self) -> None:
        parts: list[QWidget] = []
        if self._running:
            running = self.texts("self_check.running")
            parts.append(self.kept("running", lambda: label(running)))
        elif self._failed:
            failed = self.texts("self_check.failed")
            parts.append(self.kept("failed", lambda: Notice(failed, kind="error")))
        if self._findings is None or self._place is None:
            intro = self.texts("self_check.intro")
            parts.append(self.kept("intro", lambda: muted(intro, 1.0)))
            self.fill(parts, self._foot() if self._failed else None)
            return
        from native_host.doctor.findings import Severity, catalogue

        sentences = catalogue(self.texts.language)
        faults = [each for each in self._findings if each.is_fault]
        if not self._running:
            self._said.setText(self._summary(len(faults)))
            parts.append(self._said)
        order = [*Severity]
        faults.sort(key=lambda each: order.index(each.severity))
        for panel, found in (
            (self._faults, faults),
            (self._others, [each for each in self._findings if not each.is_fault]),
        ):
            panel.show_rows(
                [self._mending.row(each, self._place, sentences) for each in found]
            )
            if found:
                parts.append(panel)
        self.fill(parts, self._foot())

    def _summary(self, faults: int) -> str:
        key = "self_check.faults" if faults else "self_check.good"
        checked = self.texts("self_check.checked", time=self._time)
        return f"{checked} {self.texts(key, count=faults)}"

    def _foot(self) -> PageFoot:
        key = (self._copied, self._findings is not None)
        return self.kept(key, self._make_foot)

    def _make_foot(self) -> PageFoot:
        said = "self_check.copied" if self._copied else "self_check.share"
        buttons = []
        if self._findings is not None:
            copy = Button(self.texts("self_check.copy"))
            copy.clicked.connect(self._copy)
            buttons.append(copy)
        again = Button(self.texts("self_check.again"), "identify")
        again.clicked.connect(self._examine)
        return PageFoot(self.texts(said), [*buttons, again])

    def _copy(self) -> None:
        from native_host.doctor.examination import report

        made = report(self._findings or [], self.texts.language)
        words = json.dumps(made, ensure_ascii=False, indent=2)
        QGuiApplication.clipboard().setText(words)
        self._copied = True
        self._build()
