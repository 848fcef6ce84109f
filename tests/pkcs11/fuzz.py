# SPDX-License-Identifier: MIT
"""Fuzzing of a whole connection, guided by coverage, from a recorded session.

It is not a part of the test run, since it has no end. With Atheris installed beside
Kortilla, ``python -m tests.pkcs11.fuzz CORPUS [-max_total_time=600]`` writes the
session into the folder CORPUS and continues from the folder's content. For any input,
the connection must end when the client disconnects, with complete responses alone, and
no unexpected error in the log.
"""

import asyncio
import contextlib
import importlib
import logging
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardError
from native_host.card.mock_source import MockCardSource
from tests.pkcs11.conversation import streams
from tests.support.patience import patience


class _Signer:
    """Signs or refuses at once, depending on the digest."""

    def __init__(self) -> None:
        self._logged_in = False

    async def sign(self, _certificate: object, digest: bytes, _how: object) -> bytes:
        if digest[0] % 2:
            raise CardError("refused")
        return bytes(96)

    async def log_in(
        self, _certificate: object, _reader: object, pin: bytearray
    ) -> None:
        if pin[0] % 2:
            raise CardError("refused")
        self._logged_in = True

    @property
    def pins(self) -> "_Signer":
        return self

    def logged_in(self, _certificate: object) -> object:
        return self._logged_in or None

    async def log_out(self, certificate: object) -> None:
        self.log_out_later(certificate)

    def log_out_later(self, _certificate: object) -> None:
        self._logged_in = False

    async def close(self) -> None: ...


class _Alarm(logging.Handler):
    """Treats an unexpected error as a fault."""

    def emit(self, record: logging.LogRecord) -> None:
        raise AssertionError(record.getMessage())


async def _converse(tokens: Any, data: bytes) -> None:
    from native_host.pkcs11.connection import serve_client
    from native_host.pkcs11.cryptoki import Cryptoki

    ours, theirs = socket.socketpair()
    with ours:
        signer: Any = _Signer()
        cryptoki = Cryptoki(tokens, lambda: signer, hides_errors=data[-1:] > b"\x7f")
        descriptor = theirs.detach()
        served = asyncio.create_task(
            serve_client(descriptor, os.dup(descriptor), cryptoki)
        )
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            await loop.sock_sendall(ours, data[:65536])
            for _ in range(20):  # let pending responses be sent
                await asyncio.sleep(0)
            ours.shutdown(socket.SHUT_WR)
        received = b""
        async with asyncio.timeout(patience()):
            with contextlib.suppress(ConnectionError):
                while part := await loop.sock_recv(ours, 65536):
                    received += part
            await served
    at = 1
    while at < len(received):
        at += 12 + int.from_bytes(received[at + 8 : at + 12])
    assert at == max(1, len(received)), "the last response is incomplete"


def main() -> None:
    """Fuzz until interrupted."""
    atheris = importlib.import_module("atheris")
    corpus = Path(sys.argv[1])
    corpus.mkdir(exist_ok=True)
    for number, stream in enumerate(streams()):
        (corpus / f"conversation-{number}").write_bytes(stream)
    with atheris.instrument_imports(include=["native_host.pkcs11"]):
        for name in ("cryptoki", "mechanisms", "objects", "connection"):
            importlib.import_module(f"native_host.pkcs11.{name}")
        from native_host.pkcs11.slots import SlotManager
    logging.getLogger("native_host").addHandler(_Alarm(logging.ERROR))
    loop = asyncio.new_event_loop()
    folder = Path(tempfile.mkdtemp())
    MockCardState.create(folder / "card")

    async def begin() -> Any:
        tokens = SlotManager(MockCardSource(folder / "card"))
        tokens.start()
        await tokens.settled()
        return tokens

    tokens = loop.run_until_complete(begin())
    atheris.Setup(
        sys.argv, lambda data: loop.run_until_complete(_converse(tokens, data))
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
