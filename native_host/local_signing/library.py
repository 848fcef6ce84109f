# SPDX-License-Identifier: MIT
"""The calls of ``kortilla.signing`` for the person's own files.

The import takes half a second, so it happens after the prompt has opened.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.timestamps.aiohttp_client import HTTPTimeStamper

from kortilla.errors import (
    DocumentNotSignableError,
    RelyingPartyError,
    TimestampFailedError,
)
from kortilla.signing.asice import finish_container, prepare_container
from kortilla.signing.own_card import OWN_CARD
from kortilla.signing.pades import Appearance, finish_pdf, prepare_pdf
from kortilla.signing.state import PreparedSignature

__all__ = [
    "DocumentNotSignableError",
    "Finished",
    "PreparedSignature",
    "RelyingPartyError",
    "finish",
    "prepare_all",
    "prepare_one",
]

#: Seconds to wait for a time-stamping service.
_TIMESTAMP_SECONDS = 30


@dataclass(frozen=True)
class Finished:
    """A signed file: its bytes, its level (``B-B``, …), and if a timestamp failed."""

    content: bytes
    level: str
    timestamp_failed: bool


async def prepare_one(
    name: str,
    pdf: bytes,
    *,
    certificate: bytes,
    mark: tuple[int, tuple[int, int, int, int]] | None,
) -> PreparedSignature:
    """Prepare a signed PDF. ``mark`` is the page, from 0, and the box in points.

    Raises ``DocumentNotSignableError``.
    """
    return await prepare_pdf(
        pdf,
        certificate=certificate,
        trust=OWN_CARD,
        name=name,
        appearance=None if mark is None else Appearance(box=mark[1], page=mark[0]),
    )


async def prepare_all(
    name: str, files: Mapping[str, bytes], *, certificate: bytes, max_bytes: int
) -> PreparedSignature:
    """Prepare a container of files. Raises ``DocumentNotSignableError``."""
    return await prepare_container(
        files, certificate=certificate, trust=OWN_CARD, name=name, max_bytes=max_bytes
    )


async def finish(
    state: PreparedSignature, answer: Mapping[str, Any], *, tsa: str | None
) -> Finished:
    """Return the signed file; without a timestamp if the service gives none.

    Raises the errors of ``finish_pdf``.
    """
    timestamper = tsa and HTTPTimeStamper(tsa, timeout=_TIMESTAMP_SECONDS)
    try:
        made = await _finish(state, answer, timestamper or None)
    except TimestampFailedError:
        made = await _finish(state, answer, None)
        return Finished(*made, timestamp_failed=True)
    return Finished(*made, timestamp_failed=False)


async def _finish(
    state: PreparedSignature,
    answer: Mapping[str, Any],
    timestamper: TimeStamper | None,
) -> tuple[bytes, str]:
    end = finish_pdf if state.kind == "pdf" else finish_container
    made = await end(state, answer, trust=OWN_CARD, timestamper=timestamper)
    return made.content, made.level
