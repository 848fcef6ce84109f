# SPDX-License-Identifier: MIT
"""Scenes without a revoked certificate, by CRL or by OCSP, and failing checks."""

from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest

from kortilla.errors import RevocationCheckFailedError
from kortilla.revocation import Reason
from tests.kortilla.pki import CA, NOW, SATU, SURNAME
from tests.kortilla.responder import List, OCSPAnswer, Scene, Server, checker_by

Refused = TypeVar("Refused", bound=RevocationCheckFailedError)


class Clock:
    """Returns the time that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> Any:
        return self.now


def well(server: Server, root: CA, *, by: Literal["crl", "ocsp"]) -> Scene:
    """Return a scene in which no certificate is revoked."""
    made = Scene.create(server.address, root)
    server.handlers = (
        {"crl/issuing.crl": List(made.ca), "crl/root.crl": List(root)}
        if by == "crl"
        else {"ocsp/issuing": OCSPAnswer(made.ca), "ocsp/root": OCSPAnswer(root)}
    )
    return made


async def refused(
    scene: Scene, kind: type[Refused], *, by: Literal["crl", "ocsp"], **options: Any
) -> Refused:
    """Expect a check to fail; return the error, which names the server, no person."""
    async with checker_by(by=by, **options) as revocation:
        with pytest.raises(kind) as caught:
            await revocation.check(scene.path, at=NOW)
    message = str(caught.value)
    assert "127.0.0.1" in message
    assert SURNAME not in message and SATU not in message
    assert caught.value.reason in set(Reason)
    return caught.value


def listing(folder: Path) -> list[Path]:
    """Return the names of a folder's files."""
    return sorted(folder.iterdir())
