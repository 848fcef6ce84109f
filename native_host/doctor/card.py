# SPDX-License-Identifier: MIT
"""The smart card service, the readers and the cards in them.

``kortilla card status`` looks in a process of its own: a driver that never returns can
then be ended. It sends no PIN and spends no try.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from kortilla.common import own_python
from native_host import unused_pads
from native_host.card.errors import (
    CardError,
    CardKind,
    PcscUnavailableError,
    UnsupportedCardError,
)
from native_host.doctor.findings import (
    Finding,
    Place,
    administrator,
    error,
    info,
    person,
    warning,
)
from native_host.doctor.programs import output_of

if sys.platform == "win32":
    from native_host.platform import windows_card_service

if TYPE_CHECKING:
    from native_host.operations.card_status import (
        CardStatus,
        CertificateStatus,
        Failure,
        ReaderStatus,
    )

_ENDS_SOON = timedelta(days=60)
_ROLES = ("authentication", "signature")
_PINS = ("PIN1", "PIN2")
_READER_ERRORS = {"CARD_MUTE", "CARD_BUSY"}
#: What is said of an obstacle before Windows' service.
_OBSTACLES = {
    "disabled": "CARD_SERVICE_DISABLED",
    "remote": "CARD_SERVICE_REMOTE",
    "stopped": "CARD_SERVICE_STOPPED",
}
_KINDS = {each.name for each in CardKind}


async def check_card(place: Place) -> list[Finding]:
    if place.card == "pcsc" and importlib.util.find_spec("smartcard") is None:
        return [error("PYSCARD_MISSING")]
    printed = await output_of(
        *own_python("-m", "native_host.cli"),
        *("card", "status", "--json", "--card", place.card),
        # An empty file: one that is broken is another finding.
        environment={"KORTILLA_CONFIG": os.devnull} if place.config_broken else None,
    )
    result = json.loads(printed)
    found = [info("MOCK_CARD_CONFIGURED")] if place.card == "mock" else []
    for product in unused_pads.products():
        found.append(info("READER_KEYS_UNUSED", reader=reader_name(product)))
    if "error" in result:
        return [*found, _service(result["error"]["code"], place)]
    return [*found, *findings_in_readers(result["readers"], datetime.now(UTC))]


def findings_in_readers(
    readers: list[ReaderStatus], now: datetime
) -> Iterator[Finding]:
    """Judge what ``card-status`` of PROTOCOL.md §3 says of the readers."""
    if not readers:
        yield error("NO_READER")
        return
    several = sum(each["card"] is not None or "error" in each for each in readers) > 1
    for each in readers:
        yield info("READER", reader=reader_name(each["reader"]))
        for found in _in_reader(each, now):
            yield _of_one_card(found, each) if several else found
    if all(each["card"] is None and "error" not in each for each in readers):
        yield warning("NO_CARD")


def _in_reader(status: ReaderStatus, now: datetime) -> Iterator[Finding]:
    if "error" in status:
        yield _unusable(status["error"])
    elif (card := status["card"]) is not None:
        yield info("CARD", generation=card["generation"])
        if status["testCard"]:
            yield info("TEST_CARD")
        yield from _pins(card)
        yield from _certificates(card["certificates"], now)


def _of_one_card(found: Finding, status: ReaderStatus) -> Finding:
    """Return what was found, with whose card it is about."""
    card, name = status["card"], status["reader"]
    holder = card["holder"]["name"] if card and card["holder"] else ""
    details = {**found.details, "reader": reader_name(name)}
    return replace(found, details=details, reader=name, holder=holder)


def reader_name(name: str) -> str:
    """Return a reader's name without the serial number that it may have.

    pcsc-lite puts the number into brackets, after the names of device and interface.
    """
    name = re.sub(r"\([^)]*\)?", " ", name)
    name = re.sub(r"[0-9A-Fa-f-]*\d[0-9A-Fa-f-]{7,}|\w*\d{5,}\w*", "…", name)
    return " ".join("".join(c for c in name if c.isprintable()).split())[:80]


def finding_of(problem: CardError) -> Finding:
    if isinstance(problem, PcscUnavailableError):
        return _service(problem.code, Place())
    told: Failure = {"code": problem.code, "message": str(problem)}
    if isinstance(problem, UnsupportedCardError):
        told["kind"] = CardKind(problem.kind).name
    return _unusable(told)


def _service(code: str, place: Place) -> Finding:
    if sys.platform == "win32" and code in ("PCSC_DENIED", "PCSC_UNAVAILABLE"):
        return error(_OBSTACLES[windows_card_service.obstacle() or "stopped"])
    if code == "PCSC_DENIED":
        return error("PCSCD_DENIED")
    if code != "PCSC_UNAVAILABLE":
        return error("CARD_UNREADABLE", code=code)
    folders = ("usr/sbin", "usr/bin", "sbin", "usr/local/sbin")
    path = ":".join(str(place.root / each) for each in folders)
    if sys.platform == "linux" and shutil.which("pcscd", path=path) is None:
        return error("PCSCD_MISSING", administrator("apt", "install", "pcscd"))
    return error("PCSCD_STOPPED", administrator("systemctl", "start", "pcscd.socket"))


def _unusable(told: Failure) -> Finding:
    if told["code"] in _READER_ERRORS:
        return error(told["code"])
    if told["code"] == "UNSUPPORTED_CARD":
        kind = told.get("kind", "")
        if kind == CardKind.CONTACTLESS.name:
            return info("CARD_CONTACTLESS")
        return error("CARD_UNSUPPORTED", kind=kind if kind in _KINDS else "UNKNOWN")
    return error("CARD_UNREADABLE", code=told["code"])


def _pins(card: CardStatus) -> Iterator[Finding]:
    if card["activation"] in ("new", "partly"):
        yield _activation(card)
    for pin in (each for each in _PINS if each in card["tries"]):
        left = card["tries"][pin]
        if left is None:
            yield warning("PIN_TRIES_UNKNOWN", pin=pin)
        elif card["pinsSet"].get(pin) is False:
            continue
        elif left == 0:
            # Without a try of the PUK nothing unlocks it.
            fix = person("card", "unblock", pin.lower())
            locked = card["tries"].get("PUK") == 0
            yield error("PIN_BLOCKED", None if locked else fix, pin=pin)
        elif left == 1:
            yield warning("PIN_LAST_TRY", pin=pin)
    if card["tries"].get("PUK") == 0:
        yield warning("PUK_BLOCKED")


def _activation(card: CardStatus) -> Finding:
    """Judge a card that is new or only partly activated."""
    match card["activationProblem"]:
        case "PUK_BLOCKED":
            return error("ACTIVATION_LOST")
        case "ACTIVATION_BLOCKED":
            pin = next(each for each in _PINS if card["tries"][each] == 0)
            return error("ACTIVATION_BLOCKED", person("card", "unblock", pin.lower()))
        case problem:
            fix = None if problem else person("card", "activate")
    if card["activation"] == "new":
        return error("CARD_NOT_ACTIVATED", fix)
    return warning("CARD_PARTLY_ACTIVATED", fix)


def _certificates(
    certificates: list[CertificateStatus], now: datetime
) -> Iterator[Finding]:
    for role in _ROLES:
        found = [each for each in certificates if each["role"] == role]
        readable = [each for each in found if "error" not in each]
        if not found:
            yield warning("CERTIFICATE_MISSING", role=role)
        elif not readable:
            yield error("CERTIFICATE_UNREADABLE", role=role)
        else:
            # A card of the older generation has two for signing, with one validity.
            end = max(datetime.fromisoformat(each["notAfter"]) for each in readable)
            begin = min(datetime.fromisoformat(each["notBefore"]) for each in readable)
            if now > end:
                yield error("CERTIFICATE_EXPIRED", role=role)
            elif now < begin:
                yield error("CERTIFICATE_NOT_YET_VALID", role=role)
            elif now > end - _ENDS_SOON:
                yield warning("CERTIFICATE_ENDS_SOON", role=role)
