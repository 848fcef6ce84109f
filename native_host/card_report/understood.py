# SPDX-License-Identifier: MIT
"""What the program makes of a card without a PIN, without anything personal.

A report holds it for the card itself. The tests compare it with what the program makes
of the report.
"""

from collections.abc import Callable
from typing import Any, ParamSpec

from native_host.card.certificate import CardCertificate
from native_host.card.errors import CONNECTION_ERRORS, CardError
from native_host.card.fineid import FineidCard
from native_host.card.keys import CardKey, KeyRole, PinRole
from native_host.card_report import facts
from native_host.operations.activation_table import scheme_of

__all__ = ["understood"]

P = ParamSpec("P")


def understood(card: FineidCard) -> dict[str, Any]:
    """Recognise a card, read its certificates and PIN states, and choose its keys."""

    def listed(key: CardKey) -> dict[str, Any]:
        return _key(key, card.certificate(key))

    def chosen(role: KeyRole) -> dict[str, Any]:
        key = card.key(role)
        return _key(key, card.certificate(key))

    def pin(role: PinRole) -> dict[str, Any]:
        info = card.pin_info(role)
        return {"triesLeft": info.tries_left, "changed": info.changed}

    def code_lengths() -> list[int]:
        certificate = card.certificate(card.key(KeyRole.AUTHENTICATION))
        return list(scheme_of(certificate).value)

    def authorities() -> list[int]:
        return [len(each) for each in card.authority_certificates()]

    return {
        "generation": card.generation and card.generation.name,
        "keys": [_told(listed, key) for key in card.keys()],  # noqa: SIM118 - a method
        "chosen": {role.value: _told(chosen, role) for role in KeyRole},
        "pins": {role.name: _told(pin, role) for role in PinRole},
        "activationCodeLengths": _told(code_lengths),
        "serialLength": _told(lambda: len(card.serial())),
        "authorityCertificateLengths": _told(authorities),
    }


def _told(ask: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> Any:
    """Return an answer, or the code of the error in its place."""
    try:
        return ask(*args, **kwargs)
    except CONNECTION_ERRORS:
        raise
    except CardError as error:
        return {"error": error.code}


def _key(key: CardKey, certificate: CardCertificate) -> dict[str, Any]:
    path = key.certificate_path
    return {
        "role": key.role.value,
        "type": key.key_type.value,
        "reference": f"{key.reference:02X}",
        # A directory gives the path, so it is copied as others are.
        "file": path.hex().upper() if facts.is_file_path(path) else None,
        "algorithm": certificate.algorithm,
        "test": certificate.test,
        "forAuthentication": certificate.for_authentication,
        "forSigning": certificate.for_signing,
    }
