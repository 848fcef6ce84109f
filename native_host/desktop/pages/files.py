# SPDX-License-Identifier: MIT
"""What pages of files share: files are dropped, chosen, opened, shown in a folder."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import (
    QDesktopServices,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
)
from PySide6.QtWidgets import QFileDialog, QPushButton, QWidget

from kortilla.common.escaping import escape_name
from native_host.desktop.pages.page import PageBase, Services
from native_host.errors import KortillaError
from native_host.files.sources import shown_path
from native_host.gui.buttons import Button
from native_host.gui.labels import WrappingLabel, label, make_muted, muted
from native_host.gui.panels import Notice, Panel, Row, Sign
from native_host.gui.sizes import dp
from native_host.gui.tokens import Act
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
        self._folder = Path.home()
        self._files: list[Path] = []
        self._message = ""
        self.missing = signing and _is_missing()
        self.setAcceptDrops(not self.missing)
        self.area.verticalScrollBar().rangeChanged.connect(self._reveal)

    def _reveal(self) -> None:
        """Keep the control with the focus in sight when the contents grow."""
        focused, sheet = self.window().focusWidget(), self.area.widget()
        if focused is not None and sheet is not None and sheet.isAncestorOf(focused):
            if (layout := sheet.layout()) is not None:
                layout.activate()
            self.area.ensureWidgetVisible(focused)

    def lacking(self) -> QWidget:
        return Notice(self.texts("files.lacking"), title=self.texts("files.lack"))

    def place_to_drop(self) -> tuple[QWidget, QPushButton]:
        """Return the place that says that files can be dropped, and its button."""
        choose = self.button(f"{self._name}.choose", self._choose, height=44)
        words = [
            label(self.texts(f"{self._name}.drop"), bold=True),
            muted(self.texts(f"{self._name}.drop.more")),
        ]
        place = Panel(tinted=True, dashed=True)
        place.rows.setContentsMargins(dp(6), dp(12), dp(4), dp(12))
        place.rows.addWidget(Row(Sign("take-in", self._act), words, [choose]))
        return place, choose

    def _choose(self) -> None:
        title = self.texts(f"{self._name}.choose")
        start = os.fspath(self._folder)
        chosen, _ = QFileDialog.getOpenFileNames(self, title, start)
        if chosen:
            self._folder = Path(chosen[0]).parent
            self.take([Path(each) for each in chosen])

    def _build(self) -> None:
        """Show what the page knows now."""

    def _list_words(self) -> str:
        """Return what is said of the files that are left; "" says nothing."""
        return ""

    def _file_button(self, key: str, path: Path, press: Callable[[], object]) -> Button:
        """Return a button for one file, told apart for screen readers."""
        button = self.button(key, press)
        name = escape_name(path.name)
        button.setAccessibleName(self.texts(f"{key}.this", name=name))
        return button

    def _result_row(self, path: Path, buttons: list[Button]) -> Row:
        """Return the row of a file that was made, and the folder that it is in."""
        folder = WrappingLabel(shown_path(path.parent), 14 / 15)
        make_muted(folder)
        name = WrappingLabel(escape_name(path.name), bold=True)
        return Row(Sign("tick", "good", 34), [name, folder], buttons)

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
        self._message = ""
        if not open_file(path):
            self._not_opened(path)
        self._build()

    def _show(self, path: Path) -> None:
        self._message = ""
        self._build()
        show_in_folder(path, partial(self._not_opened, path.parent))

    def _not_opened(self, path: Path) -> None:
        self._message = self.texts("files.not_opened", name=escape_name(path.name))
        self._build()

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
    from native_host.paths import trust_folder

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
    """Have the desktop open a file or a folder; return whether a program was found."""
    return QDesktopServices.openUrl(QUrl.fromLocalFile(os.fspath(path)))


def show_in_folder(path: Path, failed: Callable[[], object]) -> None:
    """Have the file manager select a file, or else open its folder.

    ``failed`` is called if neither is possible.
    """

    def open_folder() -> None:
        if not open_file(path.parent):
            failed()

    try:
        from PySide6.QtDBus import (
            QDBusConnection,
            QDBusMessage,
            QDBusPendingCallWatcher,
        )
    except ImportError:  # a part of PySide6 that Debian packages apart
        open_folder()
        return
    bus = QDBusConnection.sessionBus()
    if not bus.isConnected():
        open_folder()
        return
    call = QDBusMessage.createMethodCall(_NAME, _PATH, _NAME, "ShowItems")
    call.setArguments([[path.absolute().as_uri()], ""])
    watcher = QDBusPendingCallWatcher(bus.asyncCall(call, _WITHIN))

    def ended(_: QDBusPendingCallWatcher) -> None:
        # The closure keeps the watcher until here.
        if watcher.isError():
            open_folder()
        watcher.deleteLater()

    watcher.finished.connect(ended)
