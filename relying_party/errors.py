# SPDX-License-Identifier: MIT
"""What can be wrong with a login, by the names of the Web eID validators.

No message holds a person's name or SATU: it may go to a log. People read the texts of
``relying_party.texts``, which has one for each code.
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
    "RelyingPartyError",
    "TrustConfigurationError",
    "UserCertificateDisallowedPolicyError",
    "UserCertificateMissingPurposeError",
    "UserCertificateOCSPCheckFailedError",
    "UserCertificateParseError",
    "UserCertificateRevokedError",
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


class UserCertificateRevokedError(RelyingPartyError):
    """The certificate has been revoked. Raised by a ``RevocationChecker``."""

    code = "USER_CERTIFICATE_REVOKED"


class UserCertificateOCSPCheckFailedError(RelyingPartyError):
    """Whether it is revoked could not be found out. By a ``RevocationChecker``."""

    code = "USER_CERTIFICATE_OCSP_CHECK_FAILED"


class TrustConfigurationError(Exception):
    """The CA certificates that a service was given can't be used.

    An error of the service's own set-up, raised when it starts; the message names the
    file and what to do. No request of a browser can cause it.
    """
