# SPDX-License-Identifier: MIT
"""Hand a service the signing certificate, after the person has agreed to that.

The certificate names its holder, so it leaves no sooner (security.md, 7).
"""

from collections.abc import Callable
from dataclasses import dataclass

from native_host.card.certificate import CardCertificate
from native_host.card.signature import SignatureAlgorithm
from native_host.card.source import CardSource
from native_host.pin_prompt.prompt import Progress, Prompt

__all__ = ["CertificateRequest", "SigningCertificate", "signing_certificate"]


@dataclass(frozen=True)
class CertificateRequest:
    """Who asks; ``origin`` has passed ``check_origin``."""

    origin: str
    language: str
    started_by_person: bool = True


@dataclass(frozen=True)
class SigningCertificate:
    """The certificate of the preferred signature key, and what that key can sign."""

    certificate: CardCertificate
    algorithms: tuple[SignatureAlgorithm, ...]


async def signing_certificate(
    request: CertificateRequest,
    *,
    source: CardSource,
    prompt: Prompt,
    progress: Callable[[str, Progress | None], None] = lambda _word, _progress: None,
) -> SigningCertificate:
    """Return the signing certificate of the card that the person chose.

    Raises ``UserCancelled`` with the reason, and errors of the prompt.
    """
    raise NotImplementedError
