# SPDX-License-Identifier: MIT
"""The demo's pages as HTML from ``templates/``. Jinja escapes every text."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from kortilla.validation.identity import Identity
from tools.demo.site.contract import PARAGRAPHS

if TYPE_CHECKING:
    from tools.demo.site.desks import Document, Signed

Catalogues = Mapping[str, Mapping[str, str]]

_TEMPLATES = Environment(
    loader=PackageLoader("tools.demo.site"),
    autoescape=True,
    trim_blocks=True,
    undefined=StrictUndefined,
)
_TEMPLATES.globals.update(script="", kind="")


def start(
    language: str, catalogues: Catalogues, tls_versions: Sequence[str] = ()
) -> str:
    """Return the page with the button, and a link to log in by each version of TLS."""
    return _page("start", language, catalogues, tls_versions=tls_versions)


def session(language: str, catalogues: Catalogues, identity: Identity) -> str:
    """Return the page with the name of the person who is logged in."""
    return _page("session", language, catalogues, identity=identity)


def sign(
    language: str, catalogues: Catalogues, document: "Document", *, max_bytes: int
) -> str:
    """Return the page that shows a document and signs it in two steps."""
    return _page(
        "sign",
        language,
        catalogues,
        document=document,
        kilobytes=max(1, round(len(document.content) / 1000)),
        max_bytes=max_bytes,
        paragraphs=PARAGRAPHS,
    )


def signed(language: str, catalogues: Catalogues, made: "Signed") -> str:
    """Return the page that offers a signed document for download."""
    at = made.at.astimezone(UTC)
    return _page("signed", language, catalogues, made=made, at=at)


def error(language: str, catalogues: Catalogues, code: str, message: str) -> str:
    """Return an error page."""
    return _page("error", language, catalogues, code=code, message=message)


def _page(name: str, language: str, catalogues: Catalogues, **values: Any) -> str:
    ordered = sorted(catalogues.items(), key=lambda item: item[1]["order"])
    return _TEMPLATES.get_template(f"{name}.html").render(
        language=language,
        languages=[(key, catalogue["language"]) for key, catalogue in ordered],
        text=catalogues[language],
        **values,
    )
