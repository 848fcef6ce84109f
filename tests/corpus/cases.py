# SPDX-License-Identifier: MIT
"""All files of the corpus, with what was signed in each, and the verdict on it."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kortilla.signing.verification import Verdict
from tests.corpus import (
    pdf_certified,
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


@dataclass(frozen=True)
class Case:
    """A file, how it is made, and the verdict on it.

    ``marks`` are places of a PDF that may change. ``only_pixels`` is for files that
    hide texts. A file of the ``table`` has its verdict in another test.
    """

    name: str
    make: Callable[[Signer], Awaitable[Any]] = field(repr=False)
    signed: Signed = field(repr=False)
    verdict: Verdict
    marks: tuple[Mark, ...] = ()
    only_pixels: bool = False
    in_table: bool = False

    async def file(self, signer: Signer) -> File:
        """Make the file."""
        made = await self.make(signer)
        return made if isinstance(made, tuple) else (made, None)


_PAGE = make_pdf()


def _whole(pdf: bytes) -> Callable[[Signer], Awaitable[bytes]]:
    return lambda signer: sealed(signer.maker, pdf)


def _after(
    name: str, pdf: bytes, change: Callable[[bytes], bytes]
) -> Callable[[Signer], Awaitable[bytes]]:
    async def make(signer: Signer) -> bytes:
        return change(await signer.once(name, lambda maker: sealed(maker, pdf)))

    return make


def _by(
    making: Callable[[Maker], Awaitable[bytes]],
) -> Callable[[Signer], Awaitable[bytes]]:
    return lambda signer: making(signer.maker)


def _of_container(
    change: Callable[[bytes], bytes],
) -> Callable[[Signer], Awaitable[bytes]]:
    async def make(signer: Signer) -> bytes:
        return change(
            await signer.once(
                "files", lambda maker: maker.container(dict(zip_files.SIGNED))
            )
        )

    return make


def _of_detached(
    change: Callable[[bytes], Any],
) -> Callable[[Signer], Awaitable[Any]]:
    async def make(signer: Signer) -> Any:
        content = xml_files.CONTENT
        return change(
            await signer.once("detached", lambda maker: maker.detached(content))
        )

    return make


def _of_table(name: str) -> Callable[[Signer], Awaitable[Any]]:
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
    visible: dict[str, tuple[Mark, ...]] = {
        "a pdf with a visible mark": ((1, 72, 72, 300, 120),),
        "a pdf signed twice": ((1, 72, 72, 300, 120),),
    }
    cases = []
    for name, (base, _, verdict, _) in verified_files.CASES.items():
        signed: Signed = _PAGE
        if base in {"container", "xml"} or "container" in name or "zip bomb" in name:
            signed = {"a.txt": b"a", "ä&.txt": b"b"}
        elif "form" in name and "xfa" not in name:
            signed = FORM
        elif base == "signature of Sopimus" or "detached" in name:
            signed = b"Sopimus"
        if base == "more":
            signed = {SHOWN: b"Sopimus"}
        marks = visible.get(name, ())
        made = _of_table(name)
        cases.append(Case(name, made, signed, verdict, marks, in_table=True))
    return cases


def _cases() -> list[Case]:
    """Return all files, the families one after the other."""
    cases = [
        Case(f"a pdf with {name}", _whole(pdf), _PAGE, VALID, only_pixels=True)
        for usual in (pdf_whole.USUAL, pdf_whole.ODD)
        for name, pdf in usual.items()
    ]
    cases += [
        Case(
            f"two views: {name}",
            _whole(pdf),
            _PAGE,
            CANT_SAY,
            only_pixels=True,
        )
        for name, pdf in pdf_whole.TWO_VIEWS.items()
    ]
    plain, rich = written(contract()), written(pdf_updates.RICH)
    cases += [
        Case(
            f"an update: {name}",
            _after(base, pdf, change),
            pdf,
            _verdict(name, NOT_VALID, verdicts.UPDATES),
        )
        for base, pdf, changes in (
            ("contract", plain, pdf_updates.OF_CONTRACT),
            ("rich", rich, pdf_updates.OF_RICH),
        )
        for name, change in changes.items()
    ]
    cases += [
        Case(
            f"a signature: {name}",
            _after("contract", plain, change),
            plain,
            _verdict(name, NOT_VALID, verdicts.SIGNATURES),
        )
        for name, change in pdf_signatures.OF_SIGNED.items()
    ]
    cases += [
        Case(
            f"a signature: {name}",
            _by(making),
            plain,
            _verdict(name, NOT_VALID, verdicts.SIGNATURES),
        )
        for name, making in pdf_signatures.MADE.items()
    ]
    cases += [
        Case(
            f"certified: {name}",
            _by(making),
            rich,
            _verdict(name, NOT_VALID, verdicts.CERTIFIED),
        )
        for name, making in pdf_certified.CERTIFIED.items()
    ]

    def rezipped(change: zip_files.Change) -> Callable[[Signer], Awaitable[bytes]]:
        return _of_container(lambda made: change(zip_files.entries_of(made)))

    cases += [
        Case(f"a zip: {name}", rezipped(change), zip_files.SIGNED, VALID)
        for name, change in zip_files.GOOD.items()
    ]
    cases += [
        Case(
            f"a forged zip: {name}",
            rezipped(change),
            zip_files.SIGNED,
            _verdict(name, CANT_SAY, verdicts.ZIP),
        )
        for name, change in zip_files.FORGED.items()
    ]

    def resigned(change: xml_files.Change) -> Callable[[Signer], Awaitable[bytes]]:
        return _of_container(lambda made: with_signature(made, change))

    cases += [
        Case(f"xml: {name}", resigned(change), zip_files.SIGNED, VALID)
        for name, change in xml_files.HARMLESS.items()
    ]
    cases += [
        Case(
            f"forged xml: {name}",
            resigned(change),
            zip_files.SIGNED,
            _verdict(name, CANT_SAY, verdicts.XML),
        )
        for name, change in xml_files.FORGED.items()
    ]
    cases += [
        Case(
            f"a detached signature: {name}",
            _of_detached(change),
            xml_files.CONTENT,
            _verdict(name, CANT_SAY, verdicts.DETACHED),
        )
        for name, change in xml_files.DETACHED.items()
    ]
    return _table() + cases


CASES = {case.name: case for case in _cases()}
