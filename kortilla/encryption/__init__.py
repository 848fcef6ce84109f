# SPDX-License-Identifier: MIT
"""Encryption to the holders of certificates, and decryption with a card.

    with path.open("rb") as source, target.open("wb") as sink:
        encrypt(source, sink, [CertificateRecipient.from_der(der)])

Messages are CMS (RFC 5652). A lost or expired card decrypts nothing any more: encrypt
to a second recipient or a password, or keep the original.
"""

from kortilla.encryption.algorithms import DecryptionKey, RsaPadding
from kortilla.encryption.envelope import (
    Decrypted,
    decrypt,
    encrypt,
    encrypt_message,
    read_recipients,
)
from kortilla.encryption.recipients import (
    CertificateRecipient,
    PasswordRecipient,
    Recipient,
    checked_recipient,
)
from kortilla.errors import (
    DecryptionFailedError,
    EncryptionError,
    EncryptionUnsupportedError,
    NotEncryptedError,
    OtherRecipientError,
    PasswordTooSlowError,
    RecipientUnsuitableError,
    TrailingDataError,
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
    "PasswordTooSlowError",
    "Recipient",
    "RecipientUnsuitableError",
    "RsaPadding",
    "TrailingDataError",
    "checked_recipient",
    "decrypt",
    "encrypt",
    "encrypt_message",
    "read_recipients",
]
