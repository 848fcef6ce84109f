# SPDX-License-Identifier: MIT
"""The texts that people see keep the rules of ``docs/reference/wording.md``."""

import json
import re

import pytest

LANGUAGES = ("fi", "sv", "en")
EACH = pytest.mark.parametrize("language", LANGUAGES)

_SCRIPT_TEXT = re.compile(r'^\s+"?([\w.-]+)"?:\s*"((?:[^"\\]|\\.)*)",$', re.MULTILINE)
_TAG = re.compile(r"<[^>]+>")

#: "Kortilla" is also the Finnish for "with the card".
BARE_NAME = re.compile(r"(?:^|[.!?]\s+)Kortilla\s")
COMMAND = re.compile(
    r"\bkortilla (?:agent|card|demo|doctor|install|pkcs11|uninstall|--?\w)"
)
#: Other words for identifying, and Swedish with two ways to say "again".
OTHER_WORDS = {
    "fi": r"kirjau(?!du ulos|dut ulos)|todista henkilöll",
    "sv": r"loggar? (?!ut)|inlogg|styrk|på nytt",
    "en": r"\blog(?:ged)? in\b|\blogin\b|\bprov\w+ your\b",
}
#: The advice on a new card, and that on a computer that needs attention.
POLICE = {"fi": "poliisilta", "sv": "hos polisen", "en": "to the police"}
INSTALLER = {
    "fi": "pyydä apua henkilöltä, joka asensi Kortilla-ohjelman",
    "sv": "be den som installerade programmet Kortilla om hjälp",
    "en": "ask the person who installed the Kortilla program for help",
}

#: Where a PIN is unlocked, if not in the extension.
IN_THIS_WINDOW = {
    "fi": "tässä ikkunassa",
    "sv": "i det här fönstret",
    "en": "in this window",
}

Catalogue = dict[str, str]


@pytest.fixture
def window(texts: dict[str, str], language: str) -> Catalogue:
    """The PIN window's texts."""
    return dict(json.loads(texts[f"native_host/pin_prompt/texts/{language}.json"]))


@pytest.fixture
def desktop(texts: dict[str, str], language: str) -> Catalogue:
    """The texts of the window of ``kortilla open``."""
    return dict(json.loads(texts[f"native_host/desktop/texts/{language}.json"]))


@pytest.fixture
def extension(texts: dict[str, str], language: str) -> Catalogue:
    """The texts of the extension's pages."""
    found = json.loads(texts[f"extension/_locales/{language}/messages.json"])
    return {name: entry["message"] for name, entry in found.items()}


@pytest.fixture
def client(texts: dict[str, str], language: str) -> Catalogue:
    """The texts of the page client's errors and button."""
    folder = "kortilla/client"
    pages = [texts[f"{folder}/{kind}/{language}.js"] for kind in ("texts", "labels")]
    found = dict(_SCRIPT_TEXT.findall("\n".join(pages)))
    assert len(found) > 60
    return found


@pytest.fixture
def server(texts: dict[str, str], language: str) -> Catalogue:
    """The texts of the server library's errors."""
    return dict(json.loads(texts[f"kortilla/web/texts/{language}.json"]))


@pytest.fixture
def provider(texts: dict[str, str], language: str) -> Catalogue:
    """The texts of the OpenID Provider's pages."""
    return dict(json.loads(texts[f"kortilla/openid/texts/{language}.json"]))


@pytest.fixture
def catalogues(
    window: Catalogue,
    desktop: Catalogue,
    extension: Catalogue,
    client: Catalogue,
    server: Catalogue,
    provider: Catalogue,
) -> list[str]:
    """The texts that need no command and no word for logging in.

    A person in a terminal has typed a command already.
    """
    window = {key: window[key] for key in window if not key.startswith("terminal.")}
    return [
        text
        for each in (window, desktop, extension, client, server, provider)
        for text in each.values()
    ]


def test_no_finnish_sentence_begins_with_the_bare_name(texts: dict[str, str]) -> None:
    shown = [
        (path, text)
        for path, page in texts.items()
        if re.search(
            r"(?:_locales/fi/|texts/fi|labels/fi|help/fi|citizens/.*\bfi\.md)", path
        )
        for text in re.findall(r'"(?:[^"\\]|\\.)*"', page)
        + _TAG.sub("\n", page).split("\n\n")
    ]
    assert len({path for path, _ in shown}) > 8
    found = [
        (path, text) for path, text in shown if BARE_NAME.search(text.strip('" \n'))
    ]
    assert found == []


@EACH
def test_no_text_sends_a_citizen_to_a_command(
    catalogues: list[str], language: str
) -> None:
    assert [text for text in catalogues if COMMAND.search(text)] == []


@EACH
def test_one_act_has_one_name(catalogues: list[str], language: str) -> None:
    other = re.compile(OTHER_WORDS[language], re.IGNORECASE)
    assert [text for text in catalogues if other.search(text)] == []


def test_swedish_says_again_in_one_way(texts: dict[str, str]) -> None:
    swedish = [path for path in texts if re.search(r"\bsv[./]", path)]
    assert len(swedish) > 8
    assert [path for path in swedish if "på nytt" in texts[path]] == []


@EACH
def test_a_locked_pin_and_a_new_card_lead_to_a_button(
    window: Catalogue, extension: Catalogue, client: Catalogue, language: str
) -> None:
    for button, told in (
        ("unlockPin1", (window["problem.PIN_BLOCKED.body"], client["PIN_BLOCKED"])),
        (
            "unlockPin2",
            (window["sign.problem.PIN_BLOCKED.body"], client["sign.PIN_BLOCKED"]),
        ),
        (
            "activateCard",
            (window["problem.CARD_NOT_ACTIVATED.body"], client["CARD_NOT_ACTIVATED"]),
        ),
    ):
        here = (f" {extension[button]}.", IN_THIS_WINDOW[language])
        assert all(any(place in text for place in here) for text in told), button


@EACH
def test_a_card_that_is_lost_leads_to_the_police(
    window: Catalogue,
    extension: Catalogue,
    client: Catalogue,
    server: Catalogue,
    language: str,
) -> None:
    told = [window[f"problem.{code}.body"] for code in ("PUK_BLOCKED", "CARD_EXPIRED")]
    told += [extension[key] for key in ("cardLostMore", "expiredMore", "kindOldMore")]
    told += [client[code] for code in ("PUK_BLOCKED", "CARD_EXPIRED")]
    told += [server[f"{code}"] for code in ("CERTIFICATE_EXPIRED",)]
    told += [server[f"USER_CERTIFICATE_{code}"] for code in ("REVOKED", "WEAK_KEY")]
    assert [text for text in told if POLICE[language] not in text] == []


@EACH
def test_a_computer_without_its_card_service_leads_to_who_installed_the_program(
    window: Catalogue, extension: Catalogue, client: Catalogue, language: str
) -> None:
    codes = ("PCSC_DENIED", "PCSC_UNAVAILABLE")
    told = [
        window[f"{room}problem.{code}.body"]
        for code in codes
        for room in ("", "manage.")
    ]
    told += [extension[key] for key in ("pcscDeniedMore", "pcscUnavailableMore")]
    told += [client[code] for code in codes]
    assert [text for text in told if INSTALLER[language] not in text] == []
    assert [text for text in told if re.search("pcscd|polkit", text)] == []
