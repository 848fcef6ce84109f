# SPDX-License-Identifier: MIT
"""``kortilla card``: what is in the readers. Nothing here spends a try."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from native_host.config import Config

from .options import Card, card_option, configured
from .output import error_result, print_result, say

if TYPE_CHECKING:
    from native_host.card.connection import CardConnection
    from native_host.card.fineid import FineidCard, PinInfo
    from native_host.card.source import CardSource, Reader

__all__ = ["card"]


@click.group()
def card() -> None:
    """Look at the identity card."""


@card.command()
@click.option(
    "--json",
    "only_json",
    is_flag=True,
    help="Leave out the words for people; JSON comes in any case.",
)
@card_option
def status(card: Card | None, only_json: bool) -> None:
    """Show readers, card, holder, certificates, tries and activation."""
    readers = asyncio.run(_status(configured(card=card)))
    if not only_json:
        for line in _words(readers):
            say(line)
    print_result({"readers": readers})


async def _status(config: Config) -> list[dict[str, Any]]:
    from native_host.environment import open_source

    async with open_source(config) as source:
        return [await _look(source, reader) for reader in await source.readers()]


async def _look(source: CardSource, reader: Reader) -> dict[str, Any]:
    """Return what is in one reader; what is wrong with a card is part of the answer."""
    from native_host.card.atr import identify
    from native_host.card.errors import CardError, CardMute

    found: dict[str, Any] = {
        "reader": reader.name,
        "atr": reader.atr.hex().upper() if reader.atr else None,
        "testCard": source.test_card,
        "card": None,
    }
    try:
        if reader.mute:
            raise CardMute("The card does not answer.")
        if reader.atr is not None:
            generation = identify(reader.atr).name
            connection = await source.connect(reader)
            try:
                content = await source.run(_read, connection)
            finally:
                await source.run(connection.close)
            found["card"] = {"generation": generation, **content}
            # A mock card in a reader of the system shows in its certificates alone.
            found["testCard"] |= any(
                each.get("test", False) for each in content["certificates"]
            )
    except CardError as error:
        found |= error_result(error.code, str(error))
    return found


def _read(connection: CardConnection) -> dict[str, Any]:
    from native_host.card.errors import PinTriesUnreadable
    from native_host.card.fineid import FineidCard, PinRole

    session = FineidCard(connection)
    holder, certificates = _read_certificates(session)
    pins: dict[str, PinInfo | None] = {}
    for role in PinRole:
        try:
            pins[role.name] = session.pin_info(role)
        except PinTriesUnreadable:
            pins[role.name] = None
    return {
        "holder": holder,
        "certificates": certificates,
        "tries": {name: info and info.tries_left for name, info in pins.items()},
        "activation": _activation(pins["PIN1"], pins["PIN2"]),
    }


def _read_certificates(
    session: FineidCard,
) -> tuple[dict[str, str] | None, list[dict[str, Any]]]:
    """Return the holder and the certificates; one that is odd hides no other."""
    from native_host.card.errors import CONNECTION_ERRORS, CardError, UnsupportedCard
    from native_host.card.signature import key_type_of

    holder, found = None, []
    for key in sorted(session.keys(), key=lambda key: key.role.value):
        try:
            certificate = session.certificate(key)
        except CONNECTION_ERRORS:
            raise
        except UnsupportedCard:  # there is none, or none for this
            continue
        except CardError as error:
            failed = error_result(error.code, str(error))
            found.append({"role": key.role.value, **failed})
            continue
        holder = holder or {"name": certificate.name, "satu": certificate.satu}
        found.append(
            {
                "role": key.role.value,
                "keyType": key_type_of(certificate.public_key).value,
                "algorithm": certificate.algorithm,
                "forSigning": certificate.for_signing,
                "test": certificate.test,
                "notBefore": certificate.not_before.isoformat(),
                "notAfter": certificate.not_after.isoformat(),
            }
        )
    return holder, found


def _activation(*pins: PinInfo | None) -> str:
    """Judge by whether the PINs are still those of the factory (DF2F)."""
    changed = {None if info is None else info.changed for info in pins}
    if None in changed:
        return "unknown"
    if len(changed) == 2:
        return "partly"
    return "active" if changed == {True} else "new"


_ACTIVATION = {
    "active": "The card has been activated.",
    "new": "The card has not been activated yet.",
    "partly": "One of the card's two PINs has not been activated yet.",
    "unknown": "The card does not say whether it has been activated.",
}


def _words(readers: list[dict[str, Any]]) -> list[str]:
    lines = [] if readers else ["There is no card reader."]
    for each in readers:
        lines.append(f"{each['reader']}:")
        if "error" in each:
            lines.append(f"  {each['error']['message']}")
        elif each["card"] is None:
            lines.append("  There is no card in it.")
        else:
            lines += [f"  {line}" for line in _card_words(each)]
    return lines


def _card_words(reader: dict[str, Any]) -> list[str]:
    found = reader["card"]
    lines = ["Test card."] if reader["testCard"] else []
    if found["holder"]:
        lines.append(f"{found['holder']['name']}, SATU {found['holder']['satu']}")
    for each in found["certificates"]:
        if "error" in each:
            lines.append(f"Certificate for {each['role']}: {each['error']['message']}")
            continue
        start, end = each["notBefore"][:10], each["notAfter"][:10]
        lines.append(
            f"Certificate for {each['role']}, {each['keyType']}: {start} to {end}"
        )
    tries = [
        f"{name} {'unknown' if left is None else left}"
        for name, left in found["tries"].items()
    ]
    return [*lines, f"Tries left: {', '.join(tries)}", _ACTIVATION[found["activation"]]]
