# SPDX-License-Identifier: MIT
"""The computer's owner: uses browsers, types into windows, looks at them."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from kortilla import background
from native_host.gui.tokens import LIGHT, Act
from native_host.texts.prompt import PromptTexts
from tests.booted.computer import PERSON, wait_until
from tests.booted.desktop import SIZE, Desktop, Part
from tests.browser.browsers import Tab
from tests.packaging.person import Person, RunningBrowser, open_browser
from tools.demo.site_authority import Authority

#: What the windows say, in the person's language.
LOGIN, SIGNING, ACTIVATION, TLS_LOGIN = (
    PromptTexts("fi", operation)
    for operation in ("authenticate", "sign", "activate", "tls-login")
)

#: Times that Chromium may show no window on one computer.
_MOST_UNSEEN = 4


class Citizen(Person):
    """Has the account and the session of the computer."""

    def __init__(self, desktop: Desktop) -> None:
        super().__init__(desktop.computer.root, desktop.screen, sandbox=True)
        self.desktop = desktop
        self.computer = desktop.computer

    def command(self, *words: str) -> list[str]:
        """Return what runs a command in the person's session."""
        return self.computer.as_user(PERSON, *words)

    def trust(self, authority: Authority) -> None:
        """Have all browser profiles of these tests trust the service."""
        pem = authority.certificate.read_text()
        background.run(self.write("authority.pem", pem))
        for database in (".pki/nssdb", ".mozilla/firefox/own"):
            script = (
                'mkdir -p "$1" && { [ -e "$1/cert9.db" ] || '
                'certutil -d "sql:$1" -N --empty-password; } && '
                'certutil -d "sql:$1" -A -t C,, -n test -i authority.pem'
            )
            self.computer.user("sh", "-c", script, "sh", database)

    @contextlib.contextmanager
    def browser(self, name: str, *words: str) -> Iterator[RunningBrowser]:
        """Open a browser with the person's own profile, and close it at exit.

        In GNOME a Chromium that was maximized the last time sometimes never draws its
        window: its surface gets no buffer, and no resizing helps. A person starts it
        again.
        """
        while True:
            with self._open(name, *words) as browser:
                if name == "firefox" or self._is_seen("Chromium"):
                    yield browser
                    return
            self.desktop.unseen += 1
            assert self.desktop.unseen < _MOST_UNSEEN, "Chromium shows no window"

    @contextlib.contextmanager
    def _open(self, name: str, *words: str) -> Iterator[RunningBrowser]:
        opening = open_browser(self, name, "own", *words)
        browser = background.run(opening.__aenter__())
        try:
            yield browser
        finally:
            background.run(opening.__aexit__(None, None, None))

    def _is_seen(self, program: str) -> bool:
        with contextlib.suppress(AssertionError):
            wait_until(lambda: self.desktop.shows(program), program, 15)
            return True
        return False

    @contextlib.contextmanager
    def page(self, name: str, url: str) -> Iterator[Tab]:
        """Open a browser at a page, and close it at exit."""
        with self.browser(name, url) as browser:
            tab: Tab = background.run(tab_of(browser, url))
            yield tab

    def wait_ready(self, title: str, button: str) -> None:
        """Wait until a window takes keys: its button says so."""

        def ready(parts: list[Part]) -> bool:
            return any(
                part.name == button and "ENABLED" in part.states for part in parts
            )

        self.desktop.wait_for(title, ready)

    def type_when_ready(self, title: str, button: str, text: str) -> None:
        """Type as soon as a window takes keys."""
        self.wait_ready(title, button)
        self.desktop.type(text)

    def press_button(self, title: str, button: str) -> None:
        """Go to a button of a window by Tab, and press it."""
        self.wait_ready(title, button)

        def is_reached() -> bool:
            parts = self.desktop.parts(title)
            if any(p.name == button and "FOCUSED" in p.states for p in parts):
                return True
            self.desktop.press("Tab")
            return False

        wait_until(is_reached, f"{button} has the focus")
        self.desktop.press("space")

    def check_window(
        self,
        title: str,
        act: Act | None,
        texts: Sequence[str],
        picture: Path,
    ) -> None:
        """Check that a window is in front, whole, and says these texts.

        It has the light theme's colours, and its band can be seen from end to end. The
        desktop program, which is for no ``act``, has a sidebar in place of a band.
        """
        desktop = self.desktop
        try:
            wait_until(lambda: desktop.is_in_front(title), f"{title} is in front", 20)

            def says_all(parts: list[Part]) -> bool:
                return not _missing(parts, texts)

            with contextlib.suppress(AssertionError):
                desktop.wait_for(title, says_all)
            parts = desktop.parts(title)
            assert parts, f"no window {title}"
            assert _missing(parts, texts) == []
            assert "ACTIVE" in parts[0].states
            cut = [part.name for part in parts if part.name and not part.is_whole]
            assert cut == [], "the window shows only a part of this"
            width, height = parts[0].box[2:]
            frame = desktop.frame(title)
            if frame is not None:
                assert frame[0] >= 0 and frame[1] >= 0
                assert frame[0] + frame[2] <= SIZE[0]
                assert frame[1] + frame[3] <= SIZE[1]
            colour = (LIGHT.acts[act].band if act else LIGHT.foot).name()
            band = desktop.band(colour)
            assert band is not None, f"the picture has nothing of {colour}"
            if act:
                assert band[2] == width, "the window's band is covered, or cut"
                top = band[1] - _band_in(parts)
                assert top >= 0, "the window's top is not on the screen"
                assert top + height <= SIZE[1], "the window's foot is not on the screen"
        finally:
            desktop.save_picture(picture)


def _band_in(parts: Sequence[Part]) -> int:
    """Return how far below the window's top its band begins."""
    heading = next(part for part in parts if part.role == "heading")
    return heading.within[-1][1]


async def tab_of(browser: RunningBrowser, url: str) -> Tab:
    """Return the tab that shows a page."""
    return await browser.tab_of(url)


def _missing(parts: Sequence[Part], texts: Sequence[str]) -> list[str]:
    said = " ".join(re.sub(r"\s+", " ", part.name) for part in parts)
    return [each for each in texts if each not in said]
