# SPDX-License-Identifier: MIT
"""Measures validations per second beside the verifications they can't do without.

Both in this process, in turns and in processor time, so that other programs disturb as
little as can be: a token that a mock card made, whose issuing CA is prepared and whose
revocation is not asked (what an answer at hand adds is the checker's), and two bare
P-384 verifications with a key that is loaded already. Run by ``tools/bench.py``, or by
itself with a token's file, the folder of its CA, origin and nonce.
"""

import asyncio
import statistics
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from relying_party import Trust, validate

__all__ = ["measure"]

ROUNDS = 400
#: The first ones load and prepare.
WARMING = 40


async def measure(
    token: str, folder: Path, *, origin: str, nonce: str
) -> tuple[float, float]:
    """Return validations per second, and pairs of bare verifications per second.

    By the medians of ``ROUNDS`` of each, on one core.
    """
    trust = Trust.from_folder(folder, test=True)
    key = ec.generate_private_key(ec.SECP384R1())
    algorithm = ec.ECDSA(hashes.SHA384())
    signature, public = key.sign(b"x", algorithm), key.public_key()
    validations, pairs = [], []
    for _ in range(WARMING + ROUNDS):
        begun = time.process_time()
        await validate(token, origin=origin, nonce=nonce, trust=trust)
        validated = time.process_time()
        public.verify(signature, b"x", algorithm)
        public.verify(signature, b"x", algorithm)
        pairs.append(time.process_time() - validated)
        validations.append(validated - begun)
    return (
        1 / statistics.median(validations[WARMING:]),
        1 / statistics.median(pairs[WARMING:]),
    )


def show(rate: float, bare: float) -> None:
    """Print both rates, and the one as a part of the other."""
    print(
        f"{'validations per second and core':44} {rate:7.0f}       goal {bare / 2:.0f}"
        f"    ({rate / bare:.2f} of {bare:.0f}, two bare P-384 verifications)",
        flush=True,
    )


if __name__ == "__main__":
    file, ca_folder, of, answered = sys.argv[1:]
    text = Path(file).read_text()
    show(*asyncio.run(measure(text, Path(ca_folder), origin=of, nonce=answered)))
