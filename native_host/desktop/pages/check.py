# SPDX-License-Identifier: MIT
"""The page that says who signed a file, when, and whether it is intact."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from kortilla.common.escaping import escape_name, printable
from native_host.desktop.file_dialogs import choose_target
from native_host.desktop.pages.files import FilesPage, fetch_authority
from native_host.desktop.pages.outcome import Outcome, Outcomes
from native_host.desktop.pages.page import Services
from native_host.desktop.pages.signed_content import SignedContent
from native_host.desktop.pages.trust_lists import NEEDED, TrustListsPart, codes_of
from native_host.errors import KortillaError
from native_host.files.sources import MAX_FILES
from native_host.gui.buttons import Fold, WrappingCheckBox, explained
from native_host.gui.labels import MockCardMark, WrappingLabel, label
from native_host.gui.panels import (
    SIGNS,
    ButtonLine,
    Kind,
    Notice,
    Row,
    RowsPanel,
    Sign,
    column,
)
from native_host.gui.sizes import dp

if TYPE_CHECKING:
    from kortilla.signing.verification import DocumentReport, SignatureReport
    from native_host.files.check import CheckedFile

#: How a verdict looks, and the state of a signature. Any other is a warning.
_LOOKS: dict[str, Kind] = {
    "valid": "good",
    "not-valid": "error",
    "signature.valid": "good",
    "signature.open": "note",
    "signature.not-valid": "error",
}
#: What a sum of files says of them, in this order, and how the sum then looks.
_SUMS: dict[str, Kind] = {
    "valid": "good",
    "open": "note",
    "unsigned": "warning",
    "cant-say": "warning",
    "not-valid": "error",
}
_LIBRARY = "native_host.files.words"


class Page(FilesPage):
    """Checks files when they are dropped, and again when the person asks again."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, "check", "identify")
        self._checked: list[CheckedFile] = []
        self._running: Future[list[CheckedFile]] | None = None
        self._fetching = False
        #: Whether the authority is asked about revocation in the check that runs.
        self._asking = False
        #: Whether the verdict gets the focus.
        self._focuses = True
        #: Whether the authority's certificates are there; None is not known yet.
        self._has_authority: bool | None = None
        #: What came of saving a report.
        self._saved = Outcomes(self, self._build)
        self._signed = SignedContent(self)
        self._lists = TrustListsPart(self, self._got_lists)
        self._ask_box = WrappingCheckBox(self.texts("check.ask"))
        self._ask_box.setChecked(services.config.ask_revocation)
        self._ask_box.clicked.connect(self._set_ask)
        place, _ = self.place_to_drop()
        more = explained(self._ask_box, self.texts("check.ask.more"))
        self._always = (place, more)
        self._words = label("")
        self._words.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        go_on = partial(self._check, asking=False)
        self._go_on_button = self.button("check.go_on", go_on)
        stop = self.button("check.cancel", self._cancel)
        self._busy_row = Row(None, [self._words], [self._go_on_button, stop])
        self._build()
        if not self.missing:
            self._look()

    def take(self, files: Sequence[Path]) -> None:
        if self.missing:
            return
        self._lists.forget()
        files = [*dict.fromkeys(files)]
        self._files = files[:MAX_FILES]
        self._check(asking=self._ask_box.isChecked())
        if len(files) > MAX_FILES:
            self.outcomes.note(self.texts("check.many", most=MAX_FILES))

    def leave(self) -> None:
        super().leave()
        self._lists.stop()
        self._cancel()
        self._signed.close()

    def _look(self) -> None:
        async def work() -> bool:
            await asyncio.to_thread(importlib.import_module, _LIBRARY)
            from native_host.files.check import has_authority
            from native_host.platform.paths import trust_folder

            return await asyncio.to_thread(has_authority, trust_folder())

        self.services.background.start(work, self._set_authority)

    def _set_authority(self, there: bool) -> None:
        self._has_authority = there
        self._build()

    def _check(self, *, asking: bool, focus: bool = True) -> None:
        """Check the files. Without ``focus`` the focus stays where it is."""
        if self._running is not None:
            self._running.cancel()
        self._checked = []
        self.outcomes.clear()
        self._saved.clear()
        self._focuses = focus
        if focus:
            self.goal = self._words
        files, self._asking = [*self._files], asking

        async def work() -> list[CheckedFile]:
            # The import takes half a second.
            await asyncio.to_thread(importlib.import_module, _LIBRARY)
            from kortilla.errors import TrustConfigurationError
            from native_host.files.check import check_files
            from native_host.platform.paths import trust_folder

            try:
                return await check_files(
                    files, trust=trust_folder(), offline=not asking
                )
            except TrustConfigurationError as error:
                raise KortillaError(str(error)) from error

        # A check that was replaced may have ended just before.
        def done(checked: list[CheckedFile]) -> None:
            if self._running is running:
                self._set(checked)

        def failed(error: KortillaError) -> None:
            if self._running is running:
                self._fail(error)

        running = self.services.background.start(work, done, failed)
        self._running = running
        self._build()

    def _set(self, checked: list[CheckedFile]) -> None:
        self._running, self._checked = None, checked
        if len(checked) == 1:
            verdict = self.kept(repr(checked[0]), partial(self._file, checked[0]))[1]
            name = f"{escape_name(checked[0].path.name)}."
            self.outcomes.announce(verdict, [name], focus=self._focuses)
            return
        sums = [key for key in _SUMS for each in checked if _sum(each) == key]
        words = [
            self.texts(f"check.sum.{key}", count=sums.count(key))
            for key in dict.fromkeys(sums)
        ]
        self.outcomes.tell(" ".join(words), _SUMS[sums[-1]], focus=self._focuses)

    def _fail(self, error: KortillaError) -> None:
        self._running = None
        self.outcomes.tell(
            self.texts("check.failed"),
            "error",
            [printable(str(error))],
            buttons=self.self_check,
            focus=self._focuses,
        )

    def _cancel(self) -> None:
        if self._running is None:
            return
        self._running.cancel()
        self._running = None
        self._files = []
        self.outcomes.tell(self.texts("check.cancelled"), "note")

    def _set_ask(self, wanted: bool) -> None:
        """Keep what the person wants, also for later."""
        from native_host.desktop.system_settings import save_setting

        # For the page that another language makes of this one.
        config = self.services.config._replace(ask_revocation=wanted)
        self.services.config = config
        is_saved = True
        try:
            save_setting("ask_revocation", wanted)
        except KortillaError:
            is_saved = False
        # A switch moves no focus.
        if wanted and self._running is None and self._lacking():
            self._check(asking=True, focus=False)
        elif not wanted and self._running is not None and self._asking:
            self._check(asking=False, focus=False)
        else:
            self._build()
        if not is_saved:
            self.outcomes.note(self.texts("check.not_saved"))

    def _lacking(self) -> list[CheckedFile]:
        """Return the good files of which it is not known if the card was lost."""
        return [
            each
            for each in self._checked
            if each.report and each.report.lacks_revocation
        ]

    def _fetch(self) -> None:
        if self._fetching:
            return
        self._fetching = True

        def done(there: bool) -> None:
            self._fetching, self._has_authority = False, there
            if not there:
                self.outcomes.note(self.texts("check.not_fetched"))
            elif self._files and self._running is None:
                self._check(asking=self._ask_box.isChecked())
            else:
                self._build()

        self.services.background.start(fetch_authority, done, lambda _: done(False))
        self.outcomes.note("")

    def _build(self) -> None:
        if self.missing:
            self.fill([self.kept("lacking", self.lacking)])
            return
        files = [self.kept(repr(e), partial(self._file, e)) for e in self._checked]
        parts, more = self.outcomes.parts, self._advice()
        for mark, verdict, signatures in files:
            parts += [*mark, verdict]
            if len(files) == 1:
                parts += more
                more = []
            parts += signatures
        if self._running is not None:
            how = "check.running.asking" if self._asking else "check.running"
            self._words.setText(self.texts(how, count=len(self._files)))
            self._go_on_button.setVisible(self._asking)
            parts.append(self._busy_row)
        if self._checked:
            parts += [self.kept("save", self._save_button), *self._saved.parts]
        shown = self._checked or self._running
        self.fill(
            [*parts, *more, *self._always] if shown else [*self._always, *parts, *more]
        )

    def _advice(self) -> list[QWidget]:
        """Return what the person can do so that more is known of the files."""
        parts: list[QWidget] = []
        if self._fetching:
            parts.append(self.note("check.fetching"))
        elif self._has_authority is False and self._needs_authority():
            parts.append(self.kept("authority", self._authority_missing))
        parts += self._lists.parts(self._checked)
        if self._running is None and (lacking := self._lacking()):
            answered = not any(_is_unasked(each) for each in lacking)
            key = ("unanswered", answered, len(self._files) > 1)
            parts.append(self.kept(key, partial(self._unanswered, answered=answered)))
        return parts

    def _got_lists(self, new: bool) -> None:
        """Show what became of the trusted lists, and judge the files by them."""
        if new and self._files and self._running is None:
            self._check(asking=self._ask_box.isChecked())
        self._build()

    def _needs_authority(self) -> bool:
        """Whether the authority's certificates help, as far as the files are known.

        They say nothing of a signature from another country.
        """
        codes = codes_of(self._checked)
        return "NO_TRUST" in codes or not codes & {*NEEDED, "UNKNOWN_ISSUER"}

    def _authority_missing(self) -> QWidget:
        notice = Notice(
            self.texts("check.no_authority.more"),
            title=self.texts("check.no_authority"),
        )
        notice.rows.addWidget(ButtonLine(self.button("check.fetch", self._fetch)))
        return notice

    def _unanswered(self, *, answered: bool) -> QWidget:
        """Return what the person can do about a card that may have been lost."""
        how = "check.no_answer" if answered else "check.not_asked"
        key = "check.ask_again" if answered else "check.ask_now"
        ask = self.button(key, partial(self._check, asking=True))
        words = [label(self.texts(how))]
        return RowsPanel(rows=[Row(Sign("info", "note"), words, [ask])])

    def _save_button(self) -> QWidget:
        return ButtonLine(self.button("check.report.save", self._save))

    def _save(self) -> None:
        """Write a report on what is shown, where the person wants it."""
        from native_host.files import report as reports

        title = self.texts("check.report.save")
        name = f"{self.texts('check.report')}.pdf"
        patterns = "PDF (*.pdf);;JSON (*.json)"
        path = choose_target(self, title, name, patterns, self._files[0].parent)
        if path is None:
            return
        checked = [*self._checked]
        # The person was asked about another name than one that is completed here.
        asked = path.suffix.lower() in {".pdf", ".json"}
        if not asked:
            path = path.with_name(f"{path.name}.pdf")
        language = self.texts.language

        def write() -> None:
            content = reports.render(checked, language, pdf=reports.is_pdf(path))
            reports.save(content, path, checked, replace=asked)

        async def work() -> None:
            await asyncio.to_thread(write)

        name = escape_name(path.name)

        def done(_: None) -> None:
            self._saved.note(self.texts("check.report.saved", name=name), "good")

        def failed(_: KortillaError) -> None:
            self._saved.note(self.texts("check.report.failed", name=name))

        self.services.background.start(work, done, failed)

    def _file(
        self, checked: CheckedFile
    ) -> tuple[list[QWidget], Outcome, list[QWidget]]:
        """Return the mark of a test card, the verdict, and the signatures."""
        from native_host.files import words

        sentences = words.load(self.texts.language)
        report = checked.report
        mark: list[QWidget] = []
        if report and any(each.issuer == "test" for each in report.signatures):
            mark.append(MockCardMark(*self.texts.card.test_card, low=False))
        verdict = words.verdict_words(checked, sentences)
        more = words.describe(checked, sentences)
        if report and report.signatures:
            more = words.describe_problems(report.problems, sentences)
        outcome = Outcome(
            " ".join(verdict),
            _look(checked),
            [printable(each) for each in more if each not in verdict],
            self._signed.of_file(checked),
            name=escape_name(checked.path.name),
        )
        rows = []
        if report:
            for signature in report.signatures:
                rows.append(self._signature(signature, checked, report))
        return mark, outcome, [RowsPanel(rows=rows)] if rows else []

    def _signature(
        self,
        signature: SignatureReport,
        checked: CheckedFile,
        report: DocumentReport,
    ) -> Row:
        from native_host.files import words

        sentences = words.load(self.texts.language)
        head, *said = words.describe_signature(signature, report, sentences)
        added = words.additions(signature, report, sentences)
        reassures = words.reassuring(signature, report)
        if not signature.intact or (reassures and not added):
            intact = {True: "yes", False: "no", None: "unknown"}[signature.intact]
            said.insert(0, self.texts(f"check.intact.{intact}"))
        if reassures and signature.issuer == "authority":
            said.append(self.texts("check.authority"))
        lines: list[QWidget] = [WrappingLabel(each.strip()) for each in said]
        copies = self._signed.of_signature(checked, signature, head)
        # What the document was without a later mark is offered right after the words.
        at = len(added) or len(lines)
        lines[at:at] = copies
        details = self._details(signature, report, head)
        kind = _LOOKS.get(words.state_key(signature, report), "warning")
        if signature.issuer == "test" and kind == "good":
            kind = "warning"
        return Row(
            Sign(SIGNS[kind], kind, 34),
            [WrappingLabel(head, bold=True), *lines, details],
            (),
        )

    def _details(
        self, signature: SignatureReport, report: DocumentReport, head: str
    ) -> QWidget:
        """Return what a person who knows the formats wants, folded."""
        from native_host.files import words

        sentences = words.load(self.texts.language)
        facts = words.facts(signature, report, sentences)
        fold = Fold(self.texts("technical"), "identify")
        fold.setAccessibleDescription(head)
        details = WrappingLabel("\n".join(": ".join(each) for each in facts), 0.9)
        details.setVisible(False)
        fold.toggled.connect(details.setVisible)
        return column(ButtonLine(fold), details, spacing=dp(2))


def _look(checked: CheckedFile) -> Kind:
    """Return the look of a verdict. A test card's shows nothing about a person."""
    report = checked.report
    if report and report.lacks_revocation:
        # Only an answer is lacking: no warning of a forgery.
        return "note"
    kind = _LOOKS.get(checked.verdict, "warning")
    tested = report and any(each.issuer == "test" for each in report.signatures)
    return "warning" if tested and kind == "good" else kind


def _sum(checked: CheckedFile) -> str:
    """Return under which key of ``_SUMS`` a file counts."""
    report = checked.report
    problems = report.problems if report and not report.signatures else ()
    if any(each.code == "NOT_SIGNED" for each in problems):
        return "unsigned"
    return {"good": "valid", "note": "open", "error": "not-valid"}.get(
        _look(checked), "cant-say"
    )


def _is_unasked(checked: CheckedFile) -> bool:
    report = checked.report
    return report is not None and any(
        each.lacks_revocation and each.revocation == "not-asked"
        for each in report.signatures
    )
