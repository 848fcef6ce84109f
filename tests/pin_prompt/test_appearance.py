# SPDX-License-Identifier: MIT
"""The window is legible and in reach: colours, focus, long texts, a low screen."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QByteArray, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPalette, QScreen
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QLabel,
    QWidget,
)

from native_host.gui import icons
from native_host.gui.accessibility import FocusRing, Rest
from native_host.gui.application import follow_colour_scheme
from native_host.gui.buttons import WrappingRadioButton
from native_host.gui.frame import Stepper
from native_host.gui.labels import WrappingLabel
from native_host.gui.sizes import dp, text_width
from native_host.gui.tokens import DARK, LIGHT, contrast, palette_of, tokens_for
from native_host.pin_prompt import texts
from native_host.pin_prompt.gui.header import OPERATION_STYLES, SiteLabel
from native_host.pin_prompt.gui.prompt_window import PromptWindow
from native_host.pin_prompt.messages import (
    Ask,
    AskStarted,
    CallerTimedOut,
    ChooseCard,
    Show,
    WindowRequest,
)
from native_host.pin_prompt.model import (
    ActivationQuestion,
    CanQuestion,
    CardChoice,
    ConsentQuestion,
    Operation,
    OtherCardQuestion,
    Problem,
    Progress,
    Step,
    UnlockQuestion,
)
from tests.pin_prompt.conftest import (
    NEW_PIN1,
    NEW_PIN2,
    OLD_PIN,
    PUK,
    SITE,
    Stage,
    a_codes_question,
    a_document,
    a_hash,
    a_question,
)
from tests.pin_prompt.test_document_viewer import open_document


def layout_faults(window: PromptWindow) -> list[str]:
    """Return a sentence for each fault in the layout of a window and of its page."""
    room = window.screen().availableSize()
    faults = [] if room.height() >= window.height() else ["The window is too high."]
    if window.width() > room.width():
        faults.append("The window is too wide.")
    parts = [part for part in window.findChildren(QWidget) if part.isVisible()]
    for part in [window, *parts]:
        faults += _overlaps(part)
    for part in parts:
        if isinstance(part, QLabel | QAbstractButton) and _is_cut(part):
            faults.append(f"{_name(part)} is cut off: {part.size()}.")
    return [*faults, *_unreachable(window)]


def _overlaps(parent: QWidget) -> Iterator[str]:
    """Yield the children that overlap each other, or extend beyond their parent."""
    children = [
        child
        for child in parent.children()
        if isinstance(child, QWidget) and child.isVisible() and not child.isWindow()
        if not isinstance(child, FocusRing | Rest)
    ]
    grows = isinstance(parent.parentWidget(), QAbstractScrollArea)
    for index, child in enumerate(children):
        if not grows and not parent.rect().contains(child.geometry()):
            yield f"{_name(child)} extends beyond {_name(parent)}."
        for other in children[index + 1 :]:
            if child.geometry().intersects(other.geometry()):
                yield f"{_name(child)} overlaps {_name(other)}."


def _is_cut(part: QLabel | QAbstractButton) -> bool:
    """Whether a label or a button has less room than its words need."""
    if isinstance(part, Stepper):
        return False  # it leaves out names, and says all of them
    if part.hasHeightForWidth() and part.height() < part.heightForWidth(part.width()):
        return True
    if isinstance(part, SiteLabel | WrappingLabel | WrappingRadioButton):
        return False  # it wraps anywhere
    edges = part.contentsMargins()
    width = part.width() - edges.left() - edges.right()
    wraps = part.hasHeightForWidth()
    pieces = re.split(r"[\s\-–/]+" if wraps else "\n", part.text())
    return any(text_width(piece, part.font()) - 1 > width for piece in pieces)


def _unreachable(window: PromptWindow) -> Iterator[str]:
    """Press Tab until all parts had the focus; yield those that are not seen then."""
    seen: list[QWidget] = []
    while (part := window.focusWidget()) and part not in seen:
        seen.append(part)
        for _ in range(3):
            QApplication.processEvents()
        if not _is_seen(part):
            yield f"{_name(part)} has the focus and is not in view."
        QTest.keyClick(part, Qt.Key.Key_Tab)
    if not seen:
        yield "Nothing has the focus."


def _is_seen(part: QWidget) -> bool:
    """Whether a part is in view whole; of a scroll area, one line is enough."""
    shown = part.rect()
    for above in _ancestors(part):
        corner = part.mapFrom(above, QPoint(0, 0))
        shown = shown.intersected(above.rect().translated(corner))
    least = part.height()
    if isinstance(part, QAbstractScrollArea):
        least = part.fontMetrics().height()
    return shown.width() == part.width() and shown.height() >= least


def _ancestors(part: QWidget) -> Iterator[QWidget]:
    while (above := part.parentWidget()) is not None and not part.isWindow():
        yield above
        part = above


def _name(part: QWidget) -> str:
    words = part.text() if isinstance(part, QLabel | QAbstractButton) else ""
    return f"{type(part).__name__} {(words or part.accessibleName())[:40]!r}"


HIGH = QPalette(QColor("black"), QColor("black"))
PALETTES = {"light": palette_of(LIGHT), "dark": palette_of(DARK), "high contrast": HIGH}
EACH = pytest.mark.parametrize("scheme", PALETTES)

# -- Every page, with texts that are as long as they get ------------------------------

SATU = "99902038C"
NAME = "SPECIMEN-" + "POHJALAINENVIRTANEN" * 2 + "Å" * 13  # 60 characters
ORIGIN = "https://" + "label-which-is-long.suomi." * 9 + "kunta.example"  # 255
MIXED = ("חוזה שכירות-\u202eABC fdp.exe\u2066 عقد " * 10)[:196] + ".txt"
UNBROKEN = "A" * 196 + ".pdf"
BAD: dict[str, Any] = {"language": "fi", "origin": ORIGIN, "caller": "c" * 255}
LAST_TRY: dict[str, Any] = {"name": NAME, "tries_left": 1, "wrong": True}
READER = "SPECIMEN Reader " * 5
CARDS = (CardChoice(READER, NAME, SATU), CardChoice(READER, "", SATU)) * 3
UNBLOCK = {"operation": "unblock", "fields": (PUK, NEW_PIN1), "pin": "PIN1"}
CHANGE = {"operation": "change-pin", "fields": (OLD_PIN, NEW_PIN2), "pin": "PIN2"}
HASHES = (a_hash(name=MIXED), a_hash(name=UNBROKEN))
UNASKED = ActivationQuestion(False, NAME, SATU, unasked=True)
UNSUPPORTED = Problem("UNSUPPORTED_CARD", "S4-2 organisation or health care card")


def codes(**changes: Any) -> Ask:
    return Ask(1, a_codes_question(**LAST_TRY | changes))


REFUSED = {"pad_problem": "refused", "pad_unused": True}
#: A request by the page's name, with the conversation's operation; for ``sign``, what
#: differs from the question for the three documents.
PAGES: dict[str, tuple[str, WindowRequest | dict[str, Any]]] = {
    "started": ("authenticate", AskStarted()),
    "choose": ("authenticate", ChooseCard(1, CARDS)),
    "can": ("sign", Ask(1, CanQuestion(wrong=True, can_remember=True))),
    "other-card": ("sign", Ask(1, OtherCardQuestion(NAME, True, READER, NAME, SATU))),
    "other-card-there": (
        "authenticate",
        Ask(1, OtherCardQuestion(NAME, False, READER, NAME, SATU)),
    ),
    "consent": ("signing-certificate", Ask(1, ConsentQuestion(NAME, SATU))),
    "pin1": ("authenticate", Ask(1, a_question(**LAST_TRY))),
    "no-name": ("authenticate", Ask(1, a_question(name=""))),
    "sign": ("sign", LAST_TRY),
    "sign-first": ("sign", {}),
    "pin-pad": ("sign", {"name": NAME, "pin_pad": True}),
    "pin-pad-refused": ("sign", {**REFUSED, "name": NAME, "tries_left": 2}),
    "pin-pad-unused": ("authenticate", Ask(1, a_question(**LAST_TRY, pad_unused=True))),
    "codes-refused": ("change-pin", codes(**CHANGE, at_risk="PIN2", **REFUSED)),
    "hashes": ("sign", {"documents": HASHES}),
    "activate": ("authenticate", codes()),
    "unblock": ("authenticate", codes(**UNBLOCK, at_risk="PUK")),
    "change-pin": ("change-pin", codes(**CHANGE, at_risk="PIN2")),
    "offer": ("authenticate", Ask(1, ActivationQuestion(True))),
    "offer-unasked": ("activate", Ask(1, UNASKED)),
    "locked": ("authenticate", Ask(1, UnlockQuestion("PIN1", NAME, SATU))),
    "problem": ("authenticate", Show(Step.WAITING_FOR_CARD, UNSUPPORTED)),
    "receiving": ("sign", Show(Step.RECEIVING, progress=Progress(1, 2_000_000))),
}


def show(stage: Stage, page: str, folder: Path, **changes: Any) -> None:
    """Open the window at a page, after the input guard's time."""
    operation, request = PAGES[page]
    if operation == "change-pin":
        changes["origin"] = ""  # no site changes a PIN
    stage.open(operation=operation, **changes)
    if isinstance(request, dict):
        documents = (
            a_document(folder, name=MIXED),
            a_document(folder, b"%PDF-1.7", name=UNBROKEN),
            a_document(folder, b"PK\3\4\0", name=MIXED[::-1], media_type="x" * 100),
        )
        asked = {"role": "PIN2", "min_length": 6, "documents": documents} | request
        request = Ask(1, a_question(**asked))
    stage.show(request)
    stage.settle(5)


@pytest.fixture(params=[1, 2])
def low_screen(
    request: pytest.FixtureRequest,
    application: QApplication,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """A screen of 1024 by 600 with each text size, in a font that is missing."""
    before = QApplication.font()
    font = QFont(before)
    font.setFamilies(["SPECIMEN Missing Sans"])
    font.setPointSizeF(before.pointSizeF() * request.param)
    monkeypatch.setattr(QScreen, "availableSize", lambda _: QSize(1024, 600))
    application.setFont(font)
    yield
    application.setFont(before)


@pytest.mark.usefixtures("low_screen")
@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_whole_and_in_reach(
    stage: Stage, tmp_path: Path, page: str
) -> None:
    show(stage, page, tmp_path, **BAD)
    assert layout_faults(stage.window) == []
    if page == "sign-first":
        open_document(stage)
        stage.guard.end()
        stage.settle(5)
        assert layout_faults(stage.window) == []


@pytest.mark.usefixtures("low_screen")
def test_each_step_of_an_activation_is_whole_too(stage: Stage) -> None:
    stage.open(**BAD)
    stage.handle(Ask(1, a_codes_question(name=NAME)))
    page = stage.codes_page
    for step, _ in enumerate(page.entries):
        page._show_step(step)
        stage.guard.end()
        stage.settle(5)
        assert layout_faults(stage.window) == []


@pytest.mark.usefixtures("low_screen")
@pytest.mark.parametrize("page", ["pin1", "change-pin", "activate", "unblock"])
def test_who_asks_is_in_view_while_one_types(
    stage: Stage, tmp_path: Path, page: str
) -> None:
    caller = "SPECIMEN Stranger"
    show(stage, page, tmp_path, language="fi", caller=caller)
    fields = [stage.pin_page.field] if page == "pin1" else stage.codes_page.fields[:1]
    fields[0].setFocus()
    stage.window._scroll.ensureWidgetVisible(fields[0])
    stage.settle(5)
    assert _is_seen(fields[0])
    named = [part for part in stage.visible(QLabel) if caller in part.text()]
    assert any(map(_is_seen, named))
    if page != "change-pin":
        [site] = [part for part in stage.visible(SiteLabel) if part.text() == SITE]
        assert _is_seen(site)
    foot = texts.Texts("fi")("not_official")
    assert any(_is_seen(p) for p in stage.visible(QLabel) if p.text() == foot)
    # What the short warning leaves out is on the page.
    stage.sees(texts.Texts("fi", PAGES[page][0])("caller.asks"))


# -- Focus and size -------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [
        *("pin1", "sign", "started", "choose", "activate", "new PIN", "locked"),
        "other-card",
    ],
)
@EACH
def test_a_ring_is_around_the_focus_and_every_control_is_large_enough(
    application: QApplication, stage: Stage, tmp_path: Path, scheme: str, page: str
) -> None:
    application.setPalette(PALETTES[scheme])
    if page == "sign":
        stage.sign(a_document(tmp_path), a_document(tmp_path))
    elif page == "new PIN":
        stage.ask_codes()
        stage.press("7384629\r")
        assert "New" in stage.focus.accessibleName()
    else:
        show(stage, page, tmp_path)
    stage.settle(5)
    rings = []
    for control in stage.tab_order():
        assert min(control.width(), control.height()) >= 24
        control.setFocus()
        stage.settle()
        area = getattr(control, "focus_area", control.rect)()
        left = QRect(control.mapTo(stage.window, area.topLeft()), area.size()).left()
        middle = control.mapTo(stage.window, area.center()).y()
        shot = stage.window.grab().toImage()
        column = [shot.pixelColor(left - dp(2) - x, middle) for x in range(dp(3) + 1)]
        ground = PALETTES[scheme].window().color()
        rings.append(sum(contrast(colour, ground) >= 3 for colour in column))
    assert len(rings) > 1
    assert min(rings) >= 2  # pixels
    smallest = min(part.font().pointSizeF() for part in stage.visible(QWidget))
    assert smallest >= QApplication.font().pointSizeF() * 13 / 15 - 0.01


def test_the_ring_follows_and_lets_the_mouse_through(stage: Stage) -> None:
    cancel = stage.ask().buttons[0]
    cancel.setFocus()
    stage.settle()
    place = cancel.mapTo(stage.window, QPoint(1, 1))
    assert stage.window.childAt(place) is cancel


# -- Colours --------------------------------------------------------------------------


def test_contrast_is_that_of_the_guidelines() -> None:
    assert contrast(QColor("black"), QColor("white")) == pytest.approx(21)
    assert contrast(QColor("#777777"), QColor("white")) == pytest.approx(4.48, abs=0.01)


@EACH
def test_all_words_stand_out_from_what_they_stand_on(
    application: QApplication, stage: Stage, scheme: str
) -> None:
    application.setPalette(PALETTES[scheme])
    page = stage.sign(a_hash(), tries_left=2)
    shot = stage.window.grab().toImage()
    corner = shot.pixelColor(shot.width() - 2, shot.height() - 2)
    assert corner == tokens_for(PALETTES[scheme]).foot
    assert page.documents is not None
    for label in page.documents.findChildren(QLabel):
        palette = label.palette()
        assert contrast(palette.windowText().color(), palette.base().color()) >= 4.5
    requests: tuple[WindowRequest, ...] = (
        Ask(1, a_question(tries_left=1, wrong=True)),
        Ask(2, a_codes_question(tries_left=1, wrong=True)),
        Show(Step.WAITING_FOR_CARD, Problem("CARD_MUTE")),
        CallerTimedOut(),
    )
    for request in requests:
        stage.handle(request)
        for label in stage.window.findChildren(QLabel):
            paper = label.palette().window().color()
            assert contrast(label.palette().windowText().color(), paper) >= 4.5


def test_a_desktop_that_only_says_dark_gets_dark_colours_and_back(
    application: QApplication, stage: Stage
) -> None:
    light = application.palette().window().color()
    follow_colour_scheme(application, Qt.ColorScheme.Dark)
    stage.open()
    assert stage.window.palette().window().color() == palette_of(DARK).window().color()
    follow_colour_scheme(application, Qt.ColorScheme.Light)
    stage.settle()
    assert stage.window.palette().window().color() == light


def test_only_a_desktop_with_its_own_high_contrast_keeps_its_colours(
    application: QApplication, stage: Stage
) -> None:
    application.setPalette(QPalette(QColor("#faf9f8"), QColor("#faf9f8")))  # GTK's
    follow_colour_scheme(application, Qt.ColorScheme.Light)
    assert tokens_for(application.palette()) is LIGHT
    high = QPalette(HIGH)
    high.setColor(QPalette.ColorRole.WindowText, QColor("yellow"))
    application.setPalette(high)
    follow_colour_scheme(application, Qt.ColorScheme.Dark, high_contrast=True)
    palette = application.palette()
    assert palette.window().color() == high.window().color()
    assert palette.placeholderText().color() == high.windowText().color()


def test_no_act_looks_like_another() -> None:
    acts: list[list[Operation]] = [
        ["authenticate", "tls-login", "prepare-login", "mail-login"],
        ["sign", "sign-own", "signing-certificate"],
        ["activate", "change-pin", "unblock", "decrypt", "decrypt-mail"],
    ]
    styles = [[OPERATION_STYLES[operation] for operation in act] for act in acts]
    colours = [{style.colour.name() for style in act} for act in styles]
    assert [len(each) for each in colours] == [1, 1, 1]
    assert len(set.union(*colours)) == 3
    drawings = [{style.icon for style in act} for act in styles]
    # Each way to identify has an icon of its own.
    assert len(drawings[0]) == 4
    assert len(set.union(*drawings)) == sum(map(len, drawings))


def test_icons_are_drawings_of_three_replaceable_colours_and_the_chip() -> None:
    files = sorted(Path(icons.__file__).with_suffix("").glob("*.svg"))
    names = {file.stem for file in files}
    assert {style.icon for style in OPERATION_STYLES.values()} < names
    for file in files:
        svg = file.read_text("utf-8")
        assert QSvgRenderer(QByteArray(svg.encode())).isValid()
        colours = set(re.findall("#[0-9a-f]{6}", svg))
        assert colours <= {"#000000", "#ffffff", "#0000ff", "#e8c14a"}
        elements = set(re.findall("<([a-z]+)", svg))
        assert elements <= {"svg", "g", "rect", "circle", "path"}
