# SPDX-License-Identifier: MIT
"""Encryption to the holders of certificates, and decryption with a card.

    with path.open("rb") as source, target.open("wb") as sink:
        encrypt(source, sink, [CertificateRecipient.from_der(der)])

Messages are CMS (RFC 5652). A lost or expired card decrypts nothing any more: encrypt
to a second recipient or a password, or keep the original.
"""

from kortilla.encryption.envelope import (
    Decrypted,
    decrypt,
    encrypt,
    read_recipients,
)
from kortilla.encryption.errors import (
    DecryptionFailedError,
    EncryptionError,
    EncryptionUnsupportedError,
    NotEncryptedError,
    OtherRecipientError,
    RecipientUnsuitableError,
)
from kortilla.encryption.keys import DecryptionKey, RsaPadding
from kortilla.encryption.mail import encrypt_message
from kortilla.encryption.recipients import (
    CertificateRecipient,
    PasswordRecipient,
    Recipient,
    checked_recipient,
)

__all__ = [
    "CertificateRecipient",
    "Decrypted",
    "DecryptionFailedError",
    "DecryptionKey",
    "EncryptionError",
    "EncryptionUnsupportedError",
    "NotEncryptedError",
    "OtherRecipientError",
    "PasswordRecipient",
    "Recipient",
    "RecipientUnsuitableError",
    "RsaPadding",
    "checked_recipient",
    "decrypt",
    "encrypt",
    "encrypt_message",
    "read_recipients",
]
