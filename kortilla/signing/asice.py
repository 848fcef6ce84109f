# SPDX-License-Identifier: MIT
"""ASiC-E containers of any files, in two calls around the browser's signature.

The calls are used as those of ``kortilla.signing.pades``; ``prepare_container`` takes
the files by their names.

The container (ETSI EN 319 162-1) holds the files and one XAdES signature of all of
them: **B-B**; **B-T** with a time-stamping service; **B-LT** with revocation data for
every certificate too; **B-LTA** with a timestamp of all that, too (``archive=True``).
"""

import hashlib
import io
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from asn1crypto import x509
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree
from lxml.etree import _Element as Element
from pyhanko.sign.timestamps import TimeStamper

from kortilla.clock import utc_now
from kortilla.errors import DocumentNotSignableError, SignatureValidationError
from kortilla.revocation import RevocationChecker
from kortilla.signing import xades
from kortilla.signing.answer import Answer
from kortilla.signing.own_card import OwnCard
from kortilla.signing.signature import (
    Checks,
    Draft,
    SignedDocument,
    SigningCertificate,
    Timestamp,
    finish,
    request_timestamp,
    signing_certificate,
)
from kortilla.signing.state import HASHES, Digest, PreparedSignature, check_name
from kortilla.signing.validation_data import CollectData, ValidationData
from kortilla.signing.verification.container import MIMETYPE, examine_container
from kortilla.signing.verification.zip_layout import pieces
from kortilla.threads import in_thread
from kortilla.validation.signature import load_public_key
from kortilla.validation.trust import Trust

__all__ = [
    "MAX_CONTAINER_BYTES",
    "MAX_FILES",
    "MIMETYPE",
    "SignedContainer",
    "ValidationData",
    "finish_container",
    "prepare_container",
]

#: The most bytes of all files together, and the most files.
MAX_CONTAINER_BYTES = 20_000_000
MAX_FILES = 100
_SIGNATURES = "META-INF/signatures0.xml"
_MANIFEST = "{urn:oasis:names:tc:opendocument:xmlns:manifest:1.0}"
_MAX_NAME_BYTES = 255


@dataclass(frozen=True)
class SignedContainer(SignedDocument):
    """A signed container, its signer, and the level of its signature."""


async def prepare_container(
    files: Mapping[str, bytes],
    *,
    certificate: bytes,
    trust: Trust | OwnCard,
    name: str,
    at: datetime | None = None,
    revocation: RevocationChecker | None = None,
    hash_function: str | None = None,
    chain: Iterable[bytes] = (),
    max_bytes: int = MAX_CONTAINER_BYTES,
) -> PreparedSignature:
    """Prepare the signature of files, and a container for them.

    ``files`` maps the names in the container, without folders, to the contents. The
    user sees ``name``. The other arguments and the errors are those of
    ``prepare_file``. Raises ``DocumentNotSignableError`` also for no file, more than
    ``MAX_FILES``, ``max_bytes`` in all, and a name that is not a plain file name or
    differs from another in upper and lower case alone.
    """
    check_name(name)
    _check_files(files, max_bytes)
    signing = await signing_certificate(
        certificate,
        Checks(trust, at, revocation),
        chain=chain,
        hash_function=hash_function,
    )
    signature, digest, container = await in_thread(_prepare, dict(files), signing)
    return PreparedSignature(
        "container", name, digest, certificate, signing.chain, signature, container
    )


async def finish_container(
    state: PreparedSignature,
    answer: Answer,
    *,
    trust: Trust | OwnCard,
    at: datetime | None = None,
    revocation: RevocationChecker | None = None,
    timestamper: TimeStamper | None = None,
    validation_data: ValidationData | CollectData | None = None,
    archive: bool = False,
) -> SignedContainer:
    """Verify the page's answer and return the signed container.

    The arguments and errors are those of ``finish_pdf``; ``archive`` adds a timestamp
    of the files and the whole signature (EN 319 132-1 §5.5.2). An RSA key must have
    signed with ``paddingScheme: "PKCS1.5"``, the default of ``kortilla.sign``.
    """
    return SignedContainer(
        *await finish(
            _ContainerDraft,
            state,
            answer,
            Checks(trust, at, revocation),
            timestamper=timestamper,
            validation_data=validation_data,
            archive=archive,
        )
    )


@dataclass
class _ContainerDraft(Draft):
    """A container, and the XML of its signature beside it."""

    kind = "container"

    def __post_init__(self) -> None:
        if self.signature.algorithm.padding_scheme == "PSS":
            raise SignatureValidationError(
                "It was signed with another padding than was prepared."
            )
        self._root = xades.parse(self.state.signed_attributes)
        xades.set_value(self._root, self.signature.value)

    @staticmethod
    def check(state: PreparedSignature, certificate: x509.Certificate) -> None:
        try:
            info = xades.parse(state.signed_attributes).find(f".//{xades.DS}SignedInfo")
            signed = Digest.of(xades.canonical(info), state.digest.hash_function)
        except Exception as error:
            raise SignatureValidationError(
                "What was prepared is not a signature of a container."
            ) from error
        if signed != state.digest:
            raise SignatureValidationError("What was prepared has been changed since.")

    def to_stamp(self) -> bytes:
        return xades.value_to_stamp(self._root)

    def add_timestamp(self, stamp: Timestamp) -> None:
        xades.add_timestamp(self._root, stamp.token.dump())

    async def add_data(self, data: ValidationData | None) -> None:
        if data is not None:
            xades.add_validation_data(self._root, data)

    async def archive(self, timestamper: TimeStamper) -> None:
        function = self.state.digest.hash_function
        everything = await in_thread(
            _archived, self._root, self.state.document, function
        )
        stamp = await request_timestamp(timestamper, everything)
        xades.add_archive_timestamp(self._root, stamp.token.dump())

    async def content(self) -> bytes:
        signature = xades.serialise(self._root)
        return await in_thread(_add_signature, self.state.document, signature)


def _check_files(files: Mapping[str, bytes], max_bytes: int) -> None:
    if not 1 <= len(files) <= MAX_FILES:
        raise DocumentNotSignableError(
            f"A container has 1 to {MAX_FILES} files.", reason="files"
        )
    if sum(map(len, files.values())) > max_bytes:
        raise DocumentNotSignableError(
            f"The files have more than {max_bytes} bytes.", reason="too-long"
        )
    for name in files:
        if not _is_file_name(name):
            raise DocumentNotSignableError(
                "A file's name in the container is not a plain file name.",
                reason="files",
            )
    if len({unicodedata.normalize("NFC", each).casefold() for each in files}) != len(
        files
    ):
        raise DocumentNotSignableError(
            "Two files of the container have one name.", reason="files"
        )


def _is_file_name(name: str) -> bool:
    """Return whether each system can store a file of that name in one folder."""
    return (
        name.isprintable()
        and name == name.strip()
        and not set(name) & set('/\\:*?"<>|')
        and not name.endswith(".")
        and name.casefold() not in {"", "mimetype", "meta-inf"}
        and len(name.encode("utf-8", "surrogatepass")) <= _MAX_NAME_BYTES
    )


def _prepare(
    files: dict[str, bytes], signing: SigningCertificate
) -> tuple[bytes, Digest, bytes]:
    function = signing.hash_function
    now = utc_now()
    root = xades.build_signature(
        {name: Digest.of(content, function) for name, content in files.items()},
        certificate=signing.certificate.dump(),
        chain=signing.chain,
        ecc=isinstance(load_public_key(signing.certificate), ec.EllipticCurvePublicKey),
        hash_function=function,
        time=now,
    )
    info = root.find(f".//{xades.DS}SignedInfo")
    digest = Digest.of(xades.canonical(info), function)
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as container:
        # EN 319 162-1 §A.1: first and stored, so that `file` finds it at octet 38.
        _write(container, "mimetype", MIMETYPE.encode(), now, zipfile.ZIP_STORED)
        for name, content in files.items():
            _write(container, name, content, now)
        _write(container, "META-INF/manifest.xml", _manifest(files), now)
    return xades.serialise(root), digest, output.getvalue()


def _write(
    container: zipfile.ZipFile,
    name: str,
    content: bytes,
    time: datetime,
    method: int = zipfile.ZIP_DEFLATED,
) -> None:
    entry = zipfile.ZipInfo(name, time.timetuple()[:6])
    entry.compress_type = method
    entry.external_attr = 0o644 << 16
    container.writestr(entry, content)


def _manifest(files: Iterable[str]) -> bytes:
    root = etree.Element(
        _MANIFEST + "manifest",
        {_MANIFEST + "version": "1.2"},
        nsmap={"manifest": _MANIFEST[1:-1]},
    )
    for path, kind in (
        ("/", MIMETYPE),
        *((name, xades.media_type(name)) for name in files),
    ):
        etree.SubElement(
            root,
            _MANIFEST + "file-entry",
            {_MANIFEST + "full-path": path, _MANIFEST + "media-type": kind},
        )
    return xades.serialise(root)


def _archived(root: Element, container: bytes, hash_function: str) -> Digest:
    """Hash what an archive timestamp is of: the files, and the signature so far."""
    hasher = hashlib.new(HASHES[hash_function].name)
    try:
        with zipfile.ZipFile(io.BytesIO(container)) as opened:
            for piece in xades.archived(
                root.find(xades.DS + "Signature"),
                lambda uri: pieces(opened, unquote(uri)),
            ):
                hasher.update(piece)
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError) as error:
        raise SignatureValidationError(
            "What was prepared is not a container of the signed files."
        ) from error
    return Digest(hasher.digest(), hash_function)


def _add_signature(container: bytes, signature: bytes) -> bytes:
    """Put the signature into the container, and verify the result.

    Raises ``SignatureValidationError`` for files that are not the signed ones.
    """
    output = io.BytesIO(container)
    try:
        with zipfile.ZipFile(output, "a") as opened:
            _write(opened, _SIGNATURES, signature, utc_now())
        content = output.getvalue()
        [finding] = examine_container(content).signatures
    except (zipfile.BadZipFile, ValueError) as error:
        raise SignatureValidationError(
            "What was prepared is not a container."
        ) from error
    if not finding.intact:
        raise SignatureValidationError(
            "What was prepared has been changed since, or is of other files."
        )
    return content
