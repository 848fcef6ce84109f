# SPDX-License-Identifier: MIT
"""NSS databases as browsers create them, and this computer's p11-kit."""

import sysconfig
from pathlib import Path

from native_host.install import nss

LIBRARY = f"/usr/lib/{sysconfig.get_config_var('MULTIARCH')}/libp11-kit.so.0"

#: A module that the proxy includes, and one that it does not.
OTHER = "module: /usr/lib/other.so\n"
TRUST = "module: trust.so\ndisable-in: p11-kit-proxy\n"


def make_database(folder: Path) -> Path:
    """Create a database without a password."""
    folder.mkdir(parents=True)
    nss.create(folder)
    return folder


def make_profile(firefox: Path, name: str = "abc.default") -> Path:
    """Create a Firefox profile with a database in a folder for profiles."""
    profile = make_database(firefox / name)
    ini = firefox / "profiles.ini"
    known = ini.read_text() if ini.exists() else ""
    number = known.count("[Profile")
    ini.write_text(
        f"{known}[Profile{number}]\nName={name}\nIsRelative=1\nPath={name}\n"
    )
    return profile


def give_system(root: Path, **modules: str) -> Path:
    """Create a system with p11-kit and modules with this configuration."""
    library = root / LIBRARY.lstrip("/")
    library.parent.mkdir(parents=True)
    library.symlink_to(LIBRARY)
    folder = root / "usr/share/p11-kit/modules"
    folder.mkdir(parents=True)
    for name, content in modules.items():
        (folder / f"{name}.module").write_text(content)
    return root
