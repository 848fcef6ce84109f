# SPDX-License-Identifier: MIT
"""The content of the card: its keys, and its files by path."""

from functools import lru_cache

from cryptography.hazmat.primitives import serialization

from kortilla.testing.card_data import CardData
from kortilla.testing.errors import MockCardBrokenError
from kortilla.testing.keys import PrivateKey, load_private_key
from kortilla.testing.profiles import ISSUING_CA_FILE, PROFILES, ROOT_CA_FILE, KeySlot
from kortilla.testing.state import MockCardState
from native_host.mock_card.directories import directory_files

__all__ = ["APPLICATION_DF", "card_files", "card_keys"]

#: The application in paths; no file id can have this value.
APPLICATION_DF = -1

_CA_NAMES = {ROOT_CA_FILE: "root.der", ISSUING_CA_FILE: "issuing.der"}


def card_keys(
    state: MockCardState, data: CardData
) -> dict[int, tuple[KeySlot, PrivateKey]]:
    """Return the keys by their references. Raises ``MockCardBrokenError``."""
    return {
        slot.reference: (slot, _load_key(state, index, data))
        for index, slot in enumerate(PROFILES[data.profile].keys)
    }


def card_files(state: MockCardState, data: CardData) -> dict[tuple[int, ...], bytes]:
    """Return the files by their paths from the master file.

    All elements of a path except the last are directories. Raises
    ``MockCardBrokenError``.
    """
    profile = PROFILES[data.profile]
    files: dict[tuple[int, ...], bytes] = {
        (file,): state.read_file(_CA_NAMES[file]) for file in profile.ca_files
    }
    for file, content in directory_files(profile, data.serial).items():
        files[(APPLICATION_DF, file)] = content
    for slot, key in zip(profile.keys, data.keys, strict=True):
        files[(APPLICATION_DF, *slot.certificate_path)] = key.certificate
    return files


def _load_key(state: MockCardState, index: int, data: CardData) -> PrivateKey:
    """Load a key, and check that it matches its certificate."""
    where = f"{state.folder / 'card.json'}: keys.{index}"
    try:
        key, public = _key_pair(data.keys[index].private_key)
    except (ValueError, TypeError):
        raise MockCardBrokenError(f"{where}.private_key is not a key.") from None
    if public not in data.keys[index].certificate:
        raise MockCardBrokenError(f"{where}.certificate is not of the private key.")
    return key


@lru_cache(maxsize=8)  # each connection loads the same keys
def _key_pair(private_key: bytes) -> tuple[PrivateKey, bytes]:
    """Load a key, and return it with the DER of its public key."""
    key = load_private_key(private_key)
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return key, public
