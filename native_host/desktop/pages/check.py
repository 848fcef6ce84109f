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

from PySide6.QtWidgets import QWidget

from kortilla.common.escaping import escape_name, group_digest, printable
from native_host.desktop.pages.files import FilesPage
from native_host.desktop.pages.page import Services
from native_host.desktop.pages.signed_content import SignedContent
from native_host.desktop.single_window import MOST_FILES
from native_host.errors import KortillaError
from native_host.gui.buttons import Fold, WrappingCheckBox, explained
from native_host.gui.labels import Heading, MockCardMark, WrappingLabel, label
from native_host.gui.panels import ButtonLine, Notice, Row, RowsPanel, Sign, column
from native_host.gui.sizes import dp

if TYPE_CHECKING:
    from kortilla.signing.verification import DocumentReport, SignatureReport
    from native_host.files.check import CheckedFile
    from native_host.gui.tokens import Look

_LOOKS: dict[str, tuple[str, Look]] = {
    "valid": ("tick", "good"),
    "not-valid": ("error", "error"),
    "cant-say": ("warning", "warning"),
}
_LIBRARY = "native_host.files.words"


class Page(FilesPage):
    """Checks files when they are dropped, and again when the person wants to ask."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, "check", "identify")
        self._files: list[Path] = []
        self._checked: list[CheckedFile] = []
        self._running: Future[list[CheckedFile]] | None = None
        self._fetching = False
        #: Whether the person wants the authority to be asked about revocation.
        self._asks = False
        #: Whether the authority's certificates are there; None is not known yet.
        self._has_authority: bool | None = None
        self._message = ""
        self._signed = SignedContent(self)
        self._ask_box = WrappingCheckBox(self.texts("check.ask"))
        self._ask_box.clicked.connect(self._ask)
        place, _ = self.place_to_drop()
        more = explained(self._ask_box, self.texts("check.ask.more"))
        self._always = (place, more)
        self._build()
        if not self.missing:
            self._look()

    def take(self, files: Sequence[Path]) -> None:
        if self.missing:
            return
        self._message = ""
        if len(files) > MOST_FILES:
            self._message = self.texts("check.many", most=MOST_FILES)
        self._files = [*files[:MOST_FILES]]
        self._check()

    def leave(self) -> None:
        super().leave()
        self._cancel()
        self._signed.close()

    def _look(self) -> None:
        async def work() -> bool:
            await asyncio.to_thread(importlib.import_module, _LIBRARY)
            from native_host.files.check import has_authority, trust_folder

            return await asyncio.to_thread(has_authority, trust_folder())

        self.services.background.start(work, self._set_authority)

    def _set_authority(self, there: bool) -> None:
        self._has_authority = there
        self._build()

    def _check(self) -> None:
        if self._running is not None:
            self._running.cancel()
        self._checked = []
        files, asks = [*self._files], self._asks

        async def work() -> list[CheckedFile]:
            # The import takes half a second.
            await asyncio.to_thread(importlib.import_module, _LIBRARY)
            from kortilla.errors import TrustConfigurationError
            from native_host.files.check import check_files, trust_folder

            try:
                return await check_files(files, trust=trust_folder(), offline=not asks)
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
        self._build()

    def _fail(self, error: KortillaError) -> None:
        self._running = None
        self._message = self.texts("check.failed", error=printable(str(error)))
        self._build()

    def _cancel(self) -> None:
        if self._running is not None:
            self._running.cancel()
            self._running = None
            self._files = []
            self._message = self.texts("check.cancelled")
        self._build()

    def _ask(self, asks: bool) -> None:
        self._asks = asks
        if self._files:
            self._check()

    def _fetch(self) -> None:
        if self._fetching:
            return
        self._fetching, self._message = True, ""

        async def work() -> bool:
            from native_host.files.check import fetch_authority, trust_folder

            try:
                return await fetch_authority(trust_folder())
            except OSError as error:
                raise KortillaError(str(error)) from error

        def done(there: bool) -> None:
            self._fetching, self._has_authority = False, there
            if not there:
                self._message = self.texts("check.not_fetched")
            elif self._files and self._running is None:
                self._check()
            self._build()

        self.services.background.start(work, done, lambda _: done(False))
        self._build()

    def _build(self) -> None:
        if self.missing:
            self.fill([self.kept("lacking", self.lacking)])
            return
        self._ask_box.setChecked(self._asks)
        parts: list[QWidget] = [*self._always]
        if self._fetching:
            parts.append(self.note("check.fetching"))
        elif self._has_authority is False:
            parts.append(self.kept("authority", self._authority_missing))
        if message := self._message:
            parts.append(self.notice(message))
        if self._running is not None:
            parts.append(self.kept(("busy", len(self._files)), self._busy))
        for each in self._checked:
            parts += self.kept(repr(each), partial(self._file, each))
        self.fill(parts)

    def _authority_missing(self) -> QWidget:
        notice = Notice(
            self.texts("check.no_authority.more"),
            title=self.texts("check.no_authority"),
        )
        notice.rows.addWidget(ButtonLine(self.button("check.fetch", self._fetch)))
        return notice

    def _busy(self) -> QWidget:
        words = label(self.texts("check.running", count=len(self._files)))
        return Row(None, [words], [self.button("check.cancel", self._cancel)])

    def _file(self, checked: CheckedFile) -> list[QWidget]:
        from native_host.files import words

        sentences = words.load(self.texts.language)
        report = checked.report
        icon, kind = _LOOKS.get(checked.verdict, _LOOKS["cant-say"])
        parts: list[QWidget] = []
        if report and any(each.issuer == "test" for each in report.signatures):
            parts.append(MockCardMark(*self.texts.test_card, low=False))
            if kind == "good":  # it shows nothing about a person
                icon, kind = _LOOKS["cant-say"]
        verdict = words.verdict_words(checked, sentences)
        lines: list[QWidget] = [
            WrappingLabel(escape_name(checked.path.name), bold=True),
            Heading(" ".join(verdict), 17 / 15),
        ]
        more = words.describe(checked, sentences)
        if report and report.signatures:
            more = words.describe_problems(report.problems, sentences)
        more = [each for each in more if each not in verdict]
        lines += [WrappingLabel(printable(each)) for each in more]
        lines += self._signed.of_container(checked)
        parts.append(RowsPanel(kind, [Row(Sign(icon, kind), lines, ())]))
        if report and report.signatures:
            rows = []
            for signature in report.signatures:
                said = words.describe_signature(signature, report, sentences)
                rows.append(self._signature(signature, said, checked, report))
            parts.append(RowsPanel(rows=rows))
        return parts

    def _signature(
        self,
        signature: SignatureReport,
        said: list[str],
        checked: CheckedFile,
        report: DocumentReport,
    ) -> Row:
        icon, kind = _LOOKS.get(signature.verdict, _LOOKS["cant-say"])
        if signature.issuer == "test" and kind == "good":
            icon, kind = _LOOKS["cant-say"]
        head, *rest = said
        if signature.issuer == "authority":
            rest.append(self.texts("check.authority"))
        intact = {True: "yes", False: "no", None: "unknown"}[signature.intact]
        rest.insert(0, self.texts(f"check.intact.{intact}"))
        lines: list[QWidget] = [WrappingLabel(head, bold=True)]
        lines += [WrappingLabel(each.strip()) for each in rest]
        lines += self._signed.of_signature(checked, signature, head)
        lines.append(self._details(signature, report, head))
        return Row(Sign(icon, kind, 34), lines, ())

    def _details(
        self, signature: SignatureReport, report: DocumentReport, head: str
    ) -> QWidget:
        """Return what a person who knows the formats wants, folded."""
        fold = Fold(self.texts("check.technical"), "identify")
        fold.setAccessibleDescription(head)
        details = WrappingLabel("\n".join(self._facts(signature, report)), 0.9)
        details.setVisible(False)
        fold.toggled.connect(details.setVisible)
        return column(ButtonLine(fold), details, spacing=dp(2))

    def _facts(self, signature: SignatureReport, report: DocumentReport) -> list[str]:
        facts: list[tuple[str, str]] = [
            ("format", f"{report.kind}, {signature.level}"),
            ("place", signature.place),
        ]
        if signature.time is not None:
            facts.append(("time", f"{signature.time:%Y-%m-%d %H:%M:%S %z}"))
        if signature.signer is not None:
            facts.append(("satu", signature.signer.satu))
        if (certificate := signature.certificate) is not None:
            first, last = certificate.not_before, certificate.not_after
            facts += [
                ("issuer", certificate.issuer),
                ("serial", certificate.serial_number),
                ("valid", f"{first:%Y-%m-%d} – {last:%Y-%m-%d}"),
                ("sha256", group_digest(certificate.sha256)),
            ]
        if (stamp := signature.timestamp) is not None:
            time = "" if stamp.time is None else f"{stamp.time:%Y-%m-%d %H:%M:%S %z}, "
            facts.append(("timestamp", f"{time}{stamp.authority}"))
        facts += [("reason", signature.reason), ("location", signature.location)]
        problems = [*report.problems, *signature.problems]
        facts.append(("codes", ", ".join(each.code for each in problems)))
        return [
            self.texts(f"check.fact.{name}", value=printable(value))
            for name, value in facts
            if value
        ]
