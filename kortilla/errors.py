# SPDX-License-Identifier: MIT
"""What can be wrong with a login, by the names of the Web eID validators.

No message holds a person's name or SATU: it may go to a log. People read the texts of
``kortilla.web.texts``, which has one for each code.
"""

from typing import ClassVar

__all__ = [
    "AuthTokenParseError",
    "AuthTokenSignatureValidationError",
    "CertificateExpiredError",
    "CertificateNotTrustedError",
    "CertificateNotYetValidError",
    "ChallengeNonceExpiredError",
    "ChallengeNonceNotFoundError",
    "DocumentNotSignableError",
    "RateLimitedError",
    "RelyingPartyError",
    "RevocationCheckFailedError",
    "SignatureParseError",
    "SignatureValidationError",
    "SignerMismatchError",
    "SigningUnavailableError",
    "StoreUnavailableError",
    "TimestampFailedError",
    "TrustConfigurationError",
    "UserCertificateCRLCheckFailedError",
    "UserCertificateDisallowedPolicyError",
    "UserCertificateMissingPurposeError",
    "UserCertificateOCSPCheckFailedError",
    "UserCertificateParseError",
    "UserCertificateRevokedError",
    "UserCertificateWeakKeyError",
    "UserCertificateWrongPurposeError",
]


class RelyingPartyError(Exception):
    """A login that is refused. ``code`` is stable, for programs."""

    code: ClassVar[str] = "LOGIN_REFUSED"


class AuthTokenParseError(RelyingPartyError):
    """The token is not a Web eID token of version 1, or a field of it is broken."""

    code = "AUTH_TOKEN_PARSE"


class AuthTokenSignatureValidationError(RelyingPartyError):
    """The signature is not this key's over this origin and this nonce."""

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
    """More than five minutes passed between the challenge and the token."""

    code = "CHALLENGE_NONCE_EXPIRED"


class ChallengeNonceNotFoundError(RelyingPartyError):
    """This browser session has no such challenge open: never had, or used it up."""

    code = "CHALLENGE_NONCE_NOT_FOUND"


class UserCertificateParseError(RelyingPartyError):
    """The person's certificate can't be read, or lacks what FINEID S2 demands."""

    code = "USER_CERTIFICATE_PARSE"


class UserCertificateMissingPurposeError(RelyingPartyError):
    """The person's certificate does not say what its key is for."""

    code = "USER_CERTIFICATE_MISSING_PURPOSE"


class UserCertificateWrongPurposeError(RelyingPartyError):
    """The person's certificate is not one for what was asked for."""

    code = "USER_CERTIFICATE_WRONG_PURPOSE"


class UserCertificateDisallowedPolicyError(RelyingPartyError):
    """The certificate policy is not one that this service's trust allows."""

    code = "USER_CERTIFICATE_DISALLOWED_POLICY"


class UserCertificateWeakKeyError(RelyingPartyError):
    """The certificate's RSA key is one that can be computed (ROCA, CVE-2017-15361).

    Nobody but the holder can mend that: the card has to be replaced.
    """

    code = "USER_CERTIFICATE_WEAK_KEY"


class UserCertificateRevokedError(RelyingPartyError):
    """The certificate, or the issuing CA's, has been revoked."""

    code = "USER_CERTIFICATE_REVOKED"


class RevocationCheckFailedError(RelyingPartyError):
    """Whether a certificate is revoked could not be found out, so it is refused.

    ``reason`` is one of the words of ``kortilla.revocation``, for programs.
    """

    code = "REVOCATION_CHECK_FAILED"

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class UserCertificateOCSPCheckFailedError(RevocationCheckFailedError):
    """The OCSP responder gave no answer that can be relied upon."""

    code = "USER_CERTIFICATE_OCSP_CHECK_FAILED"


class UserCertificateCRLCheckFailedError(RevocationCheckFailedError):
    """There is no list of revoked certificates that can be relied upon."""

    code = "USER_CERTIFICATE_CRL_CHECK_FAILED"


class StoreUnavailableError(RelyingPartyError):
    """Where challenges and sessions are could not be reached; nobody was logged in.

    The person may try again. Look after the store: no nonce works until it is back.
    """

    code = "STORE_UNAVAILABLE"


class RateLimitedError(RelyingPartyError):
    """The service's own limit of requests was met. Raised by a ``RateLimit``.

    ``retry_after`` is in seconds.
    """

    code = "RATE_LIMITED"

    def __init__(
        self, message: str = "Too many requests.", *, retry_after: int = 60
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SignatureParseError(RelyingPartyError):
    """What the page brought back from a signing is no such answer, or broken."""

    code = "SIGNATURE_PARSE"


class SignatureValidationError(RelyingPartyError):
    """A signature is not this certificate's over this document."""

    code = "SIGNATURE_VALIDATION"


class SignerMismatchError(RelyingPartyError):
    """Somebody else signed than the one for whom the signature was prepared."""

    code = "SIGNER_MISMATCH"


class DocumentNotSignableError(RelyingPartyError):
    """The document can't be signed as asked: it is broken, encrypted, or no PDF."""

    code = "DOCUMENT_NOT_SIGNABLE"


class TimestampFailedError(RelyingPartyError):
    """The time-stamping service gave no timestamp. The signature itself is good.

    Finish again with the same state and the same answer: nobody has to sign anew.
    """

    code = "TIMESTAMP_FAILED"


class SigningUnavailableError(RelyingPartyError):
    """The server can't work on another PDF now. Answer with 503.

    To prepare, try again. To finish, finish again with the same state and the same
    answer: nobody has to sign anew.
    """

    code = "SIGNING_UNAVAILABLE"


class TrustConfigurationError(Exception):
    """The CA certificates that a service was given can't be used.

    An error of the service's own set-up, raised when it starts; the message names the
    file and what to do. No request of a browser can cause it.
    """
