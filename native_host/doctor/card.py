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
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kortilla.common import own_python
from native_host.card.errors import (
    CardError,
    CardKind,
    PcscUnavailableError,
    UnsupportedCardError,
)
from native_host.doctor.findings import (
    Finding,
    Place,
    Severity,
    administrator,
    error,
    info,
    person,
)
from native_host.doctor.programs import output_of
from native_host.operations.card_state import (
    PINS,
    CardState,
    acts_of_pin,
    failure_state,
    reader_state,
    state_of_readers,
)
from native_host.state import unused_pads

if sys.platform == "win32":
    from native_host.platform.windows import card_service

if TYPE_CHECKING:
    from native_host.operations.card_status import CardStatus, Failure, ReaderStatus

#: The code of the finding for each kind of state. All others are CARD_UNREADABLE.
_CODES = {
    "no_reader": "NO_READER",
    "no_card": "NO_CARD",
    "ready": "CARD",
    "undecided": "CARD_UNDECIDED",
    "unknown": "CARD_UNDECIDED",
    "new": "CARD_NOT_ACTIVATED",
    "partly": "CARD_PARTLY_ACTIVATED",
    "activation_blocked": "ACTIVATION_BLOCKED",
    "activation_lost": "ACTIVATION_LOST",
    "pin1_locked": "PIN_BLOCKED",
    "pin2_locked": "PIN_BLOCKED",
    "pins_locked": "PIN_BLOCKED",
    "lost": "PIN_BLOCKED",
    "pin1_last": "PIN_LAST_TRY",
    "pin2_last": "PIN_LAST_TRY",
    "pins_last": "PIN_LAST_TRY",
    "puk_last": "PUK_LAST_TRY",
    "puk_locked": "PUK_BLOCKED",
    "pin_tries_unreadable": "PIN_TRIES_UNKNOWN",
    "no_certificate": "CERTIFICATE_MISSING",
    "lacks_certificate": "CERTIFICATE_UNREADABLE",
    "expired": "CERTIFICATE_EXPIRED",
    "not_yet_valid": "CERTIFICATE_NOT_YET_VALID",
    "ends_soon": "CERTIFICATE_ENDS_SOON",
    "contactless": "CARD_CONTACTLESS",
    "unsupported_card": "CARD_UNSUPPORTED",
    "card_mute": "CARD_MUTE",
    "card_busy": "CARD_BUSY",
}
_TO_UNLOCK = ("activation_blocked", "pin1_locked", "pin2_locked", "pins_locked")
_LOOKS = {
    "good": Severity.INFO,
    "note": Severity.INFO,
    "warning": Severity.WARNING,
    "error": Severity.ERROR,
}
#: A note elsewhere, but a fault for whoever looks for one.
_SEVERITIES = {
    "new": Severity.ERROR,
    "no_reader": Severity.ERROR,
    "no_card": Severity.WARNING,
}
#: What is said of an obstacle before Windows' service.
_OBSTACLES = {
    "disabled": "CARD_SERVICE_DISABLED",
    "remote": "CARD_SERVICE_REMOTE",
    "stopped": "CARD_SERVICE_STOPPED",
}


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
    """Say of readers and cards what ``operations.card_state`` judges."""
    whole = state_of_readers(readers)
    several = sum(each["card"] is not None or "error" in each for each in readers) > 1
    for each in readers:
        yield info("READER", reader=reader_name(each["reader"]))
        if each["card"] and each["testCard"]:
            yield info("TEST_CARD")
        if state := reader_state(each, now):
            found = _of_state(state, each["card"])
            yield _of_one_card(found, each) if several else found
    if whole and whole.kind in _CODES:
        yield _of_state(whole)


def _of_state(state: CardState, card: CardStatus | None = None) -> Finding:
    code = _CODES.get(state.kind, "CARD_UNREADABLE")
    details = {}
    if code == "CARD_UNSUPPORTED":
        details["kind"] = state.detail or "UNKNOWN"
    elif code == "CARD_UNREADABLE":
        details["code"] = state.problem
    fix = None
    if state.must_activate:
        fix = person("card", "activate")
    elif card and state.kind in _TO_UNLOCK:
        locked = [each for each in PINS if "unlock" in acts_of_pin(card, each)]
        fix = person("card", "unblock", locked[0].lower()) if locked else None
    severity = _SEVERITIES.get(state.kind) or _LOOKS[state.look]
    return Finding(code, severity, details, fix, state=state)


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
    return _of_state(failure_state(told))


def _service(code: str, place: Place) -> Finding:
    if sys.platform == "win32" and code in ("PCSC_DENIED", "PCSC_UNAVAILABLE"):
        return error(_OBSTACLES[card_service.obstacle() or "stopped"])
    if code == "PCSC_DENIED":
        return error("PCSCD_DENIED")
    if code != "PCSC_UNAVAILABLE":
        return _of_state(failure_state({"code": code, "message": ""}))
    folders = ("usr/sbin", "usr/bin", "sbin", "usr/local/sbin")
    path = ":".join(str(place.root / each) for each in folders)
    if sys.platform == "linux" and shutil.which("pcscd", path=path) is None:
        return error("PCSCD_MISSING", administrator("apt", "install", "pcscd"))
    return error("PCSCD_STOPPED", administrator("systemctl", "start", "pcscd.socket"))
