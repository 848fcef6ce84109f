# SPDX-License-Identifier: MIT
"""Verifies signed files with the CA certificates of a folder."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from kortilla.errors import RelyingPartyError
from kortilla.revocation import Revocation
from kortilla.signing.verification import (
    DocumentReport,
    TrustedCAs,
    Verdict,
    verify_path,
)

__all__ = ["CheckedFile", "check_files", "worst_verdict"]


@dataclass(frozen=True)
class CheckedFile:
    """A file, and the report on it; or None with the ``error`` that stopped it."""

    path: Path
    report: DocumentReport | None
    error: str = ""

    @property
    def verdict(self) -> Verdict:
        """The verdict; a file that can't be read can't be judged."""
        return Verdict.CANT_SAY if self.report is None else self.report.verdict


async def check_files(
    paths: Sequence[Path], *, trust: Path | None, offline: bool
) -> list[CheckedFile]:
    """Verify files. A ``.p7s`` is checked with the file beside it that it is of.

    ``trust`` is a folder of CA certificates. The authority's are known by their
    fingerprints, and any other is one of test cards. None, or an empty folder, leaves
    every signature unjudged. Unless ``offline``, the CAs' services are asked whether
    the certificates have been revoked; they learn which certificates are checked, and
    nothing of the files. Raises ``TrustConfigurationError`` for a broken folder.
    """
    trusted = TrustedCAs() if trust is None else TrustedCAs.from_folder(trust)
    signed = {path.with_suffix("") for path in paths if _is_detached(path)}
    async with AsyncExitStack() as stack:
        revocation = None
        if not offline:
            revocation = await stack.enter_async_context(Revocation(trust_env=True))
        return [
            await _check(path, trusted, revocation)
            for path in paths
            if path not in signed
        ]


def worst_verdict(checked: Sequence[CheckedFile]) -> Verdict:
    """Return the verdict on all files: not valid, can't say, or valid."""
    verdicts = {each.verdict for each in checked}
    for verdict in (Verdict.NOT_VALID, Verdict.CANT_SAY):
        if verdict in verdicts:
            return verdict
    return Verdict.VALID


async def _check(
    path: Path, trusted: TrustedCAs, revocation: Revocation | None
) -> CheckedFile:
    try:
        report = await verify_path(path, trusted=trusted, revocation=revocation)
    except OSError as error:
        return CheckedFile(path, None, error.strerror or type(error).__name__)
    except RelyingPartyError as error:
        return CheckedFile(path, None, str(error))
    return CheckedFile(path, report)


def _is_detached(path: Path) -> bool:
    return path.suffix.lower() == ".p7s"
