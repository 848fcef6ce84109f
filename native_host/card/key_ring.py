# SPDX-License-Identifier: MIT
"""The keys of a card, from its directories or from the table of its generation."""

import logging
from dataclasses import replace
from functools import partial

from native_host.card.atr import Generation
from native_host.card.certificate import CardCertificate
from native_host.card.directory import read_keys
from native_host.card.errors import CONNECTION_ERRORS, CardError, UnsupportedCardError
from native_host.card.files import FileReader
from native_host.card.keys import KNOWN_KEYS, CardKey, KeyRole
from native_host.card.signature import KeyType, key_type_of
from native_host.card.tlv import Tlv

logger = logging.getLogger(__name__)

_MAX_DIRECTORY = 4096  # bytes


class KeyRing:
    """Keys and certificates, each read once.

    The card's directories list the keys. Where a certificate contradicts them, the
    table of the card's generation is used instead. The certificate decides the type of
    its key.
    """

    def __init__(self, files: FileReader, generation: Generation | None) -> None:
        self._files = files
        self._known = KNOWN_KEYS[generation or Generation.MULTIAPP_V5]
        self._listed: tuple[CardKey, ...] | None = None
        self._settled: dict[CardKey, tuple[CardKey, CardCertificate]] = {}

    def keys(self) -> tuple[CardKey, ...]:
        """Return the keys, the preferred one of each role first.

        The table provides the key of a role that the directories lack.
        """
        if self._listed is None:
            listed = self._read_directories()
            for role in KeyRole:
                if not any(key.role is role for key in listed):
                    listed += self._known_for(role)
            self._listed = listed
        return self._listed

    def key(self, role: KeyRole, key_type: KeyType | None) -> CardKey:
        """Return the preferred key of a role, optionally of a type.

        Raises ``UnsupportedCardError`` if there is none.
        """
        listed = [key for key in self.keys() if key.role is role]
        obstacle: CardError | None = None
        if key_type:
            listed.sort(key=lambda key: key.key_type is not key_type)
        # The table is the last resort if no listed key fits.
        for candidate in dict.fromkeys((*listed, *self._known_for(role))):
            try:
                key, _ = self.settle(candidate)
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

    def settle(self, key: CardKey) -> tuple[CardKey, CardCertificate]:
        """Return a key with its true type, and its certificate.

        Raises ``UnsupportedCardError`` if it has none that fits, ``CertificateError``
        if it can't be read.
        """
        if key not in self._settled:
            settled = self._with_certificate(key)
            self._settled[key] = self._settled[settled[0]] = settled
        return self._settled[key]

    def other_reference(self, key: CardKey) -> int | None:
        """Return the table's reference of a key if the directories' one differs."""
        for known in self._known_for(key.role):
            same = known.certificate_path == key.certificate_path
            if same and known.reference != key.reference:
                return known.reference
        return None

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
