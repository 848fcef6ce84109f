# SPDX-License-Identifier: MIT
"""Mock cards and RSA keys that are generated once for all tests.

Workers of pytest-xdist share them. An RSA key can take a second.
"""

import atexit
import contextlib
import functools
import os
import shutil
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from kortilla.mock_card.card_data import CardState, first_pins
from kortilla.mock_card.keys import load_private_key, private_key_der
from kortilla.mock_card.state import MockCardState

#: Environment variable with the folder, for processes that a test starts.
_PLACE = "TESTS_MADE_CARDS"
#: States of a new card that its PINs determine.
_OF_PINS = {
    CardState.ACTIVE,
    CardState.PIN1_BLOCKED,
    CardState.PIN2_BLOCKED,
    CardState.LAST_TRY,
}


def new_card(
    folder: Path, profile: str = "v5", state: str = "active", *, number: int = 1
) -> MockCardState:
    """Put a card into an empty folder, as if it had been created there.

    Cards with different numbers have different keys.
    """
    shutil.copytree(made(profile, state, number=number), folder, dirs_exist_ok=True)
    return MockCardState.open(folder)


def made(profile: str = "v5", state: str = "active", *, number: int = 1) -> Path:
    """Return the folder of such a card. Callers copy it and leave it unchanged."""
    folder = shared_folder() / f"{profile}-{state}-{number}"
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=shared_folder()) as new:
            place = Path(new, "card")
            if state in _OF_PINS:
                shutil.copytree(made(profile, "new", number=number), place)
                with MockCardState.open(place).update() as data:
                    data.pin1, data.pin2 = first_pins(
                        CardState(state), False, "1234", "123456"
                    )
            else:
                MockCardState.create(place, profile=profile, state=state)
            try:
                place.rename(folder)
            except OSError:  # another process has been faster
                if not folder.exists():
                    raise
    return folder


def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    """Return the one key of that length."""
    file = shared_folder() / f"rsa-{bits}.der"
    if not file.exists():
        made = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        with tempfile.NamedTemporaryFile(dir=shared_folder(), delete=False) as new:
            new.write(private_key_der(made))
        # Another process may have been faster.
        with contextlib.suppress(FileExistsError):
            file.hardlink_to(new.name)
        Path(new.name).unlink()
    key = load_private_key(file.read_bytes())
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def handed_on() -> dict[str, str]:
    """Return environment variables that give another process the same cards."""
    return {_PLACE: str(shared_folder())}


@functools.cache
def shared_folder() -> Path:
    """Return the folder that all processes of a run share."""
    if place := os.environ.get(_PLACE):
        return Path(place)
    place = tempfile.mkdtemp(prefix="cards-")
    maker = os.getpid()

    def end() -> None:
        if os.getpid() == maker:  # not a process forked from it
            shutil.rmtree(place)

    atexit.register(end)
    return Path(place)
