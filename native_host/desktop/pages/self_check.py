# SPDX-License-Identifier: MIT
"""The page of the self-check: what ``kortilla doctor`` finds, and what fixes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QTime
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from kortilla.common.escaping import printable
from native_host.desktop.pages.outcome import Outcomes
from native_host.desktop.pages.page import PageBase, PageFoot, Services, button
from native_host.desktop.prompts import Prompts
from native_host.errors import KortillaError
from native_host.gui.labels import label, muted
from native_host.gui.panels import Kind, Row, RowsPanel, Sign

if TYPE_CHECKING:
    from native_host.doctor.findings import Finding, Place, Sentences
    from native_host.gui.tokens import Look

NAME = "self_check"
#: A finding's code, and its reader where it is about one of several cards.
_Key = tuple[str, str]
#: Findings that say of something that it works.
_GOOD = {
    *("AGENT_RUNS", "BROWSER", "CARD", "EXTENSION", "EXTENSION_FITS", "HOST_WORKS"),
    *("MAIL_TOKEN_WORKS", "PKCS11_WORKS", "READER", "SCREEN"),
    "SCREEN_READERS_POSSIBLE",
}


class Page(PageBase):
    """Examines this computer when it is first shown, and when asked to again."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, services.texts("self_check.title"))
        self._prompts = Prompts(services)
        #: What is said below a finding, by its key.
        self._said: dict[_Key, str] = {}
        #: The keys of findings that are fixed only after another press.
        self._confirmable: set[_Key] = set()
        #: What was found, and where.
        self._result: tuple[Place, list[Finding]] | None = None
        self._running = False
        self._copied = False
        self._outcomes = Outcomes(self, self._build)
        self._faults, self._others = RowsPanel("warning"), RowsPanel()
        self._examine()

    def _examine(self) -> None:
        if self._running:
            return
        self._running, self._copied = True, False
        self._outcomes.clear()
        fixing = self.texts("self_check.fixing")
        self._said = {key: said for key, said in self._said.items() if said == fixing}
        self._confirmable &= self._said.keys()
        self._build()
        card = self.services.config.card

        async def work() -> tuple[Place, list[Finding]]:
            from native_host.doctor.examination import configured_place, examine

            place, _ = configured_place(card)
            return place, await examine(place)

        self.services.background.start(work, self._done, self._fail)

    def _done(self, result: tuple[Place, list[Finding]]) -> None:
        self._result, self._running = result, False
        faults = sum(each.is_fault for each in result[1])
        self.services.set_badge(NAME, faults)
        key = "self_check.faults" if faults else "self_check.good"
        time = QTime.currentTime().toString("H.mm")
        checked = self.texts("self_check.checked", time=time)
        self._tell(key, "warning" if faults else "good", [checked], count=faults)

    def _fail(self, _: KortillaError) -> None:
        self._running = False
        self._tell("self_check.failed", "error")

    def _tell(
        self, key: str, kind: Kind, more: Sequence[str] = (), **values: int
    ) -> None:
        """Tell the outcome. A person who has gone on in the sidebar stays there."""
        focused = self.window().focusWidget()
        inside = focused is not None and self.isAncestorOf(focused)
        self._outcomes.tell(self.texts(key, **values), kind, more, focus=inside)

    def _build(self) -> None:
        parts: list[QWidget] = []
        if self._running:
            parts.append(self.note("self_check.running"))
        parts += self._outcomes.parts
        if self._result is None:
            intro = self.texts("self_check.intro")
            parts.append(self.kept("intro", lambda: muted(intro, 1.0)))
            self.fill(parts, None if self._running else self._foot())
            return
        from native_host.doctor.findings import Sentences, Severity

        sentences, order = Sentences(self.texts.language), [*Severity]
        place, findings = self._result
        faults = [each for each in findings if each.is_fault]
        faults.sort(key=lambda each: order.index(each.severity))
        others = [each for each in findings if not each.is_fault]
        for panel, found in ((self._faults, faults), (self._others, others)):
            panel.show_rows([self._row(each, place, sentences) for each in found])
            if found:
                parts.append(panel)
        self.fill(parts, self._foot())

    def _row(self, finding: Finding, place: Place, sentences: Sentences) -> Row:
        key = _key(finding)
        state = (self._said.get(key), key in self._confirmable)
        return self.kept(
            (repr(finding), repr(place), *state),
            lambda: self._make_row(finding, place, sentences),
        )

    def _make_row(self, finding: Finding, place: Place, sentences: Sentences) -> Row:
        kind, icon = _look(finding)
        words: list[QWidget] = [label(finding.sentence(sentences), bold=True)]
        if finding.holder:
            words.append(muted(printable(finding.holder)))
        if finding.is_fault and finding.fix and finding.fix.by == "root":
            words.append(muted(self.texts("self_check.root")))
        if said := self._said.get(_key(finding)):
            words.append(label(said, 14 / 15))
        controls = self._controls(finding, place, sentences)
        return Row(Sign(icon, kind, 34), words, controls)

    def _controls(
        self, finding: Finding, place: Place, sentences: Sentences
    ) -> list[QWidget]:
        fix = finding.fix
        if not finding.is_fault or fix is None or fix.by == "root":
            return []
        if fix.by == "doctor":
            confirmed = _key(finding) in self._confirmable
            words = self.texts(f"self_check.{'go_on' if confirmed else 'fix'}")
            press = partial(self._fix, _key(finding), place, confirmed)
        else:
            act = "activate" if "activate" in fix.words else "unlock"
            words = self.texts.card(act)
            which = (f"--reader={finding.reader}",) if finding.reader else ()
            press = partial(self._prompt, _key(finding), (*fix.words[2:], *which))
        made = button(words, press)
        made.setAccessibleDescription(finding.sentence(sentences))
        return [made]

    def _prompt(self, key: _Key, words: tuple[str, ...]) -> None:
        started = self._prompts.start(words, lambda _: self._examine())
        self._say(key, "" if started else self.texts("card.window_open"))

    def _fix(self, key: _Key, place: Place, confirmed: bool) -> None:
        if self._said.get(key) == self.texts("self_check.fixing"):
            return
        self._say(key, self.texts("self_check.fixing"))

        async def work() -> None:
            from native_host.doctor.examination import fix

            await fix(place, key[0], confirmed=confirmed)

        def done(_: None) -> None:
            self._confirmable.discard(key)
            self._said.pop(key, None)
            self._examine()

        def failed(error: KortillaError) -> None:
            if error.code == "BROWSER_RUNNING":
                self._confirmable.add(key)
                self._say(key, self.texts("self_check.browser_open"))
            else:
                self._say(key, self.texts("self_check.not_fixed"))

        self.services.background.start(work, done, failed)

    def _say(self, key: _Key, words: str) -> None:
        self._said[key] = words
        self._build()
        self.say(words)

    def _foot(self) -> PageFoot:
        key = (self._copied, self._result is not None)
        return self.kept(key, self._make_foot)

    def _make_foot(self) -> PageFoot:
        said = "self_check.copied" if self._copied else "self_check.share"
        buttons = []
        if self._result is not None:
            buttons.append(self.button("self_check.copy", self._copy, height=44))
        again = self.button("self_check.again", self._examine, "identify", height=44)
        return PageFoot(self.texts(said), [*buttons, again])

    def _copy(self) -> None:
        from native_host.doctor.examination import report

        findings = self._result[1] if self._result else []
        made = report(findings, self.texts.language)
        words = json.dumps(made, ensure_ascii=False, indent=2)
        QGuiApplication.clipboard().setText(words)
        self._copied = True
        self._build()
        self.say(self.texts("self_check.copied"))


def _key(finding: Finding) -> _Key:
    return finding.code, finding.reader


def _look(finding: Finding) -> tuple[Look, str]:
    if finding.severity == "error":
        return "error", "error"
    if finding.severity == "warning":
        return "warning", "warning"
    return ("good", "tick") if finding.code in _GOOD else ("note", "info")
