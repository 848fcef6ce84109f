# SPDX-License-Identifier: MIT
"""The part of the page *Encrypt* in which a person chooses who can open the files.

A certificate is checked when the files are encrypted, as that of a login is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QWidget

from kortilla.common.escaping import escape_name
from kortilla.common.files import write_file
from kortilla.errors import TrustConfigurationError
from native_host.desktop.file_dialogs import choose_files, choose_target
from native_host.desktop.pages.files import fetch_authority
from native_host.desktop.pages.outcome import Outcomes
from native_host.desktop.pages.page import PageBase
from native_host.errors import KortillaError
from native_host.gui.buttons import WrappingCheckBox, explained
from native_host.gui.labels import Heading, label
from native_host.gui.panels import ButtonLine, Kind, Notice, Row, RowsPanel
from native_host.gui.text_field import TextField, framed
from native_host.texts.card import date

if TYPE_CHECKING:
    from kortilla.encryption import Recipient
    from native_host.recipients.person import Person, RecipientRefusedError

#: The most earlier recipients that are shown unasked.
_MOST_SHOWN = 12
_LONGEST_SATU = 20
#: Makes what files are encrypted to, and the recovery password or an empty string.
Make = Callable[[], Awaitable[tuple[list["Recipient"], str]]]


class Recipients:
    """The people that can be chosen, and the recovery password."""

    def __init__(self, page: PageBase, changed: Callable[[], object]) -> None:
        self._page, self._changed = page, changed
        #: The holders of the cards in the readers.
        self.own: list[Person] = []
        self._known: list[Person] = []
        #: Whether the cards are being read.
        self.is_looking = False
        #: Those of certificate files and of the directory.
        self._added: list[Person] = []
        self._ticked: set[bytes] = set()
        #: Certificates that the person has seen with a tick, or without one.
        self._seen: set[bytes] = set()
        self._doubts: dict[bytes, RecipientRefusedError] = {}
        #: Those of the last encryption, with the time of the check.
        self._checked: list[Person] = []
        self._notes = Outcomes(page, changed)
        #: The earlier recipient who was removed last.
        self._removed: Person | None = None
        #: Gets the focus when files were chosen: what follows is the next question.
        self.heading = Heading(page.texts("encrypt.who"), 17 / 15)
        self.heading.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._password = WrappingCheckBox(page.texts("encrypt.password"))
        self._password.clicked.connect(changed)
        self._accept = WrappingCheckBox(page.texts("encrypt.doubt.accept"))
        self._boxes: list[WrappingCheckBox] = []
        self._people_panel = RowsPanel()
        name = page.texts("encrypt.search.satu")
        self._satu = TextField(name, self._find, _LONGEST_SATU)
        find = page.button("encrypt.search", self._find)
        self._search = framed(self._satu, find)
        #: Whether all earlier recipients are shown, also where they are many.
        self._unfolded = False
        more = page.texts("encrypt.password.more")
        self._always = explained(self._password, more)

    @property
    def first(self) -> QAbstractButton:
        """The first control, for a person who has chosen nobody."""
        return (self._boxes or [self._password])[0]

    def chosen(self) -> bool:
        """Return whether somebody can open what is encrypted now."""
        return bool(self._people()) or self._password.isChecked()

    def _people(self) -> list[Person]:
        return [each for each in self._all() if each.certificate in self._ticked]

    def _all(self) -> list[Person]:
        """Return each certificate once, the own ones first."""
        found: dict[bytes, Person] = {}
        for each in (*self.own, *self._added, *self._known):
            found.setdefault(each.certificate, each)
        return [*found.values()]

    def remember(self) -> None:
        """Keep those to whom files were encrypted, for the next time."""
        others = [each for each in self._checked if not each.own]

        async def work() -> None:
            from native_host.recipients import address_book

            await asyncio.to_thread(address_book.remember, others)

        self._doubts = {}
        self._page.services.background.start(work, lambda _: self.look())

    def _shown(self) -> list[Person]:
        """Return those that are shown: a long list only when it is asked for."""
        people = self._all()
        if self._unfolded:
            return people
        known = {each.certificate for each in self._known[_MOST_SHOWN:]}
        return [each for each in people if each.certificate not in known - self._ticked]

    def _unfold_button(self) -> QWidget:
        return ButtonLine(self._page.button("encrypt.unfold", self._unfold))

    def _unfold(self) -> None:
        self._unfolded = True
        first = self._shown().index(self._known[_MOST_SHOWN])
        self._changed()
        self._boxes[first].setFocus()

    def look(self) -> None:
        """Read the cards in the readers, and the earlier recipients."""
        config = self._page.services.config

        async def work() -> tuple[list[Person], list[Person]]:
            from native_host.operations.environment import open_source
            from native_host.recipients import address_book, person

            known: list[Person] = []
            # A book that can't be read must not keep anybody from encrypting.
            with suppress(KortillaError):
                known = await asyncio.to_thread(address_book.people)
            try:
                async with open_source(config) as source:
                    return await person.own_card(source), known
            except KortillaError:
                return [], known

        self.is_looking = True
        self._page.services.background.start(
            work, lambda done: self.show(*done), lambda _: self.show([], [])
        )

    def show(self, own: Sequence[Person], known: Sequence[Person]) -> None:
        self.is_looking = False
        self.own, self._known = [*own], [*known]
        self._tick_new(self.own)
        self._changed()

    def _tick_new(self, people: Sequence[Person]) -> None:
        new = {each.certificate for each in people} - self._seen
        self._ticked |= new
        self._seen |= new

    def maker(self) -> Make:
        """Return what checks the chosen people and makes the recovery password."""
        people, wants_password = self._people(), self._password.isChecked()
        accepted = {*self._doubts} if self._accept.isChecked() else set()

        async def make() -> tuple[list[Recipient], str]:
            from kortilla.encryption import PasswordRecipient
            from native_host.files.encrypt import new_recovery_password

            self._checked = await _checked(people, accepted)
            recipients: list[Recipient] = [each.recipient for each in self._checked]
            password = new_recovery_password() if wants_password else ""
            if password:
                recipients.append(PasswordRecipient(password))
            return recipients, password

        return make

    def explain(self, error: KortillaError) -> str:
        """Return what is said of an error, and show the certificates that it is of."""
        from native_host.recipients.person import DoubtfulError

        if not isinstance(error, DoubtfulError):
            return self._page.texts("encrypt.error")
        self._doubts = error.about
        self._accept.setChecked(False)
        return self._page.texts("encrypt.doubt")

    def parts(self) -> list[QWidget]:
        page = self._page
        people = self._shown()
        self._boxes = [self._box(each) for each in people]
        parts: list[QWidget] = [self.heading, *self._warnings(people)]
        if not self.own and self.is_looking:
            parts.append(page.note("card.reading"))
        elif not self.own:
            parts.append(page.kept("no-own", self._no_own))
        if people:
            self._people_panel.show_rows([self._row(each) for each in people])
            parts.append(self._people_panel)
        if (removed := self._removed) is not None:
            key = ("removed", removed.certificate)
            parts.append(page.kept(key, partial(self._removed_row, removed)))
        if len(people) < len(self._all()):
            parts.append(page.kept("unfold", self._unfold_button))
        parts.append(page.kept("add", self._add_button))
        if page.services.config.directory:
            parts.append(self._search)
        return [*parts, *self._notes.parts, self._always]

    def _add_button(self) -> QWidget:
        return ButtonLine(self._page.button("encrypt.add", self._choose))

    def _row(self, person: Person) -> Row:
        """Return the row of a person, with what can be done with the certificate.

        An earlier recipient can be removed. The own certificate can be saved.
        """
        page, about = self._page, self._about(person)
        earlier = any(e.certificate == person.certificate for e in self._known)
        several = len(self.own) > 1

        def make() -> Row:
            buttons = []
            if person.own:
                made = page.button("encrypt.save", partial(self._save, person))
                if several:
                    made.setAccessibleName(f"{made.text()} {person.name}, {about}")
                buttons.append(made)
            elif earlier:
                made = page.button("files.remove", partial(self._remove, person))
                this = page.texts("encrypt.remove.this", name=person.name)
                made.setAccessibleName(this)
                buttons.append(made)
            return Row(None, [explained(self._box(person), about)], buttons)

        key = ("person", person.certificate, about, person.own, earlier, several)
        return page.kept(key, make)

    def _removed_row(self, person: Person) -> QWidget:
        words = label(self._page.texts("encrypt.removed", name=person.name))
        undo = self._page.button("encrypt.undo", partial(self._put_back, person))
        return Row(None, [words], [undo])

    def _remove(self, person: Person) -> None:
        """Remove an earlier recipient from this computer."""

        def done() -> None:
            for people in (self._known, self._added):
                people[:] = [e for e in people if e.certificate != person.certificate]
            self._ticked.discard(person.certificate)
            self._doubts.pop(person.certificate, None)
            self._removed = person
            self._notes.clear()
            row = self._page.kept(
                ("removed", person.certificate), partial(self._removed_row, person)
            )
            self._page.goal = row.findChild(QAbstractButton)
            self._changed()
            self._page.say(self._page.texts("encrypt.removed", name=person.name))

        self._change_book("remove", person, done)

    def _put_back(self, person: Person) -> None:
        def done() -> None:
            self._removed = None
            self._known.append(person)
            self._page.goal = self._box(person)
            self._changed()

        self._change_book("remember", [person], done)

    def _change_book(
        self, name: str, about: object, done: Callable[[], object]
    ) -> None:
        async def work() -> None:
            from native_host.recipients import address_book

            await asyncio.to_thread(getattr(address_book, name), about)

        def failed(_: KortillaError) -> None:
            self._notes.note(self._page.texts("encrypt.not_removed"))

        self._page.services.background.start(work, lambda _: done(), failed)

    def _box(self, person: Person) -> WrappingCheckBox:
        def make() -> WrappingCheckBox:
            own = self._page.texts("encrypt.own", name=person.name)
            box = WrappingCheckBox(own if person.own else person.name)
            box.clicked.connect(partial(self._tick, person.certificate))
            return box

        box = self._page.kept(("box", person.certificate, person.own), make)
        box.setChecked(person.certificate in self._ticked)
        return box

    def _tick(self, certificate: bytes, wanted: bool) -> None:
        if wanted:
            self._ticked.add(certificate)
        else:
            self._ticked.discard(certificate)
            self._doubts.pop(certificate, None)
        self._changed()

    def _about(self, person: Person) -> str:
        valid = self._page.texts("encrypt.valid", date=date(person.not_after))
        # It tells people of one name apart.
        return f"SATU {person.satu} · {valid}" if person.satu else valid

    def _no_own(self) -> QWidget:
        words = label(self._page.texts("encrypt.no_own"))
        read = self._page.button("card.read", self.look)
        return Row(None, [words], [read])

    def doubts(self) -> list[tuple[str, Kind]]:
        """Return what is wrong with certificates, and how it looks."""
        return [
            (
                f"{person.name}: {self._refused(doubt)}",
                "warning" if doubt.acceptable else "error",
            )
            for person in self._all()
            if (doubt := self._doubts.get(person.certificate))
        ]

    def _warnings(self, people: Sequence[Person]) -> list[QWidget]:
        page, texts = self._page, self._page.texts
        parts: list[QWidget] = []
        for words, kind in self.doubts():
            parts.append(page.notice(words, kind))
        if any(each.acceptable for each in self._doubts.values()):
            parts.append(self._accept)
        if any(each.reason == "no-authority" for each in self._doubts.values()):
            parts.append(page.kept("fetch", self._fetch_button))
        ends = [each.not_after for each in people if each.certificate in self._ticked]
        until = ""
        if ends:
            until = texts(
                "encrypt.lost.until" if len(ends) > 1 else "encrypt.lost.until.one",
                date=date(max(ends)),
            )
        key = ("lost", until, self._password.isChecked())
        return [*parts, page.kept(key, partial(self._lost, until))]

    def _fetch_button(self) -> QWidget:
        return ButtonLine(self._page.button("check.fetch", self._fetch))

    def _fetch(self) -> None:
        """Get the authority's certificates, by which others are checked."""

        def done(there: bool) -> None:
            if there:
                self._doubts = {}
                self._page.title.setFocus()
            problem = "" if there else self._page.texts("check.not_fetched")
            self._notes.note(problem)

        self._page.services.background.start(
            fetch_authority, done, lambda _: done(False)
        )
        self._notes.note(self._page.texts("check.fetching"), "note")

    def _refused(self, error: RecipientRefusedError) -> str:
        return sentence(self._page.texts.language, f"refused.{error.reason}")

    def _lost(self, until: str) -> Notice:
        """Return the warning of what a lost or expired card means."""
        texts = self._page.texts
        how = "with" if self._password.isChecked() else "without"
        lines = [texts(f"encrypt.lost.{how}")]
        if until:
            lines.insert(0, until)
        return Notice(" ".join(lines), title=texts("encrypt.lost"))

    def _choose(self) -> None:
        title = self._page.texts("encrypt.add")
        patterns = "*.cer *.crt *.der *.pem;;*"
        if chosen := choose_files(self._page, title, patterns):
            self.add(chosen)

    def _save(self, own: Person) -> None:
        """Save an own certificate, which others need to encrypt to this card."""
        texts, certificate = self._page.texts, own.certificate
        name = texts("encrypt.save.file")
        path = choose_target(self._page, texts("encrypt.save"), name, "*.cer")
        if path is None:
            return
        name = escape_name(path.name)
        try:
            write_file(path, certificate, mode=0o644)
        except OSError:
            self._notes.note(texts("encrypt.not_saved", name=name))
        else:
            self._notes.note(texts("encrypt.saved", name=name), "good")

    def _find(self) -> None:
        """Look for somebody in the directory, by the client identifier."""
        from native_host.recipients.directory import SATU, find

        texts, services = self._page.texts, self._page.services
        satu = self._satu.text().strip().upper()
        if not SATU.fullmatch(satu):
            self._page.goal = self._satu
            self._notes.note(texts("encrypt.search.bad"))
            return

        async def work() -> list[Person]:
            return await find(services.config.directory, satu)

        def done(found: list[Person]) -> None:
            if found:
                self._satu.clear()
                self._add(found)
            problem = "" if found else texts("encrypt.search.none", satu=satu)
            self._notes.note(problem)

        def failed(_: KortillaError) -> None:
            self._notes.note(texts("encrypt.search.failed"))

        services.background.start(work, done, failed)
        self._notes.note(texts("encrypt.searching"), "note")

    def _add(self, people: Sequence[Person]) -> None:
        """Offer people, ticked, and say who they are."""
        self._added += people
        for each in people:
            self._ticked.add(each.certificate)
            self._seen.add(each.certificate)
            self._page.say(f"{each.name}.")

    def add(self, files: Sequence[Path]) -> None:
        """Add the people of certificate files, ticked."""
        from native_host.recipients.person import RecipientRefusedError, read_person

        problem = ""
        for each in files:
            try:
                person = read_person(each)
            except RecipientRefusedError as error:
                problem = f"{escape_name(each.name)}: {self._refused(error)}"
                continue
            self._add([person])
        self._notes.note(problem)


async def _checked(people: Sequence[Person], accepted: set[bytes]) -> list[Person]:
    """Return the people whose certificates are good, or ``accepted`` unchecked.

    Raises ``DoubtfulError``.
    """
    from native_host.files.revocation import asking
    from native_host.recipients import person as persons

    try:
        trust = await asyncio.to_thread(persons.load_trust)
    except TrustConfigurationError as error:
        raise KortillaError(str(error)) from error
    found: list[Person] = []
    doubts: dict[bytes, RecipientRefusedError] = {}
    async with asking() as revocation:
        for each in people:
            try:
                good = await persons.check(each, trust=trust, revocation=revocation)
                found.append(good)
            except persons.RecipientRefusedError as error:
                # The own card is here, so what can't be known of it does no harm.
                if not (each.own and error.acceptable):
                    doubts[each.certificate] = error
                found.append(each)
    if any(not e.acceptable or der not in accepted for der, e in doubts.items()):
        raise persons.DoubtfulError(doubts)
    return found


def sentence(language: str, key: str) -> str:
    """Return a sentence that the command ``kortilla encrypt`` says too."""
    from native_host.recipients import load_texts

    return load_texts(language)[key]
