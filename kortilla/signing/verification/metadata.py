# SPDX-License-Identifier: MIT
"""Finds changes of a PDF's metadata, which its pages need not show.

A title stands in a viewer's window and in lists of files, and an author in both. They
are in the information dictionary (ISO 32000-2 §14.3.3) and in XMP (§14.3.2).
"""

from typing import Any

from pyhanko.pdf_utils.reader import PdfFileReader

from kortilla.signing.verification.findings import Change, printable
from kortilla.signing.verification.form import written
from kortilla.signing.xades import parse

#: What each program writes anew when it saves a file.
_OWN = {
    *("CreationDate", "Creator", "ModDate", "Producer", "Trapped"),
    *("CreateDate", "CreatorTool", "MetadataDate", "ModifyDate", "InstanceID"),
    *("DocumentID", "OriginalDocumentID", "RenditionClass", "VersionID", "format"),
    *("History", "DerivedFrom", "part", "conformance", "rev", "about"),
}
_NAMES = {
    "Title": "title",
    "title": "title",
    "Author": "author",
    "creator": "author",
    "Subject": "subject",
    "description": "subject",
    "Keywords": "keywords",
    "subject": "keywords",
}
_MOST_XMP = 2_000_000  # bytes


def metadata_changes(reader: PdfFileReader, revision: int) -> list[Change]:
    """Return what of the metadata is not as in a revision, one change a name.

    ``text`` is ``title``, ``author``, ``subject``, ``keywords`` or ``other``, also for
    what can't be read.
    """
    try:
        old = reader.get_historical_resolver(revision)
        last = reader.xrefs.total_revisions - 1
        before = _metadata(reader, old.trailer_view, old.root, revision)
        after = _metadata(reader, reader.trailer_view, reader.root, last)
    except MemoryError:
        raise
    except Exception:  # of pyHanko, any
        return [Change("metadata", "other")]
    found: dict[str, Change] = {}
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key, ""), after.get(key, "")
        name = _NAMES.get(key[1], "other")
        if was != now and name not in found:
            found[name] = Change(
                "metadata", name, before=printable(was), after=printable(now)
            )
    return list(found.values())


def _metadata(
    reader: PdfFileReader, trailer: Any, root: Any, revision: int
) -> dict[tuple[str, str], str]:
    """Return texts by where they are and by their names."""
    found: dict[tuple[str, str], str] = {}
    if "/Info" in trailer:
        info = trailer["/Info"]
        for key in info:
            name = key[1:]
            if name not in _OWN:
                value = info[key]
                text = value if isinstance(value, str) else written(value)
                found["info", name] = str(text)
    if "/Metadata" in root:
        # pyHanko would parse it, and lose what it does not know.
        reference = root.raw_get("/Metadata").reference
        stream = reader.get_object(reference, revision)  # type: ignore[no-untyped-call] # it has no types
        data = stream.data[: _MOST_XMP + 1]
        try:
            found |= _xmp(data)
        except ValueError:
            # Programs may read it all the same.
            found["xmp", "unreadable"] = data.decode("latin-1")
    return found


def _xmp(data: bytes) -> dict[tuple[str, str], str]:
    if len(data) > _MOST_XMP:
        raise ValueError("the metadata are too long")
    texts: dict[str, list[str]] = {}

    def collect(element: Any, name: str) -> None:
        own = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
        # A property is a child of a description; inside are lists and their items.
        inside = name or own not in {"xmpmeta", "RDF", "Description"}
        name = name or (own if inside else "")
        if name in _OWN:
            return
        values = [] if not name else [element.text or ""]
        for key, value in element.attrib.items():
            attribute = str(key).rpartition("}")[2]
            if not name and attribute not in {*_OWN, "xmptk"}:
                texts.setdefault(attribute, []).append(str(value))
        if text := "".join(values).strip():
            texts.setdefault(name, []).append(text)
        for child in element:
            collect(child, name)

    collect(parse(data.strip(b"\0 \r\n\t")), "")
    return {("xmp", name): ", ".join(values) for name, values in texts.items()}
