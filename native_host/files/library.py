# SPDX-License-Identifier: MIT
"""The calls of ``kortilla.signing`` for the user's own files.

The import takes half a second, so it happens after the prompt has opened.
"""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Literal

from pyhanko.sign.timestamps.aiohttp_client import HTTPTimeStamper

from kortilla.common import JsonObject
from kortilla.errors import (
    RelyingPartyError,
    RevocationCheckFailedError,
    TimestampFailedError,
)
from kortilla.revocation import Revocation
from kortilla.signing.asice import finish_container, prepare_container
from kortilla.signing.own_card import OWN_CARD
from kortilla.signing.pades import Appearance, finish_pdf, prepare_pdf
from kortilla.signing.state import PreparedSignature
from kortilla.signing.validation_data import ValidationData, read_certificate
from kortilla.validation.leaf import ExactCertificate
from native_host.files.sources import MAX_PDF_BYTES, MAX_TOTAL_BYTES, Mark, Wish

#: Seconds to wait for a time-stamping service.
_SECONDS = 30


@dataclass(frozen=True)
class Finished:
    """A signed file: its bytes, its level (``B-B``, …), and why it is not higher.

    ``shortfall`` is a sentence, and empty if the level is the wanted one.
    """

    content: bytes
    level: str
    shortfall: str


async def prepare(
    name: str,
    files: Mapping[str, bytes],
    *,
    kind: Literal["pdf", "container"],
    certificate: bytes,
    mark: Mark | None = None,
) -> PreparedSignature:
    """Prepare a signed PDF, which is the only file, or a container of files.

    The prompt calls it ``name``. Raises ``DocumentNotSignableError``.
    """
    if kind == "container":
        return await prepare_container(
            files,
            certificate=certificate,
            trust=OWN_CARD,
            name=name,
            max_bytes=MAX_TOTAL_BYTES,
        )
    [pdf] = files.values()
    return await prepare_pdf(
        pdf,
        certificate=certificate,
        trust=OWN_CARD,
        name=name,
        appearance=None if mark is None else Appearance(box=mark.box, page=mark.page),
        max_bytes=MAX_PDF_BYTES,
    )


async def finish(
    state: PreparedSignature, answer: Mapping[str, object], wish: Wish
) -> Finished:
    """Return the signed file. What can't be had only lowers its level.

    Raises the errors of ``finish_pdf`` that concern the signature itself.
    """
    finishing = finish_pdf if state.kind == "pdf" else finish_container
    shortfall = ""
    async with AsyncExitStack() as stack:
        ways: list[JsonObject] = [{}]
        if wish.tsa is not None:
            stamped = {"timestamper": HTTPTimeStamper(wish.tsa, timeout=_SECONDS)}
            ways.insert(0, stamped)
            if wish.level in {"B-LT", "B-LTA"}:
                revocation = await stack.enter_async_context(Revocation(trust_env=True))
                collect = partial(_collect, wish.authorities, revocation)
                ways.insert(0, {**stamped, "validation_data": collect})
            if wish.level == "B-LTA":
                ways.insert(0, {**ways[0], "archive": True})
        while True:
            way = ways.pop(0)
            try:
                made = await finishing(state, answer, trust=OWN_CARD, **way)
            except RelyingPartyError as error:
                if not ways:
                    raise
                shortfall = shortfall or _words(error)
                if isinstance(error, TimestampFailedError) and "archive" not in way:
                    ways = ways[-1:]  # do not wait for that service again
                continue
            if made.level != wish.level:
                shortfall = shortfall or _shortfall(wish)
            return Finished(made.content, made.level, shortfall)


def _words(error: RelyingPartyError) -> str:
    """Return a sentence for the user: an error of revocation is a service's."""
    if isinstance(error, RevocationCheckFailedError):
        return (
            "Nobody answered whether the certificates are revoked "
            f"(reason: {error.reason})."
        )
    return str(error)


def _shortfall(wish: Wish) -> str:
    if wish.tsa is None:
        return "The time-stamping service was not waited for."
    return "The revocation data are not complete."


async def _collect(
    authorities: Sequence[bytes],
    revocation: Revocation,
    certificates: tuple[bytes, ...],
) -> ValidationData:
    """Ask about these certificates and the CAs above them, and no other CA."""
    above: list[bytes] = []
    wanted = [read_certificate(each).issuer.hashable for each in certificates]
    left = [(ExactCertificate.load(each), each) for each in authorities]
    for name in wanted:  # it grows
        for found in [each for each in left if each[0].subject.hashable == name]:
            left.remove(found)
            wanted.append(found[0].issuer.hashable)
            above.append(found[1])
    return await ValidationData.collect(
        certificates, revocation=revocation, authorities=above
    )
