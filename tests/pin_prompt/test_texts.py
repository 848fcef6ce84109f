# SPDX-License-Identifier: MIT
"""The catalogues and the rules for codes, with the authority's terms."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from kortilla.common.escaping import printable
from native_host.card.errors import CardError, CardKind
from native_host.pin_prompt import codes, texts
from native_host.pin_prompt.model import (
    ActivationQuestion,
    CodeField,
    Document,
    PinQuestion,
    Progress,
    Step,
)
from native_host.texts.catalogues import own_texts
from native_host.texts.language import SPOKEN
from tests.pin_prompt.conftest import (
    NEW_PIN1,
    OLD_PIN,
    PUK,
    SEVEN,
    a_codes_question,
    a_question,
)

CATALOGUES = {language: own_texts("prompt", language) for language in SPOKEN}
EACH = pytest.mark.parametrize("language", SPOKEN)

#: The authority's term for each thing, and the words to avoid.
TERMS = {
    "fi": [
        *("perustunnusluku (PIN1)", "allekirjoitustunnusluku (PIN2)"),
        *("sähköinen asiointitunnus (SATU)", "aktivointitunnusluku"),
        *("PUK-tunnusluku", "avaa lukitus", "aktivoi kortti"),
    ],
    "sv": [
        *("grundläggande kod (PIN1)", "signaturkod (PIN2)"),
        *("elektronisk kommunikationskod (SATU)", "aktiveringskod"),
        *("PUK-kod", "lås upp koden", "aktivera kortet"),
    ],
    "en": [
        *("basic PIN (PIN1)", "signature PIN (PIN2)"),
        *("electronic client identifier (SATU)", "activation code"),
        *("PUK code", "unlock the PIN", "activate the card"),
    ],
}
NEVER = r"henkilötunnu|personbeteckning|personal identity|kirjaud|logga in|log in"
IDENTIFYING = r"tunnistau|identifiera|identifiering|identify|identification|PIN1"
SIGNING = r"allekirjoita\b|allekirjoittama|underteckna|\bsign(ing)?\b|\bPIN2\b"


#: Card errors that operations add, and those possible during PIN management.
BY_OPERATIONS = {"OTHER_CARD", "ACTIVATION_BLOCKED", "ACTIVATION_MISMATCH"}
IN_THE_WAY = BY_OPERATIONS | {
    *("CARD_SILENT", "CARD_REMOVED", "CARD_RESET", "CARD_MUTE", "CARD_BUSY"),
    *("CARD_EXPIRED",),
    *("CARD_ERROR", "PIN_BLOCKED", "PUK_BLOCKED", "NEW_PIN_REFUSED"),
    *("CARD_NOT_ACTIVATED", "PIN_NOT_ENTERED", "PIN_TRIES_UNREADABLE"),
    *("PCSC_UNAVAILABLE", "PCSC_DENIED"),
}


def error_codes(kind: type[CardError] = CardError) -> Iterator[str]:
    yield kind.code
    for narrower in kind.__subclasses__():
        # The set of imported operations depends on the tests that run in this process.
        if narrower.__module__.startswith("native_host.card."):
            yield from error_codes(narrower)


def test_another_language_gets_english() -> None:
    for other in ("se", "../texts/fi"):
        assert texts.Texts(other)("cancel") == "Cancel"


@EACH
def test_a_body_says_what_to_do_next(language: str) -> None:
    for key, text in CATALOGUES[language].items():
        if key.endswith((".body", ".named", ".counted")):
            assert text.endswith("."), key
            step = key.removeprefix("contactless.").startswith("step.")
            assert step or text.count(". ") >= 1, key


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
        ("decrypt-mail", SIGNING),
        ("decrypt", SIGNING),
    ],
)
def test_two_acts_share_no_words(language: str, operation: str, others: str) -> None:
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
FOR_PROGRAMS = {"tls-login", "prepare-login", "mail-login", "decrypt-mail"}
#: The person signs their own files. The texts replace those of "sign".
OWN = {"sign-own"}
#: The person decrypts their own files. The texts replace those of "authenticate".
DECRYPTING = {"decrypt"}
APART = (
    {"manage", "codes", "letter", "program", "terminal"}
    | MANAGING
    | FOR_PROGRAMS
    | OWN
    | DECRYPTING
)
#: Only an operation with its own words for it asks for a PIN.
PIN1_LOCKED = ("problem.PIN_BLOCKED.heading", "problem.PIN_BLOCKED.body")


def test_the_finnish_consent_is_the_model_text() -> None:
    assert CATALOGUES["fi"]["authenticate.consent"] == (
        "Tunnistautumalla luovutat nimesi ja sähköisen asiointitunnuksesi palvelulle."
    )


@EACH
def test_an_operation_says_it_in_its_own_words(language: str) -> None:
    spoken = [texts.Texts(language, operation) for operation in OPERATIONS]
    assert len({text("step.done.body") for text in spoken}) == len(OPERATIONS)
    for operation, pin in (("authenticate", "PIN1"), ("sign", "PIN2")):
        text = texts.Texts(language, operation)
        assert pin in text("step.pin-pad.heading")
        assert pin in text.problem("PIN_BLOCKED")[0]
    blocked = texts.Texts(language, "change-pin").problem("PIN_BLOCKED")
    # Where it is unlocked: tests/repository/test_wording.py.
    assert blocked[1] == CATALOGUES[language]["problem.PIN_BLOCKED.body"]


@EACH
@pytest.mark.parametrize("operation", sorted(FOR_PROGRAMS))
def test_for_a_program_other_words_are_used(language: str, operation: str) -> None:
    site, text = texts.Texts(language, "authenticate"), texts.Texts(language, operation)
    for key in ("title", "heading", "consent"):
        assert text(key) != site(key)
    for step in (Step.SIGNING, Step.EXPIRED, Step.FAILED, Step.DONE):
        assert text.step(step) != site.step(step)
    # The texts about the PIN are shared: it is the same PIN.
    for key in ("last_try", "last_try.confirm", "step.pin-pad.heading"):
        assert text(key) == site(key)
        assert "PIN1" in text(key)


@EACH
@pytest.mark.parametrize("pin", ["PIN1", "PIN2"])
@pytest.mark.parametrize("operation", ["change-pin", "unblock"])
def test_heading_and_end_name_the_pin(language: str, operation: str, pin: str) -> None:
    text = texts.Texts(language, operation, pin)
    assert f"({pin})" in text("heading")
    assert f"({pin})" in " ".join(text.step(Step.DONE))


@EACH
def test_a_browser_is_named_with_its_address_bar_and_its_buttons(language: str) -> None:
    bar = {"fi": "osoiterivi", "sv": "adressfält", "en": "address bar"}[language]
    for key in ("tls-login.consent", "tls-login.check", "prepare-login.consent"):
        assert bar in CATALOGUES[language][key]
    buttons = {
        "fi": ("Yritä uudelleen", "lataa sivu uudelleen"),  # Firefox, Chromium
        "sv": ("Försök igen", "ladda om sidan"),
        "en": ("Try again", "reload the page"),
    }
    for key in ("late", "tls-login.step.ready.body"):
        assert all(each in CATALOGUES[language][key] for each in buttons[language])
    named = texts.Texts(language, "tls-login", program="{0}\u202eFox")
    assert "{0}\ufffdFox" in named("consent")
    unknown = CATALOGUES[language]["program.unknown"]
    assert unknown in texts.Texts(language, "tls-login")("consent")


@EACH
def test_what_was_signed_before_it_was_interrupted_is_counted(language: str) -> None:
    text = texts.Texts(language, "sign")
    _, body = text.problem("SIGNING_INTERRUPTED", "2/13")
    assert re.search(r"\b2\b", body)
    assert re.search(r"\b13\b", body)
    assert "{" not in text.problem("SIGNING_INTERRUPTED")[1]


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
    assert texts.Texts("fi").size(size) == words


@EACH
@pytest.mark.parametrize(
    "operation", sorted(OPERATIONS | MANAGING | FOR_PROGRAMS | OWN | DECRYPTING)
)
def test_each_step_and_error_has_a_text(language: str, operation: str) -> None:
    text = texts.Texts(language, operation)
    for step in Step:
        assert all(text.step(step))
    assert text.progress(Step.RECEIVING, Progress(1, 2))
    for code in ({*error_codes()} | BY_OPERATIONS) - {"KEY_MISSING", "WRONG_PIN"}:
        heading, _ = text.problem(code)
        assert heading != text("problem.other.heading"), code


@EACH
@pytest.mark.parametrize("operation", sorted(MANAGING | OWN | DECRYPTING))
def test_where_no_page_asks_no_service_is_named(language: str, operation: str) -> None:
    text = texts.Texts(language, operation)
    said = [text.step(step) for step in Step if step is not Step.RECEIVING]
    said += [text.problem(code) for code in IN_THE_WAY]
    if operation in OWN:
        said += [text.problem(code) for code in SIGNING_TROUBLE]
        said += [(text("heading"), text(key)) for key in SHOWN_WHILE_SIGNING]
    if operation in DECRYPTING:
        said += [text.problem("OTHER_RECIPIENT")]
        said += [(text("heading"), text(key)) for key in SHOWN_WHILE_DECRYPTING]
    unasked = operation in MANAGING
    within = texts.Texts(language, "activate", purpose="" if unasked else operation)
    for partly in (False, True):
        offer = ActivationQuestion(partly, unasked=unasked)
        said.append(within.activation_offer(offer))
    for heading, body in said:
        assert not re.search(SERVICE[language], f"{heading} {body}", re.IGNORECASE)


SIGNING_TROUBLE = ("SIGNATURE_INVALID", "KEY_MISSING", "SIGNING_INTERRUPTED")
SHOWN_WHILE_SIGNING = ("asks", "consent", "choose.body", "unlock.body", "view.changed")
SHOWN_WHILE_DECRYPTING = ("asks", "consent", "choose.body", "unlock.body")
SERVICE = {
    "fi": r"palvelun (sivu|pyyntö)|palvelulle|palvelussa|\bpalvelu (sai|pyysi)",
    "sv": "tjänstens|(till|i) tjänsten|tjänsten (fick|bad)",
    "en": "the service's|(to|with) the service|the service (got|asked)",
}


@EACH
def test_one_of_several_batches_is_never_said_to_be_all(language: str) -> None:
    text = texts.Texts(language, "sign-own")
    two = tuple(Document(name, "SHA-384", "00", path="/a") for name in "ab")
    alone = PinQuestion("PIN2", "", "", 5, 6, 12, documents=two)
    second = replace(alone, batch=Progress(1, 5))
    assert text.signatures(second) != text.signatures(alone)
    said = text.what_is_signed(two, second.batch)
    assert said.endswith(text.what_is_signed(two))
    assert re.match(r"\S+ 2( av | of |/)5\. ", said)


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
def test_a_page_that_awaited_a_signature_may_know_the_name(language: str) -> None:
    """It may have got the certificate before, which has the name."""
    body = CATALOGUES[language]["sign.step.expired.body"]
    assert not re.search("tieto|uppgift|name|identifier", body)


@EACH
def test_each_card_that_will_not_do_is_named(language: str) -> None:
    text = texts.Texts(language)
    for kind in filter(None, CardKind):
        _, body = text.problem("UNSUPPORTED_CARD", kind)
        if kind is CardKind.CONTACTLESS:
            now = ("Kortti on nyt", "Kortet ligger nu", "The card is now")
            assert body.startswith(now)
        else:
            assert kind not in body or language == "en"
            assert CATALOGUES[language][f"kind.{kind}"] in body
    _, body = text.problem("UNSUPPORTED_CARD", "library{card}\n")
    assert "library{card}\N{REPLACEMENT CHARACTER}" in body
    general = text("problem.other.heading"), text("problem.other.body")
    assert text.problem("FULL_MOON", "waxing") == general


@EACH
@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({}, []),
        ({"tries_left": 4}, ["pin.tries"]),
        ({"tries_left": 3, "wrong": True}, ["pin.wrong", "pin.tries"]),
        ({"tries_left": 2}, ["pin.two_tries"]),
        ({"tries_left": 1, "wrong": True}, ["pin.wrong", "last_try"]),
        ({"wrong": True, "repeated": True}, ["pin.repeated"]),
        ({"unsent": True}, ["pin.unsent"]),
        ({"repeated": True, "pad_problem": "length"}, ["pin_pad.length"]),
        ({"pad_problem": "timed-out"}, ["pin_pad.timed-out"]),
        ({"pad_problem": "refused", "pad_unused": True}, ["pin_pad.refused"]),
        ({"pad_unused": True, "wrong": True}, ["pin.wrong", "pin_pad.unused"]),
        ({"unlocked": True, "tries_left": 2}, ["pin.unlocked", "pin.two_tries"]),
    ],
)
def test_what_became_of_the_last_pin_and_the_tries_are_said(
    language: str, changes: dict[str, Any], keys: list[str]
) -> None:
    text, question = texts.Texts(language, "authenticate"), a_question(**changes)
    said = [text(key, tries=question.tries_left) for key in keys]
    assert text.pin_status(question) == said
    assert "pin.tries" not in keys or str(question.tries_left) in said[-1]


@pytest.mark.parametrize(
    "hostile", ["\x1b", "\u202e", "\u200b", "\n", "\u2028", "\ue000"]
)
def test_what_could_garble_the_screen_is_replaced(hostile: str) -> None:
    assert printable(f"A{hostile}B") == "A\N{REPLACEMENT CHARACTER}B"
    assert printable("Åsa-Mäki O’Neil") == "Åsa-Mäki O’Neil"


EIGHT = CodeField("activation", (8,))
EITHER = CodeField("activation", (7, 8))


@pytest.mark.parametrize(
    "pin",
    [
        *("1234", "4321", "7890", "0987", "1111", "000000", "123456", "87654321"),
        *("2468", "9753", "1122", "112233", "1212", "123123", "12341234"),
        *("1221", "123321", "2412", "1224", "1984", "2007", "1906", "2026"),
        *("240584", "840524", "24051984", "19840524", "290200"),
    ],
)
def test_a_pin_that_is_tried_first_is_easy_to_guess(pin: str) -> None:
    assert codes.is_easy_to_guess(pin.encode(), 2026)
    assert codes.is_easy_to_guess(bytearray(pin, "ascii"), 2026)


@pytest.mark.parametrize(
    "pin",
    [
        *("2580", "3947", "4907", "739146", "993184", "24851984", "38471059"),
        # Nobody is born then who has a card of 2026.
        *("1895", "2047", "24052027", "19050524"),
    ],
)
def test_any_other_pin_is_not(pin: str) -> None:
    assert not codes.is_easy_to_guess(pin.encode(), 2026)


NOTHING_SENT = {
    "fi": "Kortille ei lähetetty mitään.",
    "sv": "Ingenting skickades till kortet.",
    "en": "Nothing was sent to the card.",
}


@EACH
@pytest.mark.parametrize("field", [SEVEN, EIGHT, EITHER, PUK, OLD_PIN, NEW_PIN1])
def test_a_code_of_a_wrong_length_is_explained(language: str, field: CodeField) -> None:
    text = texts.Texts(language, "activate")
    for typed in range(14):
        words = codes.length_error(field, typed, text)
        assert (NOTHING_SENT[language] in words) is (typed not in field.lengths)
        assert bool(words) is (typed not in field.lengths)
        if words and typed and field in (SEVEN, EIGHT):
            assert str(field.lengths[0]) in words
            assert str(typed) in words
        if words and typed and field in (EITHER, PUK, OLD_PIN):
            assert codes.length_text(field, text) in words


@EACH
@pytest.mark.parametrize(
    ("operation", "pin", "at_risk"),
    [
        ("activate", "", "PIN1"),
        ("activate", "", "PIN2"),
        ("activate", "", "PUK"),
        ("change-pin", "PIN1", "PIN1"),
        ("change-pin", "PIN2", "PIN2"),
        ("unblock", "PIN1", "PUK"),
        ("unblock", "PIN2", "PUK"),
    ],
)
def test_tries_and_their_cost_are_always_said(
    language: str, operation: str, pin: str, at_risk: str
) -> None:
    text = texts.Texts(language, operation, pin)
    asked = {"operation": operation, "pin": pin, "at_risk": at_risk}
    for tries in range(1, 6):
        question = a_codes_question(**asked, tries_left=tries)
        said = " ".join(codes.status(question, text))
        cost = text(f"{'last_try' if tries == 1 else 'cost'}.{at_risk}")
        assert cost in said
        assert tries < 3 or str(tries) in said
        lost = {"fi": "uuden kortin", "sv": "nytt kort", "en": "a new card"}
        assert (at_risk == "PUK") is (lost[language] in said)
        assert at_risk == "PUK" or f"({at_risk})" in said


@EACH
def test_what_has_happened_is_said(language: str) -> None:
    text = texts.Texts(language, "unblock", "PIN1")
    assert "unproven" not in text
    for change in ("wrong", "repeated", "unsent", "in_doubt"):
        asked = {"operation": "unblock", "at_risk": "PUK", change: True}
        assert codes.status(a_codes_question(**asked), text)[0] == text(change)
    text = texts.Texts(language, "activate")
    question = a_codes_question(done=("PIN1",))
    said = codes.instructions(question, text, by_itself=True)
    # Activation is proven on a test card only.
    assert {text("done.PIN1"), text("unproven")} <= {*said}
    assert text("done.PIN2") not in said
    # The offer has just shown this text.
    assert text("unproven") not in codes.instructions(question, text, by_itself=False)
