# SPDX-License-Identifier: MIT
"""What pages of files share: files are dropped, chosen, opened, shown in a folder."""

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import (
    QDesktopServices,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
)
from PySide6.QtWidgets import QPushButton, QWidget

from kortilla.common.escaping import escape_name, shown_path
from native_host.desktop.file_dialogs import choose_files
from native_host.desktop.mail import End, Message, session_bus
from native_host.desktop.pages.outcome import Outcomes
from native_host.desktop.pages.page import PageBase, Services
from native_host.errors import KortillaError
from native_host.files.sources import MAX_FILES
from native_host.gui.buttons import Button
from native_host.gui.labels import WrappingLabel, label, make_muted, muted
from native_host.gui.panels import Notice, Panel, Row, Sign
from native_host.gui.sizes import dp
from native_host.gui.tokens import Act
from native_host.platform import system
from native_host.signing_extra import check_library

#: https://www.freedesktop.org/wiki/Specifications/file-manager-interface/
_NAME = "org.freedesktop.FileManager1"
_PATH = "/org/freedesktop/FileManager1"
_WITHIN = 10_000  # milliseconds; the file manager may have to start


class FilesPage(PageBase):
    """A page that takes files: dropped, chosen, or given by ``kortilla open``.

    ``name`` is what the keys of its texts begin with. ``signing`` says whether the page
    needs the extra of that name.
    """

    def __init__(
        self, services: Services, name: str, act: Act, *, signing: bool = True
    ) -> None:
        super().__init__(services, services.texts(f"{name}.heading"))
        self._name, self._act = name, act
        #: The files that are to be worked on.
        self._files: list[Path] = []
        #: The last message that was begun with files of this page.
        self._mail: Message | None = None
        self.outcomes = Outcomes(self, self._build)
        self.missing = signing and _is_missing()
        self.setAcceptDrops(not self.missing)
        self.area.verticalScrollBar().rangeChanged.connect(self.reveal)

    def lacking(self) -> QWidget:
        return Notice(self.texts("files.lacking"), title=self.texts("files.lack"))

    def place_to_drop(self) -> tuple[QWidget, QPushButton]:
        """Return the place that says that files can be dropped, and its button."""
        choose = self.button("files.choose", self._choose, height=44)
        self.drop_more = muted(self.texts(f"{self._name}.drop.more"))
        words = [label(self.texts(f"{self._name}.drop"), bold=True), self.drop_more]
        place = Panel(tinted=True, dashed=True)
        place.rows.setContentsMargins(dp(6), dp(12), dp(4), dp(12))
        place.rows.addWidget(Row(Sign("take-in", self._act), words, [choose]))
        return place, choose

    def _choose(self) -> None:
        if chosen := choose_files(self, self.texts("files.choose")):
            self.take(chosen)

    def _build(self) -> None:
        """Show what the page knows now."""

    def _add_files(
        self, files: Sequence[Path], fault: Callable[[Path, str], str]
    ) -> str:
        """Add files to the list. Return what is wrong with one of them, or "".

        ``fault`` says of a file why it can't be worked on.
        """
        problem = ""
        for each in files:
            if not each.is_file():
                problem = fault(each, "kind")
            elif each not in self._files:
                self._files.append(each)
        if len(self._files) > MAX_FILES:
            del self._files[MAX_FILES:]
            problem = self.texts(f"{self._name}.many", most=MAX_FILES)
        return problem

    def _list_words(self) -> str:
        """Return what is said of the files in the list; "" says nothing."""
        return self._count_words(f"{self._name}.list", self._files)

    def _count_words(self, key: str, files: Sequence[Path]) -> str:
        """Return a text about files, with the name of a single one; "" about none."""
        if len(files) == 1:
            return self.texts(f"{key}.one", name=escape_name(files[0].name))
        return self.texts(key, count=len(files)) if files else ""

    def _press_words(self) -> str:
        """Return the words of the button that begins to work on the files."""
        words = self._count_words(f"{self._name}.press", self._files)
        return words or self.texts(f"{self._name}.do")

    def _size_of(self, path: Path) -> str:
        """Return the size of a file in words; none for one that is gone."""
        try:
            return self.texts.size(path.stat().st_size)
        except OSError:
            return ""

    def _file_button(self, key: str, path: Path, press: Callable[[], object]) -> Button:
        """Return a button for one file, told apart for screen readers."""
        button = self.button(key, press)
        name = escape_name(path.name)
        button.setAccessibleName(self.texts(f"{key}.this", name=name))
        return button

    def opened_row(self, path: Path, *, may_open: bool) -> Row:
        """Return the row of a new file; with ``may_open`` it has that button."""
        buttons = [self._open_button(path)] if may_open else []
        return self._result_row(path, [*buttons, self._show_button(path)])

    def _result_row(self, path: Path, buttons: list[Button]) -> Row:
        """Return the row of a file that was made, and the folder that it is in."""
        folder = WrappingLabel(shown_path(path.parent), 14 / 15)
        make_muted(folder)
        name = WrappingLabel(escape_name(path.name), bold=True)
        return Row(Sign("tick", "good", 34), [name, folder], buttons)

    def send_buttons(self, paths: Sequence[Path]) -> list[Button]:
        """Return the button that attaches files to a new message, where one can.

        On Windows no program is known that can.
        """
        if sys.platform == "win32":
            return []
        return [self.button("files.send", partial(self._send, paths), "manage")]

    def self_check(self) -> list[QWidget]:
        """Return the button to the page that tells what is wrong."""
        go = partial(self.services.show_page, "self_check")
        return [self.button("self_check.title", go)]

    def _open_button(self, path: Path) -> Button:
        return self._file_button("files.open", path, partial(self._open, path))

    def _show_button(self, path: Path) -> Button:
        return self._file_button("files.show", path, partial(self._show, path))

    def _remove_button(self, path: Path) -> Button:
        return self._file_button("files.remove", path, partial(self._remove, path))

    def _remove(self, path: Path) -> None:
        self._files.remove(path)
        self.title.setFocus()
        self._build()
        self.say(self._list_words())

    def _open(self, path: Path) -> None:
        self.outcomes.note("")
        if not open_file(path):
            self._not_opened(path)

    def _show(self, path: Path) -> None:
        self.outcomes.note("")
        show_in_folder(path, partial(self._not_opened, path.parent))

    def _not_opened(self, path: Path) -> None:
        name = escape_name(path.name)
        self.outcomes.note(self.texts("files.not_opened", name=name))

    def _send(self, paths: Sequence[Path]) -> None:
        self.outcomes.note("")
        if gone := [each for each in paths if not each.is_file()]:
            name = escape_name(gone[0].name)
            self.outcomes.note(self.texts("not_signed.gone", name=name), "error")
            return
        if self._mail is not None:
            self._mail.drop()
        folder = shown_path(paths[0].parent)
        one = ".one" if len(paths) == 1 else ""

        def ended(end: End) -> None:
            key = "cancelled" if end == "cancelled" else f"{end}{one}"
            words = self.texts(f"files.send.{key}", folder=folder)
            self.outcomes.note(words, "warning" if end == "none" else "note")

        background = self.services.background
        self._mail = Message(paths, self.window(), background, ended)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        if _local_files(event.mimeData()):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:  # noqa: N802 - Qt's name
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        files = _local_files(event.mimeData())
        # Never a move, after which the other program would delete the file.
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        if files:
            self.take(files)


async def fetch_authority() -> bool:
    """Fetch the authority's CA certificates, and return whether they are there.

    Raises ``KortillaError``.
    """
    from native_host.files import check
    from native_host.platform.paths import trust_folder

    try:
        return await check.fetch_authority(trust_folder())
    except OSError as error:
        raise KortillaError(str(error)) from error


def _local_files(dropped: QMimeData) -> list[Path]:
    return [Path(url.toLocalFile()) for url in dropped.urls() if url.isLocalFile()]


def _is_missing() -> bool:
    try:
        check_library()
    except KortillaError:
        return True
    return False


def open_file(path: Path) -> bool:
    """Have the desktop open a file or a folder; return whether a program was found.

    Somebody else may have made the file: what the system might run is not opened.
    """
    return system.is_for_viewer(path) and QDesktopServices.openUrl(
        QUrl.fromLocalFile(os.fspath(path))
    )


def show_in_folder(path: Path, failed: Callable[[], object]) -> None:
    """Have the file manager select a file, or else open its folder.

    ``failed`` is called if neither is possible.
    """

    def open_folder() -> None:
        if not open_file(path.parent):
            failed()

    if (bus := session_bus()) is None:
        open_folder()
        return
    from PySide6.QtDBus import QDBusMessage, QDBusPendingCallWatcher

    call = QDBusMessage.createMethodCall(_NAME, _PATH, _NAME, "ShowItems")
    call.setArguments([[path.absolute().as_uri()], ""])
    watcher = QDBusPendingCallWatcher(bus.asyncCall(call, _WITHIN))

    def ended(_: QDBusPendingCallWatcher) -> None:
        # The closure keeps the watcher until here.
        if watcher.isError():
            open_folder()
        watcher.deleteLater()

    watcher.finished.connect(ended)
