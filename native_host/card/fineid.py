# SPDX-License-Identifier: MIT
"""A session with a FINEID citizen card (FINEID S1 v4.2 and S4-1).

docs/reference/card.md, "Commands", gives the bytes of the commands. A command that
carries a PIN or signs is never repeated. The tries left of a PIN are read before it is
sent.
"""

import logging
from contextlib import suppress
from dataclasses import replace
from functools import partial

from native_host.card.apdu import (
    INS_MANAGE_SECURITY_ENVIRONMENT,
    INS_PERFORM_SECURITY_OPERATION,
    INS_SELECT,
    SW,
    Command,
    CommandChannel,
    TracingConnection,
    Transport,
)
from native_host.card.atr import Generation, identify
from native_host.card.certificate import CardCertificate
from native_host.card.errors import (
    CONNECTION_ERRORS,
    CardError,
    CardKind,
    CardResetError,
    UnsupportedCardError,
)
from native_host.card.files import FileReader, Tlv, TlvError
from native_host.card.keys import KNOWN_KEYS, CardKey, KeyRole, PinRole, read_keys
from native_host.card.pins import PinInfo, Pins
from native_host.card.signature import (
    KeyType,
    SignatureAlgorithm,
    SignatureScheme,
    key_type_of,
)

__all__ = [
    "APPLICATION",
    "AUTHORITIES",
    "TOKEN_INFO",
    "CardKey",
    "FineidCard",
    "KeyRole",
    "PinInfo",
    "PinRole",
]

logger = logging.getLogger(__name__)

APPLICATION = bytes.fromhex("A000000063504B43532D3135")
_PAYMENT_SYSTEM = b"1PAY.SYS.DDF01"  # the directory that every EMV bank card has

TOKEN_INFO = bytes.fromhex("5032")
#: The number of bytes at the start of EF.TokenInfo, or of a certificate, that hold its
#: serial number (PKCS#15 v1.1 §6.9, RFC 5280 §4.1). Cards give them in one answer.
_NUMBER_WITHIN = 64
_LACKS_FILES = "The card lacks a file that it had, so it may have lost its power."

#: In the master file: the certificates of the issuing CA and of the root.
AUTHORITIES = (bytes.fromhex("4336"), bytes.fromhex("4334"))
_MAX_CERTIFICATE = 8192  # bytes
_MAX_DIRECTORY = 4096  # bytes

_TAG_SEQUENCE = 0x30
_TAG_OCTET_STRING = 0x04
_TAG_DIGEST = 0x90
_TAG_ALGORITHM = 0x80
_TAG_KEY = 0x84

# MSE's P2: the template of keys for signatures, and of those for confidentiality.
_FOR_SIGNING, _FOR_DECRYPTION = 0xB6, 0xB8
_CHAINED = 0x10  # CLA of a command whose data go on in the next (ISO/IEC 7816-4 §5.3.3)

# Status words of cards without the application, when it is selected.
_NO_APPLICATION = frozenset(
    {
        SW.FILE_NOT_FOUND,
        SW.NOT_SUPPORTED,
        SW.WRONG_P1_P2,
        SW.REFERENCE_NOT_FOUND,
        SW.UNKNOWN_INS,
        SW.UNKNOWN_CLA,
    }
)

# Status words of a card that has no key with that reference.
_NO_SUCH_KEY = frozenset(
    {SW.WRONG_DATA, SW.FILE_NOT_FOUND, SW.WRONG_P1_P2, SW.REFERENCE_NOT_FOUND}
)

# Status words that name the algorithm or the digest as the fault. 6986 is what cards
# answer to SHA-1. The others of "Status words" in docs/reference/card.md are about the
# PIN, the order of commands or the channel: another form would not help.
_WRONG_PARAMETERS = frozenset(
    {
        SW.WRONG_LENGTH,
        SW.NOT_ALLOWED,
        SW.WRONG_DATA,
        SW.NOT_SUPPORTED,
        SW.WRONG_P1_P2,
        SW.REFERENCE_NOT_FOUND,
    }
)


class FineidCard(Pins):
    """A citizen card whose application is selected.

    ``connection`` needs only ``send_and_receive``; of ``CardConnection`` its
    ``protocol``, ``atr``, ``pin_pad``, ``contactless`` and ``longest_data`` are used if
    it has them. All methods block and raise ``CardError``,
    its subclasses, and the connection's errors. Raises ``UnsupportedCardError`` if the
    card is not a citizen card.
    """

    def __init__(self, connection: Transport) -> None:
        protocol = getattr(connection, "protocol", 0)
        super().__init__(
            CommandChannel(TracingConnection(connection), protocol),
            pin_pad=getattr(connection, "pin_pad", None),
        )
        self._files = FileReader(self._channel)
        atr: bytes | None = getattr(connection, "atr", None)
        self._contactless: bool = getattr(connection, "contactless", False)
        self._longest_data: int = getattr(connection, "longest_data", 255)
        try:
            #: The card's generation, or None if the connection knows no ATR.
            self.generation = (
                identify(atr, contactless=self._contactless) if atr else None
            )
            self._select_application()
        except UnsupportedCardError as error:
            if error.kind == CardKind.UNKNOWN and self._is_bank_card():
                raise UnsupportedCardError(
                    "This card is not a FINEID citizen card but a bank card.",
                    kind=CardKind.BANK,
                ) from error
            raise
        # They count where the directories are missing or wrong.
        self._known = KNOWN_KEYS[self.generation or Generation.MULTIAPP_V5]
        self._listed: tuple[CardKey, ...] | None = None
        self._settled: dict[CardKey, tuple[CardKey, CardCertificate]] = {}
        self._identity: tuple[bytes, bytes] | None = None

    # -- Other programs ---------------------------------------------------------------

    def remember(self) -> None:
        """Read what tells this card from others, once, before others may use it.

        That is the start of EF.TokenInfo, which holds the serial number, or of a
        certificate that has been read. Raises ``CardResetError`` if it has neither now.
        """
        certificates = (key.certificate_path for key in self._settled)
        for path in (TOKEN_INFO, *certificates):
            if self._identity is not None:
                return
            with suppress(UnsupportedCardError):  # there is no such file
                if start := self._files.read(path, limit=_NUMBER_WITHIN):
                    self._identity = path, start
        if self._identity is None:
            raise CardResetError(_LACKS_FILES)

    def resume(self, connection: Transport) -> bool:
        """Go on after others may have used the card. Return whether it is the same.

        No tries are known any more. ``remember`` was called before.
        """
        protocol = getattr(connection, "protocol", 0)
        self._channel.use(TracingConnection(connection), protocol)
        self._pin_pad = getattr(connection, "pin_pad", None)
        self._tries.clear()
        self._select_application()
        path, start = self._identity or (TOKEN_INFO, b"")
        try:
            return self._files.read(path, limit=_NUMBER_WITHIN) == start
        except UnsupportedCardError as error:
            raise CardResetError(_LACKS_FILES) from error

    # -- Keys and certificates --------------------------------------------------------

    def keys(self) -> tuple[CardKey, ...]:
        """Return the card's keys, the preferred one of each role first.

        They come from the card's directories; the table of its generation provides the
        key of a role that they lack. Their certificates may still be missing.
        """
        if self._listed is None:
            listed = self._read_directories()
            for role in KeyRole:
                if not any(key.role is role for key in listed):
                    listed += self._known_for(role)
            self._listed = listed
        return self._listed

    def key(self, role: KeyRole, key_type: KeyType | None = None) -> CardKey:
        """Return the preferred key of a role, or its first one of a type.

        Its certificate is read and determines the type. Raises ``UnsupportedCardError``
        if the card has none.
        """
        listed = [key for key in self.keys() if key.role is role]
        obstacle: CardError | None = None
        if key_type:
            listed.sort(key=lambda key: key.key_type is not key_type)
        # The table is the last resort if no listed key fits.
        for candidate in dict.fromkeys((*listed, *self._known_for(role))):
            try:
                key, _ = self._settle(candidate)
            except CONNECTION_ERRORS:
                raise
            except CardError as error:
                logger.info("A key for %s is not used: %s", role.value, error)
                obstacle = error
            else:
                if key_type in {None, key.key_type}:
                    return key
        if key_type is None and obstacle is not None:
            raise obstacle
        raise UnsupportedCardError(f"The card has no such key for {role.value}.")

    def certificate(self, key: CardKey) -> CardCertificate:
        """Return the certificate of a key. It is read once per session.

        Raises ``UnsupportedCardError`` if the card has none that fits the key's role,
        ``CertificateError`` if it can't be read.
        """
        return self._settle(key)[1]

    def _settle(self, key: CardKey) -> tuple[CardKey, CardCertificate]:
        """Return a key with its true type, and its certificate."""
        if key not in self._settled:
            settled = self._with_certificate(key)
            self._settled[key] = self._settled[settled[0]] = settled
        return self._settled[key]

    def _known_for(self, role: KeyRole) -> tuple[CardKey, ...]:
        return tuple(key for key in self._known if key.role is role)

    def _read_directories(self) -> tuple[CardKey, ...]:
        try:
            return read_keys(partial(self._files.read, limit=_MAX_DIRECTORY))
        except CONNECTION_ERRORS:
            raise
        except CardError as error:
            logger.info("The card's directories are not used: %s", error)
            return ()

    def _with_certificate(self, key: CardKey) -> tuple[CardKey, CardCertificate]:
        try:
            certificate = self._read_certificate(key)
        except CONNECTION_ERRORS:
            raise
        except CardError as error:
            if any(key.certificate_path == k.certificate_path for k in self._known):
                raise
            # The file that the directories name holds no certificate for this key.
            logger.info("The directories are wrong about a key: %s", error)
            known = [k for k in self._known_for(key.role) if k.key_type is key.key_type]
            if not known:
                raise UnsupportedCardError(
                    f"The card has no certificate for a key for {key.role.value}."
                ) from error
            key, certificate = known[0], self._read_certificate(known[0])
        return replace(key, key_type=key_type_of(certificate.public_key)), certificate

    def _read_certificate(self, key: CardKey) -> CardCertificate:
        content = self._files.read(key.certificate_path)
        # Files may have padding: the certificate is their first object.
        certificate = CardCertificate.from_der(bytes(Tlv.take(content)[0]))
        authenticates = key.role is KeyRole.AUTHENTICATION
        fits = (
            certificate.for_authentication if authenticates else certificate.for_signing
        )
        if not fits:
            raise UnsupportedCardError(
                f"The certificate of a key for {key.role.value} is not made for that."
            )
        return certificate

    def authority_certificates(self) -> tuple[bytes, ...]:
        """Read the certificates of the CAs above the card's own, the issuing one first.

        They are in DER and are not validated. The cards of 2026 have only the root's. A
        certificate that can't be read is left out. Afterwards no PIN is verified any
        more. A contactless card gives none: the selection of the master file would end
        its secure channel.
        """
        found: list[bytes] = []
        if self._contactless:
            return ()
        for identifier in AUTHORITIES:
            try:
                content = self._files.read_object(identifier, limit=_MAX_CERTIFICATE)
                found.append(bytes(Tlv.take(content)[0]))
            except CONNECTION_ERRORS:
                raise
            except CardError as error:
                logger.info("A CA certificate is not used: %s", error)
        self._return_to_application()
        return tuple(found)

    def serial(self) -> bytes:
        """Read the card's serial number (EF.TokenInfo), anew each time.

        Raises ``CardError`` if the card has none.
        """
        self._return_to_application()
        try:
            info, _ = Tlv.take(self._files.read(TOKEN_INFO))
        except UnsupportedCardError as error:  # its text is about certificates
            raise CardError("The card has no serial number.") from error
        serial = info.value_at(_TAG_OCTET_STRING)
        if info.tag != _TAG_SEQUENCE or not serial:
            raise TlvError("The card has no serial number.")
        return serial

    # -- Signatures -------------------------------------------------------------------

    def sign(self, key: CardKey, digest: bytes, algorithm: SignatureAlgorithm) -> bytes:
        """Sign a digest with a key whose PIN was verified just before.

        Returns r‖s for an EC key and the bytes of the signature for an RSA key. Raises
        ``InvalidArgumentError`` for a digest of the wrong length or an algorithm that
        the key does not support, ``UnsupportedCardError`` if its certificate does not
        allow its role, ``SIGNATURE_INVALID`` if the card's own certificate does not
        verify the signature.

        A card that refuses the form of the digest gets the other one, if there is one.
        That costs no try and signs nothing. After SIGN, nothing is sent again.
        """
        key, certificate = self._settle(key)
        scheme = SignatureScheme(certificate.public_key, algorithm)
        usual, *others = scheme.card_inputs(digest)
        try:
            self._give_digest(key, *usual)
        except CardError as error:
            if not others or error.status_word not in _WRONG_PARAMETERS:
                raise
            logger.info("The card refuses a form of the digest: %s", error)
            self._give_digest(key, *others[0])
        signature = self._channel.send(
            Command(
                INS_PERFORM_SECURITY_OPERATION, 0x9E, 0x9A, le=min(scheme.size, 256)
            ),
            step="the signing",
        )
        scheme.verify(signature, digest)
        return signature

    def _give_digest(self, key: CardKey, algorithm: int, digest: bytes) -> None:
        """Send MSE and HASH. Raises ``CardError``."""
        self._choose_key(key, _FOR_SIGNING, Tlv(_TAG_ALGORITHM, bytes([algorithm])))
        self._channel.send(
            Command(
                INS_PERFORM_SECURITY_OPERATION, 0x90, 0xA0, Tlv(_TAG_DIGEST, digest)
            ),
            step="the digest",
        )

    def decipher(self, key: CardKey, data: bytes, *, algorithm: int | None) -> bytes:
        """Decipher with a key whose PIN was verified before (PSO DECIPHER).

        ``algorithm`` is the algorithm byte of an RSA key; a key on a curve has none.
        ``native_host.card.decryption`` decides what ``data`` may be, and is the only
        caller. Returns the plaintext, or the x coordinate of the shared point.
        """
        named = b"" if algorithm is None else Tlv(_TAG_ALGORITHM, bytes([algorithm]))
        self._choose_key(key, _FOR_DECRYPTION, named)
        *first, last = [
            data[start : start + self._longest_data]
            for start in range(0, len(data), self._longest_data)
        ]
        operation, step = INS_PERFORM_SECURITY_OPERATION, "the decryption"
        for part in first:
            self._channel.send(
                Command(operation, 0x80, 0x86, part, cla=_CHAINED), step=step
            )
        return self._channel.send(
            Command(operation, 0x80, 0x86, last, le=256), step=step
        )

    def _choose_key(self, key: CardKey, purpose: int, algorithm: bytes) -> None:
        """Select the key and the algorithm on the card (MSE).

        A directory may give a reference that the card rejects. Then the table's
        reference is tried once. This sends no PIN, signs and deciphers nothing.
        """
        try:
            self._name_key(key.reference, purpose, algorithm)
        except CardError as error:
            known = (
                each.reference
                for each in self._known_for(key.role)
                if each.certificate_path == key.certificate_path
            )
            other = next(known, key.reference)
            if other == key.reference or error.status_word not in _NO_SUCH_KEY:
                raise
            logger.info("The card's directories are wrong about a key's reference.")
            self._name_key(other, purpose, algorithm)

    def _name_key(self, reference: int, purpose: int, algorithm: bytes) -> None:
        environment = algorithm + Tlv(_TAG_KEY, bytes([reference]))
        self._channel.send(
            Command(INS_MANAGE_SECURITY_ENVIRONMENT, 0x41, purpose, environment),
            step="the choice of the key",
        )

    # -- The application --------------------------------------------------------------

    def _select_application(self) -> None:
        command = Command(INS_SELECT, 0x04, 0x0C, APPLICATION)
        _, status = self._channel.exchange(command)
        if status == SW.OK:
            self._files.in_folder = False
            return
        if status == SW.SECURITY_STATUS:
            # A card's status word for all commands on its contactless side, before
            # PACE.
            raise UnsupportedCardError(
                "The card has to be put into the slot of the reader.",
                kind=CardKind.CONTACTLESS,
            )
        if status in _NO_APPLICATION:
            raise UnsupportedCardError("This card is not a FINEID citizen card.")
        raise CardError(
            f"The card answered {status:04X} to the choice of its application.",
            status_word=status,
        )

    def _return_to_application(self) -> None:
        if self._files.in_folder:
            self._select_application()

    def _is_bank_card(self) -> bool:
        command = Command(INS_SELECT, 0x04, 0x00, _PAYMENT_SYSTEM, le=256)
        try:
            return self._channel.exchange(command)[1] == SW.OK
        except CardError:
            return False
