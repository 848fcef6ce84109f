# SPDX-License-Identifier: MIT
"""Helpers for the tests of calls and of signing over the wire."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.operations.user import until
from tests.pkcs11.client import CkrError, Client
from tests.pkcs11.conftest import Server
from tests.pkcs11.names import CKA, CKM, CKO, CKR


async def key_of(client: Client) -> tuple[int, int]:
    """Return a session, and the private key in it."""
    session = await client.open_session()
    [key] = await client.find(session, {CKA.CLASS: CKO.PRIVATE_KEY})
    return session, key


async def public_key_of(client: Client, session: int) -> object:
    [certificate] = await client.find(
        session, {CKA.CLASS: CKO.CERTIFICATE, CKA.ID: b"\x45"}
    )
    values = await client.values(session, certificate, CKA.PUBLIC_KEY_INFO)
    return load_der_public_key(values[CKA.PUBLIC_KEY_INFO])


@contextmanager
def refusal(value: CKR) -> Iterator[None]:
    """Expect a call to fail with a return value."""
    with pytest.raises(CkrError) as caught:
        yield
    assert caught.value.value is value, caught.value


async def refused(client: Client, value: CKR, name: str, *arguments: bytes) -> None:
    """Make a call that must fail with a return value."""
    with refusal(value):
        await client.call(name, *arguments)


async def begin(server: Server, client: Client) -> tuple[int, asyncio.Task[bytes]]:
    """Start a signature that asks a user, and return at the question."""
    session, key = await key_of(client)
    await client.sign_init(session, key, CKM.ECDSA)
    signing = client.sign_begun(session, bytes(48))
    await until(lambda: server.windows and server.windows[-1].questions)
    return session, signing
