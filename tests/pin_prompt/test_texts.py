# SPDX-License-Identifier: MIT
"""The catalogues agree in each language and use the authority's terms."""

import json
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from native_host.card.errors import CardError, CardKind
from native_host.languages import SPOKEN
from native_host.pin_prompt import texts
from native_host.pin_prompt.model import Problem, Progress, Step

FOLDER = Path(texts.__file__).parent
LOCALES = Path(__file__).parents[2] / "extension/_locales"
CATALOGUES: dict[str, dict[str, str]] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.json")
}
EXTENSION: dict[str, dict[str, dict[str, str]]] = {
    language: json.loads(
        (LOCALES / language / "messages.json").read_text("utf-8"),
    )
    for language in CATALOGUES
}
EACH = pytest.mark.parametrize("language", sorted(CATALOGUES))

#: The authority's term for each thing, and the words to avoid.
TERMS = {
    "fi": [
        "perustunnusluku (PIN1)",
        "allekirjoitustunnusluku (PIN2)",
        "sähköinen asiointitunnus (SATU)",
        "aktivointitunnusluku",
        "PUK-tunnusluku",
        "avaa lukitus",
        "aktivoi kortti",
    ],
    "sv": [
        "grundläggande kod (PIN1)",
        "signaturkod (PIN2)",
        "elektronisk kommunikationskod (SATU)",
        "aktiveringskod",
        "PUK-kod",
        "lås upp koden",
        "aktivera kortet",
    ],
    "en": [
        "basic PIN (PIN1)",
        "signature PIN (PIN2)",
        "electronic client identifier (SATU)",
        "activation code",
        "PUK code",
        "unlock the PIN",
        "activate the card",
    ],
}
NEVER = r"henkilötunnu|personbeteckning|personal identity|kirjaud|logga in|log in"
IDENTIFYING = r"tunnistau|identifiera|identifiering|identify|identification|PIN1"
SIGNING = r"allekirjoita\b|allekirjoittama|underteckna|\bsign(ing)?\b|\bPIN2\b"


#: Card errors that operations add, and those possible during PIN management.
BY_OPERATIONS = {"OTHER_CARD", "ACTIVATION_BLOCKED", "ACTIVATION_MISMATCH"}
IN_THE_WAY = BY_OPERATIONS | {
    *(
        "CARD_SILENT",
        "CARD_REMOVED",
        "CARD_MUTE",
        "CARD_BUSY",
        "CARD_EXPIRED",
        "CARD_ERROR",
    ),
    *("PIN_BLOCKED", "PUK_BLOCKED", "NEW_PIN_REFUSED", "CARD_NOT_ACTIVATED"),
    *("PIN_NOT_ENTERED", "PIN_TRIES_UNREADABLE", "PCSC_UNAVAILABLE"),
    "PCSC_DENIED",
}


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def codes(kind: type[CardError] = CardError) -> Iterator[str]:
    yield kind.code
    for narrower in kind.__subclasses__():
        # The set of imported operations depends on the tests that run in this process.
        if narrower.__module__.startswith("native_host.card."):
            yield from codes(narrower)


def test_there_is_a_catalogue_for_each_language_spoken() -> None:
    assert set(SPOKEN) == set(texts.languages()) == set(CATALOGUES)


@EACH
def test_the_catalogues_have_the_same_keys_and_placeholders(language: str) -> None:
    ours, english = CATALOGUES[language], CATALOGUES["en"]
    assert ours.keys() == english.keys()
    for key, text in ours.items():
        assert placeholders(text) == placeholders(english[key]), key


@EACH
def test_no_text_is_empty_or_left_in_english(language: str) -> None:
    for key, text in CATALOGUES[language].items():
        assert text.strip(), key
        same = text == CATALOGUES["en"][key]
        assert language == "en" or not same or key in THE_SAME, key


#: Texts that are identical in Swedish and English.
THE_SAME = {"size.byte"}


@EACH
def test_no_key_stands_twice(language: str) -> None:
    def pairs(found: list[tuple[str, str]]) -> dict[str, str]:
        assert len({key for key, _ in found}) == len(found)
        return dict(found)

    path = FOLDER / f"{language}.json"
    json.loads(path.read_text("utf-8"), object_pairs_hook=pairs)


@EACH
def test_things_have_the_names_that_the_authority_gives_them(language: str) -> None:
    everything = "\n".join(CATALOGUES[language].values()).casefold()
    for term in TERMS[language]:
        assert term.casefold() in everything
    assert not re.search(NEVER, everything, re.IGNORECASE)


@EACH
@pytest.mark.parametrize(
    ("operation", "others"),
    [
        ("sign", IDENTIFYING),
        ("sign-own", IDENTIFYING),
        ("signing-certificate", IDENTIFYING),
        ("authenticate", SIGNING),
        ("tls-login", SIGNING),
        ("prepare-login", SIGNING),
    ],
)
def test_identifying_and_signing_share_no_words(
    language: str, operation: str, others: str
) -> None:
    """This covers an operation's own texts and the texts that it shares with others."""
    catalogue = CATALOGUES[language]
    for key, words in catalogue.items():
        rooms = {operation, "program"} if operation in FOR_PROGRAMS else {operation}
        rooms |= {"sign"} if operation in OWN else set()
        belongs = key.split(".")[0] not in (OPERATIONS | APART) - rooms
        own = f"{operation}.{key}" in catalogue
        pins = key.endswith((".PIN1", ".PIN2")) or key in PIN1_LOCKED
        if belongs and not own and not pins:
            assert not re.search(others, words, re.IGNORECASE), key


OPERATIONS = {"authenticate", "sign", "signing-certificate"}
#: These manage the PINs themselves, so they name both; each has its own window.
MANAGING = {"activate", "change-pin", "unblock"}
#: Operations in which a program on the computer asks for PIN1.
FOR_PROGRAMS = {"tls-login", "prepare-login"}
#: The person signs their own files. The texts replace those of "sign".
OWN = {"sign-own"}
APART = (
    {"manage", "codes", "letter", "program", "terminal"} | MANAGING | FOR_PROGRAMS | OWN
)
#: Only an operation with its own words for it asks for a PIN.
PIN1_LOCKED = ("problem.PIN_BLOCKED.heading", "problem.PIN_BLOCKED.body")


def test_the_finnish_consent_is_the_model_text() -> None:
    assert CATALOGUES["fi"]["authenticate.consent"] == (
        "Tunnistautumalla luovutat nimesi ja sähköisen asiointitunnuksesi palvelulle."
    )


@EACH
def test_what_happened_and_what_to_do_are_full_sentences(language: str) -> None:
    for key, text in CATALOGUES[language].items():
        if key.endswith((".body", ".named", ".counted")):
            assert text.endswith("."), key
            assert text.count(". ") >= 1 or key.startswith("step."), key


@EACH
@pytest.mark.parametrize(
    "operation", sorted(OPERATIONS | MANAGING | FOR_PROGRAMS | OWN)
)
def test_each_step_has_a_text(language: str, operation: str) -> None:
    text = texts.load(language, operation)
    for step in Step:
        assert all(text.step(step))
    assert text.progress(Step.RECEIVING, Progress(1, 2))


@EACH
def test_an_operation_says_it_in_its_own_words(language: str) -> None:
    bodies = {
        texts.load(language, operation)("step.done.body") for operation in OPERATIONS
    }
    assert len(bodies) == 3
    for operation, pin in (("authenticate", "PIN1"), ("sign", "PIN2")):
        text = texts.load(language, operation)
        assert pin in text("step.pin-pad.heading")
        assert pin in text.problem(Problem("PIN_BLOCKED"))[0]


@EACH
@pytest.mark.parametrize("operation", sorted(FOR_PROGRAMS))
def test_for_a_program_it_is_not_said_as_for_a_site(
    language: str, operation: str
) -> None:
    site, text = texts.load(language, "authenticate"), texts.load(language, operation)
    for key in ("title", "heading", "consent"):
        assert text(key) != site(key)
    for step in (Step.SIGNING, Step.EXPIRED, Step.FAILED, Step.DONE):
        assert text.step(step) != site.step(step)
    # The texts about the PIN are shared: it is the same PIN.
    for key in ("last_try", "last_try.confirm", "step.pin-pad.heading"):
        assert text(key) == site(key)
        assert "PIN1" in text(key)


@EACH
def test_the_address_bar_is_what_names_the_site(language: str) -> None:
    bar = {"fi": "osoiterivi", "sv": "adressfält", "en": "address bar"}[language]
    for key in ("tls-login.consent", "tls-login.check", "prepare-login.consent"):
        assert bar in CATALOGUES[language][key]


@EACH
@pytest.mark.parametrize("key", ["late", "tls-login.step.ready.body"])
def test_who_is_late_is_told_what_to_press(language: str, key: str) -> None:
    words = CATALOGUES[language][key]
    buttons = {
        "fi": ("Yritä uudelleen", "lataa sivu uudelleen"),  # Firefox, Chromium
        "sv": ("Försök igen", "ladda om sidan"),
        "en": ("Try again", "reload the page"),
    }
    assert all(button in words for button in buttons[language])


@EACH
def test_the_program_is_named_as_it_is_shown(language: str) -> None:
    named = texts.load(language, "tls-login", program="{0}\u202eFox")
    assert "{0}\ufffdFox" in named("consent")
    unknown = CATALOGUES[language]["program.unknown"]
    assert unknown in texts.load(language, "tls-login")("consent")


@EACH
def test_what_was_signed_before_it_was_interrupted_is_counted(language: str) -> None:
    text = texts.load(language, "sign")
    _, body = text.problem(Problem("SIGNING_INTERRUPTED", "2/13"))
    assert re.search(r"\b2\b", body)
    assert re.search(r"\b13\b", body)
    assert "{" not in text.problem(Problem("SIGNING_INTERRUPTED"))[1]


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 tavua"),
        (1, "1 tavu"),
        (999, "999 tavua"),
        (1000, "1,0 kilotavua"),
        (245_678, "245,7 kilotavua"),
        (999_949, "999,9 kilotavua"),
        (999_950, "1,0 megatavua"),
        (20_000_000, "20,0 megatavua"),
    ],
)
def test_sizes_are_said_in_the_words_of_the_language(size: int, words: str) -> None:
    assert texts.load("fi").size(size) == words


@EACH
@pytest.mark.parametrize(
    "code", sorted((set(codes()) | BY_OPERATIONS) - {"KEY_MISSING", "WRONG_PIN"})
)
def test_each_error_of_the_card_has_a_text_of_its_own(language: str, code: str) -> None:
    for operation in OPERATIONS | MANAGING | FOR_PROGRAMS | OWN:
        text = texts.load(language, operation)
        assert text.problem(Problem(code))[0] != text("problem.other.heading")


@EACH
@pytest.mark.parametrize("operation", sorted(MANAGING | OWN))
def test_where_no_page_asks_no_service_is_spoken_of(
    language: str, operation: str
) -> None:
    text = texts.load(language, operation)
    said = [text.step(step) for step in Step if step is not Step.RECEIVING]
    said += [text.problem(Problem(code)) for code in IN_THE_WAY]
    if operation in OWN:
        said += [text.problem(Problem(code)) for code in SIGNING_TROUBLE]
        said += [(text("heading"), text(key)) for key in SHOWN_WHILE_SIGNING]
    for heading, body in said:
        assert not re.search(SERVICE[language], f"{heading} {body}", re.IGNORECASE)


SIGNING_TROUBLE = ("SIGNATURE_INVALID", "KEY_MISSING", "SIGNING_INTERRUPTED")
SHOWN_WHILE_SIGNING = ("asks", "consent", "choose.body", "unlock.body", "view.changed")
SERVICE = {
    "fi": r"palvelun (sivu|pyyntö)|palvelulle|\bpalvelu (sai|pyysi)",
    "sv": "tjänstens|till tjänsten|tjänsten (fick|bad)",
    "en": "the service's|to the service|the service (got|asked)",
}


@EACH
def test_no_text_of_the_window_names_a_command(language: str) -> None:
    for key, text in CATALOGUES[language].items():
        assert key.startswith("terminal.") or "kortilla card" not in text, key


@EACH
@pytest.mark.parametrize(
    ("operation", "code", "buttons"),
    [
        ("authenticate", "CARD_NOT_ACTIVATED", ["activateCard"]),
        ("sign", "CARD_NOT_ACTIVATED", ["activateCard"]),
        ("change-pin", "CARD_NOT_ACTIVATED", ["activateCard"]),
        ("authenticate", "PIN_BLOCKED", ["unlockPin1"]),
        ("sign", "PIN_BLOCKED", ["unlockPin2"]),
        ("change-pin", "PIN_BLOCKED", ["unlockPin1", "unlockPin2"]),
    ],
)
def test_what_can_be_mended_names_the_button_for_it(
    language: str, operation: str, code: str, buttons: list[str]
) -> None:
    _, body = texts.load(language, operation).problem(Problem(code))
    here = {"fi": "tässä ikkunassa", "sv": "i det här fönstret", "en": "in this window"}
    labels = [EXTENSION[language][button]["message"] for button in buttons]
    assert here[language] in body or all(label in body for label in labels)


@EACH
def test_a_locked_puk_leaves_a_new_card_only(language: str) -> None:
    _, body = texts.load(language, "unblock").problem(Problem("PUK_BLOCKED"))
    new = {
        "fi": "Vain uusi kortti",
        "sv": "Du behöver ett nytt kort",
        "en": "You need a new card",
    }
    assert new[language] in body


@EACH
def test_the_box_for_the_last_try_begins_as_its_reminder_says(language: str) -> None:
    catalogue = CATALOGUES[language]
    quoted = re.compile("[“”](.+?)”")
    for key in ("pin.confirm_first", "codes.confirm_first"):
        found = quoted.search(catalogue[key])
        assert found
        boxes = [text for name, text in catalogue.items() if LAST_TRY.search(name)]
        assert len(boxes) == 8
        assert all(text.startswith(f"{found[1]}:") for text in boxes)


LAST_TRY = re.compile(r"last_try\..*confirm$")


@EACH
def test_a_code_without_a_text_gets_a_general_one(language: str) -> None:
    text = texts.load(language)
    assert text.problem(Problem("FULL_MOON", "waxing")) == (
        text("problem.other.heading"),
        text("problem.other.body"),
    )


@EACH
def test_a_page_that_stops_waiting_for_a_signature_may_know_the_name(
    language: str,
) -> None:
    """It may have got the certificate before, which has the name."""
    body = CATALOGUES[language]["sign.step.expired.body"]
    assert not re.search("tieto|uppgift|name|identifier", body)


@EACH
@pytest.mark.parametrize("kind", [kind for kind in CardKind if kind])
def test_each_card_that_will_not_do_is_named(language: str, kind: CardKind) -> None:
    _, body = texts.load(language).problem(Problem("UNSUPPORTED_CARD", kind))
    if kind is CardKind.CONTACTLESS:
        assert body.startswith(("Kortti on nyt", "Kortet ligger nu", "The card is now"))
    else:
        assert kind not in body or language == "en"
        assert CATALOGUES[language][f"kind.{kind}"] in body


def test_a_card_of_an_unknown_name_is_named_as_it_is() -> None:
    _, body = texts.load("en").problem(Problem("UNSUPPORTED_CARD", "library{card}\n"))
    assert "library{card}\N{REPLACEMENT CHARACTER}" in body


def test_an_unknown_language_is_english() -> None:
    assert texts.load("se")("cancel") == "Cancel"
    assert texts.load("../texts/fi")("cancel") == "Cancel"


@pytest.mark.parametrize(
    "hostile", ["\x1b", "\u202e", "\u200b", "\n", "\u2028", "\ue000"]
)
def test_what_could_garble_the_screen_is_replaced(hostile: str) -> None:
    assert texts.printable(f"A{hostile}B") == "A\N{REPLACEMENT CHARACTER}B"
    assert texts.printable("Åsa-Mäki O’Neil") == "Åsa-Mäki O’Neil"
