# SPDX-License-Identifier: MIT
"""Copies of signed documents for the system's PDF viewer."""

import os
import shutil
from pathlib import Path
from tempfile import mkdtemp

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices


class PrivateCopies:
    """Copies for the system's PDF viewer, which other users cannot read or change.

    They are in the folder of the host's own copies. The host deletes that folder, also
    when this process crashes.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None

    def open(self, data: bytes, number: int, near: str) -> bool:
        """Open a PDF in the system's viewer; return whether there is one.

        ``number`` counts the documents from 1, ``near`` is the host's copy.
        """
        try:
            if self._folder is None:
                self._folder = Path(mkdtemp(prefix="shown-", dir=Path(near).parent))
            path = self._folder / f"document-{number}.pdf"
            # A new copy each time: a full disk may have truncated the last one, and a
            # viewer may have overwritten it.
            path.unlink(missing_ok=True)
            path.touch(0o600, exist_ok=False)
            path.write_bytes(data)
            path.chmod(0o400)
        except OSError:
            return False
        return QDesktopServices.openUrl(QUrl.fromLocalFile(os.fspath(path)))

    def delete(self) -> None:
        """Delete the copies. May be called twice."""
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
