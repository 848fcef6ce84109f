# SPDX-License-Identifier: MIT
"""The page of the browsers: what works in each, and what can be switched on and off."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from native_host.config import LANGUAGES
from native_host.desktop.pages.page import PageBase, Services
from native_host.desktop.pages.self_check import Mending
from native_host.errors import ConfigBrokenError, KortillaError
from native_host.gui.buttons import WrappingCheckBox, WrappingRadioButton, flush
from native_host.gui.labels import Heading, label, muted
from native_host.gui.panels import (
    ButtonLine,
    Notice,
    Panel,
    Row,
    RowsPanel,
    Sign,
    arrange,
    column,
)
from native_host.gui.sizes import dp
from native_host.languages import choose_language

if TYPE_CHECKING:
    from native_host.desktop.system_settings import BrowsersReport
    from native_host.doctor.findings import Finding
    from native_host.install.tables import Family

#: What the page says of a browser's program, before the findings.
_PROGRAM = ("MANIFEST_", "LAUNCHER_", "HOST_")


class Page(PageBase):
    """Looks each time that it is shown, and after each change."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, services.texts("browsers.title"))
        self._mending = Mending(services, self.kept, self._build, self._look)
        self._report: BrowsersReport | None = None
        self._busy = False
        self._message = ""
        #: The change that waits for a yes, since the browser is open.
        self._waiting: tuple[Family, bool] | None = None
        self._panel = RowsPanel()
        self.fill([self.note("browsers.looking")])

    def shown(self) -> None:
        """Look anew: browsers and the command line change the same things."""
        self._look()

    def _look(self) -> None:
        card = self.services.config.card

        async def work() -> BrowsersReport:
            from native_host.desktop.system_settings import look

            return await look(card)

        self.services.background.start(work, self._set, self._fail)

    def _set(self, report: BrowsersReport) -> None:
        self._report, self._busy = report, False
        self._build()

    def _fail(self, error: KortillaError) -> None:
        self._busy = False
        tool = error.code == "TOOL_MISSING"
        self._message = self.texts("browsers.login.tool" if tool else "browsers.failed")
        self._build()

    def _build(self) -> None:
        report = self._report
        parts: list[QWidget] = []
        if self._busy:
            parts.append(self.note("browsers.working"))
        elif message := self._message:
            parts.append(self.notice(message, "error"))
        if report is None:
            self.fill(parts or [self.note("browsers.looking")])
            return
        parts.append(self._browsers(report))
        for key in ("browsers.login", "browsers.mail"):
            if switches := self._logins(report, key):
                parts.append(self._section(key, switches))
        agent = self._switch("browsers.agent.switch", report.agent, self._set_agent)
        parts.append(self._section("browsers.agent", [agent, *self._declined(report)]))
        parts.append(self._section("browsers.language", self._languages(report)))
        self.fill(parts)

    def _browsers(self, report: BrowsersReport) -> QWidget:
        from native_host.doctor.findings import catalogue

        sentences = catalogue(self.texts.language)
        rows = []
        for title in report.titles:
            own = [f for f in report.findings if f.details.get("browser") == title]
            make = partial(self._browser, title, own, sentences)
            rows.append(self.kept((title, repr(own)), make))
            for each in own:
                if each.is_fault:
                    rows.append(self._mending.row(each, report.place, sentences))
        known = set(report.titles)
        for each in report.findings:
            if each.is_fault and each.details.get("browser") not in known:
                rows.append(self._mending.row(each, report.place, sentences))
        self._panel.show_rows(rows)
        return self._panel

    def _browser(
        self, title: str, own: list[Finding], sentences: dict[str, str]
    ) -> Row:
        words: list[QWidget] = [label(title, bold=True)]
        if not any(f.is_fault and f.code.startswith(_PROGRAM) for f in own):
            words.append(muted(self.texts("browsers.works")))
        for each in own:
            if not each.is_fault and each.code != "BROWSER":
                words.append(muted(each.sentence(sentences)))
        return Row(Sign("browser", "identify"), words, ())

    def _section(self, key: str, controls: list[QWidget]) -> QWidget:
        panel, lines = self.kept(key, lambda: self._make_section(key))
        for each in arrange(lines, controls):
            each.hide()
        return panel

    def _make_section(self, key: str) -> tuple[Panel, QVBoxLayout]:
        panel, lines = Panel(), QVBoxLayout()
        for each in (panel.rows, lines):
            each.setSpacing(dp(4))
        panel.rows.addWidget(Heading(self.texts(key), 17 / 15))
        panel.rows.addWidget(muted(self.texts(f"{key}.more")))
        panel.rows.addLayout(lines)
        return panel, lines

    def _switch(
        self, key: str, on: bool, change: Callable[[bool], object], **values: str
    ) -> QWidget:
        def make() -> WrappingCheckBox:
            box = flush(WrappingCheckBox(self.texts(key, **values)))

            def clicked(checked: bool) -> None:  # Qt passes nothing to a partial
                change(checked)

            box.clicked.connect(clicked)
            return box

        box = self.kept((key, *values.values()), make)
        box.setChecked(on)
        return box

    def _logins(self, report: BrowsersReport, key: str) -> list[QWidget]:
        """Return the switches for browsers, or those for mail."""
        controls: list[QWidget] = []
        for family, (title, on) in report.logins.items():
            if (family == "thunderbird") is not (key == "browsers.mail"):
                continue
            change = partial(self._set_login, family)
            controls.append(self._switch(f"{key}.switch", on, change, browser=title))
            if self._waiting and self._waiting[0] == family:
                make = partial(self._open_browser, key)
                controls.append(self.kept(self._waiting, make))
        return controls

    def _open_browser(self, key: str) -> Notice:
        assert self._waiting is not None  # noqa: S101 - asked by the caller
        notice = Notice(self.texts(f"{key}.open"))
        press = partial(self._set_login, *self._waiting, confirmed=True)
        go_on = self.button("browsers.login.go_on", press)
        notice.rows.addWidget(ButtonLine(go_on))
        return notice

    def _set_login(self, family: Family, on: bool, confirmed: bool = False) -> None:
        self._waiting = None

        async def work() -> None:
            from native_host.desktop.system_settings import set_login

            await set_login(family, on=on, confirmed=confirmed)

        def failed(error: KortillaError) -> None:
            if error.code == "BROWSER_RUNNING":
                self._waiting, self._busy = (family, on), False
                self._build()
            else:
                self._fail(error)

        self._change(work, failed)

    def _declined(self, report: BrowsersReport) -> list[QWidget]:
        """Return what undoes the wish for no more offers for a card."""
        count = report.declined
        if not (report.agent and count):
            return []
        key = "browsers.agent.declined"
        said = self.texts(f"{key}.one" if count == 1 else key, count=count)

        def make() -> QWidget:
            press = partial(self._set_agent, True)
            again = self.button("browsers.agent.offer_all", press)
            return column(muted(said), ButtonLine(again), spacing=dp(2))

        return [self.kept(said, make)]

    def _set_agent(self, on: bool) -> None:
        async def work() -> None:
            from native_host.desktop.system_settings import set_agent

            await set_agent(on=on)

        self._change(work, self._fail)

    def _change(
        self,
        work: Callable[[], Coroutine[None, None, None]],
        failed: Callable[[KortillaError], object],
    ) -> None:
        """Make one change at a time, and look again after it."""
        if self._busy:
            self._build()  # the switch shows what holds
            return
        self._busy, self._message = True, ""
        self.services.background.start(work, lambda _: self._look(), failed)
        self._build()

    def _languages(self, report: BrowsersReport) -> list[QWidget]:
        controls: list[QWidget] = []
        for language in LANGUAGES:
            make = partial(self._language, language)
            button = self.kept(("language", language), make)
            if language == report.language:
                button.setChecked(True)
            controls.append(button)
        return controls

    def _language(self, language: str) -> WrappingRadioButton:
        words = self.texts(f"browsers.language.{language}")
        button = flush(WrappingRadioButton(words))
        button.clicked.connect(lambda _=False: self._speak(language))
        return button

    def _speak(self, language: str) -> None:
        from native_host.desktop.system_settings import save_setting

        try:
            save_setting("language", language)
        except ConfigBrokenError:
            self._message = self.texts("browsers.language.failed")
            self._build()
            return
        self.services.speak(choose_language(language, None))
