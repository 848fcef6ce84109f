# SPDX-License-Identifier: MIT
"""Measures validations per second, compared to the verifications they require.

Everything runs in this process, in turns and in processor time, so that other programs
disturb as little as possible. For a mock card of each generation these are measured:

- the two bare verifications that a token requires, with loaded keys: the issuing CA's
  over the certificate, and the card's over the token;
- the validation of its token with prepared trust;
- the same with a check against a CRL at hand.

No certificate of a person is cached between the rounds. Run it by ``make bench``, or
alone.
"""

import asyncio
import base64
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from asn1crypto import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from kortilla import Trust, validate
from kortilla.mock_card.authority import Authority
from kortilla.mock_card.state import MockCardState
from kortilla.revocation import Revocation
from kortilla.testing.card import make_token
from kortilla.validation.signature import load_public_key, verify_signature
from tools.demo.ca_service import CAService

ORIGIN = "https://service.example"
NONCE = "A" * 43 + "="
ROUNDS = 20
#: How often each way runs in a round, before the next way has its turn.
TURN = 15
#: The first rounds load and prepare data.
WARMING = 2
#: The card generations, with what is wanted of each: a share of the limit that the bare
#: verifications set.
CARDS = {"v5": 0.85, "v4.2": 0.35}

Measured = dict[str, float]


def main() -> None:
    """Measure and print everything."""
    for profile, goal in CARDS.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "card"
            MockCardState.create(folder, profile=profile)
            show(profile, goal, asyncio.run(measure(folder)))


async def measure(folder: Path) -> Measured:
    """Return validations per second and core: medians of ``ROUNDS`` rounds."""
    trust = Trust.from_folder(folder, test=True)
    token = make_token(folder, ORIGIN, NONCE)
    bare = bare_verifications(folder, token)

    async def validation(revocation: Revocation | None = None) -> None:
        await validate(
            token, origin=ORIGIN, nonce=NONCE, trust=trust, revocation=revocation
        )

    async with (
        CAService(folder) as authority,
        Revocation(
            by="crl", resolver=authority.resolver(), allow_private_addresses=True
        ) as revocation,
    ):
        ways: dict[str, Callable[[], Awaitable[None]]] = {
            "bare": bare,
            "alone": validation,
            "list": lambda: validation(revocation),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(WARMING + ROUNDS):
            for name, way in ways.items():
                begun = time.process_time()
                for _ in range(TURN):
                    await way()
                times[name].append((time.process_time() - begun) / TURN)
    return {name: 1 / statistics.median(each[WARMING:]) for name, each in times.items()}


def bare_verifications(
    folder: Path, token: dict[str, Any]
) -> Callable[[], Awaitable[None]]:
    """Return what verifies the two signatures of a token, and nothing else."""
    authority = Authority.open(folder)
    certificate = x509.Certificate.load(
        base64.b64decode(token["unverifiedCertificate"])
    )
    signed = certificate["tbs_certificate"].dump()
    signature = certificate["signature_value"].native
    issuers_key: Any = authority.issuing_key.public_key()
    scheme: tuple[Any, ...] = (
        (ec.ECDSA(hashes.SHA384()),)
        if isinstance(issuers_key, ec.EllipticCurvePublicKey)
        else (padding.PKCS1v15(), hashes.SHA256())
    )
    key = load_public_key(certificate)
    raw = base64.b64decode(token["signature"])

    async def verify() -> None:
        issuers_key.verify(signature, signed, *scheme)
        verify_signature(
            key,
            algorithm=token["algorithm"],
            signature=raw,
            origin=ORIGIN,
            nonce=NONCE,
        )

    return verify


def show(card: str, goal: float, rates: Measured) -> None:
    """Print the rates of a card, and their ratio to the bare verifications."""
    bare = rates.pop("bare")
    print(f"{f'{card}: two bare verifications, per second':44} {bare:7.0f}")
    for name, label in (
        ("alone", "  validations"),
        ("list", "  validations with a list at hand"),
    ):
        aim = f"goal {goal * bare:.0f}" if name == "alone" else ""
        share = f"({rates[name] / bare:.2f} of the bare ones)"
        print(f"{label:44} {rates[name]:7.0f}       {aim:12} {share}", flush=True)


if __name__ == "__main__":
    main()
