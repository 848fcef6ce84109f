# SPDX-License-Identifier: MIT
"""What Kortilla keeps of its use on this computer, and what goes and stays with it.

``remove`` is the one way to delete it: for ``kortilla uninstall``, which Windows'
uninstaller calls, and for the agent when its package goes.
"""

import os
from contextlib import suppress
from pathlib import Path

from kortilla.mock_card.state import default_folder as mock_card_folder
from native_host.config import config_path
from native_host.platform.paths import (
    last_folder_file,
    lists_folder,
    own_folder,
    recipients_file,
    stamping_folder,
    user_state_folder,
)
from native_host.platform.private_files import delete_private
from native_host.state import history, remembered_can, unused_pads
from native_host.state.activation_offers import declined_path


def files() -> list[Path]:
    """Return the files that ``remove`` deletes, of those that are there.

    They name sites, documents, other people with their SATUs, and readers.
    """
    people = recipients_file()
    return _there(
        history.file_path(),
        people,
        people.with_suffix(".lock"),
        last_folder_file(),
        unused_pads.file_path(),
        declined_path(),
    )


async def remove() -> bool:
    """Delete the files, and the remembered number of a card.

    Returns whether the number is gone. A file stays if others can write in its folder.
    """
    for path in files():
        with suppress(OSError):
            delete_private(path)
    gone = await remembered_can.forget()
    with suppress(OSError):  # on Windows it has what stays, too
        user_state_folder().rmdir()
    return gone


def staying() -> list[Path]:
    """Return what the person has chosen, made or fetched, of what is there."""
    return _there(
        config_path(),
        mock_card_folder(),
        own_folder(),
        stamping_folder(),
        lists_folder(),
    )


def _there(*paths: Path) -> list[Path]:
    return [path for path in paths if os.path.lexists(path)]
