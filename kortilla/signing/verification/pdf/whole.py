# SPDX-License-Identifier: MIT
"""Explains what a later revision may change of a whole PDF, and validation data."""

import re
from typing import Any

from kortilla.signing.verification.pdf.changes import Changes, dictionary, refuse
from kortilla.signing.verification.pdf.lexical import (
    Name,
    Reference,
    Stream,
    Value,
    references,
    same,
)
from kortilla.signing.verification.pdf.store import store_of
from kortilla.signing.xades import parse

#: What a trailer may have anew, and a stream of references of its own.
_OF_TRAILER = {
    *("AdditionalStreams", "DocChecksum", "ID", "Info", "Prev", "Root", "Size"),
    "XRefStm",
}
_OF_SECTION = {"Type", "W", "Index", "Length", "Filter", "DecodeParms"}
_OF_CATALOG = {"AcroForm", "DSS", "Extensions", "Metadata", "Version"}
_OF_EXTENSION = {"Type", "BaseVersion", "ExtensionLevel", "ExtensionRevision", "URL"}
_OF_METADATA = {"Type", "Subtype", "Length", "Filter", "DecodeParms"}
_VERSION = re.compile(r"[12]\.[0-7]")
#: What a program writes anew when it adds a signature: in the information dictionary
#: (§14.3.3) and in XMP (§14.3.2), which others show in a title and in lists of files.
_OF_INFO = {"ModDate", "Producer"}
_OF_XMP = {
    *("CreatorTool", "DocumentID", "InstanceID", "MetadataDate", "ModifyDate"),
    *("PDFVersion", "Producer", "VersionID", "about", "format", "xmptk"),
}
_MAX_XMP = 2_000_000  # octets


class Whole(Changes):
    """Explains the trailer, the catalog, and the security store.

    A revision that ``has_data`` adds validation data. One that ``has_dates`` says when
    and by which program it was written.
    """

    has_data = has_dates = False

    def check_whole(self) -> None:
        """Explain them. Raises ``RefusedError`` for what may not come later."""
        self._check_trailer()
        self._check_store()
        self._check_catalog()

    # ------------------------------------------------------------------- the trailer

    def _check_trailer(self) -> None:
        old, new = self.old.trailer, self.new.trailer
        before = {k: v for k, v in old.items() if k not in _OF_SECTION}
        after = {k: v for k, v in new.items() if k not in _OF_SECTION}
        after = {
            key: after.get(key, before.get(key)) for key in after.keys() | {"Root"}
        }
        before = {key: value for key, value in before.items() if key in after}
        self.differing(before, after, _OF_TRAILER, "the trailer")
        streams = after.get("AdditionalStreams")
        if not same(streams, before.get("AdditionalStreams")) and any(
            self.new.value(each) is not None for each in references(streams)
        ):
            # LibreOffice opens its own document there, instead of the pages.
            raise refuse("the trailer: AdditionalStreams")
        info = after.get("Info")
        was = self.old.value(before.get("Info"))
        now = self.new.value(info)
        if self.own(info, "the information", 0) or not same(before.get("Info"), info):
            before, after = (dictionary(x, "the information") for x in (was, now))
            self.differing(before, after, _OF_INFO, "the information")
            self.has_dates = True

    # ----------------------------------------------------------------- the catalogue

    def _check_catalog(self) -> None:
        number, root = self.catalog, self.new.trailer.get("Root")
        old, new = self.old.root, self.new.root
        if isinstance(root, Reference) and root.number != number:
            self.take(root.number, "the catalog")
        self.left.discard(number)
        differing = self.differing(old, new, _OF_CATALOG, "the catalog")
        version = new.get("Version")
        if "Version" in differing and not (
            isinstance(version, Name) and _VERSION.fullmatch(version)
        ):
            raise refuse("the catalog: Version")
        self._check_metadata("Metadata" in differing)
        extensions = new.get("Extensions")
        if self.own(extensions, "the extensions", number) or "Extensions" in differing:
            self._check_extensions(self.new.value(extensions))

    def _check_metadata(self, differs: bool) -> None:
        was, now = (
            self.old.root.get("Metadata"),
            self.new.root.get("Metadata"),
        )
        if not self.own(now, "the metadata", self.catalog) and not differs:
            return
        old, new = self.old.value(was), self.new.value(now)
        if not isinstance(old, Stream | None) or not isinstance(new, Stream):
            raise refuse("the metadata")
        if not new.entries.keys() <= _OF_METADATA:
            raise refuse("the metadata with more")
        before = self.old.data(old) if old is not None else b""
        if not _same_xmp(before, self.new.data(new)):
            raise refuse("the metadata")
        self.has_dates = True

    def _check_extensions(self, value: Value) -> None:
        """Check that these are what developers say of their versions (§7.12)."""
        if not isinstance(value, dict):
            raise refuse("the extensions")
        for key, each in value.items():
            if key == "Type":
                continue
            self.take_all(each, "the extensions")
            parts = self.new.value(each)
            for part in parts if isinstance(parts, list) else [parts]:
                entries = self.new.value(part)
                if not isinstance(entries, dict) or not entries.keys() <= _OF_EXTENSION:
                    raise refuse("the extensions")
                if any(isinstance(x, dict | list | Stream) for x in entries.values()):
                    raise refuse("the extensions")

    # ---------------------------------------------------------- the validation data

    def _check_store(self) -> None:
        """Explain the objects of the security store, which nothing else uses."""
        catalog = self.catalog
        old, new = self.old.root.get("DSS"), self.new.root.get("DSS")
        if same(old, new) and not self.left:
            return
        if new is None:
            if old is not None:
                raise refuse("the catalog: DSS")
            return
        after = store_of(self.new, self.left)
        changed = self.left & after
        if changed or not same(old, new):
            self.has_data = True
            before = store_of(self.old, set()) if old is not None else set()
        else:
            return
        elsewhere = {
            each.number
            for key, value in self.old.root.items()
            if key != "DSS"
            for each in references(value)
        }
        for number in sorted(self.left & (after | before)):
            if self.is_new(number):
                self.take(number, "the security store")
                continue
            holders = self.reading.holders(number, before=self.number)
            if number not in before or not holders <= before | {catalog}:
                raise refuse(f"the object {number}, which is not only validation data")
            if catalog in holders and number in elsewhere:
                raise refuse(f"the object {number}, which the catalog refers to")
            self.left.discard(number)


def _same_xmp(old: bytes, new: bytes) -> bool:
    """Return whether XMP says the same, but for what a program writes anew.

    Nothing is no octets. What can't be read is not the same.
    """
    try:
        return _texts(old) == _texts(new)
    except (ValueError, RecursionError):
        return False


def _texts(data: bytes) -> dict[str, list[str]]:
    """Return the texts of properties by their names. Raises ``ValueError``."""
    if len(data) > _MAX_XMP:
        raise ValueError("the metadata are too long")
    found: dict[str, list[str]] = {}

    def collect(element: Any, name: str) -> None:
        own = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
        # A property is a child of a description; inside are lists and their items.
        inside = name or own not in {"xmpmeta", "RDF", "Description"}
        name = name or (own if inside else "")
        if name in _OF_XMP:
            return
        values = [(name, element.text)] if name else []
        for key, value in element.attrib.items():
            attribute = str(key).rpartition("}")[2]
            if attribute not in _OF_XMP and not name:
                values.append((attribute, str(value)))
        for key, value in values:
            if text := (value or "").strip():
                found.setdefault(key, []).append(text)
        for child in element:
            collect(child, name)

    if data:
        collect(parse(data.strip(b"\0 \r\n\t")), "")
    return found
