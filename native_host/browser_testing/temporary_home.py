# SPDX-License-Identifier: MIT
"""A HOME that keeps the person's own files untouched."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from native_host.install.contents import launcher, manifest, python_path
from native_host.install.tables import Family, host_names

#: Where each browser looks for manifests, below the HOME.
_PLACES = {
    "chromium": "chromium-profile/NativeMessagingHosts",
    "firefox": ".mozilla/native-messaging-hosts",
}


def extension_folder() -> Path:
    """Return the folder of the extension: in the wheel, or in a checkout."""
    installed = Path(__file__).with_name("extension")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "extension"


@dataclass(frozen=True)
class TemporaryHome:
    """A HOME for a browser and the host, without the person's settings.

    ``environment`` is for both: the person's own, so that programs find the screen,
    without the variables that lead out of ``home``.
    """

    home: Path
    environment: dict[str, str]

    @classmethod
    def build(
        cls,
        folder: Path,
        browser: Family,
        *,
        card: Literal["mock", "pcsc"],
        prompt: Literal["window", "automatic"],
    ) -> "TemporaryHome":
        """Create ``folder/home`` anew: configuration, launcher, manifests."""
        home = folder.absolute() / "home"
        shutil.rmtree(home, ignore_errors=True)
        data = home / ".local" / "share"
        data.mkdir(parents=True)
        configuration = home / "kortilla.toml"
        configuration.write_text(
            f"card = {json.dumps(card)}\n"
            f"prompt = {json.dumps(prompt)}\n"
            "allow_localhost = true\n",
            encoding="utf-8",
        )
        program = data / "kortilla" / "host" / "kortilla-host"
        program.parent.mkdir(parents=True)
        program.write_bytes(launcher(python_path()))
        program.chmod(0o755)
        place = home / _PLACES[browser]
        place.mkdir(parents=True)
        for host in host_names():
            content = manifest(host, browser, program)
            (place / f"{host.name}.json").write_bytes(content)
        environment = os.environ | {
            "HOME": str(home),
            "KORTILLA_CONFIG": str(configuration),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_DATA_HOME": str(data),
            "XDG_STATE_HOME": str(home / ".local" / "state"),
        }
        # X11 looks for its key in HOME, which is another folder now.
        key = Path.home() / ".Xauthority"
        if "XAUTHORITY" not in environment and key.is_file():
            environment["XAUTHORITY"] = str(key)
        return cls(home, environment)

    @property
    def mock_card_folder(self) -> Path:
        """The folder of the host's mock card."""
        return self.home / ".local" / "share" / "kortilla" / "mock-card"
