# SPDX-License-Identifier: MIT
"""Tokens of SoftHSM, and one that is reached over a socket, as network HSMs are."""

import contextlib
import os
import platform
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pkcs11
import pytest

SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
_FOLDER = f"/usr/lib/{platform.machine()}-linux-gnu"
P11_KIT_CLIENT = f"{_FOLDER}/pkcs11/p11-kit-client.so"
LABEL = "SPECIMEN token"
PIN = "271828"


@dataclass
class SoftToken:
    """A token whose objects are files in a folder."""

    folder: Path

    @property
    def _objects(self) -> Path:
        return self.folder / "objects"

    @property
    def configuration(self) -> Path:
        """What ``SOFTHSM2_CONF`` names."""
        return self.folder / "softhsm2.conf"

    @property
    def pin_file(self) -> Path:
        return self.folder / "pin"

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    @classmethod
    def create(cls, folder: Path) -> "SoftToken":
        """Make an empty token, and a file with its PIN."""
        token = cls(folder)
        token._objects.mkdir(parents=True)
        token._configure()
        pins = ("--pin", PIN, "--so-pin", "31415926")
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", LABEL, *pins],
            env={**os.environ, "SOFTHSM2_CONF": str(token.configuration)},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        token.pin_file.write_text(PIN + "\n")
        token.pin_file.chmod(0o600)
        return token

    def copy(self, folder: Path) -> "SoftToken":
        """Return a token of its own with the same keys, which only tests can make."""
        shutil.copytree(self.folder, folder)
        token = SoftToken(folder)
        token._configure()
        return token

    def _configure(self) -> None:
        lines = (f"directories.tokendir = {self._objects}", "log.level = ERROR")
        self.configuration.write_text("\n".join(lines) + "\n")

    def settings(self) -> dict[str, str]:
        """Return ``[pkcs11]`` of a configuration."""
        return {"module": SOFTHSM, "token": LABEL, "pin_file": str(self.pin_file)}

    def pull(self) -> None:
        """Pull the token out."""
        self._objects.rename(self.folder / "away")

    def put_back(self) -> None:
        (self.folder / "away").rename(self._objects)

    @contextlib.contextmanager
    def used(self, patch: pytest.MonkeyPatch) -> Iterator["SoftToken"]:
        """Have SoftHSM in this process find the token."""
        patch.setenv("SOFTHSM2_CONF", str(self.configuration))
        try:
            yield self
        finally:
            with contextlib.suppress(pkcs11.PKCS11Error):
                pkcs11.lib(SOFTHSM).finalize()

    @contextlib.contextmanager
    def over_network(self) -> Iterator[None]:
        """Have p11-kit serve the token at ``socket``; at the end, end all at once."""
        self.socket.unlink(missing_ok=True)
        options = ("--foreground", "--provider", SOFTHSM, "--name", str(self.socket))
        server = subprocess.Popen(
            ["p11-kit", "server", *options, "pkcs11:"],
            env={**os.environ, "SOFTHSM2_CONF": str(self.configuration)},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert server.stdout
        try:
            assert server.stdout.readline(), "p11-kit server ended"
            yield
        finally:
            # With the processes that it starts for each connection.
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
            server.stdout.close()

    @contextlib.contextmanager
    def session(self) -> Iterator[pkcs11.Session]:
        """Look into the token, while nobody else of this process uses it."""
        library = pkcs11.lib(SOFTHSM)
        try:
            token = library.get_token(token_label=LABEL)
            yield token.open(user_pin=PIN, rw=True)
        finally:
            library.finalize()
