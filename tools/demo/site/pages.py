# SPDX-License-Identifier: MIT
"""The demo's pages as HTML. Every text passes ``escape`` on its way in."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from kortilla.validation.identity import Identity
from tools.demo.site.contract import PARAGRAPHS

if TYPE_CHECKING:
    from tools.demo.site.desks import Document, Signed

__all__ = ["error", "session", "sign", "signed", "start"]

Catalogues = Mapping[str, Mapping[str, str]]

_PROGRESS = ("challenge", "window-open", "signing", "verifying", "done")
_SIGN_PROGRESS = (
    "uploading",
    "certificate",
    "preparing",
    "ready",
    "window-open",
    "signing",
    "finishing",
    "done",
)


def start(
    language: str, catalogues: Catalogues, tls_versions: Sequence[str] = ()
) -> str:
    """Return the page with the one button, and a way in by each version of TLS."""
    text = _escaped(catalogues[language])
    steps = "".join(f"<li>{text[f'start.step{n}']}</li>" for n in range(1, 5))
    ways = "".join(
        f'<a class="button" id="tls-{version.replace(".", "-")}" '
        f'href="/{language}/tls-login/{version}">'
        f"{text['start.tls-login'].format(version=version)}</a>\n"
        for version in tls_versions
    )
    if ways:
        ways = f"""
<h2>{text["start.tls-title"]}</h2>
<p>{text["start.tls-lead"]}</p>
<p class="actions">{ways}</p>
"""
    content = f"""
<h1>{text["start.title"]}</h1>
<p class="lead">{text["start.lead"]}</p>
<ol class="steps">{steps}</ol>
<p class="consent" id="consent">{text["start.consent"]}</p>
<noscript><p class="problem">{text["start.noscript"]}</p></noscript>
{_problem(text, "problem")}
<div class="actions">
<button type="button" id="identify" class="primary" hidden aria-describedby="consent"
  data-done="/{language}/session">{text["start.button"]}</button>
<button type="button" id="cancel" hidden>{text["start.cancel"]}</button>
</div>
{_status(text, "progress", _PROGRESS)}{ways}
"""
    return _page(language, catalogues, "start.title", "", content, script="demo")


def session(language: str, catalogues: Catalogues, identity: Identity) -> str:
    """Return the page that shows who logged in."""
    text = _escaped(catalogues[language])
    rows = "".join(
        f'<div><dt>{text[f"session.{key}"]}</dt><dd id="{key}">{value}</dd></div>'
        for key, value in (
            ("name", escape(f"{identity.given_names} {identity.surname}")),
            ("satu", f"<code>{escape(identity.satu)}</code>"),
            ("valid", _date(language, identity.not_after)),
            ("issuer", escape(identity.issuer)),
        )
    )
    content = f"""
<h1>{text["session.title"]}</h1>
<p class="lead">{text["session.lead"]}</p>
<dl>{rows}</dl>
<form method="post" action="/{language}/logout" class="actions">
<a class="button primary" id="to-sign" href="/{language}/sign">
{text["session.sign"]}</a>
<button type="submit" id="logout">{text["session.logout"]}</button>
</form>
<p class="small">{text["session.shared"]}</p>
"""
    return _page(language, catalogues, "session.title", "session", content)


def sign(
    language: str, catalogues: Catalogues, document: "Document", *, max_bytes: int
) -> str:
    """Return the page that shows a document and has it signed, in two steps."""
    text = _escaped(catalogues[language])
    steps = "".join(f"<li>{text[f'sign.step{n}']}</li>" for n in range(1, 3))
    paragraphs = "".join(f"<p>{text[key]}</p>" for key in PARAGRAPHS)
    other = ""
    if document.example:
        shown = f"<h2>{text['contract.title']}</h2>{paragraphs}"
    else:
        kilobytes = max(1, round(len(document.content) / 1000))
        size = text["sign.size"].format(size=kilobytes)
        shown = f"<h2>{escape(document.name)}</h2><p>{size}</p>"
        other = f"""
<form method="post" action="/{language}/example">
<button type="submit" id="example">{text["sign.example"]}</button>
</form>"""
    content = f"""
<h1>{text["sign.title"]}</h1>
<p class="lead">{text["sign.lead"]}</p>
<section class="sheet" id="document" data-digest="{document.digest}">
{shown}
<p><a id="open" href="/{language}/document.pdf" target="_blank" rel="noopener">
{text["sign.open"]}</a></p>
</section>
<div class="other">
<label for="own">{text["sign.own"]}</label>
<input type="file" id="own" accept="application/pdf,.pdf" aria-describedby="own-hint"
  data-max="{max_bytes}" data-too-large="{text["refused.DOCUMENT_TOO_LARGE"]}">
<p class="small" id="own-hint">{text["sign.own-hint"]}</p>{other}
</div>
<ol class="steps">{steps}</ol>
<p class="consent" id="consent">{text["sign.consent"]}</p>
<noscript><p class="problem">{text["sign.noscript"]}</p></noscript>
{_problem(text, "sign.problem")}
<div class="actions">
<button type="button" id="certificate" class="primary" hidden
  aria-describedby="consent">
{text["sign.certificate"]}</button>
<button type="button" id="sign" class="primary" hidden
  data-done="/{language}/signed">{text["sign.button"]}</button>
<button type="button" id="cancel" hidden>{text["start.cancel"]}</button>
</div>
{_status(text, "sign.progress", _SIGN_PROGRESS)}
<p><a href="/{language}/session">{text["sign.back"]}</a></p>
"""
    return _page(
        language,
        catalogues,
        "sign.title",
        "sign",
        content,
        script="sign",
        kind="signing",
    )


def signed(language: str, catalogues: Catalogues, made: "Signed") -> str:
    """Return the page that hands a signed document over."""
    text = _escaped(catalogues[language])
    signer = made.pdf.signer
    at = made.at.astimezone(UTC)
    rows = "".join(
        f'<div><dt>{text[f"signed.{key}"]}</dt><dd id="{key}">{value}</dd></div>'
        for key, value in (
            ("document", escape(made.name)),
            ("signer", escape(f"{signer.given_names} {signer.surname}")),
            ("time", f"{_date(language, at)} {at:%H:%M} UTC"),
            ("format", f"PAdES {escape(made.pdf.level)}"),
        )
    )
    content = f"""
<h1>{text["signed.title"]}</h1>
<p class="lead">{text["signed.lead"]}</p>
<dl>{rows}</dl>
<p class="actions">
<a class="button primary" id="download" href="/{language}/signed.pdf" download>
{text["signed.download"]}</a>
<a class="button" id="again" href="/{language}/sign">{text["signed.again"]}</a>
</p>
<p class="small">{text["signed.kept"]}</p>
<p><a href="/{language}/session">{text["sign.back"]}</a></p>
"""
    return _page(
        language, catalogues, "signed.title", "signed", content, kind="signing"
    )


def error(language: str, catalogues: Catalogues, code: str, message: str) -> str:
    """Return a page that says why there is no other."""
    text = _escaped(catalogues[language])
    content = f"""
<h1>{text["error.title"]}</h1>
<p class="lead">{escape(message)}</p>
<p><a href="/{language}/">{text["error.home"]}</a></p>
<p class="small" id="problem-code">{escape(code)}</p>
"""
    return _page(language, catalogues, "error.title", "", content)


def _page(
    language: str,
    catalogues: Catalogues,
    title: str,
    path: str,
    content: str,
    *,
    script: str = "",
    kind: str = "",
) -> str:
    text = _escaped(catalogues[language])
    switch = "".join(
        f'<li><a href="/{other}/{path}" lang="{other}" hreflang="{other}"{current}>'
        f"{escape(catalogue['language'])}</a></li>"
        for other, catalogue, current in (
            (key, value, ' aria-current="true"' if key == language else "")
            for key, value in sorted(
                catalogues.items(), key=lambda item: item[1]["order"]
            )
        )
    )
    tag = f'<script type="module" src="/static/{script}.js"></script>' if script else ""
    return f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{text[title]} – {text["service"]}</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/demo.css">
{tag}
</head>
<body{f' class="{kind}"' if kind else ""}>
<a class="skip" href="#content">{text["skip"]}</a>
<header>
<a class="brand" href="/{language}/"><img src="/static/icon.svg" alt="" width="36"
  height="36"><span>{text["service"]}</span></a>
<nav aria-label="{text["languages"]}"><ul>{switch}</ul></nav>
</header>
<p class="demo">{text["demo"]}</p>
<main id="content" tabindex="-1">{content}</main>
</body>
</html>
"""


def _problem(text: Mapping[str, str], prefix: str) -> str:
    """Return where a script says what went wrong."""
    questions = "".join(f"<li>{text[f'problem.help{n}']}</li>" for n in range(1, 4))
    return f"""<section id="problem" class="problem" role="alert" tabindex="-1" hidden
  aria-labelledby="problem-title" data-network="{text["refused.NETWORK_FAILED"]}"
  data-cancelled="{text["refused.REQUEST_CANCELLED"]}">
<h2 id="problem-title">{text[f"{prefix}.title"]}</h2>
<p id="problem-text"></p>
<p><a id="problem-help" hidden></a></p>
<details><summary>{text[f"{prefix}.help"]}</summary><ul>{questions}</ul></details>
<p class="small" id="problem-code"></p>
</section>"""


def _status(text: Mapping[str, str], prefix: str, words: tuple[str, ...]) -> str:
    """Return where a script says what is going on, with what it says."""
    said = " ".join(f'data-{word}="{text[f"{prefix}.{word}"]}"' for word in words)
    return f'<p id="status" class="status" role="status" {said}></p>'


def _escaped(catalogue: Mapping[str, str]) -> dict[str, str]:
    return {key: escape(value) for key, value in catalogue.items()}


def _date(language: str, time: datetime) -> str:
    shown = (
        f"{time.day}.{time.month}.{time.year}"
        if language in {"fi", "sv"}
        else f"{time:%Y-%m-%d}"
    )
    return f'<time datetime="{time:%Y-%m-%d}">{shown}</time>'
