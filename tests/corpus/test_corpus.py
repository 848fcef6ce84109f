# SPDX-License-Identifier: MIT
"""The corpus in short: each verdict, and what four fast programs show.

``make corpus`` has all programs, and the files that other programs make.
"""

from collections.abc import Iterator

import pytest

from kortilla.signing.verification import Verdict
from tests.corpus.cases import CASES, Case, Signer
from tests.corpus.checking import Readers, defect, new_maker, verified

FAMILIES = sorted({name.partition(":")[0] for name in CASES if ":" in name})


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer(new_maker())


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with Readers(("MuPDF", "PDFium"), ("Python",)) as readers:
        yield readers


def family(name: str) -> list[Case]:
    """Return the files of a family, or those of none and of ``verified_files``."""
    if name:
        return [case for case in CASES.values() if case.name.startswith(f"{name}:")]
    return [case for case in CASES.values() if ":" not in case.name]


def test_the_corpus_has_good_and_forged_files_of_many_kinds() -> None:
    verdicts = [case.verdict for case in CASES.values()]
    assert len(CASES) >= 450
    assert min(map(verdicts.count, Verdict)) >= 75


@pytest.mark.parametrize("name", ["", *FAMILIES])
async def test_nothing_is_valid_that_programs_show_otherwise(
    signer: Signer, readers: Readers, name: str
) -> None:
    found = []
    for case in family(name):
        if case.in_table and case.verdict is not Verdict.VALID:
            continue  # other tests have its verdict
        file = await case.file(signer)
        report = await verified(signer.maker, file)
        shown = {}
        if report.verdict is Verdict.VALID:
            shown = readers.compare(case, file)
        found.append(defect(case, report, shown))
    assert [each for each in found if each] == []
    assert len(found) > 1
