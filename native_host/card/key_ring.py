# SPDX-License-Identifier: MIT
"""The keys of a card, found by its directories or else by its generation."""

import logging
from dataclasses import replace
from functools import partial

from .atr import Generation
from .certificate import CardCertificate
from .directory import read_keys
from .errors import CONNECTION_ERRORS, CardError, UnsupportedCard
from .files import FileReader
from .keys import KNOWN_KEYS, CardKey, KeyRole
from .signature import KeyType, key_type_of
from .tlv import Tlv

__all__ = ["KeyRing"]

logger = logging.getLogger(__name__)

_MAX_DIRECTORY = 4096  # bytes


class KeyRing:
    """Keys and certificates, each read once.

    What the card's directories say is believed as far as the certificates bear it out;
    where they don't, the table of the card's generation stands in. That no table and no
    directory is right about a key shows in its certificate, which decides its type.
    """

    def __init__(self, files: FileReader, generation: Generation | None) -> None:
        self._files = files
        self._known = KNOWN_KEYS[generation or Generation.MULTIAPP_V5]
        self._listed: tuple[CardKey, ...] | None = None
        self._settled: dict[CardKey, tuple[CardKey, CardCertificate]] = {}

    def keys(self) -> tuple[CardKey, ...]:
        """Return the keys, the preferred one of each role first.

        A role that the directories have no key for is filled from the table.
        """
        if self._listed is None:
            listed = self._read_directories()
            for role in KeyRole:
                if not any(key.role is role for key in listed):
                    listed += tuple(key for key in self._known if key.role is role)
            self._listed = listed
        return self._listed

    def key(self, role: KeyRole, key_type: KeyType | None) -> CardKey:
        """Return the preferred key of a role, of a type where one is given.

        Raises ``UnsupportedCard`` when there is none.
        """
        keys = [key for key in self.keys() if key.role is role]
        if key_type:
            keys.sort(key=lambda key: key.key_type is not key_type)
        for listed in keys:
            try:
                key, _ = self.settle(listed)
            except UnsupportedCard as error:
                logger.info("A key for %s is not used: %s", role.value, error)
                continue
            if key_type in {None, key.key_type}:
                return key
        raise UnsupportedCard(f"The card has no such key for {role.value}.")

    def certificates(self) -> dict[CardKey, CardCertificate]:
        """Return the certificates that there are, by their keys."""
        settled = []
        for listed in self.keys():
            try:
                settled.append(self.settle(listed))
            except UnsupportedCard as error:
                logger.info("A key for %s is not used: %s", listed.role.value, error)
        return dict(settled)

    def settle(self, key: CardKey) -> tuple[CardKey, CardCertificate]:
        """Return a key as it is in truth, and its certificate.

        Raises ``UnsupportedCard`` when it has none that fits, ``CertificateError`` when
        it can't be read.
        """
        if key not in self._settled:
            settled = self._with_certificate(key)
            self._settled[key] = self._settled[settled[0]] = settled
        return self._settled[key]

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
            known = self._known_instead(key)
            if known is None:
                raise
            logger.info("The directories are wrong about a key: %s", error)
            key, certificate = known, self._read_certificate(known)
        return replace(key, key_type=key_type_of(certificate.public_key)), certificate

    def _known_instead(self, key: CardKey) -> CardKey | None:
        """Return the key of the table that stands in for one of the directories."""
        for known in self._known:
            if (known.role, known.key_type) == (key.role, key.key_type):
                same_file = known.certificate_path == key.certificate_path
                return None if same_file else known
        return None

    def _read_certificate(self, key: CardKey) -> CardCertificate:
        content = self._files.read(key.certificate_path)
        # Files may be padded: the certificate is the object that one begins with.
        certificate = CardCertificate.from_der(bytes(Tlv.take(content)[0]))
        authenticates = key.role is KeyRole.AUTHENTICATION
        fits = (
            certificate.for_authentication if authenticates else certificate.for_signing
        )
        if not fits:
            raise UnsupportedCard(
                f"The certificate of a key for {key.role.value} is not made for that."
            )
        return certificate
