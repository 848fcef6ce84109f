# SPDX-License-Identifier: MIT
"""The level of a signature: the highest of which all data verify.

Nobody need be trusted for it. A signature with data of unknown authorities, or that is
not valid, has a level too.
"""

from collections.abc import Sequence

from kortilla.revocation.certificates import Subject
from kortilla.revocation.interface import NoAnswerError
from kortilla.signing.verification.findings import Finding, Stamp
from kortilla.signing.verification.proofs.evidence import (
    Evidence,
    chain_of,
    read_authorities,
    read_subject,
)
from kortilla.signing.verification.report import Level


def level_of(
    finding: Finding,
    timestamps: Sequence[Stamp],
    evidence: Evidence,
    known: Sequence[Subject],
) -> Level:
    """Return the level of a signature.

    ``timestamps`` are all of ``Findings``. ``known`` are CAs that the file may lack.
    """
    if not finding.intact:
        return "none"
    archive = [each for each in finding.archive if timestamps[each].intact]
    stamps = [] if finding.stamp is None else [finding.stamp]
    stamps += [timestamps[each] for each in archive]
    stamp = next((each for each in stamps if each.intact), None)
    if stamp is None or stamp.time is None:
        return "B-B"
    try:
        certificates = [finding.certificate or b"", stamp.certificates[0]]
        others = [*known, *evidence.certificates()]
        others += read_authorities(stamp.certificates[1:])
        chains = [chain_of(read_subject(each), others) for each in certificates]
    except (NoAnswerError, IndexError):
        return "B-T"
    # The last archive timestamp is of the most.
    parts = [evidence]
    if archive and stamp is finding.stamp:
        parts.append(evidence.stamped_by(archive[-1]))
    complete = [
        all(
            each.covers(chain, stamp.time, person=chain is chains[0])
            for chain in chains
        )
        for each in parts
    ]
    if complete == [True, True]:
        return "B-LTA"
    return "B-LT" if complete[0] else "B-T"
