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
from native_host.files import words
from native_host.files.report_fields import Report

SCHEMA = "docs/reference/verification-report.schema.json"


def test_each_code_has_a_sub_indication_that_the_standard_allows() -> None:
    """pyHanko has the same tables. Beside TOTAL-FAILED its release lacks EXPIRED."""
    allowed = {
        Verdict.VALID: {None},
        Verdict.NOT_VALID: {*AdESFailure.__members__, "EXPIRED"},
        Verdict.CANT_SAY: {*AdESIndeterminate.__members__},
    }
    for code in CODES:
        problem = Problem(code)
        assert problem.sub_indication in allowed[problem.verdict], code


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
