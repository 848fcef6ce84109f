# SPDX-License-Identifier: MIT
"""Measures validations per second, compared to the verifications they require.

Everything runs in this process, in turns and in processor time, so that other programs
disturb as little as possible. Measured are: the validation of a mock card's token with
a prepared issuing CA, with and without a check against a cached CRL; and two bare P-384
verifications with a loaded key. Run it by ``tools/bench.py``, or alone with a token's
file, the folder of its CA and of the CA's key, origin and nonce.
"""

import asyncio
import statistics
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from kortilla import Trust, validate
from kortilla.revocation import Revocation
from tools.demo.ca_service import CAService

__all__ = ["measure", "show"]

ROUNDS = 400
#: The first runs load and prepare data.
WARMING = 40


async def measure(
    token: str, folder: Path, *, origin: str, nonce: str
) -> tuple[float, float, float]:
    """Return per second and core: validations, those with revocation, and bare pairs.

    Each is a median of ``ROUNDS`` rounds.
    """
    trust = Trust.from_folder(folder, test=True)
    key = ec.generate_private_key(ec.SECP384R1())
    algorithm = ec.ECDSA(hashes.SHA384())
    signature, public = key.sign(b"x", algorithm), key.public_key()
    validations, checked, pairs = [], [], []
    async with (
        CAService(folder) as authority,
        Revocation(
            by="crl", resolver=authority.resolver(), allow_private_addresses=True
        ) as revocation,
    ):
        for _ in range(WARMING + ROUNDS):
            begun = time.process_time()
            await validate(token, origin=origin, nonce=nonce, trust=trust)
            validated = time.process_time()
            await validate(
                token, origin=origin, nonce=nonce, trust=trust, revocation=revocation
            )
            looked_up = time.process_time()
            public.verify(signature, b"x", algorithm)
            public.verify(signature, b"x", algorithm)
            pairs.append(time.process_time() - looked_up)
            checked.append(looked_up - validated)
            validations.append(validated - begun)
    return (
        1 / statistics.median(validations[WARMING:]),
        1 / statistics.median(checked[WARMING:]),
        1 / statistics.median(pairs[WARMING:]),
    )


def show(rate: float, checked: float, bare: float) -> None:
    """Print the rates, and their ratio to the last one."""
    for name, each in (
        ("validations per second and core", rate),
        ("  with a list of the revoked at hand", checked),
    ):
        print(
            f"{name:44} {each:7.0f}       goal {bare / 2:.0f}"
            f"    ({each / bare:.2f} of {bare:.0f}, two bare P-384 verifications)",
            flush=True,
        )


if __name__ == "__main__":
    file, ca_folder, of, answered = sys.argv[1:]
    text = Path(file).read_text()
    show(*asyncio.run(measure(text, Path(ca_folder), origin=of, nonce=answered)))
