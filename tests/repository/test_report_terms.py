# SPDX-License-Identifier: MIT
"""The terms of reports: each code has its place, and the schema is what is written."""

from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from pyhanko.sign.ades.report import AdESFailure, AdESIndeterminate

from kortilla.signing.verification import (
    CODES,
    Problem,
    SignatureReport,
    Verdict,
)
from kortilla.signing.verification.indications import (
    _OF_CODES,
    SUB_INDICATIONS,
    Indication,
    indication,
)
from native_host.files import words
from native_host.files.report_fields import Report

SCHEMA = "docs/reference/verification-report.schema.json"


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_a_sub_indication_that_its_indication_allows(code: str) -> None:
    problem = Problem(code)
    said = problem.sub_indication
    assert (said is None) == (problem.verdict is Verdict.VALID)
    assert said in SUB_INDICATIONS[indication(problem.verdict)] | {None}


def test_no_other_code_has_one() -> None:
    assert set(_OF_CODES) <= set(CODES)
    for code in _OF_CODES:
        assert CODES[code][0] is not Verdict.VALID


def test_the_sub_indications_are_those_of_the_standard() -> None:
    """pyHanko has the same tables. Beside TOTAL-FAILED its release lacks EXPIRED."""
    failed = {each.name for each in AdESFailure} | {"EXPIRED"}
    assert SUB_INDICATIONS[Indication.TOTAL_FAILED] == failed
    unclear = {each.name for each in AdESIndeterminate}
    assert SUB_INDICATIONS[Indication.INDETERMINATE] <= unclear
    used = set().union(*SUB_INDICATIONS.values())
    assert used == {*_OF_CODES.values(), "NOT_YET_VALID"}


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_each_code_and_each_value_has_a_sentence(language: str) -> None:
    texts = set(words.load(language))
    assert set(CODES) <= texts
    for verdict in Verdict:
        assert {f"verdict.{verdict}", f"signature.{verdict}"} <= texts
    hints = get_type_hints(SignatureReport)
    assert {f"time.{each}" for each in get_args(hints["time_source"])} <= texts


def test_the_schema_is_that_of_what_is_written(root: Path) -> None:
    # python -c 'from native_host.files.report_fields import Report as R
    # print(R.schema_text(), end="")' >docs/reference/verification-report.schema.json
    assert (root / SCHEMA).read_text(encoding="utf-8") == Report.schema_text()
