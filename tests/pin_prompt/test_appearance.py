# SPDX-License-Identifier: MIT
"""The window is legible and in reach: colours, focus, long texts, a low screen."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QByteArray, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPalette, QScreen
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from native_host.gui import icons
from native_host.gui.application import follow_colour_scheme
from native_host.gui.sizes import dp
from native_host.gui.tokens import (
    DARK,
    LIGHT,
    contrast,
    palette_of,
    readable,
    tokens_for,
)
from native_host.pin_prompt.gui.header import OPERATION_STYLES
from native_host.pin_prompt.gui.pages import CardChoicePage
from native_host.pin_prompt.messages import (
    Ask,
    AskStarted,
    CallerTimedOut,
    ChooseCard,
    OfferActivation,
    Show,
    WindowRequest,
)
from native_host.pin_prompt.model import (
    CardChoice,
    ConsentQuestion,
    Document,
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
    Stage,
    a_codes_question,
    a_document,
    a_hash,
    a_question,
)
from tests.pin_prompt.layout import layout_faults
from tests.pin_prompt.test_document_viewer import open_document

PALETTES = {
    "light": palette_of(LIGHT),
    "dark": palette_of(DARK),
    "high contrast": QPalette(QColor("black"), QColor("black")),
}
EACH = pytest.mark.parametrize("scheme", PALETTES)

# -- Every page, with texts that are as long as they get ------------------------------

SATU = "99902038C"
NAME = "SPECIMEN-" + "POHJALAINENVIRTANEN" * 2 + "Å" * 13
ORIGIN = "https://" + "label-which-is-long.suomi." * 9 + "kunta.example"
MIXED = ("חוזה שכירות-\u202eABC fdp.exe\u2066 عقد " * 10)[:196] + ".txt"
UNBROKEN = "A" * 196 + ".pdf"
BAD: dict[str, Any] = {"language": "fi", "origin": ORIGIN, "caller": "c" * 255}
LAST_TRY: dict[str, Any] = {"name": NAME, "tries_left": 1, "wrong": True}
READER = "SPECIMEN Reader " * 5
CARDS = (CardChoice(READER, NAME, SATU), CardChoice(READER, "", SATU)) * 3
UNBLOCK = {"operation": "unblock", "fields": (PUK, NEW_PIN1), "pin": "PIN1"}
CHANGE = {"operation": "change-pin", "fields": (OLD_PIN, NEW_PIN2), "pin": "PIN2"}


def documents(folder: Path) -> tuple[Document, ...]:
    return (
        a_document(folder, name=MIXED),
        a_document(folder, b"%PDF-1.7", name=UNBROKEN),
        a_document(folder, b"PK\3\4\0", name=MIXED[::-1], media_type="x" * 100),
    )


def signing(folder: Path, **changes: Any) -> Ask:
    asked = {"role": "PIN2", "min_length": 6, "documents": documents(folder)}
    return Ask(1, a_question(**asked | changes))


def other_card(*, removed: bool) -> Ask:
    return Ask(1, OtherCardQuestion(NAME, removed, READER, NAME, SATU))


def codes(**changes: Any) -> Ask:
    return Ask(1, a_codes_question(**LAST_TRY | changes))


#: The requests by the page's name, with the conversation's operation.
PAGES: dict[str, tuple[str, Callable[[Path], WindowRequest]]] = {
    "started": ("authenticate", lambda _: AskStarted()),
    "choose": ("authenticate", lambda _: ChooseCard(1, CARDS)),
    "other-card": ("sign", lambda _: other_card(removed=True)),
    "other-card-there": ("authenticate", lambda _: other_card(removed=False)),
    "consent": ("signing-certificate", lambda _: Ask(1, ConsentQuestion(NAME, SATU))),
    "pin1": ("authenticate", lambda _: Ask(1, a_question(**LAST_TRY))),
    "no-name": ("authenticate", lambda _: Ask(1, a_question(name=""))),
    "sign": ("sign", lambda folder: signing(folder, **LAST_TRY)),
    "sign-first": ("sign", signing),
    "pin-pad": ("sign", lambda folder: signing(folder, name=NAME, pin_pad=True)),
    "hashes": (
        "sign",
        lambda folder: signing(
            folder, documents=(a_hash(name=MIXED), a_hash(name=UNBROKEN))
        ),
    ),
    "activate": ("authenticate", lambda _: codes()),
    "unblock": ("authenticate", lambda _: codes(**UNBLOCK, at_risk="PUK")),
    "change-pin": ("change-pin", lambda _: codes(**CHANGE, at_risk="PIN2")),
    "offer": ("authenticate", lambda _: OfferActivation(1, partly=True)),
    "locked": (
        "authenticate",
        lambda _: Ask(1, UnlockQuestion("PIN1", NAME, SATU)),
    ),
    "problem": (
        "authenticate",
        lambda _: Show(
            Step.WAITING_FOR_CARD,
            Problem("UNSUPPORTED_CARD", "S4-2 organisation or health care card"),
        ),
    ),
    "receiving": (
        "sign",
        lambda _: Show(Step.RECEIVING, progress=Progress(1, 2_000_000)),
    ),
}


def show(stage: Stage, page: str, folder: Path, **changes: Any) -> None:
    """Open the window at a page, after the input guard's time."""
    operation, request = PAGES[page]
    if operation == "change-pin":
        changes["origin"] = ""  # no site changes a PIN
    stage.open(operation=operation, **changes)
    stage.handle(request(folder))
    settled(stage)


def settled(stage: Stage) -> None:
    stage.window.guard.end()
    for _ in range(5):
        stage.settle()


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


def test_the_bad_input_is_as_long_as_it_gets() -> None:
    assert (len(NAME), len(MIXED), len(UNBROKEN)) == (60, 200, 200)
    assert len(ORIGIN) == 255


@pytest.mark.usefixtures("low_screen")
@pytest.mark.parametrize("page", PAGES)
def test_nothing_overlaps_is_cut_off_or_out_of_reach(
    stage: Stage, tmp_path: Path, page: str
) -> None:
    show(stage, page, tmp_path, **BAD)
    assert layout_faults(stage.window) == []


@pytest.mark.usefixtures("low_screen")
def test_each_step_of_an_activation_is_whole_too(stage: Stage) -> None:
    stage.open(**BAD)
    stage.handle(Ask(1, a_codes_question(name=NAME)))
    page = stage.codes_page
    for entry in page.entries[1:]:
        page.show_step_of(entry)
        entry.fields[0].setFocus()
        settled(stage)
        assert layout_faults(stage.window) == []


@pytest.mark.usefixtures("low_screen")
def test_a_document_with_such_a_name_is_shown_whole(
    stage: Stage, tmp_path: Path
) -> None:
    show(stage, "sign-first", tmp_path, **BAD)
    open_document(stage)
    settled(stage)
    assert layout_faults(stage.window) == []


def test_a_card_without_a_name_is_chosen_by_its_number(stage: Stage) -> None:
    stage.open()
    stage.handle(ChooseCard(1, (CardChoice("SPECIMEN Reader", "", SATU),)))
    page = stage.window.page
    assert isinstance(page, CardChoicePage)
    assert page.group.button(0).text().startswith(SATU)


# -- Focus and size -------------------------------------------------------------------

FOCUSED = pytest.mark.parametrize(
    "page",
    [
        *("pin1", "sign", "started", "choose", "activate", "new PIN", "locked"),
        "other-card",
    ],
)


def show_focused(stage: Stage, page: str, folder: Path) -> None:
    if page == "sign":
        stage.sign(a_document(folder), a_document(folder))
    elif page == "new PIN":
        stage.ask_codes()
        stage.press("7384629\r")
        assert "New" in stage.window.focusWidget().accessibleName()
    else:
        show(stage, page, folder)
    settled(stage)


def controls(stage: Stage) -> list[QWidget]:
    """Go round by Tab and return what has the focus in turn."""
    seen: list[QWidget] = []
    while (focus := stage.window.focusWidget()) not in seen:
        seen.append(focus)
        QTest.keyClick(focus, Qt.Key.Key_Tab)
    return seen


@FOCUSED
@EACH
def test_a_ring_is_around_the_control_that_has_the_focus(
    application: QApplication, stage: Stage, tmp_path: Path, scheme: str, page: str
) -> None:
    application.setPalette(PALETTES[scheme])
    show_focused(stage, page, tmp_path)
    rings = []
    for control in controls(stage):
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


@FOCUSED
def test_every_control_is_large_enough_to_hit_and_no_text_is_small(
    stage: Stage, tmp_path: Path, page: str
) -> None:
    show_focused(stage, page, tmp_path)
    for control in controls(stage):
        assert min(control.width(), control.height()) >= 24
    body = QApplication.font().pointSizeF()
    for part in stage.window.findChildren(QWidget):
        if part.isVisible():
            assert part.font().pointSizeF() >= body * 13 / 15 - 0.01


def test_the_ring_follows_and_lets_the_mouse_through(stage: Stage) -> None:
    page = stage.ask()
    cancel = page.buttons[0]
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
    stage.open()
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


@EACH
def test_documents_stand_out_from_what_they_stand_on(
    application: QApplication, stage: Stage, scheme: str
) -> None:
    application.setPalette(PALETTES[scheme])
    page = stage.sign(a_hash(), tries_left=2)
    assert page.documents is not None
    for label in page.documents.findChildren(QLabel):
        palette = label.palette()
        assert contrast(palette.windowText().color(), palette.base().color()) >= 4.5


@EACH
def test_field_and_typed_dots_stand_out(scheme: str) -> None:
    palette = PALETTES[scheme]
    window, text = palette.window().color(), palette.windowText().color()
    assert contrast(palette.text().color(), palette.base().color()) >= 4.5
    assert contrast(text, window) >= 3
    assert contrast(readable(palette.highlight().color(), window, 3.0), window) >= 3


@pytest.mark.parametrize("operation", sorted(OPERATION_STYLES))
def test_band_and_button_of_each_operation_can_be_read(operation: Operation) -> None:
    style = OPERATION_STYLES[operation]
    assert contrast(style.text, style.colour) >= 4.5


@EACH
def test_the_window_is_as_light_or_dark_as_the_desktop(
    application: QApplication, stage: Stage, scheme: str
) -> None:
    application.setPalette(PALETTES[scheme])
    stage.open()
    shot = stage.window.grab().toImage()
    corner = shot.pixelColor(shot.width() - 2, shot.height() - 2)
    assert corner == tokens_for(PALETTES[scheme]).foot


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


def test_almost_black_and_white_colours_are_no_wish_for_a_high_contrast(
    application: QApplication,
) -> None:
    application.setPalette(QPalette(QColor("#faf9f8"), QColor("#faf9f8")))  # GTK's
    follow_colour_scheme(application, Qt.ColorScheme.Light)
    assert tokens_for(application.palette()) is LIGHT


def test_a_desktop_with_its_own_high_contrast_keeps_its_colours(
    application: QApplication, stage: Stage
) -> None:
    high = QPalette(QColor("black"), QColor("black"))
    high.setColor(QPalette.ColorRole.WindowText, QColor("yellow"))
    application.setPalette(high)
    follow_colour_scheme(application, Qt.ColorScheme.Dark, high_contrast=True)
    palette = application.palette()
    assert palette.window().color() == high.window().color()
    assert palette.placeholderText().color() == high.windowText().color()


@pytest.mark.parametrize(
    ("acts", "others"),
    [
        (["authenticate", "tls-login", "prepare-login"], ["sign", "activate"]),
        (["sign", "sign-own", "signing-certificate"], ["authenticate", "activate"]),
        (["activate", "change-pin", "unblock"], ["authenticate", "sign"]),
    ],
)
def test_no_act_looks_like_another(
    acts: list[Operation], others: list[Operation]
) -> None:
    styles = [OPERATION_STYLES[operation] for operation in acts]
    assert {style.colour.name() for style in styles} == {styles[0].colour.name()}
    for other in (OPERATION_STYLES[operation] for operation in others):
        assert other.colour != styles[0].colour
        assert other.icon not in [style.icon for style in styles]


def test_each_way_to_identify_has_an_icon_of_its_own() -> None:
    used = [OPERATION_STYLES[o].icon for o in ("tls-login", "prepare-login")]
    assert len({*used, OPERATION_STYLES["authenticate"].icon}) == 3


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
