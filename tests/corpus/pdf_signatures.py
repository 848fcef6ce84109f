# SPDX-License-Identifier: MIT
"""Changes of a PDF's signature itself.

In universal signature forgery a program lacks what it needs to verify a signature, and
shows no error. In signature wrapping the signed octets are elsewhere in the file
(Mladenov et al., CCS 2019).
"""

import re
from collections.abc import Awaitable, Callable

from tests.corpus.building import (
    SOPIMUS,
    VELKA,
    Objects,
    contract,
    sealed,
    signed_again,
    stream,
    updated_by,
    written,
)
from tests.kortilla.signed_files import Maker

_CONTENTS = re.compile(rb"/Contents <[0-9a-f]+>")
_RANGE = re.compile(rb"/ByteRange (\[0 (\d+) (\d+) (\d+)\] *)")


def _contents(new: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Return a change of /Contents that keeps the length of the file."""

    def change(pdf: bytes) -> bytes:
        [old] = _CONTENTS.findall(pdf)
        other = new(old)
        assert len(other) <= len(old)
        return pdf.replace(old, other.ljust(len(old)))

    return change


def _range(new: str) -> Callable[[bytes], bytes]:
    """Return a change of /ByteRange. The text may name its numbers, and the size."""

    def change(pdf: bytes) -> bytes:
        found = _RANGE.search(pdf)
        assert found
        first, second, rest = (int(each) for each in found.groups()[1:])
        other = new.format(first, second, rest, size=len(pdf), more=rest + 99).encode()
        return pdf.replace(found[0], other.ljust(len(found[0])))

    return change


def _entry(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(pdf: bytes) -> bytes:
        assert old in pdf
        return pdf.replace(old, new.ljust(len(old)))

    return change


def _last_octets(pdf: bytes) -> bytes:
    """Return a change of what follows the value in its padding."""
    [old] = _CONTENTS.findall(pdf)
    return pdf.replace(old, old[:-9] + b"deadbeef>")


def _wrapped(pdf: bytes) -> bytes:
    """Move what was signed last behind a forged part, where its range says it is."""
    found = _RANGE.search(pdf)
    assert found
    first, second, rest = (int(each) for each in found.groups()[1:])
    tail = pdf[second:]
    forged = updated_by(pdf, {3: stream(VELKA)})[second:]
    moved = second + len(forged)
    numbers = b"[0 %d %d %d]" % (first, moved, rest)
    head = pdf[:second].replace(found[1], numbers.ljust(len(found[1])))
    return head + forged + tail


def _with_text_in_gap(pdf: bytes) -> bytes:
    """Put objects into the gap, and a table that finds them there."""
    [old] = _CONTENTS.findall(pdf)
    text = b"3 0 obj\n" + stream(VELKA) + b"\nendobj\n"
    value = old.rstrip(b">0") + b">" + text
    forged = pdf.replace(old, value.ljust(len(old) - 1) + b">")
    return updated_by(forged, {}, moved={3: forged.index(text)})


OF_SIGNED: dict[str, Callable[[bytes], bytes]] = {
    "no contents": _contents(lambda _: b""),
    "contents that are null": _contents(lambda _: b"/Contents null"),
    "contents that are empty": _contents(lambda _: b"/Contents <>"),
    "contents of one zero": _contents(lambda _: b"/Contents <00>"),
    "contents of zeros": _contents(
        lambda old: re.sub(rb"[1-9a-f](?=[^/]*>)", b"0", old)
    ),
    "contents that are a text": _contents(lambda _: b"/Contents (signed)"),
    "contents with blanks": _contents(
        lambda old: old.replace(b"<3", b"< 3")[:-2] + b">"
    ),
    "contents with other octets in the padding": _last_octets,
    "contents that are a reference": _contents(lambda _: b"/Contents 3 0 R"),
    "no range": _range(""),
    "a range that is null": _range("/ByteRange null"),
    "a range that is empty": _range("/ByteRange []"),
    "a range of zeros": _range("/ByteRange [0 0 0 0]"),
    "a range of two numbers": _range("/ByteRange [0 {0}]"),
    "a range of three numbers": _range("/ByteRange [0 {0} {1}]"),
    "a range of texts": _range("/ByteRange [(a)(b)(c)(d)]"),
    "a range that is negative": _range("/ByteRange [0 {0} {1} -{2}]"),
    "a range that begins later": _range("/ByteRange [1 {0} {1} {2}]"),
    "a range beyond the end": _range("/ByteRange [0 {0} {1} {more}]"),
    "a range that overlaps": _range("/ByteRange [0 {1} {0} {2}]"),
    "a range of everything": _range("/ByteRange [0 {size} {size} 0]"),
    "a range of fractions": _range("/ByteRange [0 {0}.0 {1} {2}]"),
    "a range in another order": _range("/ByteRange [{1} {2} 0 {0}]"),
    "another filter": _entry(b"/Filter/Adobe.PPKLite", b"/Filter/Nobody"),
    "another subfilter": _entry(b"adbe.pkcs7.detached", b"adbe.pkcs7.sha1"),
    "a subfilter that is unknown": _entry(b"adbe.pkcs7.detached", b"sopimus"),
    "no subfilter": _entry(b"/SubFilter/adbe.pkcs7.detached", b""),
    "a field that is no signature's": _entry(b"/FT/Sig", b"/FT/Tx"),
    "a signature that is of no type": _entry(b"/Type/Sig", b""),
    "a signature that says that it is a timestamp": _entry(
        b"/Type/Sig/Filter/Adobe.PPKLite", b"/Type/DocTimeStamp"
    ),
    "a wrapped signature": _wrapped,
    "objects in the gap": _with_text_in_gap,
}


async def _inside_a_range(maker: Maker, hole: int) -> bytes:
    pdf = written(contract())
    return await sealed(
        maker, pdf, ranges=lambda a, b, end: (0, a, b + hole, end - b - hole)
    )


async def _until_before_end(maker: Maker) -> bytes:
    pdf = written(contract())
    return await sealed(maker, pdf, until=len(pdf) - 6)


async def _two_ranges_before(maker: Maker) -> bytes:
    """Sign with a gap that begins before the signature's value."""
    pdf = written(contract(content=stream(SOPIMUS + "\n% comment")))
    at = pdf.index(b"% comment")
    return await sealed(maker, pdf, ranges=lambda a, b, end: (0, at, b, end - b))


async def _copied_to_another(maker: Maker) -> bytes:
    """Put the signature of one contract into another."""
    one = await sealed(maker, written(contract()))
    other = await sealed(maker, written(contract(content=stream(VELKA))))
    [value] = _CONTENTS.findall(one)
    [old] = _CONTENTS.findall(other)
    return other.replace(old, value)


async def _two_fields(maker: Maker) -> bytes:
    """Give one signature to two fields."""
    catalog = str(contract()[1]).replace("[6 0 R]", "[6 0 R 8 0 R]")
    other = str(contract()[6]).replace("Signature1", "Signature2")
    return await sealed(maker, written({**contract(), 1: catalog, 8: other}))


async def _signed_twice(maker: Maker, between: Objects) -> bytes:
    """Sign, change something, and sign again."""
    one = await sealed(maker, written(contract()))
    return await signed_again(maker, one, contract(), more=between)


MADE: dict[str, Callable[[Maker], Awaitable[bytes]]] = {
    "a hole before the value": lambda maker: _inside_a_range(maker, -9),
    "a hole after the value": lambda maker: _inside_a_range(maker, 9),
    "a range that ends before the file": _until_before_end,
    "a gap that begins before the value": _two_ranges_before,
    "the signature of another contract": _copied_to_another,
    "one signature of two fields": _two_fields,
    "two signatures": lambda maker: _signed_twice(maker, {}),
    "two signatures and another text between": lambda maker: _signed_twice(
        maker, {3: stream(VELKA)}
    ),
    "two signatures and another font between": lambda maker: _signed_twice(
        maker, {5: "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>"}
    ),
}
