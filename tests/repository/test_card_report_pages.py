# SPDX-License-Identifier: MIT
"""The pages that ask for reports of cards say what is so, in three languages."""

import re
import shlex

import pytest

from native_host.card_report.report import catalogue
from native_host.cli import main
from native_host.languages import SPOKEN
from tests.repository.test_documentation import links


@pytest.fixture(scope="module")
def pages_of_reports(texts: dict[str, str]) -> dict[str, str]:
    return {each: texts[f"docs/citizens/card-report-{each}.md"] for each in SPOKEN}


def test_they_have_the_same_shape(pages_of_reports: dict[str, str]) -> None:
    shapes = [
        [
            *re.findall(r"^#+ |^\d+\. |^- ", page, re.MULTILINE),
            *(target for _, _, target in links(page) if "card-report" not in target),
        ]
        for page in pages_of_reports.values()
    ]
    assert len(shapes[0]) > 30
    assert shapes[0] == shapes[1] == shapes[2]


def test_their_commands_exist(pages_of_reports: dict[str, str]) -> None:
    for page in pages_of_reports.values():
        named = re.findall(r"(?:^ *|`)kortilla ([^`\n]+)", page, re.MULTILINE)
        assert len(named) == 2
        for line in named:
            assert main([*shlex.split(line), "--help"]) == 0, line


def test_what_went_wrong_is_called_as_the_program_does(
    pages_of_reports: dict[str, str],
) -> None:
    for language, page in pages_of_reports.items():
        texts = catalogue(language)
        prose = " ".join(page.split())
        first_sentence = texts["failed.exists"].partition(". ")[0]
        assert f"**{first_sentence}.**" in prose
        assert f"**{texts['written-partly'].partition('. ')[0]}.**" in prose
