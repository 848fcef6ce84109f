# SPDX-License-Identifier: MIT
"""The contents of the readers, as JSON. Reading them costs no try."""

import asyncio
from contextlib import suppress
from typing import Literal, NotRequired, Required, TypedDict

from native_host.card.atr import identify
from native_host.card.errors import (
    CONNECTION_ERRORS,
    CardError,
    CardKind,
    CardMuteError,
    CardResetError,
    PinTriesUnreadableError,
    UnsupportedCardError,
)
from native_host.card.fineid import FineidCard, PinInfo, PinRole
from native_host.card.keys import KeyRole
from native_host.card.signature import key_type_of
from native_host.card.source import CardConnection, CardSource, Reader
from native_host.operations.activation_table import scheme_of
from native_host.operations.card_access.secure_channel import connect_unasked

# PROTOCOL.md §3 names the fields.

#: How far a card has been activated; ``partly`` if only one of its PINs is set.
Activation = Literal["active", "new", "partly", "unknown"]


class Failure(TypedDict):
    """An error's code, its message, and the kind of an unsupported card."""

    code: str
    message: str
    kind: NotRequired[str]


class Holder(TypedDict):
    """Who a card belongs to."""

    name: str
    satu: str


class CertificateStatus(TypedDict, total=False):
    """A certificate; one that can't be read has only ``role`` and ``error``."""

    role: Required[str]
    error: Failure
    keyType: str
    algorithm: str
    forSigning: bool
    test: bool
    notBefore: str
    notAfter: str


class CertificatesStatus(TypedDict):
    """A card's certificates, and what they say of the card."""

    holder: Holder | None
    certificates: list[CertificateStatus]
    activationCodeLengths: list[int] | None


class CardContent(CertificatesStatus):
    """A card. ``tries`` and ``pinsSet`` have PIN1, PIN2 and PUK; None is unknown."""

    tries: dict[str, int | None]
    pinsSet: dict[str, bool | None]
    activation: Activation


class CardStatus(CardContent):
    """A card, and its generation."""

    generation: str


class ReaderStatus(TypedDict):
    """A reader, and the card in it or the error of reading it."""

    reader: str
    atr: str | None
    testCard: bool
    card: CardStatus | None
    error: NotRequired[Failure]


async def card_status(source: CardSource) -> list[ReaderStatus]:
    """Return each reader's content as in PROTOCOL.md, ``card-status``.

    The response includes a card's errors. Raises ``PcscUnavailableError``.
    """
    return [await reader_status(source, reader) for reader in await source.readers()]


async def wait_for_card(source: CardSource) -> None:
    """Wait until a card is in a reader. Raises ``PcscUnavailableError``."""
    readers = await source.readers()
    while not any(reader.atr or reader.mute for reader in readers):
        readers = await source.wait_for_change(readers)


def activation_of(pin1: PinInfo | None, pin2: PinInfo | None) -> Activation:
    """Return whether the PINs still have their factory values (DF2F)."""
    changed = {None if info is None else info.changed for info in (pin1, pin2)}
    if None in changed:
        return "unknown"
    if len(changed) == 2:
        return "partly"
    return "active" if changed == {True} else "new"


async def reader_status(source: CardSource, reader: Reader) -> ReaderStatus:
    """Return one reader's content, as ``card_status`` does."""
    found: ReaderStatus = {
        "reader": reader.name,
        "atr": reader.atr.hex().upper() if reader.atr else None,
        "testCard": source.test_card,
        "card": None,
    }
    try:
        if reader.mute:
            raise CardMuteError("The card does not answer.")
        if reader.atr is not None:
            generation = identify(reader.atr, contactless=True).name
            content = await _content(source, reader)
            found["card"] = {"generation": generation, **content}
            # Only its certificates identify a mock card in a PC/SC reader.
            found["testCard"] |= any(
                each.get("test", False) for each in content["certificates"]
            )
    except CardError as error:
        found["error"] = _failure(error)
    return found


async def _content(source: CardSource, reader: Reader) -> CardContent:
    """Read a card, and once more if it was reset meanwhile."""
    with suppress(CardResetError):
        return await _read_once(source, reader)
    return await _read_once(source, reader)


async def _read_once(source: CardSource, reader: Reader) -> CardContent:
    connection = await connect_unasked(source, reader)
    try:
        return await source.run(_read, connection)
    finally:
        await asyncio.shield(source.run(connection.close))


def _read(connection: CardConnection) -> CardContent:
    session = FineidCard(connection)
    content, pins = _read_certificates(session), _read_pins(session)
    if None in pins.values() or not content["certificates"]:
        # A card that has lost its power has forgotten the application. If the reader
        # does not say so, the card lacks PINs and files that it had.
        session = FineidCard(connection)
        if None in pins.values():
            pins = _read_pins(session)
        if None not in pins.values():
            content = _read_certificates(session)
    return {
        **content,
        "tries": {
            name: info.tries_left if info else None for name, info in pins.items()
        },
        "pinsSet": {
            name: info.changed if info else None
            for name, info in pins.items()
            if name != PinRole.PUK.name
        },
        "activation": activation_of(pins["PIN1"], pins["PIN2"]),
    }


def _read_pins(session: FineidCard) -> dict[str, PinInfo | None]:
    """Return the PINs; None for one that can't be read."""
    pins: dict[str, PinInfo | None] = {}
    for role in PinRole:
        try:
            pins[role.name] = session.pin_info(role)
        except PinTriesUnreadableError:
            pins[role.name] = None
    return pins


def _read_certificates(session: FineidCard) -> CertificatesStatus:
    """Return the certificates' data; an invalid one does not hide the others."""
    holder: Holder | None = None
    code_lengths: list[int] | None = None
    found: list[CertificateStatus] = []
    for key in sorted(session.keys(), key=lambda key: key.role.value):
        try:
            certificate = session.certificate(key)
        except CONNECTION_ERRORS:
            raise
        except UnsupportedCardError:  # there is none, or none for this
            continue
        except CardError as error:
            found.append({"role": key.role.value, "error": _failure(error)})
            continue
        holder = holder or {"name": certificate.name, "satu": certificate.satu}
        if key.role is KeyRole.AUTHENTICATION and code_lengths is None:
            code_lengths = list(scheme_of(certificate.not_before).value)
        found.append(
            {
                "role": key.role.value,
                "keyType": key_type_of(certificate.public_key).value,
                "algorithm": certificate.algorithm.name,
                "forSigning": certificate.for_signing,
                "test": certificate.test,
                "notBefore": certificate.not_before.isoformat(),
                "notAfter": certificate.not_after.isoformat(),
            }
        )
    return {
        "holder": holder,
        "certificates": found,
        "activationCodeLengths": code_lengths,
    }


def _failure(error: CardError) -> Failure:
    told: Failure = {"code": error.code, "message": str(error)}
    if isinstance(error, UnsupportedCardError) and error.kind:
        told["kind"] = CardKind(error.kind).name
    return told
