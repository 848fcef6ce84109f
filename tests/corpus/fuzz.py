# SPDX-License-Identifier: MIT
"""Changes signed files at random, and compares the verdict with what programs show.

    python -m tests.corpus.fuzz [--seconds N] [--seed N] [--keep FOLDER]

Nothing is valid of which a program shows other content than was signed, no check fails
with an error, and none takes long. A find is kept in a folder, with its seed.
"""

import argparse
import asyncio
import random
import re
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kortilla.errors import RelyingPartyError
from kortilla.signing.verification import Verdict
from tests.corpus import pdf_certified, pdf_updates, pdf_whole, xml_files, zip_files
from tests.corpus.building import VELKA, contract, sealed, stream, updated_by, written
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


def _update(chance: random.Random, pdf: bytes) -> bytes:
    """Add an update of some objects, and perhaps change it."""
    rich = pdf_updates.RICH
    objects: dict[int, str | bytes | None] = {}
    for _ in range(chance.randrange(0, 4)):
        number = chance.choice([*rich, 41, 60])
        objects[number] = chance.choice(
            (
                None,
                stream(VELKA),
                rich[chance.choice([*rich])],
                _anyhow(chance, _as_bytes(rich.get(number) or b"<<>>")),
            )
        )
    kind = chance.choice(("table", "stream"))
    done = updated_by(pdf, objects, xref=kind)
    if chance.random() < 0.6:
        done = done[: len(pdf)] + _anyhow(chance, done[len(pdf) :])
    return done


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


async def _bases(maker: Maker) -> list[_Base]:
    async def nothing(_: object) -> None:
        return None

    def case(name: str, signed: object, **more: object) -> Case:
        return Case(name, nothing, signed, Verdict.VALID, **more)  # type: ignore[arg-type]

    plain, rich = written(contract()), written(pdf_updates.RICH)
    pdfs = {
        "a table": (plain, plain),
        "a stream of references": (pdf_whole.USUAL["a stream of references"], plain),
        "an object stream": (pdf_whole.USUAL["an object stream"], plain),
        "a linearized file": (pdf_whole.USUAL["a linearized file"], plain),
        "a rich file": (rich, rich),
    }
    found = []
    for name, (pdf, shown) in pdfs.items():
        signed = await sealed(maker, pdf)
        found.append(
            _Base(case(name, shown), (signed, None), (_update, _update, _anyhow))
        )
    # The author allows nothing to be filled in, so that nothing else may be shown.
    locked = await sealed(maker, written(pdf_certified.certified(1)))
    found.append(_Base(case("certified", rich), (locked, None), (_update, _anyhow)))
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

    def __init__(self, seed: int, keep: Path | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self.finds: list[str] = []
        self._seed = seed
        self._keep = keep

    async def run(
        self, seconds: float, readers: Readers, most: int | None = None
    ) -> None:
        """Change files for some seconds, or ``most`` times."""
        maker = new_maker()
        bases = await _bases(maker)
        end, number = time.monotonic() + seconds, 0
        while time.monotonic() < end and (most is None or number < most):
            chance = random.Random(f"{self._seed} {number}")  # noqa: S311 - no secret
            await self._once(chance, number, maker, bases, readers)
            number += 1

    async def _once(
        self,
        chance: random.Random,
        number: int,
        maker: Maker,
        bases: list[_Base],
        readers: Readers,
    ) -> None:
        if chance.random() < 0.3:
            try:
                case, file = await _whole(chance, maker)
            except (AssertionError, ValueError):
                return  # there is no place for a signature any more
        else:
            base = chance.choice(bases)
            case = base.case
            content, signature = base.file
            change = chance.choice(base.changes)
            if signature is None:
                file = (change(chance, content or b""), None)
            else:
                file = (content, change(chance, signature))
        began = time.monotonic()
        try:
            report = await verified(maker, file)
        except RelyingPartyError:
            raise
        except Exception as error:
            self._found(number, case, file, f"an error: {error!r}")
            return
        took = time.monotonic() - began
        if took > _SLOWEST:
            self._found(number, case, file, f"{took:.0f} seconds")
        self.counts[f"{case.name}: {report.verdict}"] += 1
        if report.verdict is Verdict.VALID:
            shown = self._compare(case, file, readers)
            if "other" in shown.values():
                self._found(number, case, file, f"valid, but {shown}")

    def _compare(self, case: Case, file: File, readers: Readers) -> dict[str, Shown]:
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


async def _main(seconds: float, seed: int, keep: Path) -> int:
    fuzzer = Fuzzer(seed, keep)
    with Readers() as readers:
        await fuzzer.run(seconds, readers)
    print(f"seed {seed}: {sum(fuzzer.counts.values())} files in {seconds:.0f} s")
    for what, count in sorted(fuzzer.counts.items()):
        print(f"{count:8} {what}")
    for find in fuzzer.finds:
        print(f"FOUND: {find}", file=sys.stderr)
    return bool(fuzzer.finds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=zlib.crc32(b"%d" % time.time_ns()))
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"))
    options = parser.parse_args()
    sys.exit(asyncio.run(_main(options.seconds, options.seed, options.keep)))
