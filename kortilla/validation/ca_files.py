# SPDX-License-Identifier: MIT
"""The folder of the authority's CA certificates: filling it and listing it.

Only certificates with a pinned fingerprint are stored. So it is safe that some of the
URLs are http.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from asn1crypto import x509

from kortilla.common.files import write_file
from kortilla.errors import TrustConfigurationError
from kortilla.proxies import Proxies
from kortilla.revocation.fetch import Fetcher, Limits
from kortilla.revocation.interface import NoAnswerError
from kortilla.validation.pinned_cas import (
    ADDRESSES,
    PINS,
    Origin,
    PinnedCertificate,
    configured_pins,
)
from kortilla.validation.trust import (
    MAX_FILE_BYTES,
    certificate_der,
    certificate_files,
    read_certificate,
)

#: Seconds for one URL, and how many redirects on the same host it may give.
_PATIENCE = 10.0
_MAX_REDIRECTS = 3


@dataclass(frozen=True)
class CAFile:
    """A required CA certificate, or another file in the folder.

    ``state`` is ``stored`` (new), ``kept`` (was there), ``missing``, or ``unknown`` for
    a file whose fingerprint is not pinned. ``problem`` is a sentence for people, empty
    if there is none.
    """

    name: str
    state: Literal["stored", "kept", "missing", "unknown"]
    file: Path | None = None
    sha256: str = ""
    not_after: datetime | None = None
    problem: str = ""
    not_before: datetime | None = None
    #: None for a file whose fingerprint is not pinned.
    origin: Origin | None = None
    role: Literal["citizen", "root"] | None = None


def wanted(
    pins: Iterable[PinnedCertificate] = PINS,
    *,
    test: bool = False,
    more: Iterable[str] = (),
) -> list[PinnedCertificate]:
    """Return the pins that a trust needs: issuers of Citizen Certificates, and roots.

    With ``test``, also those of the authority's test cards. ``more`` are fingerprints
    of the service's configuration.
    """
    needed = [pin for pin in pins if pin.role != "other" and (test or not pin.test)]
    return [*needed, *configured_pins(more)]


async def fetch(
    folder: Path,
    pins: Iterable[PinnedCertificate],
    *,
    addresses: Iterable[str] = ADDRESSES,
    proxies: Proxies | None = None,
    patience: float = _PATIENCE,
    allow_private_addresses: bool = False,
    progress: Callable[[], None] = lambda: None,
) -> tuple[list[CAFile], Mapping[str, str]]:
    """Download the pinned certificates that are missing, and store them.

    All URLs are requested at once, each for ``patience`` seconds at most; none if
    nothing is missing. ``proxies`` are the environment's by default. No address in a
    private network is asked, unless they are allowed. ``progress`` is called after
    each. Returns a ``CAFile`` for each pin, and the problems by URL.
    """
    fetcher = Fetcher(
        allow_private_addresses=allow_private_addresses,
        proxies=proxies or Proxies(trust_env=True),
        proxy_hosts=None,
    )
    pins = list(pins)
    present = _present(folder)
    missing = [pin for pin in pins if pin.sha256 not in present]
    found: dict[str, bytes] = {}
    failures: dict[str, str] = {}

    async def ask(address: str) -> None:
        limits = Limits(patience, MAX_FILE_BYTES)
        try:
            async with asyncio.timeout(patience):
                answer = await fetcher.read(
                    address, limits=limits, redirects=_MAX_REDIRECTS, same_host=True
                )
            content = certificate_der(answer)
        except TimeoutError:
            failures[address] = f"no answer within {patience:g} seconds"
        except (NoAnswerError, ValueError) as error:
            failures[address] = str(error)
        else:
            found[hashlib.sha256(content).hexdigest()] = content
        progress()

    if missing:
        try:
            await asyncio.gather(*map(ask, addresses))
        finally:
            await fetcher.close()
    return _store(folder, pins, found), failures


def take(
    folder: Path, pins: Iterable[PinnedCertificate], *, source: Path
) -> tuple[list[CAFile], Mapping[str, str]]:
    """Store the pinned certificates that another folder has.

    Files may have any name, in DER or PEM. Returns a ``CAFile`` for each pin, and by
    file name the reason why a file was skipped.
    """
    pins = list(pins)
    wanted = {pin.sha256 for pin in pins}
    found: dict[str, bytes] = {}
    passed_over: dict[str, str] = {}
    for file in sorted(source.iterdir()):
        try:
            if file.is_dir():
                raise ValueError("a folder")
            content = read_certificate(file)
        except OSError as error:
            passed_over[file.name] = f"can't be read: {error.strerror}"
        except ValueError as error:
            passed_over[file.name] = str(error)
        else:
            fingerprint = hashlib.sha256(content).hexdigest()
            if fingerprint in wanted:
                found[fingerprint] = content
            else:
                passed_over[file.name] = _unwanted(fingerprint)
    return _store(folder, pins, found), passed_over


def _unwanted(fingerprint: str) -> str:
    for pin in PINS:
        if pin.sha256 == fingerprint:
            what = "the test CA" if pin.test else "the CA"
            return f"{what} {pin.name}, which is not wanted here"
    return "a certificate that is not one of the authority's CAs"


def inventory(
    folder: Path,
    pins: Iterable[PinnedCertificate],
    *,
    at: datetime,
    warn: timedelta,
) -> list[CAFile]:
    """List what a folder has, what is missing, and what expires within ``warn``."""
    pins = list(pins)
    report = [_judged(ca, at, warn) for ca in _store(folder, pins, {})]
    known = {pin.sha256 for pin in pins}
    for file in certificate_files(folder):
        fingerprint = _fingerprint(file)
        if fingerprint not in known:
            report.append(
                CAFile(
                    name=file.name,
                    state="unknown",
                    file=file,
                    sha256=fingerprint,
                    problem="not one of the CA certificates that are wanted here; "
                    "remove it",
                )
            )
    return report


def _judged(ca: CAFile, at: datetime, warn: timedelta) -> CAFile:
    if ca.not_after is None or ca.not_after > at + warn:
        return ca
    left = (ca.not_after - at).days
    problem = (
        f"ends in {left} days: update Kortilla for the authority's next CA"
        if ca.not_after > at
        else f"ended on {ca.not_after:%Y-%m-%d}: its certificates are refused"
    )
    return replace(ca, problem=problem)


def _fingerprint(file: Path) -> str:
    try:
        return hashlib.sha256(read_certificate(file)).hexdigest()
    except (OSError, ValueError):
        return ""


def _present(folder: Path) -> dict[str, Path]:
    return {_fingerprint(file): file for file in reversed(certificate_files(folder))}


def _store(
    folder: Path, pins: list[PinnedCertificate], found: Mapping[str, bytes]
) -> list[CAFile]:
    present = _present(folder)
    report = []
    for pin in pins:
        file = present.get(pin.sha256)
        state: Literal["stored", "kept"] = "kept"
        if file is None and pin.sha256 in found:
            words = re.findall(r"[^\W_]+", pin.name.lower())
            file, state = folder / f"{'-'.join(words)}.crt", "stored"
            _write(file, found[pin.sha256])
        if file is None:
            missing = CAFile(pin.name, "missing", None, pin.sha256, None, "not there")
            report.append(replace(missing, origin=pin.origin))
            continue
        certificate = x509.Certificate.load(read_certificate(file))
        name = pin.name
        if pin.configured:  # which has no name of its own
            name = str(certificate.subject.native.get("common_name", name))
        report.append(
            CAFile(
                name if name.isprintable() else pin.name,
                state,
                file,
                pin.sha256,
                certificate.not_valid_after,
                not_before=certificate.not_valid_before,
                origin=pin.origin,
                role="root" if certificate.self_issued else "citizen",
            )
        )
    return report


def _write(file: Path, content: bytes) -> None:
    """Write a file atomically. A trust does not read it before it is whole."""
    try:
        write_file(file, content, mode=0o644)
    except OSError as error:
        raise TrustConfigurationError(
            f"The file {file} can't be written: {error.strerror}."
        ) from error
