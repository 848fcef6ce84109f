# SPDX-License-Identifier: MIT
"""What tests of signing over the wire have in common."""

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kortilla.testing.state import MockCardState
from tests.operations.person import until
from tests.pkcs11.client import CkrError, Client
from tests.pkcs11.conftest import House

ECDSA, ECDSA_SHA384, RSA_PKCS, RSA_PSS = 0x1041, 0x1045, 0x1, 0xD


async def key_of(client: Client) -> tuple[int, int]:
    """Return a session, and the private key in it."""
    session = await client.open_session()
    [key] = await client.find(session, {0x0: 3})
    return session, key


async def public_key_of(client: Client, session: int) -> object:
    [certificate] = await client.find(session, {0x0: 1, 0x102: b"\x45"})
    values = await client.values(session, certificate, 0x129)
    return load_der_public_key(values[0x129])


async def refused(client: Client, value: int, name: str, *arguments: bytes) -> None:
    with pytest.raises(CkrError) as caught:
        await client.call(name, *arguments)
    assert hex(caught.value.value) == hex(value), name


def tries(folder: Path) -> int:
    return MockCardState.open(folder).read().pin1.tries


async def begin(house: House, client: Client) -> tuple[int, asyncio.Task[bytes]]:
    """Begin a signature for which a person is asked, and return when they are."""
    session, key = await key_of(client)
    await client.sign_init(session, key, ECDSA)
    signing = client.sign_begun(session, bytes(48))
    await until(lambda: house.windows and house.windows[-1].questions)
    return session, signing
