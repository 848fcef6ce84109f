# SPDX-License-Identifier: MIT
"""The host with a mock card responds as ``kortilla.testing`` does without it."""

from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest

from kortilla import Trust, validate
from kortilla.testing import KortillaCard, MockCardState
from kortilla.testing.signatures import signing_certificate_fields
from native_host.card.certificate import CardCertificate
from native_host.card.mock_source import MockCardSource
from native_host.card.signature import KeyType, SignatureAlgorithm, SignatureScheme
from native_host.operations.authenticate import AuthenticateRequest, authenticate
from native_host.operations.request import Context
from native_host.operations.results import (
    certificate_fields,
    signatures_fields,
    token_fields,
)
from native_host.operations.sign import HashToSign, SignRequest, sign
from native_host.operations.signing_certificate import (
    CertificateRequest,
    signing_certificate,
)
from native_host.pin_prompt.automatic import AutomaticPrompt

ORIGIN, NONCE = "https://service.example", "A" * 43 + "="
PROFILES = pytest.mark.parametrize("profile", ["v5", "v5-2026", "v4.2"])


async def host(
    state: MockCardState, operation: Callable[..., Any], request: Any
) -> Any:
    """Run an operation of the host with the card and its automatic PINs."""
    data = state.read()
    prompt = AutomaticPrompt({"PIN1": data.pin1.value, "PIN2": data.pin2.value})
    async with MockCardSource(state.folder) as source:
        return await operation(Context(source, prompt), request)


@PROFILES
async def test_a_token(
    make_state: Callable[[str], MockCardState], profile: str
) -> None:
    state = make_state(profile)
    request = AuthenticateRequest(origin=ORIGIN, challenge_nonce=NONCE, language="en")
    real = token_fields(await host(state, authenticate, request))
    made = KortillaCard(state.folder).token(ORIGIN, NONCE)
    assert list(made) == list(real)
    trust = Trust.from_folder(state.folder, test=True)
    for token in (real, made):
        person = await validate(token, origin=ORIGIN, nonce=NONCE, trust=trust)
        assert person.satu == state.read().satu
    lengths = [len(token.pop("signature")) for token in (real, made)]
    assert lengths[0] == lengths[1]
    assert made == real


@PROFILES
async def test_the_signing_certificate(
    make_state: Callable[[str], MockCardState], profile: str
) -> None:
    state = make_state(profile)
    request = CertificateRequest(origin=ORIGIN, language="en")
    real = certificate_fields(await host(state, signing_certificate, request))
    assert signing_certificate_fields(state) == real


@PROFILES
@pytest.mark.parametrize(
    ("hash_function", "size"),
    [("SHA-224", 28), ("SHA-256", 32), ("SHA-512", 64), ("SHA3-384", 48)],
)
async def test_signatures(
    make_state: Callable[[str], MockCardState],
    profile: str,
    hash_function: str,
    size: int,
) -> None:
    state = make_state(profile)
    hashes = {"a.pdf": bytes(size), "b.pdf": bytes([255]) * size}
    request = SignRequest(
        origin=ORIGIN,
        language="en",
        hashes=tuple(HashToSign(name, h, hash_function) for name, h in hashes.items()),
    )
    real = signatures_fields(await host(state, sign, request))
    made = KortillaCard(state.folder).sign(ORIGIN, hashes, hash_function)
    public_key = CardCertificate.from_der(b64decode(made["certificate"])).public_key
    algorithm = SignatureAlgorithm(KeyType.ECC, hash_function)
    verifier = SignatureScheme(public_key, algorithm)
    for answer in (real, made):
        for each in answer["signatures"]:
            verifier.verify(b64decode(each.pop("signature")), hashes[each["name"]])
    assert made == real
