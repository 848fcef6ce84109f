# SPDX-License-Identifier: MIT
"""The errors of login, signing and encryption, most named as in the Web eID validators.

Messages may be logged, so they hold no person's name or SATU. ``kortilla/web/texts/``
has a text for people for each code.
"""

from datetime import datetime
from typing import ClassVar


class RelyingPartyError(Exception):
    """A login that is refused. ``code`` is stable, for programs."""

    code: ClassVar[str] = "LOGIN_REFUSED"


class AuthTokenParseError(RelyingPartyError):
    """The token is not a Web eID token of version 1, or a field of it is broken."""

    code = "AUTH_TOKEN_PARSE"


class AuthTokenSignatureValidationError(RelyingPartyError):
    """The signature does not verify with this key, origin and nonce."""

    code = "AUTH_TOKEN_SIGNATURE_VALIDATION"


class CertificateExpiredError(RelyingPartyError):
    """The person's certificate, or a CA's, has expired."""

    code = "CERTIFICATE_EXPIRED"


class CertificateNotYetValidError(RelyingPartyError):
    """The validity of the person's certificate, or of a CA's, has not begun."""

    code = "CERTIFICATE_NOT_YET_VALID"


class CertificateNotTrustedError(RelyingPartyError):
    """The person's certificate was not issued by a configured issuing CA."""

    code = "CERTIFICATE_NOT_TRUSTED"


class ChallengeNonceExpiredError(RelyingPartyError):
    """Too much time passed between the challenge and the token: five minutes."""

    code = "CHALLENGE_NONCE_EXPIRED"


class ChallengeNonceNotFoundError(RelyingPartyError):
    """This browser session has no such open challenge; it may be used already."""

    code = "CHALLENGE_NONCE_NOT_FOUND"


class UserCertificateParseError(RelyingPartyError):
    """The person's certificate can't be read, or violates FINEID S2."""

    code = "USER_CERTIFICATE_PARSE"


class UserCertificateMissingPurposeError(RelyingPartyError):
    """The person's certificate does not say what its key is for."""

    code = "USER_CERTIFICATE_MISSING_PURPOSE"


class UserCertificateWrongPurposeError(RelyingPartyError):
    """The person's certificate is for another purpose."""

    code = "USER_CERTIFICATE_WRONG_PURPOSE"


class UserCertificateDisallowedPolicyError(RelyingPartyError):
    """The service's trust does not allow the certificate's policy."""

    code = "USER_CERTIFICATE_DISALLOWED_POLICY"


class UserCertificateWeakKeyError(RelyingPartyError):
    """The certificate's RSA key is one that can be computed (ROCA, CVE-2017-15361).

    The holder must have the card replaced.
    """

    code = "USER_CERTIFICATE_WEAK_KEY"


class UserCertificateRevokedError(RelyingPartyError):
    """The certificate, or the issuing CA's, has been revoked.

    ``since`` is when, as the authority dates it; None if that is not known.
    ``keeps_timestamps``: it states a reason for which those of a time-stamping service
    from before stay (RFC 3161 §4).
    """

    code = "USER_CERTIFICATE_REVOKED"

    def __init__(
        self,
        message: str = "",
        *,
        since: datetime | None = None,
        keeps_timestamps: bool = False,
    ) -> None:
        super().__init__(message)
        self.since, self.keeps_timestamps = since, keeps_timestamps


class RevocationCheckFailedError(RelyingPartyError):
    """The revocation status is unknown, so the certificate is refused.

    ``reason`` is a value of ``kortilla.revocation.Reason``, for programs.
    """

    code = "REVOCATION_CHECK_FAILED"

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class UserCertificateOCSPCheckFailedError(RevocationCheckFailedError):
    """The OCSP responder gave no trustworthy answer."""

    code = "USER_CERTIFICATE_OCSP_CHECK_FAILED"


class UserCertificateCRLCheckFailedError(RevocationCheckFailedError):
    """There is no trustworthy CRL."""

    code = "USER_CERTIFICATE_CRL_CHECK_FAILED"


class StoreUnavailableError(RelyingPartyError):
    """The store of challenges or sessions can't be reached; no login took place.

    The person may try again. No nonce works until the store is back.
    """

    code = "STORE_UNAVAILABLE"


class RateLimitedError(RelyingPartyError):
    """The service's rate limit was exceeded. Raised by a ``RateLimit``.

    ``retry_after`` is in seconds.
    """

    code = "RATE_LIMITED"

    def __init__(
        self, message: str = "Too many requests.", *, retry_after: int = 60
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class LoginNotAllowedError(RelyingPartyError):
    """The person is identified, but may not use this service.

    The application's ``on_login`` raises it.
    """

    code = "LOGIN_NOT_ALLOWED"


class SignatureParseError(RelyingPartyError):
    """The page's answer to a signing request is malformed."""

    code = "SIGNATURE_PARSE"


class SignatureValidationError(RelyingPartyError):
    """A signature does not verify with this certificate and document."""

    code = "SIGNATURE_VALIDATION"


class SignerMismatchError(RelyingPartyError):
    """The signer is not the person for whom the signature was prepared."""

    code = "SIGNER_MISMATCH"


class PreparedSignatureNotFoundError(RelyingPartyError):
    """This session has no such prepared signature: it was used, or is too old."""

    code = "PREPARED_SIGNATURE_NOT_FOUND"


class DocumentNotSignableError(RelyingPartyError):
    """The document can't be signed: it is broken, encrypted, or no PDF.

    ``reason`` is stable, for programs: ``broken``, ``empty``, ``encrypted``, ``locked``
    (by an earlier signature), ``xfa``, ``too-long``, ``too-slow``, ``too-much-memory``,
    ``files`` (their number or names in a container), or ``other``. A PDF that programs
    show differently is ``active`` (it has scripts or actions that change what is
    shown), ``shown-differently`` (on screen and paper), or ``irregular``.
    """

    code = "DOCUMENT_NOT_SIGNABLE"

    def __init__(self, message: str, *, reason: str = "other") -> None:
        super().__init__(message)
        self.reason = reason


class TimestampFailedError(RelyingPartyError):
    """The time-stamping service gave no timestamp. The signature is good.

    Call finish again with the same state and answer; the person need not sign again.
    """

    code = "TIMESTAMP_FAILED"


class SigningUnavailableError(RelyingPartyError):
    """The server can't process another PDF now. Respond with 503.

    Call the function again later. For a finish call, use the same state and answer; the
    person need not sign again.
    """

    code = "SIGNING_UNAVAILABLE"


class ConfigurationError(Exception):
    """The service is configured in a way that can't work.

    It is raised at the service's start, and the message says the remedy. No browser's
    request can cause it.
    """


class TrustConfigurationError(ConfigurationError):
    """The configured CA certificates can't be used.

    The message names the file and the remedy.
    """


class EncryptionError(Exception):
    """Something can't be encrypted or decrypted."""

    code: ClassVar[str] = "ENCRYPTION"


class RecipientUnsuitableError(EncryptionError):
    """Nothing can be encrypted to this certificate."""

    code = "RECIPIENT_UNSUITABLE"


class NotEncryptedError(EncryptionError):
    """The data are no encrypted message, or it is cut or malformed."""

    code = "NOT_ENCRYPTED"


class TrailingDataError(EncryptionError):
    """Something follows the message, which nothing encrypts or protects."""

    code = "TRAILING_DATA"


class EncryptionUnsupportedError(EncryptionError):
    """The message is encrypted in a way that is not known here, or is too large."""

    code = "ENCRYPTION_UNSUPPORTED"


class PasswordTooSlowError(EncryptionUnsupportedError):
    """The message demands too many rounds of PBKDF2 for its password."""

    code = "PASSWORD_TOO_SLOW"


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
