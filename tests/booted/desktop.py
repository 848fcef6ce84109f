# SPDX-License-Identifier: MIT
"""A desktop as its user sees it: windows, their places, and what is in front.

Each desktop says in its own way where a window is. What is in a window comes from the
accessibility bus, and the picture is that of the X server, on which the desktops of
Wayland draw too. Keys and clicks go to that server.
"""

import json
import struct
import subprocess
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.booted.computer import Computer, wait_until
from tests.support.patience import patience
from tests.support.screen import Screen

SIZE = (1366, 768)
_LOOK = Path(__file__).with_name("look.py").read_text()
Box = tuple[int, int, int, int]


class RealScreen(Screen):
    """A screen of a computer: xdotool runs there.

    The second one, of number 1, is of the person who has logged in beside the first.
    """

    def __init__(self, computer: Computer, number: int = 0) -> None:
        folder = "run/screen" if number == 0 else f"run/screen-{number}"
        super().__init__(f":{number}", computer.root / folder / "Xvfb_screen0")
        self._computer = computer

    def run(self, *command: str, check: bool = True) -> str:
        """Run a program of the screen, and return what it prints."""
        # Where the desktop is a Wayland one, its own DISPLAY is Xwayland's.
        key = f"XAUTHORITY=/run/lightdm/root/{self.display}"
        seat = ("env", f"DISPLAY={self.display}", key)
        done = subprocess.run(
            self._computer.inside(*seat, *command),
            capture_output=True,
            text=True,
            timeout=patience(),
            check=check,
        )
        return done.stdout

    def save_picture(self, path: Path) -> None:
        """Write the screen as PNG."""
        rows = self.rows()
        header = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)
        pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
        with path.open("wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n")
            for kind, data in ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")):
                check = struct.pack(">I", zlib.crc32(kind + data))
                file.write(struct.pack(">I", len(data)) + kind + data + check)

    def band(self, colour: str) -> Box | None:
        """Return the place of the longest run of a colour."""
        pixel = bytes.fromhex(colour.removeprefix("#"))
        best: Box | None = None
        for y, row in enumerate(self.rows()):
            if pixel * 200 not in row:
                continue
            for x, length in _runs(row, pixel):
                if best is None or length > best[2]:
                    best = (x, y, length, 1)
        return best


@dataclass(frozen=True)
class Part:
    """A part of a window: see ``look.py``. ``within`` are the boxes it is in."""

    role: str
    name: str
    box: Box
    states: frozenset[str]
    within: tuple[Box, ...]

    @property
    def is_whole(self) -> bool:
        """Whether no part around it cuts it off."""
        return all(_contains(each, self.box) for each in self.within)


class Desktop(ABC):
    """What all desktops have in common."""

    #: What its panel or shell is called among processes.
    program = ""

    def __init__(self, computer: Computer) -> None:
        self.computer = computer
        self.screen = RealScreen(computer)
        #: How often a browser showed no window, and was started again.
        self.unseen = 0

    def wait_ready(self) -> None:
        """Wait until the session's own programs are there."""
        found = ("pgrep", "--uid", "specimen", "--exact", self.program)
        wait_until(
            lambda: self.computer.run(*found, check=False).strip(), self.program, 120
        )
        wait_until(lambda: "DISPLAY" in self.computer.learn_session(), "the session")

    # -- What the window manager says: of each desktop ---------------------------------

    @abstractmethod
    def frame(self, title: str) -> Box | None:
        """Return the place of a window's content, or None if there is no window."""

    @abstractmethod
    def is_in_front(self, title: str) -> bool:
        """Whether no window is above it, and keys go to it."""

    def shows(self, program: str) -> bool:
        """Whether a window of a program, which ends its title, has been drawn."""
        return True

    @abstractmethod
    def start_from_menu(self, name: str, file: str) -> None:
        """Start a program as the desktop's menu does."""

    def open_with(self, file: str, action: str, name: str) -> None:
        """Open a file with an action, which ``name`` names in the file manager's menu.

        Here, without a file manager, it is started by its own name, as menus do.
        """
        self.launch("gtk-launch", action, file)

    def show_in_folder(self, file: str) -> None:
        """Have the file manager show a file's folder, with the file selected."""
        self.computer.user(
            *("gdbus", "call", "--session", "--dest", "org.freedesktop.FileManager1"),
            *("--object-path", "/org/freedesktop/FileManager1", "--method"),
            *("org.freedesktop.FileManager1.ShowItems", f"['file://{file}']", ""),
        )

    def launch(self, *words: str) -> None:
        """Run a launcher, which ends at once. The program that it starts goes on."""
        # That keeps what the launcher has for its output.
        quiet = 'exec "$@" </dev/null >/dev/null 2>&1'
        self.computer.user("sh", "-c", quiet, "sh", *words)

    # -- What screen readers see -------------------------------------------------------

    def look(self, title: str) -> list[dict[str, Any]]:
        """Return the windows whose titles begin so, as ``look.py`` tells them."""
        told = self.computer.observe("/usr/bin/python3", "-", title, given=_LOOK)
        found: list[dict[str, Any]] = json.loads(told or "[]")
        return found

    def parts(self, title: str) -> list[Part]:
        """Return the parts of a window that are shown, with places in the window."""
        windows = self.look(title)
        return list(_shown(windows[0])) if windows else []

    def wait_for(self, title: str, what: Callable[[list[Part]], Any]) -> Any:
        """Wait until a window has what is asked for, and return it."""

        def has() -> Any:
            parts = self.parts(title)
            return what(parts) if parts else None

        return wait_until(has, f"{title}: {what.__name__}")

    def is_there(self, title: str) -> bool:
        """Whether there is such a window."""
        return bool(self.look(title))

    def wait_gone(self, title: str) -> None:
        """Wait until there is no such window."""
        wait_until(lambda: not self.is_there(title), f"{title} goes")

    # -- What a person does ------------------------------------------------------------

    def type(self, text: str) -> None:
        """Type text; a line break is Enter."""
        self.screen.type(text)

    def press(self, *keys: str) -> None:
        """Press keys by their X names."""
        self.screen.press(*keys)

    def click(self, x: int, y: int) -> None:
        """Click at a place of the screen."""
        self.screen.run("xdotool", "mousemove", str(x), str(y), "click", "1")

    # -- What the screen shows ---------------------------------------------------------

    def save_picture(self, path: Path) -> None:
        """Write the screen as PNG."""
        self.screen.save_picture(path)

    def band(self, colour: str) -> Box | None:
        """Return the place of the longest run of a colour."""
        return self.screen.band(colour)


def _runs(row: bytes, pixel: bytes) -> Iterator[tuple[int, int]]:
    """Yield the start and the length of runs of a pixel, in pixels."""
    start = None
    for x in range(len(row) // 3 + 1):
        same = row[3 * x : 3 * x + 3] == pixel
        if same and start is None:
            start = x
        elif not same and start is not None:
            yield start, x - start
            start = None


def _shown(
    told: dict[str, Any], within: tuple[Box, ...] = (), corner: tuple[int, int] = (0, 0)
) -> Iterator[Part]:
    x, y, width, height = told["box"] or (0, 0, 0, 0)
    if not within:
        corner = (x, y)
    box = (x - corner[0], y - corner[1], width, height)
    part = Part(told["role"], told["name"], box, frozenset(told["states"]), within)
    if within and "SHOWING" not in part.states:
        return
    yield part
    inside = (*within, box) if width and height else within
    for each in told["parts"]:
        yield from _shown(each, inside, corner)


def _named(told: list[dict[str, Any]], name: str) -> Box | None:
    """Return the place on the screen of the part with a name, if it is shown."""
    for each in told:
        if each["name"] == name and "SHOWING" in each["states"]:
            x, y, width, height = each["box"]
            return x, y, width, height
        if (found := _named(each["parts"], name)) is not None:
            return found
    return None


def _contains(outer: Box, inner: Box) -> bool:
    return (
        outer[0] <= inner[0]
        and outer[1] <= inner[1]
        and inner[0] + inner[2] <= outer[0] + outer[2]
        and inner[1] + inner[3] <= outer[1] + outer[3]
    )


def _id(window: str) -> str:
    return str(int(window, 16))


def _focused(told: list[dict[str, Any]]) -> list[str]:
    """Return the roles of the parts that have the focus."""
    found = [each["role"] for each in told if "FOCUSED" in each["states"]]
    return found + [role for each in told for role in _focused(each["parts"])]


class Xfce(Desktop):
    """XFCE on X11."""

    program = "xfce4-panel"

    def frame(self, title: str) -> Box | None:
        found = self.screen.ids(f"^{title}")
        if not found:
            return None
        # xdotool counts the frame twice.
        told = self.screen.run("xwininfo", "-id", found[-1])
        names = ("Absolute upper-left X", "Absolute upper-left Y", "Width", "Height")
        values = dict(each.strip().partition(":")[::2] for each in told.splitlines())
        x, y, width, height = (int(values[name]) for name in names)
        return x, y, width, height

    def is_in_front(self, title: str) -> bool:
        found = self.screen.ids(f"^{title}")
        stack = self.screen.run("xprop", "-root", "_NET_CLIENT_LIST_STACKING")
        _, _, ids = stack.partition("#")
        programs = [each for each in ids.split(", ") if not self._is_panel(each)]
        focused = self.screen.focused()
        return bool(found and programs) and focused == found[-1] == _id(programs[-1])

    def _is_panel(self, window: str) -> bool:
        asked = ("xprop", "-id", window.strip(), "_NET_WM_WINDOW_TYPE")
        kind = self.screen.run(*asked, check=False)  # it may have gone
        return "_DOCK" in kind or "_DESKTOP" in kind

    def start_from_menu(self, name: str, file: str) -> None:
        # The panel's search, whose first hit Enter starts.
        self.computer.user("systemd-run", "--user", "--collect", "xfce4-appfinder")
        finder = self.screen.find("Sovellusten hakutyökalu")
        self.screen.wait_for_focus(finder)
        self.type(f"{name}\r")

    def open_with(self, file: str, action: str, name: str) -> None:
        self.show_in_folder(file)
        folder = f"{Path(file).parent.name} - Thunar"
        wait_until(lambda: self.is_in_front(folder), folder)
        selected = f'"{Path(file).name}"'
        self.wait_for(folder, lambda parts: any(selected in p.name for p in parts))
        self.press("shift+F10")
        self._click_item("Avaa sovelluksella")
        self._click_item(name)
        self.computer.user("thunar", "--quit")

    def _click_item(self, name: str) -> None:
        """Click at an item of a menu, which is a window without a title."""
        x, y, width, height = wait_until(lambda: _named(self.look("$"), name), name)
        self.click(x + width // 2, y + height // 2)


class Gnome(Desktop):
    """GNOME on Wayland: its shell runs on the X server, and answers questions."""

    program = "gnome-shell"
    _WINDOWS = """JSON.stringify(global.display.sort_windows_by_stacking(
        global.get_window_actors().map((actor) => actor.meta_window)).map((window) => ({
        title: window.title, focus: window.has_focus(),
        box: (({x, y, width, height}) => [x, y, width, height])(
          window.get_buffer_rect ? window.get_frame_rect() : {})})))"""

    def evaluate(self, script: str) -> Any:
        """Run JavaScript in the shell, and return its value."""
        told = self.computer.observe(
            *("busctl", "--user", "--json=short", "call", "org.gnome.Shell"),
            *("/org/gnome/Shell", "org.gnome.Shell", "Eval", "s", script),
        )
        assert told, "the shell does not answer"
        done, value = json.loads(told)["data"]
        assert done, value
        return json.loads(value) if value else None

    def wait_ready(self) -> None:
        super().wait_ready()
        # Eval knows no modules, and waits for no promise.
        self._says(
            "import('resource:///org/gnome/shell/ui/main.js')"
            ".then((main) => { globalThis.Main = main; }); 1"
        )
        started = "Main.layoutManager._startingUp"
        wait_until(lambda: self._says(started) is False, "GNOME's shell")
        # It begins in the overview, which Escape leaves.
        self.evaluate("Main.overview.hide()")
        self.computer.learn_session()
        self.let_windows_tell()

    def let_windows_tell(self) -> None:
        """See that programs answer ``look``."""
        # Something of the session at times turns it off, and windows tell nothing then.
        setting = ("org.gnome.desktop.interface", "toolkit-accessibility")
        self.computer.user("gsettings", "set", *setting, "true")

    def _says(self, script: str) -> Any:
        try:
            return self.evaluate(script)
        except AssertionError:
            return None

    def _windows(self) -> list[dict[str, Any]]:
        told = self.evaluate(self._WINDOWS)
        found: list[dict[str, Any]] = json.loads(told) if told else []
        return found

    def frame(self, title: str) -> Box | None:
        for each in self._windows():
            if (each["title"] or "").startswith(title):
                x, y, width, height = each["box"]
                return x, y, width, height
        return None

    def shows(self, program: str) -> bool:
        named = (w for w in self._windows() if (w["title"] or "").endswith(program))
        return any(window["box"][2] for window in named)

    def is_in_front(self, title: str) -> bool:
        last = self._windows()[-1:]
        return any((w["title"] or "").startswith(title) and w["focus"] for w in last)

    def start_from_menu(self, name: str, file: str) -> None:
        self.press("Super_L")
        wait_until(lambda: self.evaluate("Main.overview.visible"), "the overview")
        self.type(name)
        wait_until(
            lambda: self.evaluate(
                "Main.overview._overview.controls._searchController.searchActive"
            ),
            "the search",
        )

        def has_started() -> bool:
            # What is found comes later than the search.
            if not self.evaluate("Main.overview.visible"):
                return True
            self.press("Return")
            return False

        wait_until(has_started, "the program starts")

    def open_with(self, file: str, action: str, name: str) -> None:
        folder, dialog = "Koti", "Avaa tiedosto"
        self.show_in_folder(file)
        selected = f"”{Path(file).name}” valittu"
        wait_until(lambda: _named(self.look(folder), selected), selected)
        wait_until(lambda: self.is_in_front(folder), folder)
        # A menu below the pointer begins with the item there.
        self.screen.point_away()
        self.press("shift+F10")
        wait_until(lambda: "menu item" in _focused(self.look(folder)), "the menu")
        # The first item is for the program that double-clicks open.
        self.press("Down", "Return")
        wait_until(lambda: "panel" in _focused(self.look(dialog)), dialog)
        wait_until(lambda: self.is_in_front(dialog), dialog)
        # Its list, of which screen readers hear nothing, finds what a name begins with.
        # The whole has a letter that does not reach the shell's windows.
        self.type(name.partition(" ")[0])
        self.press("Return")
        wait_until(lambda: not self.is_there(dialog), "the program is chosen")


class Labwc(Desktop):
    """labwc, a small Wayland compositor, which says no places: the picture does."""

    program = "labwc"

    def wait_ready(self) -> None:
        ready = self.computer.root / "run/user/1000/labwc-ready"
        wait_until(ready.exists, "labwc")
        super().wait_ready()

    def frame(self, title: str) -> Box | None:
        return None

    def is_in_front(self, title: str) -> bool:
        # The picture says whether something covers it.
        parts = self.parts(title)
        return bool(parts) and "ACTIVE" in parts[0].states

    def start_from_menu(self, name: str, file: str) -> None:
        # labwc has no menu of programs: what panels and launchers do.
        self.launch("gio", "launch", f"/usr/share/applications/{file}")


DESKTOPS: dict[str, Callable[[Computer], Desktop]] = {
    "xfce": Xfce,
    "gnome": Gnome,
    "labwc": Labwc,
}
