# SPDX-License-Identifier: MIT
"""What a trusted list says (ETSI TS 119 612), as far as it concerns signatures.

Entries are read in a process of its own, sent as JSON, and kept as JSON. Certificates
are DER in base64: most of a list is never used, so it is not decoded.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from asn1crypto import x509
from pydantic import TypeAdapter

#: Ends of the URIs of service types: CA/QC and TSA/QTST (§5.5.1.1).
Kind = Literal["qc", "qtst"]
#: When Regulation (EU) 910/2014 began to apply; until then there were other statuses.
EIDAS = datetime(2016, 7, 1, tzinfo=UTC)
_BEFORE_EIDAS = {"undersupervision", "supervisionincessation", "accredited"}
Assert = Literal["all", "atLeastOne", "none"]


@dataclass(frozen=True)
class Criteria:
    """Which certificates a qualification concerns (§5.5.9.2.2).

    ``usages`` have bits of key usage and their values, ``policies`` sets of dotted
    OIDs, and ``purposes`` and ``attributes`` sets of dotted OIDs of extended key usage
    and of the subject; each set must be there whole. ``unknown`` says that there is a
    criterion of another kind.
    """

    how: Assert
    usages: tuple[tuple[tuple[str, bool], ...], ...] = ()
    policies: tuple[tuple[str, ...], ...] = ()
    purposes: tuple[tuple[str, ...], ...] = ()
    attributes: tuple[tuple[str, ...], ...] = ()
    inner: tuple["Criteria", ...] = ()
    unknown: bool = False


@dataclass(frozen=True)
class Qualification:
    """What is said of some certificates: ends of URIs, such as ``QCWithQSCD``."""

    qualifiers: tuple[str, ...]
    criteria: Criteria


@dataclass(frozen=True)
class State:
    """A service's state from a time on. ``status`` and ``uses`` are ends of URIs.

    ``unknown`` says that there is a critical extension that is not known here.
    """

    since: datetime
    kind: Kind | None
    status: str
    uses: tuple[str, ...] = ()
    qualifications: tuple[Qualification, ...] = ()
    unknown: bool = False

    def is_granted(self, at: datetime) -> bool:
        """Return whether it means that the service was granted at a time."""
        old = at < EIDAS and self.status in _BEFORE_EIDAS
        return not self.unknown and (old or self.status == "granted")


@dataclass(frozen=True)
class Service:
    """A service: who provides it, its certificates, its states, the newest first.

    ``subjects`` are ``subject_key`` of the certificates.
    """

    provider: str
    name: str
    certificates: tuple[str, ...]
    subjects: tuple[str, ...]
    states: tuple[State, ...]

    def state_at(self, time: datetime) -> State | None:
        """Return the state that was in force at a time, if there was one."""
        earlier = [each for each in self.states if each.since <= time]
        return max(earlier, key=lambda each: each.since, default=None)

    def is_granted(self, at: datetime) -> bool:
        """Return whether it was granted at a time."""
        state = self.state_at(at)
        return state is not None and state.is_granted(at)

    def granted_times(self, kind: Kind) -> list[tuple[datetime, datetime | None]]:
        """Return from when until when it was granted as a kind; None is until now."""
        states = sorted(self.states, key=lambda each: each.since)
        ends = [*(each.since for each in states[1:]), None]
        return [
            (state.since, end)
            for state, end in zip(states, ends, strict=True)
            if state.kind == kind and state.is_granted(state.since)
        ]


@dataclass(frozen=True)
class Pointer:
    """Where another list is, and by which certificates (base64) it may be signed."""

    address: str
    territory: str
    list_type: str
    media_type: str
    signers: tuple[str, ...]


@dataclass(frozen=True)
class TrustList:
    """A list. ``next_update`` is None for one that was closed for good."""

    territory: str
    operator: str
    list_type: str
    version: int
    sequence: int
    issued: datetime
    next_update: datetime | None
    information: tuple[str, ...] = ()
    pointers: tuple[Pointer, ...] = ()
    services: tuple[Service, ...] = ()


@dataclass(frozen=True)
class ReadList:
    """A list that was read, with the certificate (DER in base64) that signed it.

    Without a ``trust_list``, ``problem`` is a code of ``CODES``, or ``NOT_A_LIST``.
    Nothing says yet whether that certificate may sign it.
    """

    trust_list: TrustList | None = None
    signer: str = ""
    problem: str = ""
    detail: str = ""


_read = TypeAdapter(ReadList)


def read_message(message: object) -> ReadList:
    """Read what another process has sent. Raises ``ValueError``."""
    return _read.validate_python(message)


def subject_key(name: x509.Name) -> str:
    """Return a text that is the same for names that are the same (RFC 5280 §7.1)."""
    return hashlib.sha256(name.hashable.encode()).hexdigest()[:32]


def encode(certificate: bytes) -> str:
    return base64.b64encode(certificate).decode()


def fingerprint(certificate: str) -> str:
    """Return the SHA-256 of a certificate that is given in base64."""
    return hashlib.sha256(base64.b64decode(certificate)).hexdigest()
