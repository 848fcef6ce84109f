# SPDX-License-Identifier: MIT
"""Draws the report on checked files as a PDF, in the person's language.

Qt lays out the text and embeds its fonts, so that it can be selected, searched and read
aloud. The texts of a file are inserted as text, never as markup, and each on a line of
its own that is written from left to right.
"""

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF, Qt
from PySide6.QtGui import (
    QFont,
    QGuiApplication,
    QPageSize,
    QPdfWriter,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextOption,
)

from kortilla.common.escaping import escape_name, group_digest, printable
from kortilla.signing.verification import DocumentReport, SignatureReport
from native_host.files import words
from native_host.files.check import CheckedFile
from native_host.files.report_fields import Report, ReportedFile

_BODY, _BIG, _HEADING, _TITLE = 10.0, 11.0, 13.0, 18.0  # points
_RESOLUTION = 1200  # dots per inch, of Qt
_INDENT = 0.2 * _RESOLUTION  # dots
#: The most characters of a text of a file. A longer one would push the rest away.
_MOST = 300
#: The most CAs that are listed. The report in JSON has all of them.
_MOST_AUTHORITIES = 40


def draw(report: Report, checked: Sequence[CheckedFile], language: str) -> bytes:
    """Return the report as a PDF. ``checked`` are the files that ``report`` is of.

    Without a window's application, one without a screen is started for the fonts.
    """
    with _fonts():
        return _draw(report, checked, language)


@contextmanager
def _fonts() -> Iterator[None]:
    """Start an application without a screen, unless there is one of a window."""
    if QGuiApplication.instance() is not None:
        yield
        return
    platform = os.environ.get("QT_QPA_PLATFORM")
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    application = QGuiApplication(["kortilla"])
    try:
        yield
    finally:
        # A process has one application at a time, and a window needs another kind.
        application.shutdown()
        if platform is None:
            del os.environ["QT_QPA_PLATFORM"]
        else:
            os.environ["QT_QPA_PLATFORM"] = platform


def _draw(report: Report, checked: Sequence[CheckedFile], language: str) -> bytes:
    texts = words.load(language)
    paper = _Paper(texts)
    paper.say(texts["report.title"], _TITLE, bold=True)
    paper.fact("checked", _time(report.checked_at, texts))
    paper.fact("program", f"{report.program.name} {report.program.version}")
    paper.say(texts[f"report.asked.{'yes' if report.revocation_asked else 'no'}"])
    paper.say(texts["report.proves_nothing"])
    for file, each in zip(report.files, checked, strict=True):
        _draw_file(paper, file, each, texts)
    paper.say(texts["report.trusted"], _HEADING, bold=True)
    if not report.trusted:
        paper.say(texts["report.trusted.none"])
    for authority in report.trusted[:_MOST_AUTHORITIES]:
        paper.fact(f"trusted.{authority.use}", authority.name)
        paper.fact("sha256", group_digest(authority.sha256))
    if more := len(report.trusted[_MOST_AUTHORITIES:]):
        paper.say(texts["report.trusted.more"].format(count=more))
    return _with_language(paper.to_pdf(texts["report.title"], report), language)


class _Paper:
    """A document that grows at its end."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._document = QTextDocument()
        font = QFont()
        # A digest that is copied must have each of its letters: Qt joins none (as the
        # ligature of two f) where letters have any space between them.
        font.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, 0.05)
        self._document.setDefaultFont(font)
        # A name in another script must not turn the line around.
        option = QTextOption(self._document.defaultTextOption())
        option.setTextDirection(Qt.LayoutDirection.LeftToRight)
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self._document.setDefaultTextOption(option)
        self._cursor = QTextCursor(self._document)
        self._empty = True

    def say(self, text: str, size: float = _BODY, *, bold: bool = False) -> None:
        """Add a paragraph; a larger one has room above it."""
        self._begin(size * 1.2 if size > _BODY else _BODY * 0.4)
        self._insert(text, size, bold=bold)

    def fact(self, key: str, value: str, size: float = _BODY) -> None:
        """Add a line with what something is, if it is known."""
        if value:
            self.add(self._texts[f"report.{key}"], value, size)

    def add(self, label: str, value: str, size: float = _BODY) -> None:
        """Add a line with words of ours, so that no text of a file passes for them."""
        self._begin(size * 1.2 if size > _BODY else _BODY * 0.2)
        self._insert(f"{label}: ", size, bold=True)
        shown = value if len(value) <= _MOST else f"{value[:_MOST]}…"
        self._insert(shown, size)

    def to_pdf(self, title: str, report: Report) -> bytes:
        target = QByteArray()
        buffer = QBuffer(target)
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        writer = QPdfWriter(buffer)
        writer.setResolution(_RESOLUTION)
        writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
        # Qt sets margins of 20 mm, and writes the number of the page into them.
        writer.setPageMargins(QMarginsF())
        writer.setTitle(title)
        writer.setCreator(f"{report.program.name} {report.program.version}")
        self._document.print_(writer)
        buffer.close()
        return bytes(target.data())

    def _begin(self, above: float) -> None:
        form = QTextBlockFormat()
        form.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        form.setTopMargin(above)
        # Further lines are indented: a long name in a sentence must not put another
        # sentence at the beginning of a line, as if it were the report's.
        # The layout scales neither to the resolution of the PDF.
        form.setLeftMargin(_INDENT)
        form.setTextIndent(-_INDENT)
        if self._empty:
            self._cursor.setBlockFormat(form)
        else:
            self._cursor.insertBlock(form)
        self._empty = False

    def _insert(self, text: str, size: float = _BODY, *, bold: bool = False) -> None:
        form = QTextCharFormat()
        form.setFontPointSize(size)
        form.setForeground(Qt.GlobalColor.black)
        form.setFontWeight(QFont.Weight.Bold if bold else QFont.Weight.Normal)
        # A line break in a text would begin a paragraph that looks like ours.
        self._cursor.insertText(printable(text), form)


def _draw_file(
    paper: _Paper, file: ReportedFile, checked: CheckedFile, texts: Mapping[str, str]
) -> None:
    paper.fact("file", escape_name(file.name), _HEADING)
    verdict = words.verdict_words(checked, texts)
    for each in verdict:
        paper.say(each, bold=True)
    paper.fact("indication", _indication(file))
    paper.fact("sha256", group_digest(file.sha256 or ""))
    if file.signed_file is not None:
        paper.fact("signed_file", escape_name(file.signed_file.name))
        paper.fact("sha256", group_digest(file.signed_file.sha256 or ""))
    report = checked.report
    if report is None:
        paper.fact("error", file.error or "")
        return
    for each in words.describe_problems(report.problems, texts):
        if each not in verdict:
            paper.say(each)
    for signature in report.signatures:
        _draw_signature(paper, signature, report, texts)


def _draw_signature(
    paper: _Paper,
    signature: SignatureReport,
    report: DocumentReport,
    texts: Mapping[str, str],
) -> None:
    state = texts[words.state_key(signature, report)]
    name = texts["report.signature"]
    paper.say(state.format(number=signature.number, name=name), _BIG, bold=True)
    if signature.signer is not None:
        known = "signer" if signature.issuer != "unknown" else "claimed_signer"
        paper.fact(known, words.signer_name(signature.signer))
    _, *said = words.describe_signature(signature, report, texts)
    for each in said:
        paper.say(each.strip())
    paper.fact("indication", _indication(signature))
    for label, value in words.facts(signature, report, texts):
        paper.add(label, value)


def _indication(judged: ReportedFile | SignatureReport) -> str:
    return ", ".join(filter(None, (judged.indication, judged.sub_indication)))


def _time(time: datetime, texts: Mapping[str, str]) -> str:
    """Return a time in the computer's zone, with the zone."""
    return f"{words.time_words(time, texts)} (UTC{words.local(time):%z})"


def _with_language(pdf: bytes, language: str) -> bytes:
    """Have readers speak the language, and show the title in place of a file's name."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    name = generic.NameObject
    preferences = generic.DictionaryObject(  # type: ignore[no-untyped-call]
        {name("/DisplayDocTitle"): generic.BooleanObject(True)}  # type: ignore[no-untyped-call]
    )
    writer.root["/Lang"] = generic.TextStringObject(language)
    writer.root["/ViewerPreferences"] = preferences
    writer.update_root()  # type: ignore[no-untyped-call]
    output = io.BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    return output.getvalue()
