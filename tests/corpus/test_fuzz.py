# SPDX-License-Identifier: MIT
"""A short run of ``make fuzz``, with the same changes each time."""

from tests.corpus.checking import Readers
from tests.corpus.fuzz import Fuzzer
from tests.support.patience import patience


async def test_random_changes_are_never_valid_where_programs_show_them() -> None:
    fuzzer = Fuzzer(seed=25)
    with Readers(("MuPDF", "PDFium"), ("Python",)) as readers:
        await fuzzer.run(patience(), readers, most=40)
    assert fuzzer.finds == []
    verdicts = {what.rpartition(": ")[2] for what in fuzzer.counts}
    assert {"valid", "cant-say"} <= verdicts
