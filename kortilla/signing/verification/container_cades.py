# SPDX-License-Identifier: MIT
"""Verifies CAdES signatures in a container (ETSI EN 319 162-1 §4.3.3 and §4.4.3).

In ASiC-S such a signature is of the one file, and in ASiC-E of a manifest with the
digests of files. Manifests of timestamps and archive manifests add nothing to what was
signed, and are not read.
"""

import zipfile
from collections.abc import Iterable, Iterator
from urllib.parse import quote, unquote

from lxml.etree import _Element as Element

from kortilla.signing import xades
from kortilla.signing.state import HASHES
from kortilla.signing.verification.cms_signature import examine_cms
from kortilla.signing.verification.findings import Finding, Found, RefusedError
from kortilla.signing.verification.xml_signature import (
    ContentsOf,
    hash_all,
    read_digest,
)

FOLDER = "META-INF/"
_MAX_BYTES = 10_000_000  # of a signature, which may have revocation lists


def examine_cades(
    container: zipfile.ZipFile,
    names: Iterable[str],
    contents_of: ContentsOf,
    *,
    only: str | None,
) -> Iterator[Finding]:
    """Yield what is found of each signer. ``Finding.files`` are URIs.

    ``names`` are all names of the container. ``contents_of`` also knows those in
    META-INF. ``only`` is the one file of ASiC-S, or None. Raises ``RefusedError``, and
    ``ValueError`` for XML that can't be read.
    """
    inside = [name for name in names if name.startswith(FOLDER)]
    manifests = {} if only else _manifests(container, inside)
    for name in inside:
        if not name.casefold().endswith(".p7s"):
            continue
        problems: list[Found] = []
        if only is not None:
            signed, uris = only, [quote(only)]
        elif name in manifests:
            signed, root = manifests[name]
            uris, problems = _compare(root, contents_of)
        else:
            raise RefusedError("UNSUPPORTED", f"{name} has no manifest")
        signature = _read(container, name)
        findings = examine_cms(signature, container.read(signed))
        if findings.problems:
            place = Finding(name, problems=findings.problems)
            findings.signatures.append(place)
        for each in findings.signatures:
            each.place, each.covers, each.files = name, "files", tuple(uris)
            each.problems += problems
            if problems and each.intact:
                each.intact = False
            yield each


def _read(container: zipfile.ZipFile, name: str) -> bytes:
    if container.getinfo(name).file_size > _MAX_BYTES:
        raise RefusedError("TOO_LARGE", name)
    return container.read(name)


def _manifests(
    container: zipfile.ZipFile, names: Iterable[str]
) -> dict[str, tuple[str, Element]]:
    """Return the manifest of each signature: its name, and the root element."""
    found: dict[str, tuple[str, Element]] = {}
    for name in names:
        base = name.removeprefix(FOLDER).casefold()
        if not (base.startswith("asicmanifest") and base.endswith(".xml")):
            continue
        root = xades.parse(_read(container, name))
        reference = root.find(xades.ASIC + "SigReference")
        if root.tag != xades.ASIC + "ASiCManifest" or reference is None:
            raise RefusedError("UNSUPPORTED", f"{name} is another kind of manifest")
        signature = unquote(reference.get("URI") or "", errors="strict")
        if signature in found:
            raise RefusedError("IRREGULAR", f"two manifests of {signature}")
        found[signature] = name, root
    return found


def _compare(root: Element, contents_of: ContentsOf) -> tuple[list[str], list[Found]]:
    """Return the URIs of a manifest's files, and what is wrong with them."""
    if any(
        each.get("Critical") in {"true", "1"}
        for each in root.iter(xades.ASIC + "ASiCManifestExtension")
    ):
        raise RefusedError("UNSUPPORTED", "a critical extension of a manifest")
    uris, problems = [], []
    for reference in root.findall(xades.ASIC + "DataObjectReference"):
        uri = reference.get("URI") or ""
        function, wanted = read_digest(reference)
        uris.append(uri)
        try:
            digest = hash_all(HASHES[function].name, contents_of(uri))
        except KeyError:
            problems.append(Found("FILE_MISSING", uri))
            continue
        if digest != wanted:
            problems.append(Found("DIGEST_MISMATCH", uri))
    if not uris:
        raise RefusedError("UNSUPPORTED", "a manifest of no file")
    return uris, problems
