# SPDX-License-Identifier: MIT
"""Examines a container: ASiC-E or ASiC-S, with XAdES or CAdES (ETSI EN 319 162-1)."""

import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import PurePosixPath
from urllib.parse import unquote_to_bytes

from asn1crypto import core
from lxml.etree import _Element as Element

from kortilla.signing import xades
from kortilla.signing.verification.container_cades import FOLDER, examine_cades
from kortilla.signing.verification.findings import (
    Finding,
    Findings,
    Found,
    RefusedError,
    broken,
)
from kortilla.signing.verification.xml_signature import (
    examine_signature,
    media_types,
)
from kortilla.signing.verification.zip_layout import check_layout, pieces

#: The media type of an ASiC-E container.
MIMETYPE = "application/vnd.etsi.asic-e+zip"
#: The media type of a container of one file.
SIMPLE = "application/vnd.etsi.asic-s+zip"
_MANIFEST = "{urn:oasis:names:tc:opendocument:xmlns:manifest:1.0}"
_MAX_ENTRIES = 1000
_MAX_UNPACKED = 200_000_000  # bytes of all files together
_MAX_XML = 20_000_000  # bytes; revocation lists may have some millions
#: What a container of one file has one of (EN 319 162-1 §4.3.3.2).
_ONE_OF = tuple(
    re.compile(FOLDER + each, re.IGNORECASE).fullmatch
    for each in (r".*\.tst", r".*\.p7s", r".*signatures.*\.xml")
)
#: What META-INF may have (EN 319 162-1 §4.3.3.2, §4.4): signatures and a manifest,
#: which are read, and XML and DER that are not, with a root element. Nothing signs it.
_READ = re.compile(r"manifest\.xml|[^/]*(signatures[^/]*\.xml|\.p7s)", re.IGNORECASE)
_ROOTS = {
    re.compile(pattern, re.IGNORECASE): root
    for pattern, root in {
        r"asic(archive|evidencerecord)?manifest[^/]*\.xml": xades.ASIC + "ASiCManifest",
        r"[^/]*evidencerecord[^/]*\.xml": "{urn:ietf:params:xml:ns:ers}EvidenceRecord",
        r"[^/]*(\.tst|evidencerecord[^/]*\.ers)": "",
    }.items()
}
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
    kind = _kind(container, entries)
    check_layout(content, container.start_dir)
    if unknown := ", ".join(_unknown(container, entries)):
        findings.problems.append(Found("UNKNOWN_FILE", unknown))
    data = {
        entry.filename: entry
        for entry in entries
        if not (
            entry.is_dir()
            or entry.filename == "mimetype"
            or entry.filename.startswith(FOLDER)
        )
    }
    findings.files = tuple(data)
    types = _read_manifest(container, data)
    only = None
    if kind == SIMPLE:
        [only, *others] = data or [""]
        if others or "/" in only or not only:
            raise RefusedError("IRREGULAR", "not the one file of ASiC-S")
        inside = [e.filename for e in entries if e.filename.startswith(FOLDER)]
        kinds = [any(map(matches, inside)) for matches in _ONE_OF]
        if sum(kinds) > 1:
            raise RefusedError("IRREGULAR", "several kinds of signatures in ASiC-S")

    def contents_of(
        uri: str, known: Mapping[str, zipfile.ZipInfo] = data
    ) -> Iterator[bytes]:
        try:
            entry = known[unquote_to_bytes(uri).decode("utf-8")]
        except UnicodeDecodeError as error:
            raise KeyError(uri) from error
        return pieces(container, entry)

    for place, element in _signatures(container, entries):
        finding, stamps = examine_signature(
            element, contents_of, place=place, first=len(findings.timestamps)
        )
        findings.timestamps += stamps
        for uri, media_type in media_types(element).items():
            if media_type and types.get(_name(uri), media_type) != media_type:
                other = f"the manifest gives {uri} another type"
                finding.problems.append(Found("IRREGULAR", other))
        _add(finding, data, findings)
    every = {entry.filename: entry for entry in entries}
    in_all = partial(contents_of, known=every)
    for finding in examine_cades(container, every, in_all, only=only):
        _add(finding, data, findings)
    if not findings.signatures and any(map(_is_evidence, every)):
        raise RefusedError("UNSUPPORTED", "a timestamp, and no signature")


def _add(
    finding: Finding, data: dict[str, zipfile.ZipInfo], findings: Findings
) -> None:
    """Add a signature whose files are URIs, and name the files that it lacks."""
    signed = set(map(_name, finding.files))
    finding.files = tuple(each for each in data if each in signed)
    if finding.intact is not None and signed:
        finding.problems += [
            Found("FILE_NOT_SIGNED", name) for name in data if name not in signed
        ]
    findings.signatures.append(finding)


def _name(uri: str) -> str:
    return unquote_to_bytes(uri).decode("utf-8", "replace")


def _is_evidence(name: str) -> bool:
    """Return whether it is a timestamp or evidence record of a container."""
    base = name.removeprefix(FOLDER).casefold()
    return name.startswith(FOLDER) and (
        base.endswith((".tst", ".ers")) or base.startswith("evidencerecord")
    )


def _unknown(
    container: zipfile.ZipFile, entries: list[zipfile.ZipInfo]
) -> Iterator[str]:
    """Yield the files and folders of META-INF that belong to no signature."""
    for entry in entries:
        name = entry.filename
        base = name.removeprefix(FOLDER)
        if base in {name, ""} or _READ.fullmatch(base):
            continue
        roots = [root for pattern, root in _ROOTS.items() if pattern.fullmatch(base)]
        if not roots or _root(container, entry, xml=bool(roots[0])) != roots[0]:
            yield name


def _root(container: zipfile.ZipFile, entry: zipfile.ZipInfo, *, xml: bool) -> str:
    """Return the tag of XML, or an empty text for DER that is one SEQUENCE."""
    if xml:
        return str(_read_xml(container, entry).tag)
    try:
        core.Sequence.load(container.read(entry), strict=True)
    except Exception:
        # asn1crypto raises any exception on odd input.
        return "another"
    return ""


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


def _kind(container: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> str:
    """Return the media type of ASiC-E or ASiC-S."""
    names = [entry.filename for entry in entries]
    kind = ""
    for entry in entries:
        if entry.filename == "mimetype" and entry.file_size <= len(MIMETYPE) + 5:
            # Some programs put a mark of the byte order before it.
            kind = container.read(entry).decode("utf-8-sig", "replace").strip()
    if kind not in {MIMETYPE, SIMPLE}:
        inside = any(name.startswith(FOLDER) and "sign" in name for name in names)
        known = inside and "mimetype" not in names
        raise RefusedError("UNSUPPORTED" if known else "NOT_A_SIGNED_FORMAT", kind)
    return kind


def _read_manifest(
    container: zipfile.ZipFile, data: dict[str, zipfile.ZipInfo]
) -> dict[str, str]:
    """Return the media types of files, and refuse a list of other files."""
    try:
        entry = container.getinfo(FOLDER + "manifest.xml")
    except KeyError:
        return {}
    listed = [
        tuple(
            # Some programs leave out the namespace.
            each.get(_MANIFEST + name) or each.get(name) or ""
            for name in ("full-path", "media-type")
        )
        for each in _read_xml(container, entry).findall(_MANIFEST + "file-entry")
    ]
    files = [(name, kind) for name, kind in listed if name and not name.endswith("/")]
    if sorted(name for name, _ in files) != sorted(data):
        raise RefusedError("IRREGULAR", "the manifest lists other files")
    return {name: kind for name, kind in files if kind}


def _signatures(
    container: zipfile.ZipFile, entries: list[zipfile.ZipInfo]
) -> Iterator[tuple[str, Element]]:
    """Return each signature's element, and the file that it is in."""
    for entry in entries:
        name = entry.filename
        if not name.startswith(FOLDER) or entry.is_dir():
            continue
        base = name.removeprefix(FOLDER).casefold()
        if "signatures" in base and base.endswith(".xml"):
            root = _read_xml(container, entry)
            if root.tag != xades.ASIC + "XAdESSignatures":
                raise RefusedError("UNSUPPORTED", f"{name} has another root")
            for element in root:
                if element.tag == xades.DS + "Signature":
                    yield name, element


def _read_xml(container: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Element:
    if entry.file_size > _MAX_XML:
        raise RefusedError("TOO_LARGE", entry.filename)
    return xades.parse(container.read(entry))
