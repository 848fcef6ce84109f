# SPDX-License-Identifier: MIT
"""Containers in which programs find other names or contents than were signed.

Some programs read the directory at the end of a ZIP file, others the headers before the
files. The sections are those of APPNOTE.TXT of ZIP.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

MIMETYPE = b"application/vnd.etsi.asic-e+zip"
SIGNED = {"sopimus.txt": b"Sopimus", "l\u00e4hi&.txt": b"Liite"}
VELKA = b"VELKA 100000"
_NAME = b"sopimus.txt"
_UTF_8, _SIZES_FOLLOW = 0x800, 0x08
_FULL = 0xFFFFFFFF


@dataclass(frozen=True)
class Entry:
    """A file, and what its header and the directory say of it.

    ``local`` and ``listed`` have fields that only one of the two says.
    """

    name: bytes
    data: bytes
    method: int = 0
    flags: int = _UTF_8
    crc: int = 0
    packed: int = 0
    size: int = 0
    extra: bytes = b""
    comment: bytes = b""
    attributes: int = 0
    system: int = 3
    offset: int | None = None
    after: bytes = b""
    before: bytes = b""
    local: dict[str, object] = field(default_factory=dict)
    listed: dict[str, object] = field(default_factory=dict)
    is_listed: bool = True
    is_there: bool = True


def stored(name: bytes, content: bytes, **more: object) -> Entry:
    """Return a file that is not packed."""
    size = len(content)
    made = Entry(name, content, crc=zlib.crc32(content), packed=size, size=size)
    return replace(made, **more)  # type: ignore[arg-type] # they are its own


def deflated(name: bytes, content: bytes, **more: object) -> Entry:
    """Return a packed file."""
    packer = zlib.compressobj(wbits=-15)
    data = packer.compress(content) + packer.flush()
    made = Entry(name, data, 8, crc=zlib.crc32(content), packed=len(data))
    made = replace(made, size=len(content))
    return replace(made, **more)  # type: ignore[arg-type] # they are its own


def zipped(
    entries: Iterable[Entry],
    *,
    before: bytes = b"",
    after: bytes = b"",
    middle: bytes = b"",
    comment: bytes = b"",
    shift: int = 0,
    end: dict[str, int] | None = None,
    zip64: bool = False,
) -> bytes:
    """Return a ZIP file.

    ``before``, ``middle`` and ``after`` come before the files, the directory and after
    the end. ``shift`` is added to all offsets. ``end`` has other values of the end.
    """
    data, directory, count = before, b"", 0
    for entry in entries:
        data += entry.before
        offset = len(data) + shift if entry.offset is None else entry.offset
        own = replace(entry, **entry.local)  # type: ignore[arg-type]
        if entry.is_there:
            lengths = (len(own.name), len(own.extra))
            data += b"PK\3\4" + struct.pack(
                "<HHHHHLLLHH",
                *(20, own.flags, own.method, 0, 0x21),
                *(own.crc, own.packed, own.size, *lengths),
            )
            data += own.name + own.extra + own.data + own.after
        own = replace(entry, **entry.listed)  # type: ignore[arg-type]
        if entry.is_listed:
            lengths3 = (len(own.name), len(own.extra), len(own.comment))
            directory += b"PK\1\2" + struct.pack(
                "<BBHHHHHLLLHHHHHLL",
                *(20, own.system, 20, own.flags, own.method, 0, 0x21),
                *(own.crc, own.packed, own.size, *lengths3, 0, 0),
                *(own.attributes, offset),
            )
            directory += own.name + own.extra + own.comment
            count += 1
    data += middle
    values = {"count": count, "size": len(directory), "offset": len(data) + shift}
    values |= end or {}
    data += directory
    if zip64:
        at = len(data)
        data += b"PK\6\6" + struct.pack(
            "<QHHLLQQQQ", 44, 45, 45, 0, 0, count, count, *list(values.values())[1:]
        )
        data += b"PK\6\7" + struct.pack("<LQL", 0, at, 1)
        values |= {"offset": _FULL}
    data += b"PK\5\6" + struct.pack(
        "<HHHHLLH",
        *(0, 0, values["count"], values["count"], values["size"], values["offset"]),
        len(comment),
    )
    return data + comment + after


def _field(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _unicode(name: bytes, shown: bytes) -> bytes:
    return _field(0x7075, struct.pack("<BL", 1, zlib.crc32(name)) + shown)


def _sizes(entry: Entry, *, sign: bytes = b"PK\7\x08", wide: bool = False) -> bytes:
    form = "<LQQ" if wide else "<LLL"
    return sign + struct.pack(form, entry.crc, entry.packed, entry.size)


def _following(entry: Entry, **more: object) -> Entry:
    """Return the file with its sizes after the data."""
    zeros: dict[str, object] = {"crc": 0, "packed": 0, "size": 0}
    sizes = _sizes(entry, **more)  # type: ignore[arg-type]
    flags = entry.flags | _SIZES_FOLLOW
    return replace(entry, flags=flags, local=zeros, after=sizes)


def _with_zip64(entry: Entry) -> Entry:
    sizes = _field(1, struct.pack("<QQ", entry.size, entry.packed))
    local: dict[str, object] = {"packed": _FULL, "size": _FULL, "extra": sizes}
    return replace(entry, local=local)


Entries = list[Entry]
#: Gets the files, of which the second is ``sopimus.txt``, and returns the container.
Change = Callable[[Entries], bytes]


def entries_of(container: bytes) -> Entries:
    """Return the files of a container."""
    with zipfile.ZipFile(io.BytesIO(container)) as opened:
        return [
            stored(each.filename.encode(), opened.read(each))
            for each in opened.infolist()
        ]


def _one(change: Callable[[Entry], Entry]) -> Change:
    """Change the signed file."""

    def made(entries: Entries) -> bytes:
        return zipped([change(x) if x.name == _NAME else x for x in entries])

    return made


def _with(*more: Entry, **options: object) -> Change:
    """Add files at the end."""
    return lambda entries: zipped([*entries, *more], **options)  # type: ignore[arg-type]


def _manifest_of(*names: str) -> bytes:
    uri = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
    kind = MIMETYPE.decode()
    listed = "".join(
        f'<m:file-entry m:full-path="{name}" m:media-type="text/plain"/>'
        for name in names
    )
    root = f'<m:file-entry m:full-path="/" m:media-type="{kind}"/>'
    return f'<m:manifest xmlns:m="{uri}">{root}{listed}</m:manifest>'.encode()


def _in_meta(entries: Entries, name: bytes, content: bytes) -> Entries:
    return [*(x for x in entries if x.name != name), stored(name, content)]


def _manifest(content: bytes) -> Change:
    return lambda entries: zipped(_in_meta(entries, b"META-INF/manifest.xml", content))


_OTHER = stored(b"META-INF/a.go", VELKA)
_COPY = stored(_NAME, VELKA)
_HIDDEN = stored(_NAME, VELKA, is_listed=False)


def _bare(entry: Entry) -> bytes:
    """Return only a file and its header."""
    return zipped([replace(entry, is_listed=False)])[:-22]


def _directory_of(entries: Entries) -> bytes:
    return zipped([replace(x, is_there=False, offset=0) for x in entries])[:-22]


def _with_second_end(entries: Entries) -> bytes:
    whole = zipped(entries)
    forged = zipped([entries[0], _COPY])
    return forged + zipped(entries, shift=len(forged))[:-22] + whole[-22:]


GOOD: dict[str, Change] = {
    "stored": zipped,
    "packed": _one(lambda x: deflated(x.name, x.data)),
    "sizes after packed data": _one(lambda x: _following(deflated(x.name, x.data))),
    "sizes after packed data, without a sign": _one(
        lambda x: _following(deflated(x.name, x.data), sign=b"")
    ),
    "sizes of eight octets after packed data": _one(
        lambda x: _following(deflated(x.name, x.data), wide=True)
    ),
    "sizes of zip64 in a header": _one(_with_zip64),
    "comments of the files": _one(lambda x: replace(x, comment=b"Sopimus")),
    "rights of a file": _one(lambda x: replace(x, attributes=0o100644 << 16)),
    "a folder": lambda entries: zipped(
        [*entries, stored(b"liitteet/", b"", attributes=0x10)]
    ),
    "made on dos": _one(lambda x: replace(x, system=0, attributes=0x20)),
    "names without the flag for utf-8": lambda entries: zipped(
        [replace(x, flags=0 if x.name.isascii() else x.flags) for x in entries]
    ),
    "packed at the best level": _one(
        lambda x: replace(deflated(x.name, x.data), flags=_UTF_8 | 2)
    ),
    "another order": lambda entries: zipped([entries[0], *reversed(entries[1:])]),
    "no manifest": lambda entries: zipped(
        [x for x in entries if x.name != b"META-INF/manifest.xml"]
    ),
}

FORGED: dict[str, Change] = {
    # Names.
    "a name twice, the forged first": lambda e: zipped([e[0], _COPY, *e[1:]]),
    "a name twice, the forged last": _with(_COPY),
    "a name twice in the files, once in the directory": lambda e: zipped(
        [e[0], _HIDDEN, *e[1:]]
    ),
    "a name twice in the directory, once in the files": lambda e: zipped(
        [*e, replace(e[1], is_there=False, offset=0)]
    ),
    "a name in capitals": _with(replace(_COPY, name=b"Sopimus.TXT")),
    "a name in another form of unicode": _with(
        stored("la\u0308hi&.txt".encode(), VELKA)
    ),
    "a name with an invisible letter": _with(
        stored("sopimus\u200b.txt".encode(), VELKA)
    ),
    "a name that turns the direction": _with(stored("sop\u202etxt.sumi".encode(), b"")),
    "a name that ends with a dot": _with(replace(_COPY, name=b"sopimus.txt.")),
    "a name that ends with a blank": _with(replace(_COPY, name=b"sopimus.txt ")),
    "a name with a dot before it": _with(replace(_COPY, name=b"./sopimus.txt")),
    "a name with two slashes": _with(replace(_COPY, name=b"a//sopimus.txt")),
    "a name that goes back": _with(replace(_COPY, name=b"META-INF/../sopimus.txt")),
    "a name from the root": _with(replace(_COPY, name=b"/sopimus.txt")),
    "a name with a drive": _with(replace(_COPY, name=b"C:sopimus.txt")),
    "a name with a stream of windows": _with(
        replace(_COPY, name=b"sopimus.txt::$DATA")
    ),
    "a name with a backslash": _with(replace(_COPY, name=b"META-INF\\..\\sopimus.txt")),
    "a name with an octet of zero": _with(replace(_COPY, name=b"sopimus.txt\0.go")),
    "a name with a line break": _with(replace(_COPY, name=b"sopimus.txt\n")),
    "a name that is empty": _with(replace(_COPY, name=b"")),
    "a name in latin 1": _with(stored(b"l\xe4hi.txt", VELKA, flags=0)),
    "a name that is no utf-8": _with(stored(b"l\xe4hi.txt", VELKA)),
    "a name that is a folder's": _with(stored(b"sopimus.txt/", b"")),
    "a file within a file": _with(stored(b"sopimus.txt/velka.txt", VELKA)),
    "a file in the folder of signatures in small letters": _with(
        stored(b"meta-inf/velka.txt", VELKA)
    ),
    "a type in capitals": _with(stored(b"MIMETYPE", b"text/plain")),
    # Header and directory.
    "a header with another name": _one(
        lambda x: replace(x, local={"name": b"velkaaa.txt"})
    ),
    "a header of another method": _one(
        lambda x: replace(deflated(x.name, x.data), local={"method": 0})
    ),
    "a header with another checksum": _one(
        lambda x: replace(x, local={"crc": zlib.crc32(VELKA)})
    ),
    "a header with another size": _one(lambda x: replace(x, local={"size": 3})),
    "a header with fewer packed octets": _one(
        lambda x: replace(x, local={"packed": 3, "size": 3})
    ),
    "a header with the flag for encrypted": _one(
        lambda x: replace(x, local={"flags": _UTF_8 | 1})
    ),
    "a directory with the flag for encrypted": _one(
        lambda x: replace(x, listed={"flags": _UTF_8 | 1})
    ),
    "a header without the flag for utf-8": lambda entries: zipped(
        [x if x.name.isascii() else replace(x, local={"flags": 0}) for x in entries]
    ),
    "a directory that points to another header": lambda e: zipped(
        [e[0], replace(_HIDDEN, name=b"velka12.txt"), *e[1:]]
    ),
    "files that overlap": lambda e: zipped(
        [*e, replace(_OTHER, is_there=False, offset=len(zipped(e[:1])) - 22 - 54)]
    ),
    # Extra fields.
    "another name in a field of unicode": _with(
        replace(_OTHER, extra=_unicode(_OTHER.name, _NAME))
    ),
    "a field of unicode with a wrong checksum": _with(
        replace(_OTHER, extra=_unicode(b"x", _NAME))
    ),
    "a comment in a field of unicode": _one(
        lambda x: replace(
            x, comment=b"a", extra=_field(0x6375, b"\1" + bytes(4) + b"VELKA")
        )
    ),
    "a field of owners twice": _one(
        lambda x: replace(x, extra=_field(0x7875, bytes(11)) * 2)
    ),
    "a field that is cut off": _one(lambda x: replace(x, extra=b"\x55\x54\x63\0")),
    "a field of sizes in the directory": _one(
        lambda x: replace(
            x,
            listed={
                "size": _FULL,
                "extra": _field(1, struct.pack("<Q", len(x.data))),
            },
        )
    ),
    "a field of an offset in the directory": _one(
        lambda x: replace(x, listed={"extra": _field(1, struct.pack("<Q", 0))})
    ),
    "a field of strong encryption": _one(
        lambda x: replace(x, extra=_field(0x17, bytes(8)))
    ),
    "a field of aes": _one(lambda x: replace(x, extra=_field(0x9901, b"\2\0AE\3\0\0"))),
    "a link in a field of unix": _one(
        lambda x: replace(x, extra=_field(0x000D, bytes(12) + b"/etc/passwd"))
    ),
    # Kinds.
    "a device": _one(lambda x: replace(x, attributes=0o020666 << 16)),
    "a folder by its attributes": _one(lambda x: replace(x, attributes=0x10)),
    "a folder with content": _with(stored(b"velka/", VELKA)),
    # Data.
    "sizes after stored data": _one(_following),
    "wrong sizes after packed data": _one(
        lambda x: replace(
            _following(deflated(x.name, x.data)), after=b"PK\7\x08" + bytes(12)
        )
    ),
    "no sizes after packed data": _one(
        lambda x: replace(_following(deflated(x.name, x.data)), after=b"")
    ),
    "octets between the files": _one(lambda x: replace(x, before=VELKA)),
    "a file between the files": _one(lambda x: replace(x, before=_bare(_COPY))),
    "a file before the directory": lambda e: zipped(e, middle=_bare(_COPY)),
    "packed by another method": _one(lambda x: replace(x, method=12)),
    "packed by a method that is unknown": _one(lambda x: replace(x, method=99)),
    "packed data that end early": _one(
        lambda x: replace(deflated(x.name, x.data), data=b"\x03", packed=1)
    ),
    "another content with the signed checksum in the directory": _one(
        lambda x: replace(x, data=b"Velka!!", local={"crc": zlib.crc32(b"Velka!!")})
    ),
    "a size that is too small": _one(
        lambda x: replace(deflated(x.name, x.data + VELKA), crc=x.crc, size=len(x.data))
    ),
    # Around the container.
    "octets before it": lambda e: zipped(e, before=b"#!/bin/sh\n"),
    "octets after it": lambda e: zipped(e, after=b"\0"),
    "another container after it": lambda e: zipped(e) + zipped([e[0], _COPY]),
    "another container before it": lambda e: zipped([e[0], _COPY]) + zipped(e),
    "another container in its comment": lambda e: zipped(
        e, comment=zipped([e[0], _COPY])
    ),
    "an end in its comment": lambda e: zipped(e, comment=b"PK\5\6" + bytes(18)),
    "another end before its end": _with_second_end,
    "a directory before its directory": lambda e: zipped(
        e, middle=_directory_of([e[0], _COPY])
    ),
    "an end of zip64": lambda e: zipped(e, zip64=True),
    "a directory of another size": lambda e: zipped(e, end={"size": 9}),
    "a directory elsewhere": lambda e: zipped(e, end={"offset": 0}),
    "more files than are counted": _with(_OTHER, end={"count": 2}),
    "fewer files than are counted": lambda e: zipped(e, end={"count": 9}),
    "an end that is cut off": lambda e: zipped(e)[:-2],
    "no directory": lambda e: zipped([replace(x, is_listed=False) for x in e]),
    # The files of the format.
    "another type": lambda e: zipped([stored(b"mimetype", b"text/plain"), *e[1:]]),
    "a type with blanks": lambda e: zipped(
        [stored(b"mimetype", MIMETYPE + b"\n\n"), *e[1:]]
    ),
    "a type of asic-s": lambda e: zipped(
        [stored(b"mimetype", MIMETYPE.replace(b"-e", b"-s")), *e[1:]]
    ),
    "no type": lambda e: zipped(e[1:]),
    "a manifest without the signed file": _manifest(_manifest_of("velka.txt")),
    "a manifest with a file twice": _manifest(_manifest_of(*SIGNED, "sopimus.txt")),
    "a manifest with an entity": _manifest(
        b'<!DOCTYPE m [<!ENTITY a "sopimus.txt">]>' + _manifest_of("&a;")
    ),
    "a manifest that is no xml": _manifest(b"VELKA"),
    "a manifest in another namespace": _manifest(b"<manifest/>"),
    "a signature of cades beside": _with(stored(b"META-INF/signature.p7s", b"0")),
    "a signature in small letters": _with(stored(b"META-INF/SIGNATURES1.XML", b"<a/>")),
    "a signature elsewhere": lambda e: zipped(
        [replace(x, name=x.name.replace(b"META-INF/sig", b"meta-inf/sig")) for x in e]
    ),
    "a thousand files": lambda e: zipped(
        [*e, *(stored(b"META-INF/%d" % each, b"") for each in range(1000))]
    ),
}
