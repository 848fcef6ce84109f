# SPDX-License-Identifier: MIT
"""Changes signed files at random, and compares the verdict with what programs show.

    python -m tests.corpus.fuzz [--seconds N] [--most N] [--later] [--seed N]

``--most`` is a number of files, and ``--later`` only changes PDFs after they were
signed.

Nothing is valid of which a program shows other content than was signed, no check fails
with an error, and none takes long. A find is kept in a folder, with its seed.
"""

import argparse
import asyncio
import random
import re
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from kortilla.errors import RelyingPartyError
from kortilla.signing.processes import PROCESSES
from kortilla.signing.verification import DocumentReport, Verdict
from tests.corpus import (
    pdf_certified,
    pdf_later,
    pdf_updates,
    pdf_whole,
    xml_files,
    zip_files,
)
from tests.corpus.building import (
    VELKA,
    Objects,
    contract,
    sealed,
    signed_again,
    stream,
    updated_by,
    written,
)
from tests.corpus.cases import Case, File
from tests.corpus.checking import Readers, new_maker, verified
from tests.corpus.readers import Shown
from tests.kortilla.signed_files import Maker, with_signature

_SLOWEST = 30.0  # seconds, more than the limit of the process that reads
_WORDS = (
    b"obj endobj stream endstream xref trailer startxref %%EOF << >> [ ] R null true "
    b"/Type/Page /Type/Pages /Contents /Kids /Count /Prev /Size /Root /Length /Index "
    b"/Parent /Resources /Annots /OCProperties /XRefStm /Type/ObjStm /Linearized 0 1 2 "
    b"3 4 13 14 65535 -1 99999999 % ( ) < > PK\3\4 PK\1\2 PK\5\6 PK\7\x08 \n \r \0"
).split(b" ")
_NUMBER = re.compile(rb"\d+")
_PARTS = re.compile(rb"(?<=endobj\n)")
_KEPT = re.compile(rb"[3578] 0 obj|\Z")
_XML_WORD = re.compile('[A-Za-z:]+|[0-9]+|[<>/"=#&;]')
Mutation = Callable[[random.Random, bytes], bytes]


def _octets(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _words(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data) + 1)
    cut = chance.choice((0, 0, 1, 4, 12))
    return data[:at] + chance.choice(_WORDS) + data[at + cut :]


def _numbers(chance: random.Random, data: bytes) -> bytes:
    """Change numbers, and keep their length: places stay what they are."""
    found = list(_NUMBER.finditer(data))
    if not found:
        return data
    for _ in range(chance.randrange(1, 4)):
        one, other = chance.choice(found), chance.choice(found)
        size = len(one[0])
        new = chance.choice((other[0], b"%d" % chance.randrange(10**4)))
        data = data[: one.start()] + new.rjust(size, b"0")[-size:] + data[one.end() :]
    return data


def _pieces(chance: random.Random, data: bytes) -> bytes:
    """Take out, copy or move a piece."""
    one, other = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    piece = data[one : min(other, one + 400)]
    rest = data[:one] + data[one + len(piece) :]
    at = chance.randrange(len(rest) + 1)
    return chance.choice((rest, rest[:at] + piece + rest[at:], data[:at] + piece))


def _lines(chance: random.Random, data: bytes) -> bytes:
    """Exchange two lines, or take one twice."""
    lines = data.splitlines(keepends=True)
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    if chance.random() < 0.5:
        lines[one], lines[other] = lines[other], lines[one]
    else:
        lines.insert(one, lines[other])
    return b"".join(lines)


_ANYHOW: tuple[Mutation, ...] = (_octets, _words, _numbers, _pieces, _lines)


def _anyhow(chance: random.Random, data: bytes) -> bytes:
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        data = chance.choice(_ANYHOW)(chance, data) or data
    return data


def _objects(chance: random.Random) -> dict[int, str | bytes | None]:
    """Return some objects that an update could have, free ones among them."""
    rich = pdf_updates.RICH
    objects: dict[int, str | bytes | None] = {}
    for _ in range(chance.randrange(0, 4)):
        number = chance.choice([*rich, 41, 60, 70])
        objects[number] = chance.choice(
            (
                None,
                stream(VELKA),
                rich[chance.choice([*rich])],
                _anyhow(chance, _as_bytes(rich.get(number) or b"<<>>")),
            )
        )
    return objects


def _update(chance: random.Random, pdf: bytes) -> bytes:
    """Add an update of some objects, and perhaps change it."""
    objects = _objects(chance)
    if chance.random() < 0.4:
        store = pdf_later.store(pdf_updates.RICH if b"/Lang" in pdf else contract())
        objects = {**objects, **store} if chance.random() < 0.5 else store | objects
    kind = chance.choice(("table", "stream"))
    done = updated_by(pdf, objects, xref=kind)
    if chance.random() < 0.6:
        done = done[: len(pdf)] + _anyhow(chance, done[len(pdf) :])
    return done


async def _signed_again(
    chance: random.Random, maker: Maker, base: "_Base"
) -> tuple[Case, File]:
    """Sign a second time with some other objects, a mark, and changed entries."""
    mark = (chance.choice((72, 400)), 712, 500, 742)
    parts = {1: base.objects[1], 4: base.objects[4]}
    kept = chance.choice(([], [1], [4]))
    for number in kept:
        parts[number] = _anyhow(chance, _as_bytes(parts[number] or b"")).decode(
            "latin-1"
        )
    visible = chance.random() < 0.5
    again = await signed_again(
        maker,
        base.file[0] or b"",
        parts,
        mark=(mark, "0 0 9 9 re f") if visible else None,
        entries=_anyhow(chance, b"/MK<<>>").decode("latin-1") * (chance.random() < 0.2),
        more=_objects(chance) if chance.random() < 0.7 else {},
    )
    added = ((1, *mark),) if visible else ()
    return replace(base.case, marks=added), (again, None)


def _as_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


def _rezipped(chance: random.Random, container: bytes) -> bytes:
    """Change what a header or the directory says of the files."""
    entries = zip_files.entries_of(container)
    if chance.random() < 0.4:
        changes = [*zip_files.GOOD.values(), *zip_files.FORGED.values()]
        made = chance.choice(changes)(entries)
        return made if chance.random() < 0.5 else _structure(chance, made)
    return _structure(chance, container)


def _structure(chance: random.Random, container: bytes) -> bytes:
    """Change octets of a header, of a place in the directory or of the end."""
    signs = [found.start() for found in re.finditer(rb"PK[\1-\7]", container)]
    changed = bytearray(container)
    for _ in range(chance.randrange(1, 4)):
        at = chance.choice(signs or [0]) + chance.randrange(60)
        if at < len(changed):
            changed[at] = chance.choice((0, 1, 8, 0xFF, chance.randrange(256)))
    return bytes(changed)


def _xml(chance: random.Random, container: bytes) -> bytes:
    """Change words of the signature, or copy a piece of it elsewhere."""

    def change(xml: str) -> str:
        known = [*xml_files.FORGED.values(), *xml_files.HARMLESS.values()]
        if chance.random() < 0.2:
            xml = chance.choice(known)(xml)
        words = list(_XML_WORD.finditer(xml))
        one, other = chance.choice(words), chance.choice(words)
        if chance.random() < 0.5:
            return xml[: one.start()] + other[0] + xml[one.end() :]
        elements = re.findall(r"<(\w+:\w+)", xml)
        name = chance.choice(elements)
        found = re.search(rf"<{name}\b.*?</{name}>", xml, re.DOTALL)
        piece = found[0] if found else "<a/>"
        return xml[: one.start()] + piece + xml[one.start() :]

    try:
        return with_signature(container, change)
    except AssertionError:  # nothing changed, or what was to be changed is not there
        return container


@dataclass(frozen=True)
class _Base:
    """What is changed: a file, its kind of changes, and what was signed."""

    case: Case
    file: File
    changes: tuple[Mutation, ...]
    objects: Objects = field(default_factory=dict)


async def _bases(maker: Maker, *, only_later: bool) -> list[_Base]:
    async def nothing(_: object) -> None:
        return None

    def case(name: str, signed: object, **more: object) -> Case:
        return Case(name, nothing, signed, Verdict.VALID, **more)  # type: ignore[arg-type]

    one, many = contract(), pdf_updates.RICH
    holes = {**one, **pdf_later.OF_PARENT}
    plain = written(one)
    pdfs = {
        "a table": (plain, one),
        "a stream of references": (pdf_whole.USUAL["a stream of references"], one),
        "an object stream": (pdf_whole.USUAL["an object stream"], one),
        "a linearized file": (pdf_whole.USUAL["a linearized file"], one),
        "a rich file": (written(many), many),
        "a file with references to nothing": (written(holes), holes),
    }
    found = []
    for name, (pdf, objects) in pdfs.items():
        signed = await sealed(maker, pdf)
        shown = pdf if objects is not one else plain
        changes = (_update, _update, _anyhow)
        found.append(_Base(case(name, shown), (signed, None), changes, objects))
    # The author allows nothing to be filled in, so that nothing else may be shown.
    locked = await sealed(maker, written(pdf_certified.certified(1)))
    author = case("certified", written(many))
    found.append(_Base(author, (locked, None), (_update, _anyhow)))
    if only_later:
        return found
    container = await maker.container(dict(zip_files.SIGNED))
    files = case("a container", zip_files.SIGNED)
    more = (_rezipped, _rezipped, _xml, _anyhow)
    found += [_Base(files, (container, None), more)] * 3
    p7s = await maker.detached(xml_files.CONTENT)
    found.append(
        _Base(case("detached", xml_files.CONTENT), (xml_files.CONTENT, p7s), (_octets,))
    )
    return found


async def _whole(chance: random.Random, maker: Maker) -> tuple[Case, File]:
    """Change a file before it is signed: its author wants two views.

    Contents, fonts and the signature stay: programs repair broken ones, each in its
    own way.
    """
    draft = chance.choice([*pdf_whole.USUAL.values()])
    parts = _PARTS.split(draft)
    free = [at for at, part in enumerate(parts) if not _KEPT.match(part)]
    for _ in range(chance.choice((1, 1, 2))):
        at = chance.choice(free)
        parts[at] = chance.choice((_numbers, _anyhow))(chance, parts[at])
    signed = await sealed(maker, b"".join(parts))
    case = Case("two views", lambda _: asyncio.sleep(0), b"", Verdict.VALID)
    return case, (signed, None)


class Fuzzer:
    """Changes files until the time is over, and counts what is said of them."""

    def __init__(
        self, seed: int, keep: Path | None = None, *, only_later: bool = False
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.finds: list[str] = []
        self._seed = seed
        self._keep = keep
        self._only_later = only_later

    async def run(
        self, seconds: float, readers: Readers, most: int | None = None
    ) -> None:
        """Change files for some seconds, or ``most`` times."""
        maker = new_maker()
        bases = await _bases(maker, only_later=self._only_later)
        end, number = time.monotonic() + seconds, 0
        while time.monotonic() < end and (most is None or number < most):
            # Each process that reads files has one to read, and another waits for it.
            numbers = range(number, number + 2 * PROCESSES)[: most and most - number]
            made = [await self._made(each, maker, bases) for each in numbers]
            reports = await asyncio.gather(
                *(self._judged(maker, file) for _, _, file in made)
            )
            for one, report in zip(made, reports, strict=True):
                self._count(*one, report, readers)
            number += len(numbers)

    async def _made(
        self, number: int, maker: Maker, bases: list[_Base]
    ) -> tuple[int, Case, File]:
        chance = random.Random(f"{self._seed} {number}")  # noqa: S311 - no secret
        base = chance.choice(bases)
        try:
            if not self._only_later and chance.random() < 0.3:
                return (number, *await _whole(chance, maker))
            if base.objects and chance.random() < 0.3:
                return (number, *await _signed_again(chance, maker, base))
        except (AssertionError, ValueError):
            pass  # there is no place for a signature any more
        content, signature = base.file
        change = chance.choice(base.changes)
        if signature is None:
            return number, base.case, (change(chance, content or b""), None)
        return number, base.case, (content, change(chance, signature))

    async def _judged(self, maker: Maker, file: File) -> DocumentReport | str:
        """Return the report, or what is wrong with the check."""
        began = time.monotonic()
        try:
            report = await verified(maker, file)
        except RelyingPartyError:
            raise
        except Exception as error:
            return f"an error: {error!r}"
        took = time.monotonic() - began
        return f"{took:.0f} seconds" if took > _SLOWEST else report

    def _count(
        self,
        number: int,
        case: Case,
        file: File,
        report: DocumentReport | str,
        readers: Readers,
    ) -> None:
        if isinstance(report, str):
            self._found(number, case, file, report)
            return
        self.counts[f"{case.name}: {report.verdict}"] += 1
        if report.verdict is Verdict.VALID:
            shown = self._compare(case, file, report, readers)
            if "other" in shown.values():
                self._found(number, case, file, f"valid, but {shown}")

    def _compare(
        self, case: Case, file: File, report: DocumentReport, readers: Readers
    ) -> dict[str, Shown]:
        if report.signatures[0].place == "Signature2":
            return {}  # the first signature is gone: the second one signed it all
        if case.name == "two views":
            # Nobody knows which view was meant: all programs must agree on one.
            return readers.agree(file[0] or b"")
        return readers.compare(case, file)

    def _found(self, number: int, case: Case, file: File, what: str) -> None:
        self.finds.append(f"{case.name}, --seed {self._seed}, number {number}: {what}")
        self.counts[f"{case.name}: FOUND"] += 1
        if self._keep is not None:
            self._keep.mkdir(parents=True, exist_ok=True)
            for part, ending in zip(file, ("file", "p7s"), strict=True):
                if part is not None:
                    name = f"{self._seed}-{number}.{ending}"
                    (self._keep / name).write_bytes(part)


async def _main(options: argparse.Namespace) -> int:
    fuzzer = Fuzzer(options.seed, options.keep, only_later=options.later)
    began = time.monotonic()
    with Readers() as readers:
        await fuzzer.run(options.seconds, readers, options.most)
    files, took = sum(fuzzer.counts.values()), time.monotonic() - began
    print(f"seed {options.seed}: {files} files in {took:.0f} s")
    for what, count in sorted(fuzzer.counts.items()):
        print(f"{count:8} {what}")
    for find in fuzzer.finds:
        print(f"FOUND: {find}", file=sys.stderr)
    return bool(fuzzer.finds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--most", type=int)
    parser.add_argument("--later", action="store_true")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"))
    sys.exit(asyncio.run(_main(parser.parse_args())))
