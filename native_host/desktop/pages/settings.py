# SPDX-License-Identifier: MIT
"""The page of the settings: language, browsers, mail, cards and the history."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from native_host.config import LANGUAGES
from native_host.desktop.pages.history import HistoryPart
from native_host.desktop.pages.outcome import Outcomes
from native_host.desktop.pages.page import PageBase, Services
from native_host.errors import ConfigBrokenError, KortillaError
from native_host.gui.buttons import WrappingCheckBox, WrappingRadioButton, flush
from native_host.gui.labels import Heading, muted
from native_host.gui.panels import ButtonLine, Notice, Panel, arrange, column
from native_host.gui.sizes import dp
from native_host.state import remembered_can
from native_host.texts.language import choose_language

if TYPE_CHECKING:
    from native_host.desktop.system_settings import SystemSettings
    from native_host.install.tables import Family

_LANGUAGE, _LOGIN = "language", "login"
_AGENT, _MAIL = "settings.agent", "settings.mail"
_CAN, _CAPTURE = "settings.can", "settings.capture"


class Page(PageBase):
    """Looks each time that it is shown, and after each change."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, services.texts("settings.title"))
        self._found: SystemSettings | None = None
        self._busy = False
        #: The section in which a change was wanted, and what came of it.
        self._section_wanted = ""
        self._outcomes = Outcomes(self, self._build)
        #: The change that waits for a yes, since the browser is open.
        self._waiting: tuple[Family, bool] | None = None
        self._boxes: dict[Family, QWidget] = {}
        self.history = HistoryPart(self, self._build)
        self._build()

    def shown(self) -> None:
        """Look anew: browsers and the command line change the same things."""
        self._look()

    def window_activated(self) -> None:
        """Show the history anew: something was done elsewhere."""
        self._build()

    def _look(self) -> None:
        async def work() -> SystemSettings:
            from native_host.desktop.system_settings import look

            return await look()

        self.services.background.start(work, self._set, self._fail)

    def _set(self, found: SystemSettings) -> None:
        self._found, self._busy = found, False
        self._build()

    def _fail(self, error: KortillaError) -> None:
        self._busy = False
        tool = error.code == "TOOL_MISSING"
        key = "login.tool" if tool else "settings.failed"
        self._outcomes.note(self.texts(key), "error")

    def _build(self) -> None:
        found = self._found
        if found is None:
            self.fill([self.note("working")])
            return
        parts = [self._section(_LANGUAGE, self._languages(found))]
        for key in (_LOGIN, _MAIL):
            if switches := self._logins(found, key):
                parts.append(self._section(key, switches))
        agent = self._switch("agent.switch", found.agent, self._set_agent)
        parts.append(self._section(_AGENT, [agent, *self._declined(found)]))
        parts.append(self._section(_CAN, self._number(found)))
        if sys.platform == "win32":
            switch = f"{_CAPTURE}.switch"
            box = self._switch(switch, found.capture, self._show_to_capture)
            parts.append(self._section(_CAPTURE, [box]))
        parts.append(self._section("history", self.history.controls()))
        self.fill([*parts, *self.history.entries()])

    def _section(self, key: str, controls: list[QWidget]) -> QWidget:
        panel, lines = self.kept(key, lambda: self._make_section(key))
        if key == self._section_wanted:
            busy = [self.note("working")] if self._busy else []
            controls = [*controls, *busy, *self._outcomes.parts]
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

    def _logins(self, found: SystemSettings, key: str) -> list[QWidget]:
        """Return the switches for browsers, or those for mail."""
        controls: list[QWidget] = []
        for family, (title, on) in found.logins.items():
            if _section_of(family) != key:
                continue
            change = partial(self._set_login, family)
            box = self._switch(f"{key}.switch", on, change, browser=title)
            self._boxes[family] = box
            controls.append(box)
            if self._waiting and self._waiting[0] == family:
                make = partial(self._open_browser, key)
                controls.append(self.kept(self._waiting, make))
        return controls

    def _open_browser(self, key: str) -> Notice:
        assert self._waiting is not None  # noqa: S101 - asked by the caller
        notice = Notice(self.texts(f"{key}.open"))
        press = partial(self._set_login, *self._waiting, confirmed=True)
        go_on = self.button("login.go_on", press)
        notice.rows.addWidget(ButtonLine(go_on))
        return notice

    def _set_login(self, family: Family, on: bool, confirmed: bool = False) -> None:
        self._waiting = None
        self._boxes[family].setFocus()  # the button that has it goes
        key = _section_of(family)

        async def work() -> None:
            from native_host.desktop.system_settings import set_login

            await set_login(family, on=on, confirmed=confirmed)

        def failed(error: KortillaError) -> None:
            if error.code == "BROWSER_RUNNING":
                self._waiting, self._busy = (family, on), False
                self._build()
                self.say(self.texts(f"{key}.open"))
            else:
                self._fail(error)

        self._change(key, work, failed)

    def _declined(self, found: SystemSettings) -> list[QWidget]:
        """Return what undoes the wish for no more offers for a card."""
        count = found.declined
        if not (found.agent and count):
            return []
        key = f"{_AGENT}.declined"
        said = self.texts(f"{key}.one" if count == 1 else key, count=count)

        def make() -> QWidget:
            press = partial(self._set_agent, True)
            again = self.button(f"{_AGENT}.offer_all", press)
            return column(muted(said), ButtonLine(again), spacing=dp(2))

        return [self.kept(said, make)]

    def _number(self, found: SystemSettings) -> list[QWidget]:
        """Return what is known of a remembered number (CAN), and what deletes it."""
        said = self.texts(f"{_CAN}.{found.can}")
        controls: list[QWidget] = [self.kept(said, lambda: muted(said, 1.0))]
        if found.can == "remembered":
            forget = partial(self.button, f"{_CAN}.forget", self._forget_number)
            controls.append(ButtonLine(self.kept(_CAN + ".forget", forget)))
        return controls

    def _forget_number(self) -> None:
        gone = False

        async def work() -> None:
            nonlocal gone
            gone = await remembered_can.forget()

        def done(_: None) -> None:
            if gone:
                self._outcomes.tell(self.texts(f"{_CAN}.forgotten"))
            else:
                self._outcomes.note(self.texts(f"{_CAN}.locked"), "error")
            self._look()

        self._change(_CAN, work, self._fail, done)

    def _set_agent(self, on: bool) -> None:
        async def work() -> None:
            from native_host.desktop.system_settings import set_agent

            await set_agent(on=on)

        self._change(_AGENT, work, self._fail)

    def _show_to_capture(self, on: bool) -> None:
        async def work() -> None:
            from native_host.desktop.system_settings import save_setting

            save_setting("show_to_screen_capture", on)

        self._change(_CAPTURE, work, self._fail)

    def _change(
        self,
        key: str,
        work: Callable[[], Coroutine[None, None, None]],
        failed: Callable[[KortillaError], object],
        done: Callable[[None], object] | None = None,
    ) -> None:
        """Make one change at a time, and look again after it."""
        if self._busy:
            self._build()  # the switch shows what holds
            return
        self._busy, self._section_wanted = True, key
        self._outcomes.clear()
        self.services.background.start(work, done or (lambda _: self._look()), failed)
        self._build()

    def _languages(self, found: SystemSettings) -> list[QWidget]:
        controls: list[QWidget] = []
        for language in LANGUAGES:
            make = partial(self._language, language)
            button = self.kept(("language", language), make)
            if language == found.language:
                button.setChecked(True)
            controls.append(button)
        return controls

    def _language(self, language: str) -> WrappingRadioButton:
        words = self.texts(f"settings.language.{language}")
        button = flush(WrappingRadioButton(words))
        button.clicked.connect(lambda _=False: self._speak(language))
        return button

    def _speak(self, language: str) -> None:
        from native_host.desktop.system_settings import save_setting

        try:
            save_setting("language", language)
        except ConfigBrokenError:
            self._section_wanted = _LANGUAGE
            self._outcomes.note(self.texts("settings.language.failed"), "error")
            return
        self.services.speak(choose_language(language, None))


def _section_of(family: Family) -> str:
    return _MAIL if family == "thunderbird" else _LOGIN
