# SPDX-License-Identifier: MIT
"""Prints what each program shows of each file of the corpus, and the verdict on it.

    python -m tests.corpus [--only WORD] [--against CHECKOUT]

``--against`` adds the verdict of another checkout of Kortilla. Fails if a verdict is
wrong, or valid is said of a file of which a program shows other content.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections import Counter
from itertools import chain
from pathlib import Path

from tests.corpus import containers, programs
from tests.corpus.cases import CASES, File, Signer
from tests.corpus.checking import Readers, defect, new_maker, verified
from tests.corpus.readers import PdfReaders

_SIGNS = {"same": "s", "other": "O", "nothing": "-"}
#: It runs in the other checkout, whose tests may not have this folder.
_ELSEWHERE = """\
import asyncio, json, sys
from pathlib import Path
from kortilla.signing.verification import TrustedCAs, verify_document
class Good:
    async def check(self, path, *, at):
        pass
async def main(folder):
    trusted = TrustedCAs.from_certificates([(folder / "ca.der").read_bytes()])
    verdicts = {}
    for number in range(int(sys.argv[2])):
        content, signature = [
            path.read_bytes() if path.exists() else None
            for path in (folder / f"{number}.file", folder / f"{number}.p7s")
        ]
        report = await verify_document(
            content, signature=signature, trusted=trusted, revocation=Good()
        )
        verdicts[number] = report.verdict.value
    print(json.dumps(verdicts))
asyncio.run(main(Path(sys.argv[1])))
"""


def _elsewhere(checkout: Path, ca: bytes, files: list[File]) -> list[str]:
    """Return the verdicts of another checkout."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ca.der").write_bytes(ca)
        for number, parts in enumerate(files):
            for part, ending in zip(parts, ("file", "p7s"), strict=True):
                if part is not None:
                    (folder / f"{number}.{ending}").write_bytes(part)
        done = subprocess.run(
            [sys.executable, "-c", _ELSEWHERE, str(folder), str(len(files))],
            env={"PYTHONPATH": str(checkout)},
            cwd=checkout,
            stdout=subprocess.PIPE,
            check=True,
        )
    return list(json.loads(done.stdout).values())


async def _main(only: str, against: Path | None) -> int:
    signer = Signer(new_maker())
    cases = [
        case for case in chain(CASES.values(), programs.cases()) if only in case.name
    ]
    files = [await case.file(signer) for case in cases]
    before = [""] * len(cases)
    if against is not None:
        before = _elsewhere(against, signer.maker.ca.der, files)
    print(f"PDF: {', '.join(PdfReaders.EVERY)}; ZIP: {', '.join(containers.EVERY)};")
    print("detached: openssl. s the same, O other content, - nothing.\n")
    wrong, counts = [], Counter[str]()
    with Readers() as readers:
        for case, file, earlier in zip(cases, files, before, strict=True):
            report = await verified(signer.maker, file)
            shown = readers.compare(case, file)
            signs = " ".join(_SIGNS[each] for each in shown.values())
            verdicts = f"{earlier:10}{report.verdict:10}"
            print(f"{signs:10} {verdicts} {case.name}", flush=True)
            if fault := defect(case, report, shown):
                wrong.append(fault)
            differs = "other" in shown.values()
            counts[f"{report.verdict}{', shown otherwise' * differs}"] += 1
            if against is not None:
                counts[f"before: {earlier}{', shown otherwise' * differs}"] += 1
    print(f"\n{len(cases)} files: {dict(sorted(counts.items()))}")
    for fault in wrong:
        print(f"WRONG: {fault}", file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--against", type=lambda name: Path(name).resolve())
    options = parser.parse_args()
    sys.exit(asyncio.run(_main(options.only, options.against)))
