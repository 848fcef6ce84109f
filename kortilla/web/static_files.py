# SPDX-License-Identifier: MIT
"""The files of the page's client, and how they are served."""

import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from kortilla.web.http import Headers, Response

__all__ = ["File", "packaged_files"]

# Systems disagree on these, and a browser runs no script of another type.
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
}
#: The files of the client's folder that pages load; the others are for npm.
_SERVED = {".js", ".css", ".html"}
_PACKAGE = Path(str(resources.files("kortilla")))


@dataclass(frozen=True)
class File:
    """A file in memory, so that no path is ever built from a request."""

    content: bytes
    content_type: str
    tag: str

    @classmethod
    def read(cls, path: Path) -> "File":
        """Read a file of this package."""
        content = path.read_bytes()
        kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        return cls(content, kind or "application/octet-stream", tag)

    def response(self, headers: Headers) -> Response:
        """Return the file, or 304 if the client has it (RFC 9110 §13.1.2)."""
        mine = (("ETag", self.tag), ("Cache-Control", "no-cache"))
        known = {tag.strip() for tag in headers.joined("If-None-Match").split(",")}
        if known & {self.tag, f"W/{self.tag}"}:
            return Response(304, b"", mine)
        return Response.create(self.content, self.content_type, headers=mine)


@cache
def packaged_files() -> dict[str, File]:
    """Return the files that are served, by path below the prefix."""
    folder = _PACKAGE / "client"
    files = {
        f"/static/{path.relative_to(folder).as_posix()}": File.read(path)
        for path in folder.rglob("*.*")
        if path.suffix in _SERVED
    }
    return files | {"/openapi.json": File.read(_PACKAGE / "web" / "openapi.json")}
