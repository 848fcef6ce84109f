# SPDX-License-Identifier: MIT
"""A session with a FINEID citizen card (FINEID S1 v4.2 and S4-1, card.md).

Every command stands here with the bytes that card.md gives. Nothing is sent twice that
carries a PIN or signs, and no PIN is sent whose tries were not read before.
"""

import logging
from dataclasses import dataclass
from typing import NoReturn

from native_host.errors import InvalidArgument

from .apdu import (
    INS_GET_DATA,
    INS_MANAGE_SECURITY_ENVIRONMENT,
    INS_PERFORM_SECURITY_OPERATION,
    INS_SELECT,
    INS_VERIFY,
    SW,
    Command,
    CommandChannel,
    Transport,
    tries_in,
)
from .atr import identify
from .certificate import CardCertificate
from .errors import (
    CardError,
    CardKind,
    CardNotActivated,
    PinBlocked,
    PinNotEntered,
    PinTriesUnreadable,
    UnsupportedCard,
    WrongPin,
)
from .files import FileReader
from .key_ring import KeyRing
from .keys import CardKey, KeyRole, PinRole
from .pin_pad import NOT_ENTERED, PinPad
from .signature import KeyType, SignatureAlgorithm, SignatureScheme
from .tlv import Tlv, TlvError
from .trace import TracingConnection

__all__ = ["CardKey", "FineidCard", "KeyRole", "PinInfo", "PinRole"]

logger = logging.getLogger(__name__)

_APPLICATION = bytes.fromhex("A000000063504B43532D3135")
_PAYMENT_SYSTEM = b"1PAY.SYS.DDF01"  # the directory that every EMV bank card has

_STORED_PIN = 12  # PINs are padded with 00 to this length
_MAX_TRIES = 15  # what 63Cx can say; FINEID gives five

_TAG_PIN_INFO = 0xA0
_TAG_PIN_REFERENCE = 0x83
_TAG_TRIES = 0xDF21
_TAG_CHANGED = 0xDF2F
_TAG_DIGEST = 0x90
_TAG_ALGORITHM = 0x80
_TAG_KEY = 0x84

_CHANGED = {b"\x00": False, b"\x01": True}

# How cards without the application refuse to select it.
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


@dataclass(frozen=True)
class PinInfo:
    """What the card says about a PIN.

    ``tries_left`` is 0 for a blocked one. ``changed`` tells whether it was set since
    the card was made, and is None where the card does not say.
    """

    tries_left: int
    changed: bool | None


# How many digits the card accepts when a PIN is verified.
_PIN_DIGITS = {PinRole.PIN1: range(4, 13), PinRole.PIN2: range(6, 13)}


class FineidCard:
    """A citizen card whose application is selected.

    ``connection`` needs no more than ``send_and_receive``; its ``protocol`` (0 or 1),
    ``atr`` and ``pin_pad`` are used where it has them. All methods block and raise
    ``CardError``, its subclasses, and what the connection raises. Raises
    ``UnsupportedCard`` when the card is not a citizen card.
    """

    def __init__(self, connection: Transport) -> None:
        self._channel = CommandChannel(TracingConnection(connection))
        self._protocol: int = getattr(connection, "protocol", 0)
        self._pin_pad: PinPad | None = getattr(connection, "pin_pad", None)
        self._files = FileReader(self._channel)
        self._tries: dict[PinRole, int] = {}
        atr: bytes | None = getattr(connection, "atr", None)
        try:
            #: The card's generation, or None where the connection knows no ATR.
            self.generation = identify(atr) if atr else None
            self._select_application()
        except UnsupportedCard as error:
            if error.kind == CardKind.UNKNOWN and self._is_bank_card():
                raise UnsupportedCard(
                    "This card is not a FINEID citizen card: it is a bank card.",
                    kind=CardKind.BANK,
                ) from error
            raise
        self._key_ring = KeyRing(self._files, self.generation)

    # -- Keys and certificates --------------------------------------------------------

    def keys(self) -> tuple[CardKey, ...]:
        """Return the card's keys, the preferred one of each role first.

        They come from the card's directories, or from what is known of its generation
        where the directories can't be used. Their certificates may yet be missing.
        """
        return self._key_ring.keys()

    def key(self, role: KeyRole, key_type: KeyType | None = None) -> CardKey:
        """Return the preferred key of a role, or its first one of a type.

        Its certificate is read, and decides the type. Raises ``UnsupportedCard`` when
        the card has none.
        """
        return self._key_ring.key(role, key_type)

    def certificate(self, key: CardKey) -> CardCertificate:
        """Return the certificate of a key. It is read once in a session.

        Raises ``UnsupportedCard`` when the card has none that fits the key's role,
        ``CertificateError`` when it can't be read.
        """
        return self._key_ring.settle(key)[1]

    def certificates(self) -> dict[CardKey, CardCertificate]:
        """Return the certificates that the card has, by their keys."""
        return self._key_ring.certificates()

    # -- PINs -------------------------------------------------------------------------

    @property
    def has_pin_pad(self) -> bool:
        """Whether PINs can be typed on the reader."""
        return self._pin_pad is not None

    def pin_info(self, role: PinRole) -> PinInfo:
        """Ask for a PIN's tries, which costs none. Raises ``PinTriesUnreadable``."""
        self._tries.pop(role, None)
        self._return_to_application()
        info = self._read_pin_info(role) or self._read_pin_status(role)
        if info is None:
            raise PinTriesUnreadable(
                f"The card does not say how many tries {role.name} has left."
            )
        self._tries[role] = info.tries_left
        return info

    def verify_pin(self, role: PinRole, pin: bytearray | None) -> None:
        """Present a PIN, ASCII digits, to the card, once; None is typed on the reader.

        The tries are asked for before, unless they are known. The caller wipes ``pin``.
        Raises ``InvalidArgument`` for what can't be a PIN and then sends nothing,
        ``WrongPin``, ``PinBlocked``, ``CardNotActivated``, ``PinTriesUnreadable``, and
        from the reader's pin pad ``PinNotEntered``.
        """
        digits = _PIN_DIGITS.get(role)
        if digits is None:
            raise InvalidArgument("The PUK is not for verifying.")
        if pin is None:
            self._need_pin_pad()
        elif len(pin) not in digits or not pin.isdigit():
            raise InvalidArgument(
                f"{role.name} has {digits.start} to {digits.stop - 1} digits."
            )
        if role not in self._tries:
            self.pin_info(role)
        self._return_to_application()
        # Until the card has answered, nobody knows how many are left.
        tries = self._tries.pop(role)
        if tries == 0:
            raise PinBlocked(f"{role.name} has no tries left.", status_word=SW.BLOCKED)
        status = self._present(role, pin, digits)
        if pin is None and status in NOT_ENTERED:
            self._tries[role] = tries
            raise PinNotEntered(NOT_ENTERED[status], status_word=status)
        if status == SW.OK:
            # At least so many; a right PIN gives back what wrong ones took.
            self._tries[role] = tries
            return
        self._refuse(role, status, tries)

    def _present(self, role: PinRole, pin: bytearray | None, digits: range) -> int:
        """Send VERIFY, by way of the pin pad without a PIN; return the status word."""
        template = bytearray([0x00, INS_VERIFY, 0x00, role.value, _STORED_PIN])
        if pin is None:
            template += bytes(_STORED_PIN)
            pin_pad = self._need_pin_pad()
            return pin_pad.verify(bytes(template), digits.start, digits.stop - 1)
        padded = pin.ljust(_STORED_PIN, b"\x00")
        try:
            return self._channel.send_secret(template + padded)
        finally:
            padded[:] = bytes(len(padded))

    def _need_pin_pad(self) -> PinPad:
        if self._pin_pad is None:
            raise InvalidArgument("The reader has no pin pad.")
        return self._pin_pad

    def _refuse(self, role: PinRole, status: int, tries: int) -> NoReturn:
        """Raise for a PIN that was not accepted; ``tries`` were left before."""
        left = tries - 1 if status == SW.VERIFICATION_FAILED else tries_in(status)
        if left == 0 or status == SW.BLOCKED:
            self._tries[role] = 0
            raise PinBlocked(f"{role.name} has no tries left.", status_word=status)
        if left is not None:
            self._tries[role] = left
            raise WrongPin(left)
        if status == SW.INVALIDATED:
            raise CardNotActivated(
                f"{role.name} has not been activated.", status_word=status
            )
        raise CardError(
            f"The card answered {status:04X} to VERIFY.", status_word=status
        )

    # -- Signatures -------------------------------------------------------------------

    def sign(self, key: CardKey, digest: bytes, algorithm: SignatureAlgorithm) -> bytes:
        """Sign a digest with a key whose PIN was verified just before.

        Returns r‖s for an EC key and the bytes of the signature for an RSA key. Raises
        ``InvalidArgument`` for a digest of the wrong length or what the key can't sign,
        ``UnsupportedCard`` when its certificate is not made for its role,
        ``SignatureInvalid`` when the signature does not verify with the card's own
        certificate.
        """
        key, certificate = self._key_ring.settle(key)
        scheme = SignatureScheme(certificate.public_key, algorithm)
        card_digest = scheme.card_digest(digest)
        environment = Tlv(_TAG_ALGORITHM, bytes([scheme.card_algorithm])) + Tlv(
            _TAG_KEY, bytes([key.reference])
        )
        self._channel.send(
            Command(INS_MANAGE_SECURITY_ENVIRONMENT, 0x41, 0xB6, environment),
            step="the choice of the key",
        )
        self._channel.send(
            Command(
                INS_PERFORM_SECURITY_OPERATION,
                0x90,
                0xA0,
                Tlv(_TAG_DIGEST, card_digest),
            ),
            step="the digest",
        )
        signature = self._channel.send(
            Command(
                INS_PERFORM_SECURITY_OPERATION, 0x9E, 0x9A, le=min(scheme.size, 256)
            ),
            step="the signing",
        )
        scheme.verify(signature, digest)
        return signature

    # -- The application --------------------------------------------------------------

    def _select_application(self) -> None:
        command = Command(INS_SELECT, 0x04, 0x0C, _APPLICATION)
        _, status = self._channel.exchange(command)
        if status == SW.OK:
            self._files.in_folder = False
            return
        if status == SW.SECURITY_STATUS:
            # What a card says to everything on its contactless side, before PACE.
            raise UnsupportedCard(
                "The card has to be put into the slot of the reader.",
                kind=CardKind.CONTACTLESS,
            )
        if status in _NO_APPLICATION:
            raise UnsupportedCard("This card is not a FINEID citizen card.")
        raise CardError(
            f"The card answered {status:04X} to the choice of its application.",
            status_word=status,
        )

    def _return_to_application(self) -> None:
        """Select the application again, if reading has led into a folder below it.

        PIN2 is local to the application. This takes back what was verified.
        """
        if self._files.in_folder:
            self._select_application()

    def _is_bank_card(self) -> bool:
        command = Command(INS_SELECT, 0x04, 0x00, _PAYMENT_SYSTEM, le=256)
        try:
            return self._channel.exchange(command)[1] == SW.OK
        except CardError:
            return False

    # -- PIN information --------------------------------------------------------------

    def _read_pin_info(self, role: PinRole) -> PinInfo | None:
        question = Tlv(_TAG_PIN_INFO, Tlv(_TAG_PIN_REFERENCE, bytes([role.value])))
        le = 256 if self._protocol == 1 else None
        command = Command(INS_GET_DATA, 0x00, 0xFF, question, le=le)
        data, status = self._channel.exchange(command)
        if status != SW.OK:
            return None
        try:
            answer = Tlv.parse(data)
            tries = answer.value_at(_TAG_TRIES)[:1]
            if answer.tag != _TAG_PIN_INFO or not tries or tries[0] > _MAX_TRIES:
                return None
            if answer.value_at(_TAG_PIN_REFERENCE) != bytes([role.value]):
                return None
            return PinInfo(tries[0], _CHANGED.get(answer.value_at(_TAG_CHANGED)))
        except TlvError:
            return None

    def _read_pin_status(self, role: PinRole) -> PinInfo | None:
        """Ask by VERIFY without a PIN, which spends no try.

        It says nothing about whether the PIN was ever changed, and is no command for a
        PUK.
        """
        if role not in _PIN_DIGITS:
            return None
        logger.info(
            "The card gives no information on %s; its status is asked.", role.name
        )
        _, status = self._channel.exchange(Command(INS_VERIFY, 0x00, role.value))
        tries = 0 if status == SW.BLOCKED else tries_in(status)
        return None if tries is None else PinInfo(tries, None)
