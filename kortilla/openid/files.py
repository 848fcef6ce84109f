# SPDX-License-Identifier: MIT
"""The files that the provider's pages load."""

from functools import cache
from importlib import resources
from pathlib import Path

from kortilla.web.http import File, packaged_files

__all__ = ["static_files"]

_FOLDER = Path(str(resources.files("kortilla.openid") / "static"))


@cache
def static_files() -> dict[str, File]:
    """Return the page client's files and the pages' own, by path below the issuer's."""
    client = {
        path: file
        for path, file in packaged_files().items()
        if path.startswith("/static/")
    }
    own = {f"/static/openid/{path.name}": File.read(path) for path in _FOLDER.iterdir()}
    return client | own
