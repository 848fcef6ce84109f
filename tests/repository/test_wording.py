# SPDX-License-Identifier: MIT
"""The texts that people see keep the rules of ``docs/reference/wording.md``."""

import json
import re

import pytest

LANGUAGES = ("fi", "sv", "en")

_SCRIPT_TEXT = re.compile(r'^\s+"?([\w.-]+)"?:\s*"((?:[^"\\]|\\.)*)",$', re.MULTILINE)
_TAG = re.compile(r"<[^>]+>")
_CODE = re.compile(r"```.*?```|`[^`]*`|\]\([^)]*\)|<code>.*?</code>", re.DOTALL)

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

#: Where each program has its texts.
PLACES = {
    "window": "native_host/texts/prompt/{}.json",
    "desktop": "native_host/texts/desktop/{}.json",
    "card": "native_host/texts/card/{}.json",
    "shared": "native_host/texts/shared/{}.json",
    "extension": "extension/_locales/{}/messages.json",
    "server": "kortilla/web/texts/{}.json",
    "provider": "kortilla/openid/login/texts/{}.json",
}

#: Words that have another one in the table of the rules, by language.
SECOND_WORDS = {
    "fi": [
        *(r"\bpane\b", r"\bpanna\b", r"\blaita\b"),  # aseta, lisää
        *("suurin kirjaimin", "kortillalla", "ei viralli"),
    ],
    "sv": [
        *(r"\bklicka på", "sätt in", "skriver? under", "på webben"),
        *("kortilla-programmet", "formulär", "kontrollsumma för", "stora bokstäver"),
        *("anmälts? som förlora", "webbtjänst"),
    ],
    "en": [
        *(r"\bmend", r"\balone\b", r"\bwh(?:o|at)ever\b", "all the same"),
        *("large letters", "could be had", "not an authority.s program"),
        *("program in the background", "web services?", r"(?<!-)\bmails?\b"),
    ],
}
#: Most words of a sentence that a catalogue has.
LONGEST = {"fi": 20, "sv": 25, "en": 28}
#: Inner names, which say nothing to a person.
INNER_NAMES = r"\bpipx?\b|PySide|pyhanko|pyscard|multiapp|\bX11\b|Wayland|PKCS#11"
#: A capital word is read letter by letter. The mark of a test card is to be loud.
CAPITALS = r"\b[A-ZÅÄÖ]{4,}\b"
#: Names that are written so.
NAMES = {"SATU", "JSON", "ETSI", "XFCE", "GNOME", "JPEG", "SECURITY", "CONTRIBUTING"}
LOUD = {"TESTIKORTTI", "TESTKORT", "TEST CARD"}

#: Helps name options and values as they are typed, and what scripts are about.
COMMANDS = "native_host/texts/commands/"

Catalogues = dict[str, dict[str, str]]


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def catalogues(texts: dict[str, str], language: str) -> Catalogues:
    """The texts that people see, by the program; ``client`` is the page's."""
    found = {name: json.loads(texts[p.format(language)]) for name, p in PLACES.items()}
    extension = found["extension"].items()
    found["extension"] = {name: entry["message"] for name, entry in extension}
    folder = "kortilla/client"
    pages = [texts[f"{folder}/{kind}/{language}.js"] for kind in ("texts", "labels")]
    found["client"] = dict(_SCRIPT_TEXT.findall("\n".join(pages)))
    assert len(found["client"]) > 60
    return found


@pytest.fixture
def all_texts(catalogues: Catalogues) -> list[str]:
    """The texts that need no command: in a terminal a person has typed one already."""
    return [
        text
        for each in catalogues.values()
        for key, text in each.items()
        if not key.startswith("terminal.")
    ]


@pytest.fixture
def everything(texts: dict[str, str], language: str) -> dict[str, str]:
    """Each text that people see, by its place: catalogues, pages, menus, guides."""
    found = {}
    for path, text in texts.items():
        if re.search(rf"/texts/(?:\w+/)?{language}\.json$|_locales/{language}/", path):
            for key, value in json.loads(text).items():
                shown = value["message"] if isinstance(value, dict) else value
                found[f"{path} {key}"] = re.sub(r"\$\w+\$", "", shown)
        elif re.search(rf"client/(?:texts|labels)/{language}\.js$", path):
            for key, value in _SCRIPT_TEXT.findall(text):
                found[f"{path} {key}"] = value
        elif re.search(rf"help/{language}\.html$|citizens/.*\b{language}\.md$", path):
            words = _CODE.sub("", text.partition("-->")[2])
            found[path] = " ".join(_TAG.sub("\n", words).split())
        elif path.endswith(".desktop"):
            mark = "" if language == "en" else rf"\[{language}\]"
            lines = re.findall(rf"^(?:Name|Comment){mark}=(.*)$", text, re.MULTILINE)
            found |= {f"{path} {count}": line for count, line in enumerate(lines)}
        elif path.endswith(".metainfo.xml"):
            mark = "" if language == "en" else f' xml:lang="{language}"'
            lines = re.findall(rf"<(?:p|summary|caption){mark}>([^<]*)<", text)
            found |= {f"{path} {count}": line for count, line in enumerate(lines)}
    assert len(found) > 1500
    assert {*map(_kind, found)} >= {"json", "js", "html", "md", "desktop", "xml"}
    return found


def _kind(place: str) -> str:
    return place.partition(" ")[0].rpartition(".")[2]


def test_one_thing_has_one_word(everything: dict[str, str], language: str) -> None:
    other = re.compile("|".join(SECOND_WORDS[language]), re.IGNORECASE)
    found = {place: other.findall(text) for place, text in everything.items()}
    assert {place: words for place, words in found.items() if words} == {}


def test_no_text_names_what_is_inside(everything: dict[str, str]) -> None:
    """The self-check names the part that is missing, for the person who installs it."""
    inner = re.compile(INNER_NAMES, re.IGNORECASE)
    named = {
        place
        for place, text in everything.items()
        if inner.search(text) and not place.startswith(COMMANDS)
    }
    assert {place.split()[-1] for place in named} == {"PYSCARD_MISSING"}


def test_no_sentence_is_too_long_to_hear(
    everything: dict[str, str], language: str
) -> None:
    long = [
        (place, sentence)
        for place, text in everything.items()
        if _kind(place) in {"json", "js"}
        for sentence in re.split(r"(?<=[.!?:;]) ", text)
        if len(sentence.split()) > LONGEST[language]
    ]
    assert long == []


def test_no_word_is_in_capitals(everything: dict[str, str]) -> None:
    loud = {
        place: words
        for place, text in everything.items()
        if (words := {*re.findall(CAPITALS, text)} - NAMES)
        and text not in LOUD
        and not place.startswith(COMMANDS)
    }
    assert loud == {}


def test_no_finnish_sentence_begins_with_the_bare_name(texts: dict[str, str]) -> None:
    shown = [
        (path, text)
        for path, page in texts.items()
        if not path.startswith(COMMANDS)  # its keys are English
        and re.search(
            r"(?:_locales/fi/|texts/(?:\w+/)?fi|labels/fi|help/fi|citizens/.*\bfi\.md)",
            path,
        )
        for text in re.findall(r'"(?:[^"\\]|\\.)*"', page)
        + _TAG.sub("\n", page).split("\n\n")
    ]
    assert len({path for path, _ in shown}) > 8
    found = [
        (path, text) for path, text in shown if BARE_NAME.search(text.strip('" \n'))
    ]
    assert found == []


def test_no_text_sends_a_citizen_to_a_command(all_texts: list[str]) -> None:
    assert [text for text in all_texts if COMMAND.search(text)] == []


def test_one_act_has_one_name(all_texts: list[str], language: str) -> None:
    other = re.compile(OTHER_WORDS[language], re.IGNORECASE)
    assert [text for text in all_texts if other.search(text)] == []


def test_the_extension_sends_nobody_to_a_command_line(catalogues: Catalogues) -> None:
    words = r"\bkortilla (card|doctor|install|pkcs11)|pääte|terminal|kommando|komento"
    found = re.compile(rf"{words}|command")
    assert [
        text for text in catalogues["extension"].values() if found.search(text)
    ] == []


def test_swedish_says_again_in_one_way(texts: dict[str, str]) -> None:
    swedish = [path for path in texts if re.search(r"\bsv[./]", path)]
    assert len(swedish) > 8
    assert [path for path in swedish if "på nytt" in texts[path]] == []


def test_a_locked_pin_and_a_new_card_lead_to_a_button(
    catalogues: Catalogues, language: str
) -> None:
    window, client = catalogues["window"], catalogues["client"]
    for button, in_window, in_page in (
        ("unlock.pin1", "problem.PIN_BLOCKED.body", "PIN_BLOCKED"),
        ("unlock.pin2", "sign.problem.PIN_BLOCKED.body", "sign.PIN_BLOCKED"),
        ("activate", "problem.CARD_NOT_ACTIVATED.body", "CARD_NOT_ACTIVATED"),
    ):
        label = catalogues["card"][button]
        for text in (window[in_window], client[in_page]):
            assert f" {label}." in text or IN_THIS_WINDOW[language] in text, button


#: What a text advises, and where that is said.
ADVICE: list[tuple[dict[str, str], dict[str, list[str]]]] = [
    (
        POLICE,
        {
            "window": ["problem.PUK_BLOCKED.body", "problem.CARD_EXPIRED.body"],
            "card": ["lost.more", "activation_lost.more", "ends_soon.more"],
            "client": ["PUK_BLOCKED", "CARD_EXPIRED"],
            "server": [
                "CERTIFICATE_EXPIRED",
                *("USER_CERTIFICATE_REVOKED", "USER_CERTIFICATE_WEAK_KEY"),
            ],
        },
    ),
    (
        INSTALLER,
        {
            "window": [
                *("problem.PCSC_DENIED.body", "manage.problem.PCSC_DENIED.body"),
                "problem.PCSC_UNAVAILABLE.body",
                "manage.problem.PCSC_UNAVAILABLE.body",
            ],
            "client": ["PCSC_DENIED", "PCSC_UNAVAILABLE"],
        },
    ),
]


@pytest.mark.parametrize(("advice", "places"), ADVICE, ids=["police", "installer"])
def test_who_can_help_is_named(
    catalogues: Catalogues,
    language: str,
    advice: dict[str, str],
    places: dict[str, list[str]],
) -> None:
    told = [catalogues[name][key] for name, keys in places.items() for key in keys]
    assert [text for text in told if advice[language] not in text] == []
    assert [text for text in told if re.search("pcscd|polkit", text)] == []
