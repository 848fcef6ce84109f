# SPDX-License-Identifier: MIT
"""Copies file control parameters and PIN info (docs/reference/card.md, "Commands")."""

from native_host.card.tlv import Tlv
from native_host.card_report.copying import Copier
from native_host.card_report.stand_ins import filler

__all__ = ["copy_answer"]

#: How long the value of an object may be that is copied: file control parameters, the
#: ids and states in them, references and states of PINs. None is for their templates.
_KNOWN: dict[int, int | None] = {
    0x62: None,
    0x6F: None,
    0xA0: None,
    0xA5: None,
    0xAB: None,
    0x80: 3,
    0x81: 3,
    0x82: 5,
    0x83: 2,
    0x8A: 1,
    0x8C: 4,
    0x9C: 4,
    0xDF21: 4,
    0xDF27: 2,
    0xDF28: 1,
    0xDF2F: 1,
}
_SHORTEST_TEXT = 3


def copy_answer(content: bytes, copier: Copier) -> None:
    """Copy the answer to SELECT or to GET DATA."""

    def copy(tlv: Tlv, depth: int) -> None:
        longest = _KNOWN.get(tlv.tag, 0)
        if longest is None:
            copier.open(depth, tlv)
            copier.objects(tlv.value, depth + 1, copy, tags=_may_stand)
        elif len(tlv.value) <= longest and not _is_text(tlv.value):
            copier.keep(depth, tlv)
        else:
            copier.replace(depth, tlv, filler(len(tlv.value)))

    copier.objects(content, 0, copy, tags=_may_stand)


def _may_stand(tag: int) -> bool:
    return tag in _KNOWN or tag in range(0x80, 0xC0) or tag in range(0xDF20, 0xDF40)


def _is_text(value: bytes) -> bool:
    """Whether a value that should be a number looks like letters or digits."""
    return len(value) >= _SHORTEST_TEXT and value.isalnum()
