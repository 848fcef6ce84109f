# SPDX-License-Identifier: MIT
"""All targets of links and all names in the documentation exist."""

import json
import re
import shlex
from pathlib import PurePosixPath

import pytest

from native_host.cli import main

LANGUAGES = ("fi", "sv", "en")

SUBCOMMANDS = {"status", "activate", "change-pin", "unblock", "pin1", "pin2"}

_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`]*`")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# Words in bold are the program's texts.
_CITED = re.compile(
    r"(?<![\w{}*/.-])(?:\.\./)*(?P<page>(?:[\w.-]+/)*[\w-]+\.md)\b"
    r'(?:,? (?P<sections>"[^"]+"(?:(?:, | and )"[^"]+")*)| §(?P<number>\d+))?'
)
_PATH = re.compile(r"`([\w.][\w./-]*(?:\.(?:py|js|mjs|toml|json|html|yaml)|/))`")
# The beginning of a comment's next line.
_NEXT_LINE = re.compile(r"\n[ \t]*(?:#:?|//|\*)?[ \t]*")
_COMMAND = re.compile(
    r"\b(?:komento|kommandot|command) kortilla ([a-z-]+)((?: [a-z0-9-]+)*)", re.I
)
# A heading, a step, a command, or a link or picture with the page that it leads to.
_MARK = re.compile(
    r"^#+ |^\d+\. |^- |^(?:kortilla|sudo) .*|\]\(([^)#\s]*)", re.MULTILINE
)
# In a line of its own, or between marks in a sentence.
_NAMED_COMMAND = re.compile(r"(?:^|`)kortilla ([^`\n]+)", re.MULTILINE)
_BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)


def prose(text: str) -> str:
    """Return a page without its blocks of code."""
    return _FENCED.sub("", text)


def links(text: str) -> list[tuple[bool, str, str]]:
    """Return each link: whether it is an image, its text, and its target."""
    found = _LINK.findall(_CODE.sub("", prose(text)))
    return [(mark == "!", words, target) for mark, words, target in found]


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings."""
    kept = (
        re.sub(r"[^\w\- ]", "", heading.lower())
        for heading in _HEADING.findall(prose(text))
    )
    return {heading.replace(" ", "-") for heading in kept}


def headings(text: str) -> set[str]:
    """Return a page's headings in the form of citations."""
    return set(_HEADING.findall(prose(text)))


def citations(text: str) -> list[tuple[str, list[str], str]]:
    """Return the pages that a file cites, with sections or section numbers."""
    return [
        (
            found["page"],
            re.findall(r'"([^"]+)"', found["sections"] or ""),
            found["number"] or "",
        )
        for found in _CITED.finditer(_NEXT_LINE.sub(" ", text))
    ]


def resolved(page: str, path: str) -> str:
    """Return a relative path in a page as a path from the root."""
    parts: list[str] = []
    for part in (PurePosixPath(page).parent / path).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


@pytest.fixture(scope="module")
def pages(texts: dict[str, str]) -> dict[str, str]:
    """Return the text of each page of README and docs, and of those beside them."""
    return {name: text for name, text in texts.items() if name.endswith(".md")}


@pytest.fixture(scope="module", params=["", "suomi-fi-", "mail-"])
def citizens(request: pytest.FixtureRequest, pages: dict[str, str]) -> dict[str, str]:
    """Return the text of one of the pages for citizens in each language."""
    return {
        language: pages[f"docs/citizens/{request.param}{language}.md"]
        for language in LANGUAGES
    }


def test_each_link_and_picture_leads_to_something_committed(
    files: set[str], pages: dict[str, str]
) -> None:
    folders = {str(folder) for file in files for folder in PurePosixPath(file).parents}
    count = 0
    for page, text in pages.items():
        for _, _, target in links(text):
            if re.match(r"[a-z]+:", target):
                continue
            count += 1
            path, _, anchor = target.partition("#")
            there = resolved(page, path) if path else page
            assert there in files | folders, f"{page}: {target}"
            if anchor:
                assert anchor in anchors(pages[there]), f"{page}: {target}"
    assert count > 60


def test_each_page_and_section_that_is_cited_is_there(
    texts: dict[str, str], pages: dict[str, str]
) -> None:
    """In code, comments, tests and pages, with the full path or without."""
    sections = 0
    for file, text in texts.items():
        for page, named, number in citations(text):
            places = (page, f"docs/{page}", resolved(file, page))
            there = next((place for place in places if place in pages), None)
            assert there, f"{file}: {page}"
            found = headings(pages[there])
            for section in named:
                assert section in found, f'{file}: {page}, "{section}"'
            if number:
                assert any(each.startswith(f"{number}. ") for each in found), (
                    f"{file}: {page} §{number}"
                )
            sections += len(named) + bool(number)
    assert sections > 60


def test_each_file_and_folder_that_contributors_are_sent_to_is_there(
    files: set[str], pages: dict[str, str]
) -> None:
    """The end of a path is enough. `et` is an example of a new language."""
    folders = {f"{each}/" for file in files for each in PurePosixPath(file).parents}
    paths = [f"/{path}" for path in files | folders]
    count = 0
    for page, text in pages.items():
        if not page.startswith(("CONTRIBUTING", "docs/architecture", "docs/reference")):
            continue
        for path in _PATH.findall(prose(text)):
            if path in {"config.toml", "build/"} or re.search(r"(^|/)et[./]", path):
                continue
            count += 1
            assert any(each.endswith(f"/{path}") for each in paths), f"{page}: {path}"
    assert count > 100


def test_each_picture_is_described_and_there_in_each_language(
    files: set[str], pages: dict[str, str]
) -> None:
    shown = [each for text in pages.values() for each in links(text) if each[0]]
    assert shown
    assert [each for each in shown if len(each[1].split()) < 3] == []
    there = {name for name in files if name.startswith("docs/screenshots/")}
    for name in there:
        if not name.endswith("-fi.png"):  # some variants are there in Finnish only
            kind = name.rpartition("-")[0]
            assert {f"{kind}-{each}.png" for each in LANGUAGES} <= there, name


@pytest.mark.parametrize(
    "kind", ["", "suomi-fi-", "mail-", "terminal-", "card-report-"]
)
def test_the_pages_for_citizens_say_the_same(pages: dict[str, str], kind: str) -> None:
    """Their structure is compared: headings, steps, images, links, commands."""
    citizens = {each: pages[f"docs/citizens/{kind}{each}.md"] for each in LANGUAGES}
    shapes = {
        language: [
            re.sub(rf"-{language}(\.png)|\b(?:fi|sv|en)(\.md)", r"\1\2", mark)
            for mark in (found[1] or found[0] for found in _MARK.finditer(text))
        ]
        for language, text in citizens.items()
    }
    assert len(shapes["fi"]) > 12
    assert shapes["fi"] == shapes["sv"] == shapes["en"]
    for language, text in citizens.items():
        pictures = [target for is_picture, _, target in links(text) if is_picture]
        assert all(target.endswith(f"-{language}.png") for target in pictures)


#: The parts of the guide in English. The others have them in the same order.
PARTS = [
    *("What you need", "Install", "Activate a new card", "Identify yourself", "Sign"),
    *("Check a signature", "Encrypt and open files", "Change or unlock a PIN"),
    *(
        "Use a contactless reader",
        "If something does not work",
        "The pages of the program",
    ),
    *("Another computer or browser", "Where you get help", "Remove Kortilla"),
]
#: Most words that a person reads or hears in the guide.
MOST_WORDS = 1350


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_guide_is_short_and_shows_each_task(
    texts: dict[str, str], pages: dict[str, str], language: str
) -> None:
    english, text = (pages[f"docs/citizens/{each}.md"] for each in ("en", language))
    assert re.findall(r"^## (.+)$", english, re.MULTILINE) == PARTS
    assert len(re.findall(r"^#+ ", text, re.MULTILINE)) == 1 + len(PARTS)
    shown = re.sub(r"<!--.*?-->|\]\(\S+\)", "", text, flags=re.DOTALL)
    words = [each for each in shown.split() if re.search(r"[^\W\d]", each)]
    assert 700 < len(words) <= MOST_WORDS
    assert sum(is_picture for is_picture, _, _ in links(text)) >= 7
    desktop = json.loads(texts[f"native_host/texts/desktop/{language}.json"])
    desktop |= json.loads(texts[f"native_host/texts/shared/{language}.json"])
    titles = {
        each for key, each in desktop.items() if re.match(r"[a-z_]+\.title$", key)
    }
    named = re.findall(r"^- \*\*(.+?)\*\*:", text, re.MULTILINE)
    assert len(named) == len(titles)
    assert {*named} == titles


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_guide_needs_no_command_and_qt_can_show_it(
    pages: dict[str, str], language: str
) -> None:
    """The desktop program shows it too, by Qt, without tables and HTML."""
    text = pages[f"docs/citizens/{language}.md"]
    assert "`" not in text
    assert not re.search(r"^\||^ *<(?!!--)|\bkortilla [a-z]", text, re.MULTILINE)
    # That page is in English, and for people who know computers.
    assert "README" not in text
    terminal = pages[f"docs/citizens/terminal-{language}.md"]
    commands = re.findall(r"^(?:kortilla|sudo) .*", terminal, re.MULTILINE)
    assert commands == [
        "sudo apt install ./kortilla_*.deb",
        *("kortilla uninstall", "sudo apt purge kortilla"),
    ]
    assert f"](terminal-{language}.md)" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_in_bold_are_those_of_windows_and_popup(
    texts: dict[str, str], citizens: dict[str, str], language: str
) -> None:
    window = json.loads(texts[f"native_host/texts/prompt/{language}.json"])
    popup = json.loads(texts[f"extension/_locales/{language}/messages.json"])
    desktop = json.loads(texts[f"native_host/texts/desktop/{language}.json"])
    card = json.loads(texts[f"native_host/texts/card/{language}.json"])
    shared = json.loads(texts[f"native_host/texts/shared/{language}.json"])
    shown = {
        *shared.values(),
        *card.values(),
        *window.values(),
        *desktop.values(),
        *(entry["message"] for entry in popup.values()),
    }
    named = {" ".join(words.split()) for words in _BOLD.findall(citizens[language])}
    assert len(named) > 2
    assert named - shown == set()
    report = json.loads(texts[f"native_host/texts/card_report/{language}.json"])
    page = " ".join(texts[f"docs/citizens/card-report-{language}.md"].split())
    for key in ("failed.exists", "written-partly"):
        assert f"**{report[key].partition('. ')[0]}.**" in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_guide_names_the_fold_around_a_fold(
    texts: dict[str, str], pages: dict[str, str], language: str
) -> None:
    """Where a card needs something, the popup folds what helps less into one."""
    popup = json.loads(texts[f"extension/_locales/{language}/messages.json"])
    inner = {popup[name]["message"] for name in ("login", "helpHeading")}
    guide = pages[f"docs/citizens/suomi-fi-{language}.md"]
    steps = re.findall(r"^(?:\d+\.|-) .*(?:\n +.*)*", guide, re.MULTILINE)
    bold = [{" ".join(each.split()) for each in _BOLD.findall(step)} for step in steps]
    leading = [each for each in bold if inner & each]
    assert leading
    for each in leading:
        assert popup["othersHeading"]["message"] in each, each


def test_the_commands_that_are_named_exist(pages: dict[str, str]) -> None:
    citizens = [page for page in pages if page.startswith("docs/citizens/")]
    assert len(citizens) == 15
    named = [
        line
        for page in ("README.md", *citizens)
        for line in _NAMED_COMMAND.findall(pages[page])
    ]
    assert len(named) > 20
    for line in {*named}:
        assert main([*shlex.split(line), "--help"]) == 0, line


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_commands_that_the_terminal_names_exist(
    texts: dict[str, str], language: str
) -> None:
    """The texts name commands without quotation marks, after the word for command."""
    window = json.loads(texts[f"native_host/texts/prompt/{language}.json"])
    named = {
        (command, *(word for word in rest.split() if word in SUBCOMMANDS))
        for text in window.values()
        for command, rest in _COMMAND.findall(text)
    }
    assert ("card", "activate") in named
    for words in named:
        assert main([*words, "--help"]) == 0, words


def test_each_test_that_the_threat_model_names_is_there(
    files: set[str], texts: dict[str, str]
) -> None:
    """A test is a function's name, or the path of a file or folder below `tests/`."""
    functions = {
        name
        for file, text in texts.items()
        if file.startswith("tests/") and file.endswith(".py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE)
    }
    folders = {str(folder) for file in files for folder in PurePosixPath(file).parents}
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in texts["THREAT_MODEL.md"].splitlines()
        if re.match(r"\| [A-Z]\d+ \|", line)
    ]
    ids = [row[0] for row in rows]
    assert len(ids) == len(set(ids)) > 100
    for number, *_, named in rows:
        tests = re.findall(r"`([^`]+)`", named)
        assert tests or named == "–", number
        for test in tests:
            assert test in functions | files | folders, f"{number}: {test}"
