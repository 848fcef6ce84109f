# SPDX-License-Identifier: MIT
"""Encrypted mail for services (S/MIME, RFC 8551).

    message = encrypt_message(message, [await checked_recipient(certificate, …)])

The headers, the subject among them, stay readable for everybody on the way.
"""

from collections.abc import Iterable
from email import policy
from email.message import EmailMessage
from io import BytesIO

from kortilla.encryption.envelope import encrypt
from kortilla.encryption.recipients import Recipient

_INNER = {"content-type", "content-transfer-encoding", "content-disposition"}
_NAME = "smime.p7m"


def encrypt_message(
    message: EmailMessage, recipients: Iterable[Recipient], *, authenticated: bool
) -> EmailMessage:
    """Return a message with the same headers, whose content is encrypted.

    ``authenticated`` is AES-256-GCM, which protects against changes. Not all mail
    programs read it, so a service has to choose. Raises ``RecipientUnsuitableError``.
    """
    inner, outer = EmailMessage(policy.SMTP), EmailMessage(policy.SMTP)
    for name, value in message.items():
        (inner if name.lower() in _INNER else outer)[name] = value
    inner.set_payload(message.get_payload())
    sink = BytesIO()
    encrypt(inner.as_bytes(), sink, recipients, authenticated=authenticated)
    kind = "authEnveloped-data" if authenticated else "enveloped-data"
    outer.set_content(
        sink.getvalue(),
        maintype="application",
        subtype="pkcs7-mime",
        filename=_NAME,
        params={"smime-type": kind, "name": _NAME},
    )
    return outer
