# SPDX-License-Identifier: MIT
"""All files of the corpus, with what was signed in each, and the verdict on it."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from kortilla.signing.verification import Verdict
from tests.corpus import (
    pdf_certified,
    pdf_later,
    pdf_signatures,
    pdf_updates,
    pdf_whole,
    verdicts,
    xml_files,
    zip_files,
)
from tests.corpus.building import contract, sealed, written
from tests.corpus.readers import Mark
from tests.corpus.verdicts import Verdicts
from tests.kortilla.signed_files import Maker, with_signature
from tests.kortilla.signing import verified_files
from tests.kortilla.signing.forged_files import FORM, SHOWN
from tests.kortilla.signing_parts import make_pdf

VALID, NOT_VALID, CANT_SAY = Verdict.VALID, Verdict.NOT_VALID, Verdict.CANT_SAY

#: A file, and the signature that is apart from it.
File = tuple[bytes | None, bytes | None]
#: A PDF with the signed pages, or the signed files by their names, or the content.
Signed = bytes | Mapping[str, bytes]


_T = TypeVar("_T")


class Signer:
    """Signs what the files are made of, each once."""

    def __init__(self, maker: Maker) -> None:
        self.maker = maker
        self._made: dict[str, Any] = {}

    async def once(self, name: str, making: Callable[[Maker], Awaitable[Any]]) -> Any:
        """Return what ``making`` makes for a name."""
        if name not in self._made:
            self._made[name] = await making(self.maker)
        return self._made[name]


#: Makes a file.
Make = Callable[[Signer], Awaitable[Any]]


@dataclass(frozen=True)
class Case:
    """A file, how it is made, and the verdict on it.

    ``marks`` are places of a PDF that may change; ``added`` are those of later signers,
    which the report names. ``only_pixels`` is for files that hide texts. Of a file that
    is ``in_table``, another test has the verdict.
    """

    name: str
    make: Make = field(repr=False)
    signed: Signed = field(repr=False)
    verdict: Verdict
    marks: tuple[Mark, ...] = ()
    added: tuple[Mark, ...] = ()
    only_pixels: bool = False
    in_table: bool = False

    async def file(self, signer: Signer) -> File:
        """Make the file."""
        made = await self.make(signer)
        return made if isinstance(made, tuple) else (made, None)


_PAGE = make_pdf()


def _whole(pdf: bytes) -> Make:
    return lambda signer: sealed(signer.maker, pdf)


def _after(name: str, pdf: bytes, change: Callable[[bytes], bytes]) -> Make:
    async def make(signer: Signer) -> bytes:
        return change(await signer.once(name, lambda maker: sealed(maker, pdf)))

    return make


def _by(making: Callable[[Maker], Awaitable[bytes]]) -> Make:
    return lambda signer: making(signer.maker)


def _of_container(change: Callable[[bytes], bytes]) -> Make:
    async def make(signer: Signer) -> bytes:
        return change(
            await signer.once(
                "files", lambda maker: maker.container(dict(zip_files.SIGNED))
            )
        )

    return make


def _of_detached(change: Callable[[bytes], Any]) -> Make:
    async def make(signer: Signer) -> Any:
        content = xml_files.CONTENT
        return change(
            await signer.once("detached", lambda maker: maker.detached(content))
        )

    return make


def _of_table(name: str) -> Make:
    async def make(signer: Signer) -> Any:
        base, change, *_ = verified_files.CASES[name]
        if base == "xml":
            return with_signature(
                await signer.once("xml", lambda maker: maker.container()), change
            )
        if base == "made":
            made = change(signer.maker)
        else:
            made = change(await signer.once(base, verified_files.BASES[base]))
        return await made if inspect.isawaitable(made) else made

    return make


def _verdict(name: str, usual: Verdict, others: Verdicts) -> Verdict:
    found = [verdict for verdict, names in others.items() if name in names]
    assert len(found) <= 1, name
    return found[0] if found else usual


def _table() -> list[Case]:
    """Return the files of ``verified_files``, whose verdicts other tests have."""
    visible: tuple[Mark, ...] = ((1, 72, 72, 300, 120),)
    cases = []
    for name, (base, _, verdict, _) in verified_files.CASES.items():
        signed: Signed = _PAGE
        if base in {"container", "xml"} or "container" in name or "zip bomb" in name:
            signed = {"a.txt": b"a", "ä&.txt": b"b"}
        elif "form" in name and "xfa" not in name:
            signed = FORM
        elif "detached signature" in name or name.startswith("a signature"):
            signed = b"Sopimus"
        if base == "more":
            signed = {SHOWN: b"Sopimus"}
        case = Case(name, _of_table(name), signed, verdict, in_table=True)
        if name == "a pdf with a visible mark":
            case = replace(case, marks=visible)
        if name == "a pdf signed twice":
            case = replace(case, added=visible)
        cases.append(case)
    return cases


def _family(
    name: str,
    files: Mapping[str, _T],
    make: Callable[[_T], Make],
    signed: Signed,
    usual: Verdict,
    others: Verdicts | None = None,
    *,
    only_pixels: bool = False,
    added: tuple[Mark, ...] = (),
) -> list[Case]:
    """Return files that are made in one way. ``others`` has the unusual verdicts."""
    return [
        Case(
            f"{name} {each}",
            make(file),
            signed,
            _verdict(each, usual, others or {}),
            added=added,
            only_pixels=only_pixels,
        )
        for each, file in files.items()
    ]


def _cases() -> list[Case]:
    """Return all files, the families one after the other."""
    plain, rich = written(contract()), written(pdf_updates.RICH)
    mark = (1, *pdf_certified.MARK)
    priced, price = written(pdf_later.PRICED), (1, *pdf_later.PRICE)
    files, content = zip_files.SIGNED, xml_files.CONTENT

    def of_contract(change: Callable[[bytes], bytes]) -> Make:
        return _after("contract", plain, change)

    def of_rich(change: Callable[[bytes], bytes]) -> Make:
        return _after("rich", rich, change)

    def rezipped(change: zip_files.Change) -> Make:
        return _of_container(lambda made: change(zip_files.entries_of(made)))

    def resigned(change: xml_files.Change) -> Make:
        return _of_container(lambda made: with_signature(made, change))

    two, forged = pdf_whole.TWO_VIEWS, verdicts.SIGNATURES
    updates, certified = verdicts.UPDATES, pdf_certified.CERTIFIED
    return [
        *_table(),
        *_family("a pdf with", pdf_whole.USUAL, _whole, _PAGE, VALID, only_pixels=True),
        *_family("two views:", two, _whole, _PAGE, CANT_SAY, only_pixels=True),
        *_family(
            "an update:",
            pdf_updates.OF_CONTRACT,
            of_contract,
            plain,
            NOT_VALID,
            updates,
        ),
        *_family("an update:", pdf_updates.OF_RICH, of_rich, rich, NOT_VALID, updates),
        *_family(
            "a signature:",
            pdf_signatures.OF_SIGNED,
            of_contract,
            plain,
            NOT_VALID,
            forged,
        ),
        *_family("a signature:", pdf_signatures.MADE, _by, plain, NOT_VALID, forged),
        *_family("later:", pdf_later.FILLED, _by, plain, NOT_VALID),
        *_family("later:", pdf_later.STORED, _by, plain, VALID),
        *_family("later:", pdf_later.MARKED, _by, priced, VALID, added=(price,)),
        *_family("certified:", certified, _by, rich, NOT_VALID, verdicts.CERTIFIED),
        *_family("certified:", pdf_certified.MARKED, _by, rich, VALID, added=(mark,)),
        *_family("a zip:", zip_files.GOOD, rezipped, files, VALID),
        *_family(
            "a forged zip:", zip_files.FORGED, rezipped, files, CANT_SAY, verdicts.ZIP
        ),
        *_family("xml:", xml_files.HARMLESS, resigned, files, VALID),
        *_family(
            "forged xml:", xml_files.FORGED, resigned, files, CANT_SAY, verdicts.XML
        ),
        *_family(
            "a detached signature:",
            xml_files.DETACHED,
            _of_detached,
            content,
            CANT_SAY,
            verdicts.DETACHED,
        ),
    ]


CASES = {case.name: case for case in _cases()}
