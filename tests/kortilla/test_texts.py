# SPDX-License-Identifier: MIT
"""The catalogues have the same texts in each language, without forbidden words."""

import functools
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kortilla import errors
from kortilla.common import texts

ROOT = Path(__file__).parents[2]
FOLDERS = ["kortilla/openid/login/texts", "kortilla/web/texts", "tools/demo/site/texts"]
STATIC = ROOT / "kortilla" / "client" / "texts"


@functools.cache
def page_client_texts(language: str) -> dict[str, str]:
    script = f'import t from "{STATIC}/{language}.js"; console.log(JSON.stringify(t))'
    node = ["node", "--input-type=module", "-e", script]
    content: dict[str, str] = json.loads(subprocess.check_output(node))
    return content


@functools.cache
def all_texts(language: str) -> dict[str, str]:
    return {
        f"{folder}:{key}": text
        for folder in FOLDERS
        for key, text in texts.catalogue(ROOT / folder, language).items()
    } | page_client_texts(language)


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_each_language_has_each_text_and_no_forbidden_word(language: str) -> None:
    assert all_texts(language).keys() == all_texts("en").keys()
    forbidden = r"henkilötunnu|personbeteckning|personal identity code|\bHETU\b"
    for key, text in all_texts(language).items():
        assert text.strip(), key
        assert not re.search(forbidden, text, re.IGNORECASE), key
    for key, text in page_client_texts(language).items():
        assert re.fullmatch(r"[A-ZÅÄÖ].*\.", text), key  # a full sentence


def test_a_language_without_a_catalogue_gets_english() -> None:
    folder = ROOT / "kortilla/web/texts"
    assert texts.languages(folder) == ("en", "fi", "sv")
    for language in ("de", "", "../../openid/texts/fi"):
        assert texts.catalogue(folder, language) is texts.catalogue(folder, "en")


def test_each_error_of_the_validator_has_a_text() -> None:
    codes = {
        error.code
        for _, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, errors.RelyingPartyError)
    }
    assert codes <= set(texts.catalogue(ROOT / "kortilla/web/texts", "en"))


def test_the_page_client_has_a_text_for_each_code_of_the_protocol() -> None:
    section = (ROOT / "PROTOCOL.md").read_text().split("## 5. Codes")[1]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    # Codes of the command line and the token alone (L, P) never reach a page.
    rows = [row for row in rows if not {*row.split("|")[2].split()} <= {"L", "P"}]
    codes = {
        code for row in rows for code in re.findall("`([A-Z_]+)`", row.split("|")[1])
    }
    assert codes
    assert codes <= set(page_client_texts("en"))


def test_windows_has_texts_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"a": "Linux", "a.windows": "Windows", "b": "both"}
    for system, first in (("linux", "Linux"), ("win32", "Windows")):
        folder = tmp_path / system
        folder.mkdir()
        (folder / "en.json").write_text(json.dumps(found))
        monkeypatch.setattr(sys, "platform", system)
        assert texts.catalogue(folder, "en") == found | {"a": first}
