# SPDX-License-Identifier: MIT
"""Encrypts and decrypts messages of CMS, piece by piece (RFC 5652, 5083, 5084).

A new message is AuthEnvelopedData with AES-256-GCM. EnvelopedData with AES-256-CBC is
for mail programs that can't read that; nothing protects it against a change.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from io import BytesIO
from typing import BinaryIO, Protocol

from asn1crypto import algos, cms, core
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from kortilla.encryption.algorithms import (
    AES256_CBC,
    AES256_GCM,
    AUTH_ENVELOPED_DATA,
    CONTENT_CIPHERS,
    DATA,
    ENVELOPED_DATA,
    DecryptionKey,
    GcmParameters,
    unsupported,
)
from kortilla.encryption.ber import (
    CONTEXT_0,
    CONTEXT_0_PRIMITIVE,
    OCTET_STRING,
    PIECE,
    SEQUENCE,
    SET,
    Reader,
    closed,
    encoded,
    opened,
)
from kortilla.encryption.opening import MAX_RECIPIENTS, Recipients
from kortilla.encryption.recipients import PasswordRecipient, Recipient
from kortilla.errors import (
    DecryptionFailedError,
    EncryptionError,
    EncryptionUnsupportedError,
    NotEncryptedError,
    RecipientUnsuitableError,
)

_NAME = "smime.p7m"
_BLOCK_BITS = 128
_NONCE_SIZE, _TAG_SIZE = 12, 16
_TAG_SIZES = range(12, 17)  # RFC 5084 §3.2
#: Bytes of all recipients: asn1crypto needs a hundred times as much for odd ones.
_MAX_RECIPIENTS = 500_000
_MAX_SMALL = 100_000  # bytes of any other part
_MAX_CONTENT = (1 << 36) - 32  # bytes: GCM allows no more (NIST SP 800-38D §5.2.1.1)
_AUTHENTICATED_ATTRIBUTES, _UNAUTHENTICATED = 0xA1, (0xA1, 0xA2)


class _Context(Protocol):
    def update(self, data: bytes) -> bytes: ...

    def finalize(self) -> bytes: ...


def encrypt(
    source: bytes | BinaryIO,
    sink: BinaryIO,
    recipients: Iterable[Recipient],
    *,
    authenticated: bool = True,
) -> None:
    """Encrypt what ``source`` has, and write the message (DER's superset BER).

    Not ``authenticated`` is only for mail programs. Raises
    ``RecipientUnsuitableError``, also for no recipients, the streams' errors, and
    ``EncryptionUnsupportedError`` for more than 64 GiB.
    """
    key = os.urandom(32)
    infos = [each.info(key) for each in recipients]
    if not infos:
        raise RecipientUnsuitableError("There is no recipient.")
    encoded_infos = cms.RecipientInfos(infos).dump()
    if len(infos) > MAX_RECIPIENTS or len(encoded_infos) > _MAX_RECIPIENTS:
        raise RecipientUnsuitableError("There are too many recipients.")
    if authenticated:
        nonce = os.urandom(_NONCE_SIZE)
        parameters = GcmParameters({"nonce": nonce, "tag_size": _TAG_SIZE})
        algorithm = _algorithm(AES256_GCM, parameters)
        gcm = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
        context: _Context = gcm
        version = 0
    else:
        iv = os.urandom(16)
        algorithm = _algorithm(AES256_CBC, core.OctetString(iv))
        context = _Padded(
            PKCS7(_BLOCK_BITS).padder(),
            Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor(),
        )
        version = _version(infos)
    kind = AUTH_ENVELOPED_DATA if authenticated else ENVELOPED_DATA
    sink.write(
        opened(SEQUENCE)
        + core.ObjectIdentifier(kind).dump()
        + opened(CONTEXT_0, SEQUENCE)
        + core.Integer(version).dump()
        + encoded_infos
        + opened(SEQUENCE)
        + core.ObjectIdentifier(DATA).dump()
        + algorithm.dump()
        + opened(CONTEXT_0)
    )
    for piece in _limited(_pieces(source)):
        if part := context.update(piece):
            sink.write(encoded(OCTET_STRING, part))
    if part := context.finalize():
        sink.write(encoded(OCTET_STRING, part))
    sink.write(closed(2))
    if authenticated:
        sink.write(core.OctetString(gcm.tag).dump())
    sink.write(closed(3))


def encrypt_message(
    message: EmailMessage, recipients: Iterable[Recipient], *, authenticated: bool
) -> EmailMessage:
    """Return a message with the same headers, whose content is encrypted.

    ``authenticated`` is AES-256-GCM, which protects against changes. Not all mail
    programs read it, so a service has to choose. Raises ``RecipientUnsuitableError``,
    also for a password: NSS, and so Thunderbird, reads no message that has one.
    """
    recipients = list(recipients)
    if any(isinstance(each, PasswordRecipient) for each in recipients):
        raise RecipientUnsuitableError("A mail can't have a password.")
    inner, outer = copy(message), EmailMessage(policy.SMTP)
    for name, value in message.items():
        if not name.lower().startswith("content-"):
            outer[name] = value
            del inner[name]
    sink = BytesIO()
    content = inner.as_bytes(policy=policy.SMTP)
    encrypt(content, sink, recipients, authenticated=authenticated)
    kind = "authEnveloped-data" if authenticated else "enveloped-data"
    outer.set_content(
        sink.getvalue(),
        maintype="application",
        subtype="pkcs7-mime",
        filename=_NAME,
        params={"smime-type": kind, "name": _NAME},
    )
    return outer


@dataclass(frozen=True)
class Decrypted:
    """What was decrypted. Without ``authenticated``, anybody may have changed it."""

    authenticated: bool


def decrypt(
    source: bytes | BinaryIO,
    sink: BinaryIO,
    key: DecryptionKey | str | Callable[[], DecryptionKey | str],
) -> Decrypted:
    """Decrypt a message with a recipient's key or a password.

    A ``key`` that is a function is called once the message is known to be whole, so
    that a card's PIN is asked only then. ``source`` must be seekable: it is read twice.
    **What was written to ``sink`` must be thrown away if this raises**: it may have
    been changed. Raises ``NotEncryptedError``, ``TrailingDataError`` for anything
    after the message, ``EncryptionUnsupportedError``, ``OtherRecipientError``,
    ``DecryptionFailedError``, and what the key and the streams raise.
    """
    stream = BytesIO(source) if isinstance(source, bytes) else source
    start = stream.tell()
    message = _Message(stream)
    message.read_rest()
    recipients = Recipients(message.recipients)
    if callable(key):
        key = key()
    content_key = recipients.key_for(key, message.key_size)
    stream.seek(start)
    again = _Message(stream)
    if again.same_head != message.same_head:
        raise NotEncryptedError("the message changed while it was read")
    context = message.decryptor(content_key or os.urandom(message.key_size))
    for piece in again.content():
        sink.write(context.update(piece))
    try:
        last = context.finalize()
    except (InvalidTag, ValueError):
        raise DecryptionFailedError from None
    if content_key is None:
        # Of 256 random keys one fits the padding of CBC.
        raise DecryptionFailedError
    sink.write(last)
    return Decrypted(message.authenticated)


def read_recipients(source: bytes | BinaryIO, *, whole: bool = False) -> Recipients:
    """Return whom a message is for. Raises as ``decrypt``; no key is needed.

    With ``whole`` it also checks that the message has its end, and nothing after it.
    """
    stream = BytesIO(source) if isinstance(source, bytes) else source
    message = _Message(stream)
    if whole:
        message.read_rest()
    return Recipients(message.recipients)


class _Message:
    """A message that is read up to its content, and then to its end."""

    def __init__(self, stream: BinaryIO) -> None:
        self._reader = reader = Reader(stream)
        reader.enter(SEQUENCE)
        kind = _identifier(reader.value(_MAX_SMALL))
        if kind not in {ENVELOPED_DATA, AUTH_ENVELOPED_DATA}:
            raise NotEncryptedError("the message is of another kind")
        self.authenticated = kind == AUTH_ENVELOPED_DATA
        reader.enter(CONTEXT_0)
        reader.enter(SEQUENCE)
        reader.value(_MAX_SMALL)  # the version
        header = reader.next()
        if header is not None and header.tag == CONTEXT_0:  # originatorInfo
            reader.value_after(header, _MAX_SMALL)
            header = reader.next()
        if header is None or header.tag != SET:
            raise NotEncryptedError("the recipients are missing")
        #: The RecipientInfos.
        self.recipients = reader.value_after(header, _MAX_RECIPIENTS)
        reader.enter(SEQUENCE)
        content_type = reader.value(_MAX_SMALL)
        algorithm = reader.value(_MAX_SMALL)
        algorithm_name, self._parameters = _content_algorithm(algorithm)
        cipher = CONTENT_CIPHERS.get(algorithm_name)
        if cipher is None or cipher.authenticated != self.authenticated:
            raise unsupported("cipher", algorithm_name)
        self.key_size = cipher.key_size
        #: What must not change between two readings.
        self.same_head = (self.recipients, content_type, algorithm)
        self._attributes = b""
        self._tag = b""

    def content(self) -> Iterator[bytes]:
        """Read the encrypted content. ``read_end`` reads what follows."""
        header = self._reader.next()
        if header is None or header.tag not in {CONTEXT_0, CONTEXT_0_PRIMITIVE}:
            raise NotEncryptedError("the content is missing")
        yield from _limited(self._reader.pieces(header))
        self._reader.leave()

    def read_rest(self) -> None:
        """Read over the content, and what follows. The parameters are checked."""
        for _ in self.content():
            pass
        self.read_end()
        self._reader.end()
        self.decryptor(bytes(self.key_size))

    def read_end(self) -> None:
        """Read the authenticated attributes and the authentication tag."""
        reader = self._reader
        header = reader.next()
        if self.authenticated:
            if header is not None and header.tag == _AUTHENTICATED_ATTRIBUTES:
                value = reader.value_after(header, _MAX_SMALL)
                self._attributes = _in_der(bytes([SET]) + value[1:])
                header = reader.next()
            if header is None or header.tag != OCTET_STRING or header.length is None:
                raise NotEncryptedError("the authentication tag is missing")
            if header.length not in _TAG_SIZES:
                raise NotEncryptedError("the authentication tag has another length")
            self._tag = reader.take(header.length)
            header = reader.next()
        while header is not None:
            if header.tag not in _UNAUTHENTICATED:
                raise NotEncryptedError("a part is of another kind")
            reader.value_after(header, _MAX_SMALL)
            header = reader.next()
        for _ in range(3):
            reader.leave()

    def decryptor(self, key: bytes) -> _Context:
        """Return what decrypts the content."""
        aes = algorithms.AES(key)
        try:
            if not self.authenticated:
                iv = core.OctetString.load(self._parameters).native
                return _Padded(
                    Cipher(aes, modes.CBC(iv)).decryptor(),
                    PKCS7(_BLOCK_BITS).unpadder(),
                )
            parameters = GcmParameters.load(self._parameters)
            size = parameters["tag_size"].native
            if len(self._tag) != size:
                raise NotEncryptedError("the authentication tag has another length")
            mode = modes.GCM(parameters["nonce"].native, self._tag, size)
            context = Cipher(aes, mode).decryptor()
        except EncryptionError:
            raise
        except Exception as error:
            # asn1crypto raises any exception on odd input.
            raise NotEncryptedError("the cipher's parameters can't be read") from error
        context.authenticate_additional_data(self._attributes)
        return context


class _Padded:
    """Two steps of a cipher that pads, as one."""

    def __init__(self, first: _Context, second: _Context) -> None:
        self._first = first
        self._second = second

    def update(self, data: bytes) -> bytes:
        return self._second.update(self._first.update(data))

    def finalize(self) -> bytes:
        rest = self._second.update(self._first.finalize())
        return rest + self._second.finalize()


def _pieces(source: bytes | BinaryIO) -> Iterator[bytes]:
    stream = BytesIO(source) if isinstance(source, bytes) else source
    while piece := stream.read(PIECE):
        yield piece


def _limited(pieces: Iterable[bytes]) -> Iterator[bytes]:
    left = _MAX_CONTENT
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise EncryptionUnsupportedError("The content is too large.")
        yield piece


def _algorithm(identifier: str, parameters: core.Asn1Value) -> core.Asn1Value:
    return algos.AlgorithmIdentifier(
        {"algorithm": identifier, "parameters": parameters}
    )


def _version(infos: list[cms.RecipientInfo]) -> int:
    """Return the version of EnvelopedData (RFC 5652 §6.1)."""
    kinds = {each.name for each in infos}
    if "pwri" in kinds:
        return 3
    return 0 if kinds == {"ktri"} else 2


def _identifier(value: bytes) -> str:
    try:
        return str(core.ObjectIdentifier.load(value, strict=True).dotted)
    except Exception as error:
        # asn1crypto raises any exception on odd input.
        raise NotEncryptedError("the message has no type") from error


def _in_der(attributes: bytes) -> bytes:
    """Return authenticated attributes as the tag covers them (RFC 5083 §2.2)."""
    try:
        encoded: bytes = cms.CMSAttributes.load(attributes).dump(force=True)
    except Exception as error:
        # asn1crypto raises any exception on odd input.
        raise NotEncryptedError("the attributes can't be read") from error
    return encoded


def _content_algorithm(value: bytes) -> tuple[str, bytes]:
    """Return an algorithm's identifier, and its parameters in DER."""
    try:
        algorithm = algos.AlgorithmIdentifier.load(value, strict=True)
        return algorithm["algorithm"].dotted, algorithm["parameters"].dump()
    except Exception as error:
        # asn1crypto raises any exception on odd input.
        raise EncryptionUnsupportedError("The cipher can't be read.") from error
