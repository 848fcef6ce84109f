# SPDX-License-Identifier: MIT
"""The folder of the authority's CA certificates, with which signatures are compared."""

import os
from datetime import timedelta
from pathlib import Path

from kortilla.clock import utc_now
from kortilla.validation import ca_files
from native_host.paths import user_data_folder


def trust_folder() -> Path:
    """Return the folder that ``KORTILLA_TRUST`` names, or Kortilla's own."""
    named = os.environ.get("KORTILLA_TRUST")
    return Path(named) if named else own_folder()


def own_folder() -> Path:
    """Return the folder in Kortilla's data."""
    return user_data_folder() / "ca"


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
