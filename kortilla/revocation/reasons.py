# SPDX-License-Identifier: MIT
"""The reasons of ``RevocationCheckFailedError``: why there is no trustworthy answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum, unique

from kortilla.errors import (
    RevocationCheckFailedError,
    UserCertificateCRLCheckFailedError,
    UserCertificateOCSPCheckFailedError,
)

__all__ = ["NoAnswerError", "Reason", "named"]


@unique
class Reason(StrEnum):
    """Stable values, for programs. Append only."""

    # Where to ask
    NO_ADDRESS = "no-address"  # the certificate names no http address
    BAD_ADDRESS = "bad-address"  # one that can't be used, or has a password in it
    PRIVATE_ADDRESS = "private-address"  # it leads into the service's own network
    HOST_NOT_ALLOWED = "host-not-allowed"  # not one that a proxy is asked for
    # Fetching
    UNREACHABLE = "unreachable"  # no such name, no connection, connection broken
    TIMEOUT = "timeout"
    HTTP_STATUS = "http-status"
    REDIRECTED = "redirected"
    ENCODED = "encoded"  # compressed, although that was not asked for
    TOO_LARGE = "too-large"
    INCOMPLETE = "incomplete"  # the connection ended before the content did
    STORAGE = "storage"  # the folder for the lists of revoked certificates
    # What came
    NOT_OCSP = "not-ocsp"
    UNSUCCESSFUL = "unsuccessful"  # the responder says that it can't answer
    NOT_CRL = "not-crl"
    WRONG_CERTIFICATE = "wrong-certificate"  # an answer about another one
    WRONG_ISSUER = "wrong-issuer"  # the list of another CA
    WRONG_SCOPE = "wrong-scope"  # a list for other certificates, or other reasons
    DELTA = "delta"  # a list of changes
    INDIRECT = "indirect"  # a list of several CAs' certificates
    CRITICAL_EXTENSION = "critical-extension"  # one that is not understood
    NONCE_MISSING = "nonce-missing"
    NONCE_MISMATCH = "nonce-mismatch"  # an answer to another request: a replay
    TOO_OLD = "too-old"
    FROM_THE_FUTURE = "from-the-future"
    EXPIRED = "expired"
    # Who signed it
    SIGNATURE_ALGORITHM = "signature-algorithm"  # SHA-1 or another that is not accepted
    SIGNATURE = "signature"
    RESPONDER_NOT_AUTHORISED = "responder-not-authorised"
    # What it says
    UNKNOWN = "unknown"  # the responder does not know the certificate


class NoAnswerError(Exception):
    """There is no trustworthy answer. The message continues after a host's name."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@contextmanager
def named(
    error: type[UserCertificateOCSPCheckFailedError]
    | type[UserCertificateCRLCheckFailedError],
    host: str,
) -> Iterator[None]:
    """Turn ``NoAnswerError`` into an error that names the host."""
    try:
        yield
    except NoAnswerError as fault:
        raise _error(error, host, fault) from fault


def _error(
    error: type[RevocationCheckFailedError], host: str, fault: NoAnswerError
) -> RevocationCheckFailedError:
    what = "OCSP" if error is UserCertificateOCSPCheckFailedError else "CRL"
    return error(f"{what}, {host}: {fault}", reason=fault.reason.value)
