# SPDX-License-Identifier: MIT
"""Verifies signed files with the CA certificates of a folder, which it can fetch."""

import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from kortilla.clock import utc_now
from kortilla.common.escaping import shown_path
from kortilla.errors import RelyingPartyError
from kortilla.revocation import RevocationChecker
from kortilla.signing.trust_lists.store import EU, ListOfLists, TrustLists
from kortilla.signing.verification import (
    DocumentReport,
    TrustedCAs,
    Verdict,
    verify_path,
)
from kortilla.signing.verification.codes import worst
from kortilla.validation import ca_files
from native_host.config import Config, load_config
from native_host.errors import ConfigBrokenError
from native_host.files.revocation import asking
from native_host.platform.paths import lists_folder, own_folder, stamping_folder

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Basis:
    """What a check rests on: when it was made, and which CAs were trusted.

    ``asked`` is whether the authority was to be asked about revocation.
    """

    at: datetime
    asked: bool
    trusted: TrustedCAs


@dataclass(frozen=True)
class CheckedFile:
    """A file, and the report on it; or None with the ``error`` that stopped it.

    ``of`` is the file that a ``.p7s`` is of. Without a ``basis`` it was not checked.
    """

    path: Path
    report: DocumentReport | None
    error: str = ""
    of: Path | None = None
    basis: Basis | None = field(default=None, repr=False)

    @property
    def verdict(self) -> Verdict:
        """The verdict; a file that can't be read can't be judged."""
        return Verdict.CANT_SAY if self.report is None else self.report.verdict


async def check_files(
    paths: Sequence[Path],
    *,
    trust: Path | None,
    offline: bool,
    signed_file: Path | None = None,
) -> list[CheckedFile]:
    """Verify files. A ``.p7s`` is checked with the file that it is of.

    That is ``signed_file``, or the one beside it whose name lacks ``.p7s``. If that is
    not there and ``paths`` has one other file, it is that. That file has no report of
    its own unless it has signatures of its own, or the ``.p7s`` can't be read.

    ``trust`` is a folder of CA certificates. The authority's are known by their
    fingerprints, and any other is one of test cards, except in Kortilla's own folder:
    there only the authority's count. All of them, and certificates of time-stamping
    authorities beside them, vouch for timestamps, and so do those in
    ``stamping_folder()``. None, or an empty folder, leaves every Citizen Certificate
    unjudged. For others the EU's trusted lists count, as far as they were fetched.
    Unless ``offline``, the CAs' services are asked whether the certificates have been
    revoked, once about each; they learn which certificates are checked, and nothing of
    the files. Raises ``TrustConfigurationError`` for a broken folder.
    """
    trusted = TrustedCAs() if trust is None else TrustedCAs.from_folder(trust)
    if trust == own_folder():
        # A test card's signature is valid only where somebody named its CA.
        trusted = replace(trusted, test=None, timestamp_authorities=())
    trusted = trusted.with_timestamps_of(stamping_folder())
    try:
        lists = list_of_lists(load_config())
    except ConfigBrokenError:  # no reason to check nothing
        lists = EU
    kept = TrustLists.load(lists_folder(), lists=lists)
    trusted = replace(trusted, lists=kept)
    signed = _signed_files(paths, signed_file)
    basis = Basis(utc_now(), not offline, trusted)
    async with nullcontext() if offline else asking() as revocation:
        checked = [
            await _check(path, signed.get(path), basis, revocation) for path in paths
        ]
    covered = {signed.get(each.path) for each in checked if each.report is not None}
    return [
        each for each in checked if each.path not in covered or _has_signatures(each)
    ]


def worst_verdict(checked: Sequence[CheckedFile]) -> Verdict:
    """Return the verdict on all files: not valid, can't say, or valid."""
    return worst([each.verdict for each in checked])


def _has_signatures(checked: CheckedFile) -> bool:
    return checked.report is not None and bool(checked.report.signatures)


def _signed_files(paths: Sequence[Path], signed_file: Path | None) -> dict[Path, Path]:
    found = {
        path: signed_file or path.with_suffix("")
        for path in paths
        if path.suffix.lower() == ".p7s"
    }
    others = [path for path in paths if path not in found]
    if len(found) == len(others) == 1:
        [(signature, beside)] = found.items()
        if signature.exists() and not beside.exists():
            return {signature: others[0]}
    return found


async def _check(
    path: Path,
    of: Path | None,
    basis: Basis,
    revocation: RevocationChecker | None,
) -> CheckedFile:
    try:
        report = await verify_path(
            path,
            of=of,
            trusted=basis.trusted,
            revocation=revocation,
            at=basis.at,
            timestamp_cas=basis.trusted.timestamp_authorities,
        )
    except OSError as error:
        said = error.strerror or type(error).__name__
        if of is not None and str(error.filename) == str(of):
            said = f"{shown_path(of)}: {said}"
        return CheckedFile(path, None, said, of, basis)
    except RelyingPartyError as error:
        return CheckedFile(path, None, str(error), of, basis)
    return CheckedFile(path, report, "", of, basis)


def list_of_lists(config: Config) -> ListOfLists:
    """Return the list of lists that the configuration names: by default the EU's.

    Raises ``ConfigBrokenError`` for signers without an address, or none with one.
    """
    if not config.trust_lists and not config.trust_list_signers:
        return EU
    signers = tuple(
        each.replace(":", "").replace(" ", "").lower()
        for each in config.trust_list_signers
    )
    if not config.trust_lists or not signers:
        raise ConfigBrokenError("trust_lists and trust_list_signers go together.")
    if not all(map(_FINGERPRINT.fullmatch, signers)):
        raise ConfigBrokenError("trust_list_signers are SHA-256 fingerprints.")
    return ListOfLists(config.trust_lists, signers)


def has_authority(folder: Path) -> bool:
    """Whether all certificates are there that a Citizen Certificate is checked with."""
    found = ca_files.inventory(
        folder, ca_files.wanted(), at=utc_now(), warn=timedelta(0)
    )
    return all(each.state != "missing" for each in found)


async def fetch_authority(folder: Path) -> bool:
    """Download those that are missing, and return whether all are there then.

    Only certificates with the authority's fingerprints are stored. Raises ``OSError``
    for a folder that can't be written.
    """
    found, _ = await ca_files.fetch(folder, ca_files.wanted())
    return all(each.state != "missing" for each in found)
