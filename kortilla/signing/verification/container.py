# SPDX-License-Identifier: MIT
"""Examines an ASiC-E container with XAdES signatures (ETSI EN 319 162-1)."""

import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import unquote_to_bytes

from lxml.etree import _Element as Element

from kortilla.signing import xades
from kortilla.signing.verification.findings import Findings, Found, RefusedError, broken
from kortilla.signing.verification.xml_signature import examine_signature
from kortilla.signing.verification.zip_layout import check_layout

#: The media type of an ASiC-E container.
MIMETYPE = "application/vnd.etsi.asic-e+zip"
_FOLDER = "META-INF/"
_MANIFEST = "{urn:oasis:names:tc:opendocument:xmlns:manifest:1.0}"
_MAX_ENTRIES = 1000
_MAX_UNPACKED = 200_000_000  # bytes of all files together
_MAX_XML = 20_000_000  # bytes; revocation lists may have some millions
_CHUNK = 1 << 20
_DRIVE = re.compile("[A-Za-z]:")


def examine_container(content: bytes) -> Findings:
    """Return what is found in a container.

    What is packed is unpacked piece by piece, and never stored under its name.
    """
    findings = Findings("asice")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as container:
            _examine(container, content, findings)
    except RefusedError as error:
        findings.problems.append(error.found)
    except xades.ForbiddenXmlError as error:
        findings.problems.append(Found("FORBIDDEN_XML", str(error)))
    except (
        zipfile.BadZipFile,
        ValueError,
        NotImplementedError,  # from zipfile, for a compression that it lacks
        EOFError,
        RuntimeError,
        OSError,
        zlib.error,
    ) as error:
        findings.problems.append(broken(error))
    return findings


def _examine(container: zipfile.ZipFile, content: bytes, findings: Findings) -> None:
    entries = container.infolist()
    _check_entries(entries)
    _check_kind(container, entries)
    check_layout(content, container.start_dir)
    data = {
        entry.filename: entry
        for entry in entries
        if not (
            entry.is_dir()
            or entry.filename == "mimetype"
            or entry.filename.startswith(_FOLDER)
        )
    }
    findings.files = tuple(data)
    _check_manifest(container, data)

    def contents_of(uri: str) -> Iterator[bytes]:
        try:
            entry = data[unquote_to_bytes(uri).decode("utf-8")]
        except UnicodeDecodeError as error:
            raise KeyError(uri) from error
        return pieces(container, entry)

    for place, element in _signatures(container, entries):
        finding, stamps = examine_signature(element, contents_of, place=place)
        findings.timestamps += stamps
        signed = {
            unquote_to_bytes(uri).decode("utf-8", "replace") for uri in finding.files
        }
        finding.files = tuple(each for each in data if each in signed)
        if finding.intact is not None and signed:
            finding.problems += [
                Found("FILE_NOT_SIGNED", name) for name in data if name not in signed
            ]
        findings.signatures.append(finding)


def pieces(container: zipfile.ZipFile, entry: zipfile.ZipInfo | str) -> Iterator[bytes]:
    """Yield the content of a file in a container."""
    with container.open(entry) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > _MAX_ENTRIES or sum(e.file_size for e in entries) > _MAX_UNPACKED:
        raise RefusedError("TOO_LARGE")
    files: set[tuple[str, ...]] = set()
    folders: set[tuple[str, ...]] = set()
    for entry in entries:
        name = entry.orig_filename
        if entry.flag_bits & 0x41:  # encrypted, also strongly
            raise RefusedError("ENCRYPTED", name)
        if not _is_safe(name):
            raise RefusedError("UNSAFE_NAME", repr(name))
        if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise RefusedError("UNSUPPORTED", f"compression {entry.compress_type}")
        parts = _written(name)
        if parts in files | folders:
            raise RefusedError("DUPLICATE_NAME", name)
        (folders if entry.is_dir() else files).add(parts)
    above = {parts[:end] for parts in files | folders for end in range(1, len(parts))}
    if files & above:
        raise RefusedError("DUPLICATE_NAME", "a file and a folder")


def _written(name: str) -> tuple[str, ...]:
    """Return where a file is written by systems that take some names for the same."""
    folded = unicodedata.normalize("NFC", name).casefold()
    parts = (each.rstrip(" .") for each in folded.split("/"))
    return tuple(each for each in parts if each)


def _is_safe(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return (
        bool(parts)
        and name.isprintable()
        and "\\" not in name
        and not _DRIVE.match(name)
        and parts[0] != "/"
        and ".." not in parts
    )


def _check_kind(container: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    kind = ""
    for entry in entries:
        if entry.filename == "mimetype" and entry.file_size <= len(MIMETYPE) + 2:
            kind = container.read(entry).decode("ascii", "replace").strip()
    if kind != MIMETYPE:
        inside = any(name.startswith(_FOLDER) and "sign" in name for name in names)
        known = kind.startswith("application/vnd.etsi.asic") or (
            inside and "mimetype" not in names
        )
        raise RefusedError("UNSUPPORTED" if known else "NOT_A_SIGNED_FORMAT", kind)


def _check_manifest(
    container: zipfile.ZipFile, data: dict[str, zipfile.ZipInfo]
) -> None:
    """Refuse a manifest that lists other files than there are."""
    try:
        entry = container.getinfo(_FOLDER + "manifest.xml")
    except KeyError:
        return
    listed = [
        each.get(_MANIFEST + "full-path")
        for each in _read_xml(container, entry).findall(_MANIFEST + "file-entry")
    ]
    files = [each for each in listed if each and not each.endswith("/")]
    if sorted(files) != sorted(data):
        raise RefusedError("IRREGULAR", "the manifest lists other files")


def _signatures(
    container: zipfile.ZipFile, entries: list[zipfile.ZipInfo]
) -> Iterator[tuple[str, Element]]:
    """Return each signature's element, and the file that it is in."""
    others = False
    for entry in entries:
        name = entry.filename
        if not name.startswith(_FOLDER) or entry.is_dir():
            continue
        base = name.removeprefix(_FOLDER).casefold()
        if "signatures" in base and base.endswith(".xml"):
            root = _read_xml(container, entry)
            if root.tag != xades.ASIC + "XAdESSignatures":
                raise RefusedError("UNSUPPORTED", f"{name} has another root")
            for element in root:
                if element.tag == xades.DS + "Signature":
                    yield name, element
        others |= base.endswith((".p7s", ".tst")) or base.startswith("asicmanifest")
    if others:
        raise RefusedError("UNSUPPORTED", "signatures that are not XAdES")


def _read_xml(container: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Element:
    if entry.file_size > _MAX_XML:
        raise RefusedError("TOO_LARGE", entry.filename)
    return xades.parse(container.read(entry))
