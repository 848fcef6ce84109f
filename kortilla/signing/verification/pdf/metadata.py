# SPDX-License-Identifier: MIT
"""Compares metadata, which programs show in a window's title and in lists of files.

They are in the information dictionary (ISO 32000-2 §14.3.3) and in XMP (§14.3.2).
"""

from typing import Any

from kortilla.signing.xades import parse

#: What a program writes anew when it adds a signature.
OF_INFO = {"ModDate", "Producer"}
_OF_XMP = {
    *("CreatorTool", "DocumentID", "InstanceID", "MetadataDate", "ModifyDate"),
    *("PDFVersion", "Producer", "VersionID", "about", "format", "xmptk"),
}
_MAX_OCTETS = 2_000_000


def same_xmp(old: bytes, new: bytes) -> bool:
    """Return whether XMP says the same, but for what a program writes anew.

    Nothing is no octets. What can't be read is not the same.
    """
    try:
        return _texts(old) == _texts(new)
    except (ValueError, RecursionError):
        return False


def _texts(data: bytes) -> dict[str, list[str]]:
    """Return the texts of properties by their names. Raises ``ValueError``."""
    if len(data) > _MAX_OCTETS:
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
