# SPDX-License-Identifier: MIT
"""The errors of encryption. ``code`` is stable, for programs."""

from typing import ClassVar


class EncryptionError(Exception):
    """Something can't be encrypted or decrypted."""

    code: ClassVar[str] = "ENCRYPTION"


class RecipientUnsuitableError(EncryptionError):
    """Nothing can be encrypted to this certificate."""

    code = "RECIPIENT_UNSUITABLE"


class NotEncryptedError(EncryptionError):
    """The data are no encrypted message, or it is cut or malformed."""

    code = "NOT_ENCRYPTED"


class EncryptionUnsupportedError(EncryptionError):
    """The message is encrypted in a way that is not known here, or is too large."""

    code = "ENCRYPTION_UNSUPPORTED"


class OtherRecipientError(EncryptionError):
    """The message is for others.

    ``recipients`` are the certificates that it names, as issuer and serial number (in
    hexadecimal), or as ``keyid:`` and the identifier of a key. ``password`` says
    whether a password decrypts it too.
    """

    code = "OTHER_RECIPIENT"

    def __init__(self, recipients: tuple[str, ...], *, password: bool) -> None:
        super().__init__("The message is encrypted for other recipients.")
        self.recipients = recipients
        self.password = password


class DecryptionFailedError(EncryptionError):
    """The message was changed, or was encrypted wrongly, or the password is wrong.

    Which of these it is stays unknown on purpose: the answer could decrypt messages of
    others (RFC 3218).
    """

    code = "DECRYPTION_FAILED"

    def __init__(self) -> None:
        super().__init__("The message can't be decrypted.")
