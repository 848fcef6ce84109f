# SPDX-License-Identifier: MIT
"""Draws the pages of ``kortilla open`` without a screen, with made-up contents.

Usage: ``python -m tools.desktop_pictures FOLDER LANGUAGE [VARIANT…]``

Without a variant it draws each page; ``states`` draws other states of the pages,
``states-large`` the same in large text, and ``dark``, ``large`` and ``contrast`` draw
the pages in that look.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QEventLoop
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from kortilla.signing.verification import (
    CertificateFacts,
    Change,
    DocumentReport,
    Problem,
    SignatureReport,
    Signer,
    TimestampReport,
)
from native_host.config import Config
from native_host.desktop.background import Background
from native_host.desktop.card_watch import Cards, ReaderContent
from native_host.desktop.system_settings import SystemSettings
from native_host.desktop.window import Window
from native_host.doctor.findings import (
    Finding,
    Place,
    Severity,
    info,
    kortilla,
    warning,
)
from native_host.files.check import CheckedFile
from native_host.gui.tokens import DARK, palette_of, plain_palette
from native_host.operations.card_state import CardState
from native_host.platform import paths
from native_host.recipients.person import DoubtfulError, Person, RecipientRefusedError
from native_host.state.history import Entry
from tests.kortilla.signing_parts import make_pdf
from tools.window_pictures import offscreen_application

_READER = "Esimerkkilukija CR-100"
_FOLDER = Path("/home/aino/Asiakirjat")
_HOLDER = "Aino SPECIMEN-POHJALAINEN"
_LEASE, _ANNEX = "Vuokrasopimus – hyresavtal 2026.pdf", "Liite 1.pdf"
_SALE = "Kauppakirja – köpebrev.pdf"


#: Goes to a page, and fills it.
Show = Callable[[Window], None]


class Still(Background):
    """Runs nothing, so that a page shows what it was given."""

    def start(
        self,
        work: Callable[[], Coroutine[Any, Any, Any]],
        done: Callable[[Any], object] = lambda _: None,
        failed: Callable[[Any], object] = lambda _: None,
    ) -> Future[Any]:
        """Return a future that never ends."""
        return Future()


def _card(**changes: Any) -> Cards:
    certificates = [
        {
            "role": role,
            "notBefore": "2026-03-15T00:00:00+00:00",
            "notAfter": "2031-03-14T21:59:59+00:00",
        }
        for role in ("authentication", "signature")
    ]
    card: dict[str, Any] = {
        "holder": {"name": "SPECIMEN-POHJALAINEN Aino", "satu": "99902038C"},
        "certificates": certificates,
        "tries": {"PIN1": 5, "PIN2": 4, "PUK": 5},
        "pinsSet": {"PIN1": True, "PIN2": True},
        "activation": "active",
        "activationProblem": None,
    }
    status: Any = {"reader": _READER, "testCard": False, "card": card | changes}
    return Cards((ReaderContent(_READER, True, status),))


def _two_cards() -> Cards:
    other = _card(
        holder={"name": "SPECIMEN-VIRTANEN Ville", "satu": "999001115"},
        tries={"PIN1": 1, "PIN2": 5, "PUK": 5},
    ).readers[0]
    return Cards((*_card().readers, replace(other, name="Esimerkkilukija CR-200")))


def _show_card(cards: Cards) -> Show:
    def show(window: Window) -> None:
        window.show_page("card")
        window.pages["card"]._show(cards)  # type: ignore[attr-defined] # of its class

    return show


def _files() -> tuple[Path, ...]:
    """Return files in the home, made anew."""
    sizes = {_LEASE: 245_678, _ANNEX: 1_234_567}
    for name, size in sizes.items():
        (Path.home() / name).write_bytes(b"%PDF-1.7\n".ljust(size, b"\0"))
    return tuple(Path.home() / name for name in sizes)


def _choose_files(window: Window) -> None:
    _show_card(_card())(window)
    window.give_files("sign", _files())


def _mark_page(window: Window) -> None:
    path = Path.home() / _LEASE
    path.write_bytes(make_pdf("Vuokrasopimus", pages=2))
    window.give_files("sign", [path])
    wishes = window.pages["sign"].wishes  # type: ignore[attr-defined] # of its class
    wishes._set_marked(True)
    while wishes._painter is not None:
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)


def _show_progress(window: Window) -> None:
    _choose_files(window)
    page = window.pages["sign"]
    page._sign()  # type: ignore[attr-defined] # of its class
    page._progressed({"done": 1, "total": 2})  # type: ignore[attr-defined] # as above


def _show_signed(window: Window) -> None:
    window.show_page("sign")
    made = [
        {"file": str(_FOLDER / f"{Path(name).stem}-{word}.pdf")}
        for name in (_LEASE, _ANNEX)
        for word in ["allekirjoitettu"]
    ]
    window.pages["sign"]._ended({"files": made})  # type: ignore[attr-defined] # as above


def _signature(
    *problems: str,
    issuer: str = "authority",
    stamp: TimestampReport | None = None,
    **more: Any,
) -> SignatureReport:
    then = datetime(2026, 11, 26, 12, 30, tzinfo=UTC)
    answers = {
        "DIGEST_MISMATCH": "not-asked",
        "REVOCATION_NOT_ASKED": "not-asked",
        "REVOCATION_UNKNOWN": "no-answer",
    }
    revocation = next((answers[p] for p in problems if p in answers), "good")
    certificate = CertificateFacts(
        "01F4", "DVV Citizen Certificates – G4R", "FI", then, then, "00" * 32, b""
    )
    signature = SignatureReport(
        number=1,
        place="Signature1",
        intact="DIGEST_MISMATCH" not in problems,
        signer=_signer("SPECIMEN-POHJALAINEN", "Aino", "99902038C"),
        certificate=certificate,
        issuer=issuer,  # type: ignore[arg-type] # one of its values
        time=then,
        time_source="claimed" if stamp is None else "timestamp",
        timestamp=stamp,
        covers="whole-file",
        files=(),
        changes=(),
        revocation=revocation,  # type: ignore[arg-type] # as above
        level="B-B",
        reason="",
        location="",
        problems=tuple(map(Problem, problems)),
        revocation_source="network" if stamp is None else "file",
        revision_length=245_678,
    )
    return replace(signature, **more)


def _signer(surname: str, given_name: str, satu: str) -> Signer:
    return Signer(f"{surname} {given_name}", surname, given_name, satu)


def _show_checked(
    *signatures: SignatureReport, file: str = _LEASE, known: bool = True
) -> Show:
    path = _FOLDER / f"{Path(file).stem}-allekirjoitettu.pdf"
    checked = CheckedFile(path, DocumentReport("pdf", signatures))

    def show(window: Window) -> None:
        window.show_page("check")
        page = window.pages["check"]
        page._set_authority(known)  # type: ignore[attr-defined] # of its class
        page._set([checked])  # type: ignore[attr-defined] # as above

    return show


def _two_signers() -> Show:
    """Show a file that two people signed, the second with a visible mark."""
    mark = Change("signature", "Signature2", 1, (56.0, 56.0, 254.0, 113.0))
    first = _signature("MARK_ADDED", changes=(mark,))
    ville = _signer("SPECIMEN-VIRTANEN", "Ville", "999001115")
    second = _signature(number=2, place="Signature2", signer=ville)
    return _show_checked(first, second)


def _show_findings(window: Window) -> None:
    window.show_page("self_check")
    findings = [
        info("READER", reader=_READER),
        Finding(
            "CERTIFICATE_ENDS_SOON",
            Severity.WARNING,
            state=CardState("ends_soon", "warning"),
        ),
        info("BROWSER", browser="Chromium"),
        info("BROWSER", browser="Firefox"),
        warning("MANIFEST_MISSING", kortilla("install"), browser="Firefox"),
        info("HOST_WORKS"),
        info("PKCS11_WORKS", browser="Chromium"),
        info("AGENT_RUNS"),
    ]
    page: Any = window.pages["self_check"]
    page._done((Place(), findings))
    checked = page.texts("self_check.checked", time="9.41")
    page._tell("self_check.faults", "warning", [checked], count=2)


def _show_settings(window: Window) -> None:
    window.show_page("settings")
    found = SystemSettings(
        logins={
            "chromium": ("Chromium", True),
            "firefox": ("Firefox", False),
            "thunderbird": ("Thunderbird", False),
        },
        agent=True,
        language="system",
        can="none",
    )
    window.pages["settings"]._set(found)  # type: ignore[attr-defined] # as above


def _show_history(window: Window) -> None:
    path = paths.user_state_folder() / "history.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    at = "2026-11-2{}T0{}:41:00+00:00"
    service = "https://asiointi.example"
    entries = [
        Entry(at.format(4, 7), "identify", service, (), "done"),
        Entry(at.format(5, 9), "sign", "", (_LEASE, _ANNEX), "done"),
        Entry(at.format(6, 8), "identify", service, (), "USER_CANCELLED"),
    ]
    path.write_text("".join(f"{json.dumps(asdict(each))}\n" for each in entries))
    path.chmod(0o600)
    _show_settings(window)
    page: Any = window.pages["settings"]
    page.history._fold.setChecked(True)
    page._build()
    _settle(QApplication.instance())  # type: ignore[arg-type] # it is there
    page.area.verticalScrollBar().setValue(page.area.verticalScrollBar().maximum())


def _people() -> list[Any]:
    """Return the holder of the card in the reader, and two others."""
    ends = datetime(2031, 3, 14, 21, 59, 59, tzinfo=UTC)
    names = (
        _HOLDER,
        "Ville SPECIMEN-VIRTANEN",
        "Åsa SPECIMEN-BERG",
    )
    return [
        Person(
            bytes([number]),
            name,
            f"9990203{number}C",
            ends,
            ends.replace(year=ends.year - number),
            f"SPECIMEN, {number:X}",
            own=not number,
        )
        for number, name in enumerate(names)
    ]


def _choose_recipients(window: Window) -> Any:
    window.give_files("encrypt", _files())
    page: Any = window.pages["encrypt"]
    own, *others = _people()
    page.recipients.show([own], others)
    page.recipients._tick(others[0].certificate, True)
    page._build()
    return page


def _show_no_own_card(window: Window) -> None:
    window.show_page("encrypt")
    page: Any = window.pages["encrypt"]
    page.recipients.show([], [])


def _show_doubts(window: Window) -> None:
    page = _choose_recipients(window)
    _, ville, berg = _people()
    page.recipients._tick(berg.certificate, True)
    page._failed(
        DoubtfulError(
            {
                ville.certificate: RecipientRefusedError("", "no-authority"),
                berg.certificate: RecipientRefusedError("", "revoked"),
            }
        )
    )


def _show_encrypting(window: Window) -> None:
    page = _choose_recipients(window)
    page._run()
    page._progressed(42)
    page._build()


def _show_encrypted(window: Window) -> None:
    page = _choose_recipients(window)
    made = [
        {"file": str(_FOLDER / f"{name}.p7m"), "original": str(Path.home() / name)}
        for name in (_LEASE, _ANNEX)
    ]
    page._ended({"files": made}, "HKPM-WZVA-RTQC-XJDF-NBEY")


def _choose_sealed(window: Window) -> Any:
    path = Path.home() / f"{_LEASE}.p7m"
    path.write_bytes(b"0\x80")
    window.show_page("encrypt")
    page: Any = window.pages["encrypt"]
    page._begin_again()
    page.take([path])
    page._opening._about[path] = (f"{_HOLDER}, Åsa SPECIMEN-BERG", True)
    page._build()
    return page


def _show_opened(*, good: bool) -> Show:
    def show(window: Window) -> None:
        page = _choose_sealed(window)
        [path] = page._opening.files
        made = {
            "file": str(_FOLDER / _LEASE),
            "original": str(path),
            "authenticated": good,
        }
        page._opening._ended({"files": [made]})

    return show


def _show_not_opened(window: Window) -> None:
    page = _choose_sealed(window)
    [path] = page._opening.files
    fault = {"file": str(path), "reason": "other-recipient"}
    page._opening._ended({"error": {"code": "FILE_NOT_DECRYPTABLE", "files": [fault]}})


#: The pages, and what is on them.
EACH: Mapping[str, Show] = {
    "card": _show_card(_card()),
    "sign": _choose_files,
    "check": _show_checked(_signature()),
    "encrypt": _choose_recipients,
    "self-check": _show_findings,
    "settings": _show_settings,
    "help": lambda window: window.show_page("help"),
}
#: Other states.
STATES: Mapping[str, Show] = {
    "card-locked": _show_card(_card(tries={"PIN1": 0, "PIN2": 1, "PUK": 5})),
    "card-new": _show_card(
        _card(activation="new", pinsSet={"PIN1": False, "PIN2": False})
    ),
    "card-several": _show_card(_two_cards()),
    "card-unreadable": _show_card(_card(holder=None, certificates=[])),
    "card-none": _show_card(Cards((ReaderContent(_READER, False, None),))),
    "card-no-reader": _show_card(Cards()),
    "sign-empty": lambda window: window.show_page("sign"),
    "sign-mark": _mark_page,
    "sign-progress": _show_progress,
    "sign-done": _show_signed,
    "check-empty": lambda window: window.show_page("check"),
    "check-signers": _two_signers(),
    "check-forged": _show_checked(_signature("CHANGED_AFTER_SIGNING"), file=_SALE),
    "check-changed": _show_checked(_signature("DIGEST_MISMATCH")),
    "check-no-answer": _show_checked(_signature("REVOCATION_UNKNOWN")),
    "check-not-asked": _show_checked(_signature("REVOCATION_NOT_ASKED")),
    "check-timestamp": _show_checked(
        _signature(stamp=TimestampReport(None, "SPECIMEN Aikaleimat", True, True))
    ),
    "check-unknown": _show_checked(
        _signature("NO_TRUST", issuer="unknown"), known=False
    ),
    "encrypt-empty": _show_no_own_card,
    "encrypt-doubt": _show_doubts,
    "encrypt-progress": _show_encrypting,
    "encrypt-done": _show_encrypted,
    "encrypt-open": _choose_sealed,
    "encrypt-opened": _show_opened(good=True),
    "encrypt-unprotected": _show_opened(good=False),
    "encrypt-refused": _show_not_opened,
    "settings-history": _show_history,
}
VARIANTS = ("dark", "large", "states-large", "contrast")


def draw(target: Path, language: str, variant: str = "") -> Iterator[Path]:
    """Draw a variant of all pages, and yield the files. ``target`` is a folder."""
    application = offscreen_application(2.0 if "large" in variant else 1.0)
    if variant == "dark":
        application.setPalette(palette_of(DARK))
    if variant == "contrast":
        application.setPalette(plain_palette(dark=False))
    shown = STATES if "states" in variant else EACH
    middle = f"{variant.removeprefix('states-')}-" if variant in VARIANTS else ""
    for name, show in shown.items():
        background = Still()
        with tempfile.TemporaryDirectory() as home:
            os.environ["HOME"] = home
            window = Window(Config(), language, background)
            window.show()
            window.activateWindow()
            show(window)
            _settle(application)
            picture = window.grab().toImage()
        path = target / f"desktop-{name}-{middle}{language}.png"
        if not picture.convertToFormat(QImage.Format.Format_RGB888).save(str(path)):
            raise OSError(f"The picture {path} can't be written.")
        yield path
        window.hide()
        window.deleteLater()
        background.close()


def _settle(application: QApplication) -> None:
    """Process events until layouts that depend on each other are stable."""
    for _ in range(5):
        application.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)
        application.processEvents()


if __name__ == "__main__":
    os.environ["TZ"] = "Europe/Helsinki"
    time.tzset()
    for each in draw(Path(sys.argv[1]), *sys.argv[2:4]):
        print(each)
