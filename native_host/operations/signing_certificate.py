# SPDX-License-Identifier: MIT
"""Give a service the signing certificate after the person's consent.

The certificate names its holder, so it must not leave before
(docs/reference/security.md, "Consent").
"""

from dataclasses import dataclass

from native_host.card.certificate import CardCertificate
from native_host.card.fineid import FineidCard
from native_host.card.signature import SignatureAlgorithm, supported_algorithms
from native_host.operations.card_session import UsableCards
from native_host.operations.prompting import Context, Request, begin
from native_host.operations.signature_key import signature_keys
from native_host.pin_prompt.model import ConsentQuestion

__all__ = ["SigningCertificate", "signing_certificate"]


@dataclass(frozen=True)
class SigningCertificate:
    """The certificate of the preferred signature key, and the key's algorithms."""

    certificate: CardCertificate
    algorithms: tuple[SignatureAlgorithm, ...]


async def signing_certificate(context: Context, request: Request) -> SigningCertificate:
    """Return the signing certificate of the card that the person chose.

    The progress is ``window-open``. Raises ``UserCancelledError`` with the reason, and
    errors of the prompt.
    """
    prompt = context.prompt
    await begin("signing-certificate", context, request)
    async for held_card in UsableCards(context, look=_look):
        async with held_card:
            certificate = await prompt.watch(held_card.run(_look, held_card.card))
            question = ConsentQuestion(
                certificate.name, certificate.satu, test_card=certificate.test
            )
            await held_card.race_removal(prompt.ask_consent(question))
    return SigningCertificate(certificate, supported_algorithms(certificate.public_key))


def _look(card: FineidCard) -> CardCertificate:
    _, certificate = next(signature_keys(card))
    return certificate
