# SPDX-License-Identifier: MIT
"""Whether a service can log people in now, for readiness probes.

    health = await check_health(service, sessions=stores.sessions)
    return json_response(health.to_json(), status=200 if health.ready else 503)

It shows the state of the service's own parts. Show it to the probe, not to the world.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from kortilla.common import JsonObject
from kortilla.errors import (
    RelyingPartyError,
    RevocationCheckFailedError,
    StoreUnavailableError,
)
from kortilla.revocation import Reason, Revocation, SourceStatus
from kortilla.validation.trust import IssuingCA
from kortilla.web.login import LoginService
from kortilla.web.prepared import PreparedStore
from kortilla.web.sessions import SessionStore

__all__ = ["Check", "Health", "Status", "check_health"]

#: A service with a part that failed is not ready; a warning is for people.
Status = Literal["ok", "warning", "failed"]

#: The parts of a service.
Part = Literal["trust", "challenges", "sessions", "prepared", "revocation"]

#: How long ago an answer of a source says something about now.
_RECENT = timedelta(minutes=10)


@dataclass(frozen=True)
class Check:
    """One part: ``detail`` is a sentence for people, empty if all is well."""

    name: Part
    status: Status
    detail: str = ""


@dataclass(frozen=True)
class Health:
    """The state of all parts at a time (UTC)."""

    at: datetime
    checks: tuple[Check, ...]

    @property
    def ready(self) -> bool:
        """Whether no part has failed. Warnings are for people."""
        return all(check.status != "failed" for check in self.checks)

    def to_json(self) -> JsonObject:
        """Return ``{"ready", "at", "checks": [{"name", "status", "detail"}]}``."""
        return {
            "ready": self.ready,
            "at": self.at.isoformat(timespec="seconds"),
            "checks": [asdict(check) for check in self.checks],
        }


async def check_health(
    service: LoginService,
    *,
    sessions: SessionStore | None = None,
    prepared: PreparedStore | None = None,
    warn: timedelta = timedelta(days=30),
    needs_revocation: bool = True,
    seconds: float = 3,
) -> Health:
    """Check all parts of a service, for at most ``seconds``. Raises nothing.

    - ``trust``: an issuing CA is valid now. A CA that expires within ``warn``, and a
      folder that could not be read anew, are warnings.
    - ``challenges``, ``sessions``, ``prepared``: the stores take what is written.
    - ``revocation``: the sources of the last ten minutes answer, and those of each
      issuing CA's own status are asked, once in an hour at most. If one of several
      answers, that is a warning. So is all of it without ``needs_revocation``: the
      authority's fault then takes no server out of service.
    """
    stores: dict[Part, Awaitable[None]] = {"challenges": service.challenges.check()}
    if sessions is not None:
        stores["sessions"] = sessions.check()
    if prepared is not None:
        stores["prepared"] = prepared.check()
    now = service.now().astimezone(UTC)
    results = await asyncio.gather(
        *(_store(name, work, seconds) for name, work in stores.items()),
        _revocation(service, needs_revocation, now, seconds),
    )
    return Health(now, (_trust(service, warn, now), *results))


def _trust(service: LoginService, warn: timedelta, now: datetime) -> Check:
    trust = service.trust
    valid = [ca for ca in trust.issuers if _is_valid(ca, now)]
    if not valid:
        detail = (
            f"No issuing CA is valid now, at {now:%Y-%m-%d %H:%M} UTC by the clock."
        )
        return Check("trust", "failed", detail)
    if service.trust_problem:
        return Check("trust", "warning", service.trust_problem)
    ending = [ca for ca in trust.issuers if not _is_valid(ca, now + warn)]
    if ending:
        names = ", ".join(map(str, ending))
        return Check("trust", "warning", f"Expired, or soon to expire: {names}.")
    return Check("trust", "ok", "Test trust." if trust.test else "")


def _is_valid(ca: IssuingCA, at: datetime) -> bool:
    return all(
        each.not_valid_before <= at <= each.not_valid_after
        for each in (ca.certificate, ca.root)
        if each is not None
    )


async def _store(name: Part, work: Awaitable[None], seconds: float) -> Check:
    problem = await _problem(work, seconds)
    return Check(name, "failed" if problem else "ok", problem)


async def _problem(work: Awaitable[None], seconds: float) -> str:
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        return f"There was no answer within {seconds:g} seconds."
    except RevocationCheckFailedError as error:
        # A root that runs no responder and names no list is a choice of the CA's.
        return "" if error.reason == Reason.NO_ADDRESS else str(error)
    except (RelyingPartyError, StoreUnavailableError) as error:
        return str(error)
    except Exception as error:  # a store or checker of the service's own
        return f"It failed: {type(error).__name__}."
    return ""


async def _revocation(
    service: LoginService, needed: bool, now: datetime, seconds: float
) -> Check:
    revocation = service.revocation
    if not isinstance(revocation, Revocation):
        what = "Nothing is checked." if revocation is None else "Not known from here."
        return Check("revocation", "ok", what)
    pairs = [(ca.certificate, ca.root) for ca in service.trust.issuers]
    problems = await asyncio.gather(
        *(
            _problem(revocation.check_issuer(issuer, root), seconds)
            for issuer, root in pairs
            if root is not None
        )
    )
    recent = [
        each for each in revocation.status().sources if now - each.last_at <= _RECENT
    ]
    broken = [each for each in recent if not each.working]
    found = [problem for problem in problems if problem]
    status: Status = "ok"
    if found or (broken and len(broken) == len(recent)):
        status = "failed" if needed else "warning"
    elif broken or any(root is None for _, root in pairs):
        status = "warning"
    if any(root is None for _, root in pairs):
        found.append("A root is missing, so that its issuing CA is not checked.")
    return Check("revocation", status, " ".join([*found, *map(_described, broken)]))


def _described(source: SourceStatus) -> str:
    reasons = ", ".join(source.failures)
    return f"{source.kind.upper()}, {source.host}: no trustworthy answer ({reasons})."
